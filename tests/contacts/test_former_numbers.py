"""A contact whose number changed keeps its whole story, and nobody else's ([R-4.3], [R-4.9])."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import (
    ConsentEvent,
    Contact,
    EraseJob,
    ExportFile,
    FormerNumber,
    Suppression,
)
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.erasing import (
    erase_work,
    former_numbers_expire,
    person_erase,
)
from smsmarketing.contacts.services.exports import export_path
from smsmarketing.contacts.services.proof import Asked, pack_bytes, pack_gather
from tests.campaigns.desk import Desk
from tests.contacts.people import PHONE, consent, contact_make, token, upsert
from tests.contacts.test_erase import tables_with
from tests.gateways.test_webhooks_inbound import write

pytestmark = pytest.mark.django_db
NEW = "+37069900022"
FOUND = import_module("smsmarketing.contacts.migrations.0097_former_numbers_found")


def move(desk: Desk, crm: User, contact: Contact, phone: str) -> None:
    upsert(
        desk, crm, contact_id=contact.pk, base_version_token=token(desk, crm, contact), phone=phone
    )
    contact.refresh_from_db()


def told(desk: Desk, crm: User, contact: Contact, *kinds: str) -> list[str]:
    page = desk.call("contacts.timeline", crm, contact_id=contact.pk, kinds=list(kinds), limit=100)
    assert PHONE[-8:] not in page.model_dump_json()
    assert NEW[-8:] not in page.model_dump_json()
    return [item.sentence.text for item in page.items]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def moved(desk: Desk, crm: User, ona: Contact) -> Contact:
    """Ona got a text, wrote STOP, and has a new number since."""
    with transaction.atomic():
        desk.world.batch([ona], body=f"to {PHONE}")
    write(desk.world, PHONE, "STOP")
    move(desk, crm, ona, NEW)
    return ona


def stranger(desk: Desk, crm: User) -> Contact:
    """Somebody else gets the former number, and says no under it."""
    other = contact_make(desk, crm, PHONE, first_name="Petras", consent=consent())
    desk.call("contacts.opt_out", crm, contact_id=other.pk, message="never again, says Petras")
    return other


def test_the_story_of_the_former_number_stays(desk: Desk, crm: User, moved: Contact) -> None:
    """[R-4.12] masked, with the change itself, once."""
    assert told(desk, crm, moved, "number") == [
        "The number changed; it was +370•••••••11 until then."
    ]
    assert told(desk, crm, moved, "change") == []
    assert len(told(desk, crm, moved, "detail")) == 1
    assert any("Opted out" in text for text in told(desk, crm, moved, "opt_out"))
    assert len(told(desk, crm, moved, "reply")) == 1
    assert len(told(desk, crm, moved, "message")) >= 1
    ended = told(desk, crm, moved, "consent")
    assert any("for another number than today's" in text for text in ended)


def test_who_has_the_number_now_tells_nothing_here(desk: Desk, crm: User, moved: Contact) -> None:
    """Neither way: the new owner's page begins when the number was given up, but a "no" that still
    holds for the number is told, for it decides.
    """
    before = told(desk, crm, moved)
    other = stranger(desk, crm)
    assert told(desk, crm, moved) == before
    mine = told(desk, crm, other, "opt_out")
    assert [("before the number was" in text) for text in mine] == [False, True]
    assert told(desk, crm, other, "reply", "number") == []
    pack = export_of(desk, crm, moved)
    assert "Petras" not in json.dumps(pack)
    assert [row["reason"] for row in pack["opt_outs_and_blocks"]] == ["opt_out"]
    theirs = export_of(desk, crm, other)["opt_outs_and_blocks"]
    assert [bool(row["evidence"]) for row in theirs] == [False, True]


def export_of(desk: Desk, crm: User, contact: Contact) -> Any:
    made = desk.call("contacts.export_person", crm, contact_id=contact.pk, reason="letter 5")
    row = ExportFile.objects.get(pk=made.json_file.export_id)
    return json.loads(export_path(row.stored_path).read_bytes())


def proof_of(desk: Desk, crm: User, *, at: datetime | None = None, **who: Any) -> tuple[str, Any]:
    """The reason, and the pack; without the files, which tests/contacts/test_proof.py reads."""
    now = timezone.now()
    asked = Asked(brand=desk.world.brand, purpose="marketing", at=at or now, **who)
    pack, verdict = pack_gather(asked, actor=desk.actor(crm), now=now)
    return verdict.reason, json.loads(pack_bytes(pack))


def test_the_proof_goes_by_the_number_of_the_moment(desk: Desk, crm: User, ona: Contact) -> None:
    """Also where nothing was agreed under the former number, so that no row of the ledger tells of it."""
    plain = contact_make(desk, crm, "+37069900033")
    with transaction.atomic():
        suppression_add(
            phone="+37069900033",
            scope="brand",
            brand=desk.world.brand,
            reason="manual",
            source="admin",
            evidence={"text": "mine"},
        )
    then = timezone.now()
    move(desk, crm, plain, NEW)
    reason, pack = proof_of(desk, crm, contact=plain, at=then)
    assert reason == "blocked"
    assert pack["question"]["number_fingerprint"] == phone_hash("+37069900033").hex()
    assert [row["number"] for row in pack["former_numbers"]] == ["+370•••••••33"]
    reason, pack = proof_of(desk, crm, contact=plain)
    assert reason == "no_consent"
    assert pack["question"]["number_fingerprint"] == phone_hash(NEW).hex()
    other = contact_make(desk, crm, "+37069900033")
    _, pack = proof_of(desk, crm, phone="+37069900033")
    assert pack["person"]["contact_id"] == other.pk
    reason, pack = proof_of(desk, crm, phone="+37069900033", at=then)
    assert (reason, pack["person"]["contact_id"]) == ("blocked", plain.pk)


def test_the_proof_of_one_who_moved_tells_nothing_of_the_next_owner(
    desk: Desk, crm: User, moved: Contact
) -> None:
    """Nor the page and the export: the START of the next owner ends the "no" for the number, yet when
    this person gave it up it held.
    """
    stranger(desk, crm)
    write(desk.world, PHONE, "START")
    lifted = Suppression.objects.exclude(lifted_at=None)
    assert lifted.filter(created_at__lt=FormerNumber.objects.get().until).count() == 1
    _, pack = proof_of(desk, crm, contact=moved)
    assert "Petras" not in json.dumps(pack)
    assert PHONE[1:] not in json.dumps(pack)  # nor in the texts that were sent
    assert [(row["lifted_at"], row["lift"]) for row in pack["suppressions"]] == [(None, None)]
    _, pack = proof_of(desk, crm, phone=PHONE)
    assert any(row["lift"] for row in pack["suppressions"])
    exported = export_of(desk, crm, moved)["opt_outs_and_blocks"]
    assert [row["lifted_at"] for row in exported] == [None]
    assert told(desk, crm, moved, "lift") == []
    text = page_of(crm, moved)
    assert "of a former number" in text
    assert "holds for the former number" in text
    assert "lifted" not in text
    assert PHONE[-8:] not in text


def test_a_new_key_of_the_hashes_does_not_double_a_no(desk: Desk, crm: User, settings: Any) -> None:
    """[R-4.10] the number that comes in anew takes the older "no" over: two rows, told once."""
    with transaction.atomic():
        suppression_add(
            phone=PHONE,
            scope="brand",
            brand=desk.world.brand,
            reason="opt_out",
            source="inbound",
            evidence={"text": "STOP"},
        )
    settings.PHONE_HASH_KEYS = {"new": "n" * 40, **settings.PHONE_HASH_KEYS}
    made = contact_make(desk, crm, PHONE)
    assert Suppression.objects.count() == 2
    assert len(export_of(desk, crm, made)["opt_outs_and_blocks"]) == 1
    assert len(told(desk, crm, made, "opt_out")) == 1
    desk.call(
        "contacts.consent_proof",
        crm,
        contact_id=made.pk,
        brand_id=desk.world.brand.pk,
        show_phone=True,
        reason="complaint 17",
    )
    reason, pack = proof_of(desk, crm, phone=PHONE)
    assert reason == "opted_out"
    assert [row["evidence"] for row in pack["suppressions"]] == [{"text": "STOP"}]
    acts = [(row["operation"], row["outcome"]) for row in pack["audit"]["entries"]]
    assert len(acts) == len(set(acts)) == 3


def test_erasure_takes_the_former_number_out_of_everything(
    desk: Desk, crm: User, moved: Contact
) -> None:
    """[R-4.9] only the keyed hash of the "no" stays; [R-4.11]."""
    assert "contacts_formernumber" in tables_with(PHONE.lstrip("+"))
    with transaction.atomic():
        done = person_erase(contact=moved, category="data_subject_request")
    assert len(done.job_ids) == 2
    for job in done.job_ids:
        erase_work(job)
    assert tables_with(PHONE.lstrip("+"), NEW.lstrip("+")) == {}
    assert not FormerNumber.objects.exists()
    row = Suppression.objects.get(phone_hash=phone_hash(PHONE))
    assert (row.phone, row.contact_id, "text" in row.evidence) == (None, None, False)
    again = upsert(desk, crm, phone=PHONE, consent=consent())
    assert again.details.contact.not_sendable == {desk.world.brand.pk: "opted_out"}


def test_erasure_leaves_the_present_owner_of_a_former_number_alone(
    desk: Desk, crm: User, moved: Contact
) -> None:
    other = stranger(desk, crm)
    said = Suppression.objects.get(contact=other)
    with transaction.atomic():
        done = person_erase(contact=moved, category="data_subject_request")
    assert list(EraseJob.objects.values_list("phone", flat=True)) == [NEW]
    assert erase_work(done.job_ids[0])
    other.refresh_from_db()
    said.refresh_from_db()
    assert (other.phone, other.first_name, said.phone) == (PHONE, "Petras", PHONE)
    assert said.evidence["message"] == "never again, says Petras"
    assert Suppression.objects.filter(phone_hash=phone_hash(PHONE), phone=None).count() == 1
    assert not Suppression.objects.filter(
        phone_hash=phone_hash(PHONE), evidence__erasure=True
    ).exists()


def test_an_erased_number_is_forgotten_where_it_was_somebodys_before(
    desk: Desk, crm: User, moved: Contact
) -> None:
    other = stranger(desk, crm)
    with transaction.atomic():
        person_erase(contact=other, category="test_data")
    (row,) = FormerNumber.objects.all()
    assert (row.phone, row.contact_id) == (None, moved.pk)
    assert told(desk, crm, moved, "number") == ["The number changed; the former is unknown."]
    assert told(desk, crm, moved, "opt_out") != []


def test_there_and_back_again(desk: Desk, crm: User, moved: Contact) -> None:
    move(desk, crm, moved, PHONE)
    assert [bool(row.since) for row in FormerNumber.objects.order_by("pk")] == [False, True]
    assert len(told(desk, crm, moved, "number")) == 2
    assert len(told(desk, crm, moved, "opt_out")) == 1


def test_the_story_of_a_merged_contact_goes_on(desk: Desk, crm: User, moved: Contact) -> None:
    kept = contact_make(desk, crm, "+37069900044")
    desk.call(
        "contacts.merge",
        crm,
        contact_id=kept.pk,
        other_contact_id=moved.pk,
        base_version_token=token(desk, crm, kept),
        other_version_token=token(desk, crm, moved),
    )
    assert len(told(desk, crm, kept, "number")) == 1
    assert len(told(desk, crm, kept, "reply")) == 1
    assert "Merged with another contact." in told(desk, crm, kept, "change")


def test_what_the_ledger_and_the_blocks_know_is_filled_in(
    desk: Desk, crm: User, moved: Contact
) -> None:
    """The migration finds what was changed before it: from the hash of consents and of blocks."""
    FormerNumber.objects.all().delete()
    other = contact_make(desk, crm, "+37069900033")
    with transaction.atomic():
        suppression_add(
            phone="+37069900033",
            scope="global",
            reason="invalid",
            source="gateway",
            evidence={},
        )
    move(desk, crm, other, "+37069900034")
    FormerNumber.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(FOUND.FIND)
    found = {row.contact_id: (row.phone, row.known_by) for row in FormerNumber.objects.all()}
    assert found == {moved.pk: (PHONE, "ledger"), other.pk: ("+37069900033", "blocks")}
    ended = ConsentEvent.objects.filter(contact=moved, phone_hash=phone_hash(PHONE)).latest(
        "recorded_at"
    )
    row = FormerNumber.objects.get(contact=moved)
    assert timedelta(0) <= row.until - ended.recorded_at <= timedelta(microseconds=1)
    assert len(told(desk, crm, moved, "opt_out")) == 1


def page_of(crm: User, contact: Contact) -> str:
    client = Client()
    client.force_login(crm, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("admin:contacts_contact_change", args=[contact.pk]))
    return page.content.decode()


def test_an_old_former_number_is_emptied_and_its_story_stays(
    desk: Desk, crm: User, moved: Contact, settings: Any
) -> None:
    """[R-4.14] when it is no longer kept who got which message; nothing else of a row changes."""
    before = told(desk, crm, moved, "opt_out")
    edge = FormerNumber.objects.get().until + timedelta(days=settings.DELIVERY_DATA_DAYS)
    assert former_numbers_expire(now=edge) == 0
    assert former_numbers_expire(now=edge + timedelta(seconds=1)) == 1
    row = FormerNumber.objects.get()
    assert row.phone is None
    for change in ({"until": timezone.now()}, {"phone": NEW}, {"contact": 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            FormerNumber.objects.filter(pk=row.pk).update(**change)
    assert told(desk, crm, moved, "number") == ["The number changed; the former is unknown."]
    assert told(desk, crm, moved, "opt_out") == before
