"""The marketer at five with a wrong price in the text, in a real browser, with and without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.tasks import materialise
from smsmarketing.contacts.models import Segment
from smsmarketing.gateways.models import Message
from smsmarketing.operations.models import AuditEntry
from tests.browser.desk_browser import seat
from tests.campaigns.desk import Desk, desk_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

COMPOSE = "/admin/campaigns/campaign/compose/"
LIST = "/admin/campaigns/campaign/"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    # Playwright runs an event loop in this thread; the queries of the test itself are plain and synchronous.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    return desk_make(contacts=12)


def test_from_a_segment_to_a_review_with_the_text_on_the_phone(
    desk: Desk, browser: Browser, live_server: Any
) -> None:
    mara = seat(browser, live_server.url, desk.marketer)
    page = mara.open("/admin/contacts/segment/build/")
    page.select_option("select.sb-kind", "audience")
    page.check(".sb-checks input")
    page.click("button[value=preview]")
    expect(page.locator("#sendable")).to_have_text("12")
    page.fill("#name", "Readers of today")
    page.click("#save-segment")
    expect(page.locator("#segment-page")).to_contain_text("Could be texted")
    segment = Segment.objects.get(name="Readers of today")

    page.click("text=Write a campaign for it")
    expect(page.locator("#segment_id")).to_have_value(str(segment.pk))
    page.fill("#name", "Evening offer")
    page.fill("#message", "Acme: {first_name}, 20% off “today”")
    expect(page.locator("#field-0-name")).to_have_value("first_name")
    expect(page.locator("#fit .cp-bubble")).to_contain_text("‹first name›, 20% off")
    expect(page.locator("#fit mark")).to_have_count(2)
    page.click("text=Replace them")
    expect(page.locator("#message")).to_have_value('Acme: {first_name}, 20% off "today"')
    page.fill("#field-0-fallback", "friend")
    page.dblclick("button[value=save]")
    expect(page.locator("#banner")).to_contain_text("This is a draft")
    assert Campaign.objects.filter(name="Evening offer").count() == 1

    page.click("button[value=cost]")
    expect(page.locator("#cost")).to_contain_text("Never more than")
    page.click("#banner >> text=Ask for review")
    page.fill("[name=note]", "Please look at the price.")
    page.click("#do")
    expect(page.locator("#banner")).to_contain_text("Waiting for approval")
    assert Campaign.objects.get(name="Evening offer").state == "in_review"
    assert mara.problems == []


def test_a_wrong_price_is_stopped_while_it_is_being_sent(
    desk: Desk, browser: Browser, live_server: Any
) -> None:
    campaign = desk.approved(message="Acme: 20% off today only.")
    mara = seat(browser, live_server.url, desk.marketer)
    page = mara.open(f"{LIST}{campaign.pk}/change/")
    page.click("text=Send now")
    expect(page.locator(".cp-bubble")).to_contain_text("20% off today only")
    page.dblclick("#do")
    expect(page.locator("#campaign-page")).to_have_attribute("data-state", "sending")
    done = AuditEntry.objects.filter(operation="campaigns.send_approved", outcome="done")
    assert done.count() == 1
    materialise.run(campaign.pk)
    expect(page.locator("[data-state-count=queued]")).to_have_text("12")  # refreshed by itself
    Message.objects.filter(pk__in=Message.objects.order_by("pk")[:5].values("pk")).update(
        state="delivered"
    )
    expect(page.locator("[data-state-count=delivered]")).to_have_text("5")
    page.click("text=Stop the rest")
    page.fill("[name=reason]", "It is 15 %, not 20 %")
    page.click("#do")
    expect(page.locator("#banner")).to_contain_text("It is 15 %, not 20 %")
    page.click("text=See the report")
    expect(page.locator("#planned")).to_have_text("= 12")
    assert Message.objects.filter(state="stopped").count() == 7
    assert mara.problems == []


def test_everything_works_without_scripts(desk: Desk, browser: Browser, live_server: Any) -> None:
    mara = seat(browser, live_server.url, desk.marketer, java_script_enabled=False)
    segment = desk.segment()
    page = mara.open(COMPOSE)
    page.fill("#name", "No script")
    page.select_option("#segment_id", str(segment))
    page.fill("#message", "Acme: {first_name}, 20% off")
    page.click("#preview-button")
    expect(page.locator("#field-0-name")).to_have_value("first_name")
    expect(page.locator(".cp-bubble")).to_contain_text("20% off")
    page.click("button[value=save]")
    expect(page.locator("#banner")).to_contain_text("This is a draft")
    page.click("#banner >> text=Ask for review")
    page.click("#do")
    expect(page.locator("#banner")).to_contain_text("Waiting for approval")
    page = mara.open("/admin/contacts/segment/build/")
    page.select_option("[name=g0-r0-kind]", "country")
    page.fill("[name=g0-r0-value]", "LT")
    page.click("button[value=preview]")
    expect(page.locator("#sendable")).to_have_text("12")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(
    desk: Desk, browser: Browser, live_server: Any, scheme: str
) -> None:
    long_name = "A campaign whose name is long enough to break any table that was not made for it"
    campaign = desk.sending(name=long_name)
    materialise.run(campaign.pk)
    desk.submitted(name=f"{long_name}, again")
    template = desk.call(
        "templates.save",
        brand_id=desk.world.brand.pk,
        name="Offer",
        use_case="promotion",
        body="Acme: " + "x" * 120,
    )
    size = {"width": 390, "height": 800}
    mara = seat(browser, live_server.url, desk.marketer, viewport=size, color_scheme=scheme)
    for path in (
        "/admin/",
        LIST,
        f"{LIST}{campaign.pk}/change/",
        f"{LIST}{campaign.pk}/do/stop/",
        COMPOSE,
        f"/admin/reports/{campaign.pk}/",
        "/admin/reports/",
        "/admin/campaigns/template/",
        f"/admin/campaigns/template/{template.template_id}/change/",
        f"/admin/campaigns/template/{template.template_id}/version/",
        "/admin/contacts/segment/",
        "/admin/contacts/segment/build/",
        f"/admin/contacts/segment/{campaign.segment_id}/change/",
    ):
        mara.open(path)
        assert mara.overflow() == 0, path
    assert mara.problems == []
