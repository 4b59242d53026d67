"""Journey: compliance makes a proof pack on a person's page, takes PDF and JSON home, and reads why."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import ExportFile
from smsmarketing.operations.models import AuditEntry
from tests.browser.desk_browser import seat
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import consent, contact_make, crm_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = "+37069900101"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, db: None) -> Desk:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    return desk_make(contacts=1)


def fetched(page: Page, row: int, folder: Path) -> Path:
    """Press Download in a row of the list of files; what the browser saved."""
    with page.expect_download() as waiting:
        page.locator("#result_list tbody tr").nth(row).get_by_role("link", name="Download").click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_proof_pack_is_made_on_the_page_and_taken_home(
    desk: Desk, browser: Browser, live_server: Any, settings: Any, tmp_path: Path
) -> None:
    """[R-4.1], [R-4.12] masked, sealed by its hash, and every download is audited."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    crm: User = crm_make(desk)
    contact = contact_make(desk, crm, PHONE, first_name="Ona", consent=consent())
    desk.call("contacts.opt_out", crm, contact_id=contact.pk, message="STOP")
    cleo = seat(browser, live_server.url, crm)
    page = cleo.open(reverse("admin:contacts_contact_change", args=[contact.pk]))
    page.locator("a[href*='contacts.consent_proof']").click()
    page.click("#operation-form button[type=submit]:not([name=_dry_run])")
    page.wait_for_url(f"**{reverse('admin:contacts_exportfile_changelist')}*")
    expect(page.locator("#result_list")).to_contain_text("Proof pack")
    files = sorted((fetched(page, row, tmp_path) for row in (0, 1)), key=lambda path: path.suffix)
    pack, document = files
    assert document.read_bytes().startswith(b"%PDF-")
    said = json.loads(pack.read_bytes())
    assert (said["verdict"]["sendable"], said["verdict"]["reason"]) == (False, "opted_out")
    assert PHONE not in pack.read_text()
    stored = {row.sha256 for row in ExportFile.objects.all()}
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == stored
    assert AuditEntry.objects.filter(object_type="contacts.exportfile").count() >= 2
    page.goto(live_server.url + reverse("admin:contacts_exportfile_changelist"))
    page.screenshot(path=str(tmp_path / "files.png"), full_page=True)
    assert cleo.overflow() == 0
    assert cleo.problems == []
