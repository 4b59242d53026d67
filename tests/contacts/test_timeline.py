"""contacts.timeline: everything that happened to one person, in one order, masked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import AudienceMember, ConsentEvent, Contact, ContactEvent
from smsmarketing.contacts.rules.consent import ConsentEvidence
from smsmarketing.contacts.services import consent_record
from smsmarketing.contacts.services.imports import evidence_record
from smsmarketing.operations import errors
from smsmarketing.operations.models import AuditEntry
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import PHONE, contact_make, token, upsert
from tests.gateways.test_webhooks_inbound import write

pytestmark = pytest.mark.django_db
MADE = "The contact was made; with first name; tag \u201cvip\u201d added."


@pytest.fixture
def story(desk: Desk, crm: User, ona: Contact) -> Contact:
    """A person with a bit of everything."""
    now = timezone.now()
    with transaction.atomic():
        desk.world.batch([ona])
    AudienceMember.objects.create(audience=desk.audience, contact=ona, added_at=now)
    for number in range(3):
        ContactEvent.objects.create(
            team=desk.world.team,
            source="shop",
            contact=ona,
            kind="order",
            external_id=f"A-{number} {PHONE}",
            occurred_at=now - timedelta(days=5),
            updated_at=now,
            properties={"state": "paid"},
            recorded_at=now,
        )
    write(desk.world, PHONE, f"call me at {PHONE}")
    desk.call("contacts.opt_out", crm, contact_id=ona.pk, brand_id=desk.world.brand.pk)
    desk.call("contacts.reveal", crm, contact_ids=[ona.pk], reason="Ticket 12")
    return ona


def test_everything_is_there_newest_first_and_masked(desk: Desk, crm: User, story: Contact) -> None:
    """[R-4.12]"""
    page = desk.call("contacts.timeline", crm, contact_id=story.pk)
    kinds = {item.kind for item in page.items}
    assert kinds >= {"change", "consent", "event", "list", "message", "opt_out", "reply"}
    assert [item.at for item in page.items] == sorted((i.at for i in page.items), reverse=True)
    assert PHONE[-8:] not in page.model_dump_json()
    shown = [item for item in page.items if "Ticket 12" in item.sentence.text]
    assert [item.who for item in shown] == [crm.get_username()]


def test_pages_join_without_gap_or_double(desk: Desk, crm: User, story: Contact) -> None:
    """Also where several things happened at the same instant."""
    whole = desk.call("contacts.timeline", crm, contact_id=story.pk, limit=100)
    found: list[Any] = []
    cursor = None
    for _ in range(100):
        page = desk.call("contacts.timeline", crm, contact_id=story.pk, limit=1, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [(i.kind, i.entry_id) for i in found] == [(i.kind, i.entry_id) for i in whole.items]
    only = desk.call("contacts.timeline", crm, contact_id=story.pk, kinds=["event"], limit=2)
    assert {item.kind for item in only.items} == {"event"}
    with pytest.raises(errors.InvalidInput) as refused:
        desk.call("contacts.timeline", crm, contact_id=story.pk, cursor=only.next_cursor)
    assert "cursor" in refused.value.field_errors


def test_another_team_sees_nothing(desk: Desk, crm: User, story: Contact) -> None:
    other = desk_make(contacts=0)
    with pytest.raises(errors.NotFound):
        other.call("contacts.timeline", contact_id=story.pk)


def test_the_page_of_a_contact_tells_it(desk: Desk, crm: User, story: Contact) -> None:
    """The page masks, says why not and what to do, and pages through the story."""
    client = Client()
    client.force_login(crm, backend="django.contrib.auth.backends.ModelBackend")
    address = reverse("admin:contacts_contact_change", args=[story.pk])
    text = client.get(address).content.decode()
    assert PHONE[-8:] not in text
    assert "no: opted out" in text
    assert "Only the person can end it" in text
    assert "The full number was shown: Ticket 12" in text
    assert client.get(f"{address}?older=nonsense").status_code == 200
    button = reverse("operation-call", args=["contacts.reveal"])
    assert button in text
    before = AuditEntry.objects.filter(outcome="revealed").count()
    client.get(f"{button}?contact_ids={story.pk}")
    assert AuditEntry.objects.filter(outcome="revealed").count() == before
    shown = client.post(button, {"contact_ids": str(story.pk), "reason": "Ticket 13"})
    assert PHONE in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]


def changes_of(desk: Desk, user: User, contact: Contact) -> list[str]:
    page = desk.call("contacts.timeline", user, contact_id=contact.pk, kinds=["change", "detail"])
    return [item.sentence.text for item in page.items]


def test_a_new_contact_was_made_and_only_a_later_call_changes_it(desk: Desk, crm: User) -> None:
    made = contact_make(desk, crm, "+37069900055")
    assert changes_of(desk, crm, made) == ["The contact was made."]
    upsert(
        desk, crm, contact_id=made.pk, base_version_token=token(desk, crm, made), first_name="Ona"
    )
    assert changes_of(desk, crm, made) == [
        "Details were changed (first name).",
        "The contact was made.",
    ]


def test_an_upsert_that_changes_nothing_is_not_told(desk: Desk, crm: User, ona: Contact) -> None:
    before = changes_of(desk, crm, ona)
    assert before == [MADE]
    again = upsert(
        desk,
        crm,
        contact_id=ona.pk,
        base_version_token=token(desk, crm, ona),
        first_name="Ona",
        add_tags=["vip"],
    )
    assert again.changed == []
    assert changes_of(desk, crm, ona) == before


def test_a_full_number_in_a_proof_or_an_export_is_one_act(
    desk: Desk, crm: User, ona: Contact, settings: Any, tmp_path: Path
) -> None:
    """Each also counts in the budget of contacts.reveal, with an audit entry of its own."""
    settings.MEDIA_ROOT = str(tmp_path)
    why = {"contact_id": ona.pk, "reason": "complaint 17"}
    desk.call("contacts.consent_proof", crm, brand_id=desk.world.brand.pk, show_phone=True, **why)
    desk.call("contacts.export_person", crm, **why)
    assert AuditEntry.objects.filter(outcome="revealed", object_id=str(ona.pk)).count() == 2
    assert changes_of(desk, crm, ona) == [
        "Everything about the person was exported: complaint 17.",
        "A proof pack with the full number was made: complaint 17.",
        MADE,
    ]


def test_the_fetching_of_a_consents_document_is_told_once_and_only_of_its_person(
    desk: Desk, crm: User, ona: Contact, settings: Any, tmp_path: Path
) -> None:
    """[R-4.12] whoever saw the scan is named beside whoever saw the number."""
    settings.MEDIA_ROOT = str(tmp_path)
    other = contact_make(desk, crm, "+37069900055")
    document = evidence_record(desk.actor(crm), [b"%PDF-1.4 signed"], "form.pdf")
    proof = ConsentEvidence(
        method="paper",
        disclosure_text="Yes, on paper.",
        captured_at=timezone.now() - timedelta(days=2),
        evidence_file=document.reference,
        evidence_file_id=document.pk,
        evidence_sha256=document.sha256,
    )
    with transaction.atomic():
        consent_record(ona, proof, brand=desk.world.brand)
    event = ConsentEvent.objects.filter(contact=ona).latest("pk")
    before = changes_of(desk, crm, ona), changes_of(desk, crm, other)
    desk.call("consent.document", crm, consent_event_id=event.pk, reason="complaint 17")
    told = "The document of a consent was fetched: complaint 17."
    assert changes_of(desk, crm, ona) == [told, *before[0]]
    assert changes_of(desk, crm, other) == before[1]
