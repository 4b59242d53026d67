"""Journey: a person is erased by two people and imported again: suppressed, and the page says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from smsmarketing.accounts.models import Role, User
from smsmarketing.contacts.models import Contact, EraseJob, ImportJob
from tests.browser.conftest import Pages
from tests.browser.shop.conftest import Shop
from tests.journeys.processes import Product

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PHONE = "+447400123577"


@pytest.fixture
def two_officers(shop: Shop) -> Iterator[None]:
    """Cleo and Amir also look after compliance, in this journey."""
    role = Role.objects.get(key="compliance")
    people = User.objects.filter(username__in=["cleo", "amir"])
    assert people.count() == 2
    for user in people:
        user.roles.add(role)
    yield
    for user in people:
        user.roles.remove(role)


def test_an_erased_person_who_is_imported_again_stays_suppressed(
    shop: Shop, two_officers: None, pages: Pages, tmp_path: Path
) -> None:
    """[R-4.9], [R-2.16]."""
    product = shop.product
    cleo = shop.window(pages, "cleo")
    brings(product, cleo, tmp_path)
    person = Contact.objects.get(phone=PHONE)
    assert person.send_states.get().marketing_reason is None
    cleo.goto(f"/admin/contacts/contact/{person.pk}/change/")
    cleo.click("a[href*='contacts.erase']")
    cleo.fill("[name=reason]", "case 12")
    cleo.click("#operation-form button[type=submit]:not([name=_dry_run])")
    cleo.wait_for_load_state()
    amir = shop.window(pages, "amir")
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
    # The page loads itself anew at the end; going elsewhere before that would be interrupted by it.
    page.wait_for_selector("#import-live", state="detached")
