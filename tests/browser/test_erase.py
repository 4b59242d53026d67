"""Journey: a person is erased by two people and imported again: suppressed, and the page says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import Contact, EraseJob, ImportJob
from tests.browser.conftest import Pages
from tests.browser.test_journey import CARRIER_TOKEN, demo_load
from tests.journeys.processes import Product, product_running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
]

PHONE = "+447400123577"


def test_an_erased_person_who_is_imported_again_stays_suppressed(
    process_environment: dict[str, str], pages: Pages, tmp_path: Path
) -> None:
    """[R-4.9], [R-2.16]."""
    with product_running(process_environment, token=CARRIER_TOKEN) as product:
        notes = demo_load(product)
        passwords = {login["username"]: login["password"] for login in notes["logins"]}
        for name in ("cleo", "amir"):
            User.objects.get(username=name).roles.add(Role.objects.get(key="compliance"))
        cleo = pages.signed_in(product.url, "cleo", passwords["cleo"])
        brings(product, cleo, tmp_path)
        person = Contact.objects.get(phone=PHONE)
        assert person.send_states.get().marketing_reason is None
        cleo.goto(f"/admin/contacts/contact/{person.pk}/change/")
        cleo.click("a[href*='contacts.erase']")
        cleo.fill("[name=reason]", "case 12")
        cleo.click("#operation-form button[type=submit]:not([name=_dry_run])")
        cleo.wait_for_load_state()
        amir = pages.signed_in(product.url, "amir", passwords["amir"])
        agrees(amir)
        product.until(lambda: EraseJob.objects.exclude(finished_at=None).exists())
        assert Contact.objects.get(pk=person.pk).phone is None
        brings(product, cleo, tmp_path)
        again = Contact.objects.get(phone=PHONE)
        assert again.pk != person.pk
        cleo.goto(f"/admin/contacts/contact/{again.pk}/change/")
        expect(cleo.locator("#states")).to_contain_text("no: opted out")
        expect(cleo.locator("#suppressions")).to_contain_text("erased at their own request")
        expect(cleo.locator("body")).not_to_contain_text(PHONE)
        cleo.screenshot(path=str(tmp_path / "again.png"), full_page=True)


def agrees(page: Page) -> None:
    page.goto("/admin/approvals/actionrequest/?show=waiting")
    page.get_by_role("link", name="Erase a person").first.click()
    page.click("button[name=decision][value=approve]")
    page.wait_for_selector("#approval-page:not([data-state=pending])")


def brings(product: Product, page: Page, folder: Path) -> None:
    """Import the person with consent, as the shop's file has it."""
    path = folder / "guests.csv"
    path.write_text(f"Mobile,First name\n{PHONE},Zofija\n", encoding="utf-8")
    before = ImportJob.objects.count()
    page.goto("/admin/contacts/importjob/new/")
    page.set_input_files("#file", str(path))
    page.click("#import-upload button[type=submit]")
    page.wait_for_selector("#import-mapping")
    page.fill("#c-text", "Yes, Nordwind Coffee may text me offers. Reply STOP to opt out.")
    page.fill("#c-url", "https://nordwind.example/fair")
    page.fill("#c-at", "2026-03-14")
    page.select_option("#c-method", "paper")
    page.click("#check")
    page.wait_for_selector("#start-import")
    page.click("#start-import")
    product.until(
        lambda: (
            ImportJob.objects.count() > before and ImportJob.objects.latest("pk").state == "done"
        )
    )
