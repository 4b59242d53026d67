"""Journey 1: people with the demo's logins take a CSV file to a sent and reported campaign, in a real browser."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import ImportJob, Suppression
from smsmarketing.gateways.models import Message
from tests.browser.conftest import Pages
from tests.browser.shop.conftest import Shop
from tests.gateways.world import noon_zone
from tests.journeys.logs import nothing_personal_in
from tests.journeys.processes import Product

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PEOPLE = 24
AUDIENCE = "Spring fair visitors"
SEGMENT = "Fair visitors at noon"
CAMPAIGN = "Spring fair thanks"
TEXT = "Nordwind: thank you for the visit. Show this text for a free espresso until Friday."


def phone(number: int) -> str:
    """Numbers next to the example number of the phone library."""
    return f"+44740012{3400 + number}"


def csv_file(folder: Path) -> Path:
    """Visitors in a zone where it is noon, one of them twice, and a fixed line."""
    zone = noon_zone()
    rows = [f"{phone(number)},Visitor {number},{zone}" for number in range(PEOPLE)]
    rows += [rows[0], f"+442071838750,Office,{zone}"]
    path = folder / "fair.csv"
    path.write_text("\n".join(["Mobile,First name,Time zone", *rows]) + "\n", encoding="utf-8")
    return path


def test_from_a_csv_file_to_the_report(shop: Shop, pages: Pages, tmp_path: Path) -> None:
    product, notes = shop.product, shop.notes
    imports_the_file(product, shop.window(pages, "cleo"), csv_file(tmp_path))
    mara = shop.window(pages, "mara")
    builds_the_segment(mara)
    writes_and_submits(mara)
    cannot_decide_alone(mara)
    approves(shop.window(pages, "amir"))
    sends(mara)
    watches(product, mara)
    product.until(lambda: Message.objects.filter(state="delivered").count() == PEOPLE, seconds=60)
    answer = requests.post(
        notes["inbound_url"],
        json={"from": phone(3), "text": "STOP", "id": uuid.uuid4().hex},
        timeout=30,
    )
    assert answer.status_code == 200
    reads_the_report(mara)
    explains_one_person(mara)
    stats = product.carrier.stats()
    assert (stats["accepted"], stats["duplicates"]) == (PEOPLE, 0)
    assert Suppression.objects.filter(source__startswith="inbound").count() == 1
    nothing_personal_in(
        product,
        numbers=[phone(number) for number in range(PEOPLE)],
        secrets=[notes["token"], *shop.passwords.values(), notes["inbound_url"], TEXT, "espresso"],
    )


def imports_the_file(product: Product, page: Page, path: Path) -> None:
    """The wizard: file, columns and consent, dry run, result."""
    page.goto("/admin/contacts/importjob/new/")
    page.set_input_files("#file", str(path))
    page.click("#import-upload button[type=submit]")
    page.wait_for_selector("#import-mapping")
    page.fill("#audience_new", AUDIENCE)
    page.fill("#c-text", "Yes, Nordwind Coffee may text me offers. Reply STOP to opt out.")
    page.fill("#c-url", "https://nordwind.example/fair")
    page.fill("#c-at", "2026-03-14")
    page.select_option("#c-method", "paper")
    page.click("#check")
    page.wait_for_selector("#start-import")
    expect(page.locator("#count-create")).to_have_text(str(PEOPLE))
    expect(page.locator("#rejects")).to_contain_text("PHONE_LANDLINE")
    expect(page.locator("#rejects")).to_contain_text("DUPLICATE_IN_FILE")
    page.click("#start-import")
    product.until(lambda: ImportJob.objects.latest("pk").state == "done")
    # The page follows the job by itself until it is done.
    expect(page.locator("[data-count=members_added]")).to_have_text(str(PEOPLE), timeout=60_000)


def builds_the_segment(page: Page) -> None:
    """Conditions, preview, save."""
    page.goto("/admin/contacts/segment/build/")
    page.select_option("#brand_id", label="Nordwind Coffee")
    page.select_option("select.sb-kind", "audience")
    page.check(f".sb-checks label:has-text('{AUDIENCE}') input")
    page.click("button[name=do][value=preview]")
    expect(page.locator("#sendable")).to_have_text(str(PEOPLE))
    page.fill("#name", SEGMENT)
    page.click("#save-segment")
    page.wait_for_selector("#segment-page")


def writes_and_submits(page: Page) -> None:
    """The composer, the cost, and the request for a review."""
    page.click("text=Write a campaign for it")
    page.wait_for_selector("#composer")
    page.fill("#name", CAMPAIGN)
    page.fill("#message", TEXT)
    page.select_option("#sender_id", index=1)
    expect(page.locator("#fit")).to_contain_text("Reply STOP to opt out")
    page.click("button[name=do][value=save]")
    page.wait_for_selector("#campaign-page[data-state=draft]")
    page.click("button[name=do][value=cost]")
    expect(page.locator("#cost")).to_contain_text("United Kingdom")
    page.click("#banner >> text=Ask for review")
    page.fill("#note", "They wait for it at the counter.")
    page.click("#do")
    page.wait_for_selector("#campaign-page[data-state=in_review]")


def cannot_decide_alone(page: Page) -> None:
    """[R-8.1] the author sees the request and no vote form."""
    page.click("#banner >> text=See the request")
    page.wait_for_selector("#approval-page")
    assert page.locator("#vote-form").count() == 0
    expect(page.locator("#refusal")).to_be_visible()


def approves(page: Page) -> None:
    """The approver finds it, reads what the vote covers, and approves exactly that."""
    page.goto("/admin/approvals/actionrequest/?show=waiting")
    page.click(f"text={CAMPAIGN}")
    page.wait_for_selector("#approval-page[data-state=pending]")
    body = page.locator("#approval-page")
    for shown in (TEXT, "Reply STOP to opt out", SEGMENT, "+12125550199", "GB"):
        expect(body).to_contain_text(shown)
    request = ActionRequest.objects.get(title__contains=CAMPAIGN)
    assert page.input_value("#vote-form [name=content_hash]") == request.content_hash
    page.click("button[name=decision][value=approve]")
    page.wait_for_selector("#approval-page[data-state=approved]")


def sends(page: Page) -> None:
    """The campaign's page says what will happen, then does it once."""
    campaign = Campaign.objects.get(name=CAMPAIGN)
    page.goto(f"/admin/campaigns/campaign/{campaign.pk}/change/")
    page.click("#banner >> text=Send now")
    page.wait_for_selector("#action-page")
    page.click("#do")
    page.wait_for_selector("#campaign-page")


def watches(product: Product, page: Page) -> None:
    """The figures move without a reload until every message has come to an end."""
    expect(page.locator("#progress")).to_contain_text(
        re.compile(rf"{PEOPLE}\s+of\s+{PEOPLE}\s+messages have come to an end"), timeout=90_000
    )
    product.until(lambda: Campaign.objects.get(name=CAMPAIGN).state == "sent", seconds=60)
    # The page loads itself again when the state changes.
    page.wait_for_selector("#campaign-page[data-state=sent]")


def reads_the_report(page: Page) -> None:
    """Every number is on the page, and they add up to the unit."""
    page.click("text=Full report")
    page.wait_for_selector("#report-page")
    planned = int(page.get_attribute("#planned", "data-count") or 0)
    counts = [
        int(cell.get_attribute("data-count") or 0)
        for cell in page.locator("#funnel tr[data-state] [data-count]").all()
    ]
    assert planned == PEOPLE == sum(counts)
    delivered = page.locator("#funnel tr[data-state=delivered] [data-count]")
    expect(delivered).to_have_attribute("data-count", str(PEOPLE))
    expect(page.locator(".cp-figure", has_text="Opt-outs").locator("strong")).to_have_text("1")


def explains_one_person(page: Page) -> None:
    """Why did this person get it? The number is not repeated in full."""
    campaign = Campaign.objects.get(name=CAMPAIGN)
    page.goto(f"/admin/campaigns/campaign/{campaign.pk}/change/")
    page.fill("input[name=phone]", phone(3))
    page.click("button[name=do][value=explain]")
    expect(page.locator("#why ol")).to_be_visible()
    expect(page.locator("#why strong").first).to_contain_text("got it")
