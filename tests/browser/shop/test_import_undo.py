"""Journey: an import with errors, its rejects mended from the download, and the undo of the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from smsmarketing.contacts.models import ConsentEvent, Contact, ImportJob
from tests.browser.conftest import Pages
from tests.browser.shop.conftest import Shop
from tests.journeys.processes import Product

pytestmark = [pytest.mark.browser, pytest.mark.processes]

GOOD = [f"+44740012{3500 + number}" for number in range(6)]


def test_import_with_errors_then_undo(shop: Shop, pages: Pages, tmp_path: Path) -> None:
    product = shop.product
    page = shop.window(pages, "cleo")
    before = Contact.objects.count()
    rows = [f"{phone},Guest {number},04.03.2026" for number, phone in enumerate(GOOD)]
    rows += ["4.4E+11,Excel,04.03.2026", f"{GOOD[0][:-1]}9,Soon,04/05/2026"]
    imported = imports(product, page, tmp_path, rows)
    assert Contact.objects.count() == before + len(GOOD)
    with page.expect_download() as waiting:
        page.click("#rejects-file")
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    assert "PHONE_SPREADSHEET_NUMBER" in text
    assert "ambiguous" in text
    page.goto(f"/admin/contacts/importjob/{imported.pk}/change/")
    page.click("#undo-import")
    expect(page.locator("#undo-preview")).to_contain_text("6 new contacts go to the trash.")
    expect(page.locator("#undo-preview")).to_contain_text("Opt-outs stay")
    page.fill("#reason", "wrong list")
    page.click("#confirm-undo")
    product.until(lambda: ImportJob.objects.get(pk=imported.pk).state == "undone")
    expect(page.locator("#undone")).to_contain_text("6 consents", timeout=60_000)
    assert Contact.objects.filter(phone__in=GOOD, trashed_at=None).count() == 0
    assert ConsentEvent.objects.filter(import_job_id=imported.pk, direction="expired").count() == 6


def imports(product: Product, page: Page, folder: Path, rows: list[str]) -> ImportJob:
    path = folder / "guests.csv"
    path.write_text("\n".join(["Mobile,First name,Consent date", *rows]) + "\n", encoding="utf-8")
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
    expect(page.locator("#count-create")).to_have_text("6")
    expect(page.locator("#count-rejected")).to_have_text("2")
    page.click("#start-import")
    product.until(lambda: ImportJob.objects.latest("pk").state == "done")
    expect(page.locator("#undo-import")).to_be_visible(timeout=60_000)
    return ImportJob.objects.latest("pk")
