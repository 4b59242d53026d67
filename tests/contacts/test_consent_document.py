"""The document behind a consent: uploaded, fetched by who may, refused when it is not the same [R-4.1]."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from smsmarketing.accounts.models import Brand, Role, User
from smsmarketing.contacts.models import (
    ConsentEvent,
    Contact,
    EraseJob,
    EvidenceFile,
    ExportFile,
    RevealBudget,
)
from smsmarketing.contacts.services import consent_record
from smsmarketing.contacts.services.erasing import erase_work, person_erase
from smsmarketing.contacts.services.exports import export_path
from smsmarketing.contacts.services.imports import evidence_path, evidence_record
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    OperationError,
    RateLimited,
)
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor, Done
from tests.contacts.conftest import evidence
from tests.surfaces import token_for

SCAN = b"%PDF-1.4 a signed form"
WHY = "complaint 17"
Make = Callable[..., Contact]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def event(make_contact: Make, brand: Brand, actor: Actor) -> ConsentEvent:
    """A consent on paper, with its scan."""
    document = evidence_record(actor, [SCAN], "Ona Onaite.pdf")
    proof = evidence(
        method="paper",
        evidence_file=document.reference,
        evidence_file_id=document.pk,
        evidence_sha256=document.sha256,
    )
    with transaction.atomic():
        consent_record(make_contact("+447400123456"), proof, brand=brand)
    return ConsentEvent.objects.latest("pk")


def fetch(actor: Actor, event_id: int, reason: str = WHY) -> ExportFile:
    outcome = execute(
        "consent.document", {"consent_event_id": event_id, "reason": reason}, actor=actor
    )
    assert isinstance(outcome, Done)
    return ExportFile.objects.get(pk=outcome.result.export_id)  # type: ignore[attr-defined]


def test_the_document_comes_as_it_was_uploaded(event: ConsentEvent, actor: Actor) -> None:
    row = fetch(actor, event.pk)
    assert export_path(row.stored_path).read_bytes() == SCAN
    assert (row.sha256, row.content_type) == (event.evidence_sha256, "application/pdf")
    assert "Ona" not in row.file_name
    entry = AuditEntry.objects.filter(operation="consent.document").latest("seq")
    assert (entry.object_id, entry.reason) == (str(event.pk), WHY)


def test_who_may_not_gets_nothing(
    event: ConsentEvent, make_contact: Make, actor: Actor, outsider: Actor
) -> None:
    """[R-4.12] a scan shows names and numbers."""
    make_contact("+447400123457", consent=True)
    plain = ConsentEvent.objects.latest("pk")
    blind = replace(actor, permissions=actor.permissions - {"contacts.phone_view"})
    tries: list[tuple[Actor, int, str, type[OperationError]]] = [
        (outsider, event.pk, WHY, NotFound),
        (blind, event.pk, WHY, NotPermitted),
        (actor, event.pk, "      ", InvalidInput),
        (actor, 987_654_321, WHY, NotFound),
        (actor, plain.pk, WHY, NotFound),
    ]
    for who, event_id, reason, error in tries:
        with pytest.raises(error):
            fetch(who, event_id, reason)
    assert not ExportFile.objects.exists()


def test_a_scan_counts_as_a_number_seen(event: ConsentEvent, actor: Actor, settings: Any) -> None:
    """[R-4.12] it shows one, so it comes out of the same budget of the day."""
    settings.PHONE_REVEALS_A_DAY = 1
    fetch(actor, event.pk)
    with pytest.raises(RateLimited):
        fetch(actor, event.pk)
    assert (ExportFile.objects.count(), RevealBudget.objects.get().used) == (1, 1)


def test_a_changed_or_missing_document_is_no_proof(event: ConsentEvent, actor: Actor) -> None:
    path = evidence_path(EvidenceFile.objects.get().stored_path)
    path.write_bytes(SCAN + b"!")
    with pytest.raises(Conflict, match="SHA-256"):
        fetch(actor, event.pk)
    path.unlink()
    with pytest.raises(Conflict, match="gone"):
        fetch(actor, event.pk)
    assert not ExportFile.objects.exists()


def test_erasing_the_person_takes_the_fetched_copy_too(event: ConsentEvent, actor: Actor) -> None:
    """[R-4.9]."""
    row = fetch(actor, event.pk)
    person_erase(contact=Contact.objects.get(pk=event.contact_id), category="test_data")
    erase_work(EraseJob.objects.get().pk)
    row.refresh_from_db()
    assert row.state == "expired"
    assert not export_path(row.stored_path or "gone").exists()


def test_an_upload_is_a_picture_or_a_pdf(crm: User) -> None:
    """POST /api/v1/imports/evidence takes what can prove something, and keeps nothing else."""
    crm.roles.add(Role.objects.get(key="compliance"))
    headers = {"Authorization": f"Bearer {token_for(crm)}"}
    address = "/api/v1/imports/evidence"
    refused = Client().post(
        address, data=b"MZ program", content_type="application/pdf", headers=headers
    )
    assert refused.status_code in {400, 422}
    assert json.loads(refused.content)["error"]["field_errors"]["file"]
    assert not EvidenceFile.objects.exists()
    taken = Client().post(address, data=SCAN, content_type="application/pdf", headers=headers)
    assert taken.status_code == 201, taken.content
    assert EvidenceFile.objects.get().size_bytes == len(SCAN)


def test_the_page_of_the_person_leads_to_the_document(
    event: ConsentEvent, actor: Actor, user: User, client: Client
) -> None:
    user.is_staff = True
    user.save()
    user.roles.set(Role.objects.filter(key__in=["crm", "compliance"]))
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/admin/contacts/contact/{event.contact_id}/change/").content.decode()
    assert f"consent_event_id={event.pk}" in page
    assert str(event.evidence_file_id) not in page
