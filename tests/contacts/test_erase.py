"""Erasure: afterwards no table names the person, and their "no" still stands [R-4.9]-[R-4.11]."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections, transaction

from smsmarketing.accounts.models import User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.tasks import request_run
from smsmarketing.contacts.models import (
    AudienceMember,
    ConsentEvent,
    Contact,
    DoubleOptIn,
    EraseJob,
    ImportReject,
    ImportUndo,
    SendState,
    Suppression,
)
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import contact_upsert, suppression_add
from smsmarketing.contacts.services.erasing import erase_work, person_erase, trash_expire
from smsmarketing.contacts.services.imports import (
    ImportOptions,
    import_create,
    import_start,
    import_work,
    upload_store,
)
from smsmarketing.gateways.models import InboundMessage, Message
from smsmarketing.operations import errors
from smsmarketing.operations.audit import audit_verify
from smsmarketing.operations.types import Held
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import PHONE, consent, contact_make, crm_make, trash, upsert
from tests.parity.conftest import opt_in_form

pytestmark = pytest.mark.django_db(transaction=True)
NAME, SURNAME, CUSTOM, KEY, TAG = "Zofija", "Quernasova", "blue-gnome-77", "crm-445566", "knitter"
TOLD = "STOP it I am Zofija Quernasova"
SECRETS = (
    PHONE.lstrip("+"),
    PHONE[-8:],
    NAME,
    SURNAME,
    CUSTOM,
    KEY,
    TAG,
    "203.0.113.9",
    "Netscape",
)


def tables_with(*words: str) -> dict[str, str]:
    """Every table of the database as text; those that hold one of the words, with the row."""
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            for (row,) in cursor.fetchall():
                text = str(row)
                for word in words:
                    if word in text or word.encode().hex() in text:
                        found[table] = f"{word}: {text[:300]}"
    return found


@pytest.fixture
def person(desk: Desk, crm: User) -> Contact:
    """Somebody who left traces in every corner."""
    proof = consent(ip="203.0.113.9", user_agent="Netscape 4")
    contact = contact_make(
        desk,
        crm,
        PHONE,
        first_name=NAME,
        last_name=SURNAME,
        tags=[TAG],
        custom={"gnome": CUSTOM},
        customer_key=KEY,
        crm_keys={"shop": KEY},
        consent=proof,
    )
    desk.call("audiences.add_contacts", crm, audience_id=desk.audience.pk, contact_ids=[contact.pk])
    desk.call("contacts.opt_out", crm, contact_id=contact.pk, message=TOLD, note=SURNAME)
    desk.world.batch([contact], purpose="notification", body=f"Hello {NAME}", release=False)
    Message.objects.filter(contact_id=contact.pk).update(state="delivered")
    InboundMessage.objects.create(
        gateway=desk.world.gateway,
        external_id="in-1",
        phone=PHONE,
        phone_hash=phone_hash(PHONE),
        contact_id=contact.pk,
        to="+37060000000",
        text=TOLD,
        normalised=TOLD,
        action="opt_out",
        level="exact",
        raw=f"{PHONE} {TOLD}".encode(),
        received_at=contact.created_at,
        stored_at=contact.created_at,
    )
    return contact


def erase(desk: Desk, crm: User, **who: Any) -> Any:
    """Ask, let a second person agree, run, and do the background steps."""
    held = desk.ask("contacts.erase", crm, reason="case 12", **who)
    assert isinstance(held, Held)
    second = crm_make(desk, "lena")
    request = ActionRequest.objects.get(pk=held.action_request_id)
    desk.call(
        "action_requests.approve",
        second,
        action_request_id=str(request.pk),
        content_hash=request.content_hash,
    )
    request_run(request.pk)
    request.refresh_from_db()
    assert request.state == "succeeded", request.result
    for job in EraseJob.objects.filter(finished_at=None):
        assert erase_work(job.pk), job.steps
    return request


def test_no_table_names_an_erased_person(desk: Desk, crm: User, person: Contact) -> None:
    """[R-4.9] a dump of every table holds neither number, name nor custom values."""
    assert tables_with(*SECRETS)
    erase(desk, crm, contact_id=person.pk)
    assert tables_with(*SECRETS) == {}
    (row,) = Suppression.objects.filter(source="admin", evidence__has_key="surface")
    assert (row.phone, row.contact_id, row.reason) == (None, None, "opt_out")
    assert bytes(row.phone_hash) == phone_hash(PHONE)
    assert "message" not in row.evidence
    message = Message.objects.get(contact_id=person.pk)
    assert (message.phone, message.body, message.state) == ("", "", "delivered")
    assert bytes(message.phone_hash or b"") == phone_hash(PHONE)
    assert message.price > 0
    event = ConsentEvent.objects.filter(direction="granted").get(contact_id=person.pk)
    assert event.disclosure_text
    assert not AudienceMember.objects.filter(contact_id=person.pk).exists()
    assert audit_verify().valid
    with pytest.raises(errors.NotFound):
        desk.call("contacts.get", crm, contact_id=person.pk)


def test_the_same_person_again_is_a_new_contact_and_stays_suppressed(
    desk: Desk, crm: User, person: Contact
) -> None:
    """[R-4.9], [R-2.16] matched by the hash; what was agreed before the erasure is not inherited."""
    erase(desk, crm, contact_id=person.pk)
    again = upsert(desk, crm, phone=PHONE, consent=consent())
    assert again.created
    assert again.details.contact.contact_id != person.pk
    assert again.details.contact.not_sendable == {desk.world.brand.pk: "opted_out"}
    stub = Contact.objects.get(pk=person.pk)
    assert stub.phone is None
    assert bytes(stub.phone_hash) != phone_hash(PHONE)


def test_what_an_import_could_undo_and_who_was_asked_to_confirm_is_forgotten(
    desk: Desk, crm: User, person: Contact
) -> None:
    """[R-4.9] the values before an import, and the fields of an opt-in form."""
    form = opt_in_form(desk).versions.get()
    ImportUndo.objects.create(
        job_id=1, contact_id=person.pk, changes={"first_name": [NAME, "Zosia"]}
    )
    asked = DoubleOptIn.objects.create(
        brand=desk.world.brand,
        phone=PHONE,
        phone_hash=phone_hash(PHONE),
        contact=person,
        form_version=form,
        purposes=["marketing"],
        request_text="Acme: reply YES.",
        token_hash="0" * 64,
        details={"first_name": NAME},
        ip="203.0.113.9",
        user_agent="Netscape 4",
        asked_by="form",
        requested_at=person.created_at,
        expires_at=person.created_at,
    )
    erase(desk, crm, contact_id=person.pk)
    assert tables_with(*SECRETS) == {}
    asked.refresh_from_db()
    assert (asked.phone, asked.details, asked.ip) == (None, {}, "")
    assert asked.request_text


def test_a_person_who_had_not_said_no_stays_out_until_they_agree_anew(
    desk: Desk, crm: User, ona: Contact
) -> None:
    erase(desk, crm, contact_id=ona.pk)
    again = upsert(desk, crm, phone=PHONE, consent=consent())
    assert again.details.contact.not_sendable == {desk.world.brand.pk: "opted_out"}


def test_the_hash_of_an_older_key_matches_too(
    desk: Desk, crm: User, person: Contact, settings: Any
) -> None:
    """[R-4.10] keys are rotated after the erasure; the number comes back."""
    erase(desk, crm, contact_id=person.pk)
    settings.PHONE_HASH_KEYS = {"new": "n" * 40, **django_settings.PHONE_HASH_KEYS}
    again = upsert(desk, crm, phone=PHONE, consent=consent())
    assert again.details.contact.not_sendable == {desk.world.brand.pk: "opted_out"}


def import_of(text: str, desk: Desk, crm: User) -> Any:
    job = import_create(
        upload_store([text.encode()], file_name="a.csv", user=crm),
        kind="contacts",
        brand=desk.world.brand,
        created_by=crm,
        options=ImportOptions(),
    )
    with transaction.atomic():
        import_start(job)
    import_work(job.pk)
    job.refresh_from_db()
    assert job.state == "done"
    return job


def test_files_and_rejected_rows_go_and_an_import_brings_nobody_back(
    desk: Desk, crm: User, person: Contact, settings: Any, tmp_path: Path
) -> None:
    """[R-2.16] an import that holds the erased number makes a suppressed contact."""
    settings.MEDIA_ROOT = tmp_path
    spelled = f"(0{PHONE[4:6]}) {PHONE[6:9]}-{PHONE[9:]}"
    job = import_of(f"phone,first name\n{PHONE},{NAME}\nno number {spelled},{NAME}\n", desk, crm)
    ImportReject.objects.create(
        job=job, row_number=9, code="PHONE", message="No number.", row=[spelled, NAME]
    )
    erase(desk, crm, contact_id=person.pk)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tables_with(*SECRETS) == {}
    import_of(f"phone\n{PHONE}\n", desk, crm)
    (state,) = SendState.objects.filter(contact__phone=PHONE)
    assert state.marketing_reason == "opted_out"


def test_a_number_that_is_nobodys_contact_is_erased_too(desk: Desk, crm: User) -> None:
    with transaction.atomic():
        suppression_add(
            phone=PHONE,
            scope="global",
            reason="complaint",
            source="inbound",
            evidence={"text": TOLD, "keyword": "stop"},
        )
    erase(desk, crm, phone=PHONE)
    assert tables_with(*SECRETS) == {}
    row = Suppression.objects.get(reason="complaint")
    assert row.evidence == {"keyword": "stop"}
    again = upsert(desk, crm, phone=PHONE, consent=consent())
    assert again.details.contact.sendable_for == []


def test_erasure_waits_for_a_second_person_and_refusals_change_nothing(
    desk: Desk, crm: User, person: Contact
) -> None:
    held = desk.ask("contacts.erase", crm, reason="case 12", contact_id=person.pk)
    assert isinstance(held, Held)
    assert held.policies == ("contacts-erase",)
    for who, wrong in (
        ({}, errors.InvalidInput),
        ({"contact_id": person.pk, "phone": PHONE}, errors.InvalidInput),
        ({"phone": "12"}, errors.InvalidInput),
        ({"contact_id": 999_999}, errors.NotFound),
    ):
        with pytest.raises(wrong):
            desk.ask("contacts.erase", crm, reason="case 12", **who)
    with pytest.raises(errors.NotPermitted):
        desk.ask("contacts.erase", reason="case 12", contact_id=person.pk)
    other = desk_make(contacts=0)
    with transaction.atomic():
        contact_upsert(phone_parse(PHONE), changes={}, brand_id=other.world.brand.pk, source="x")
    with pytest.raises(errors.NotPermitted):
        desk.ask("contacts.erase", crm, reason="case 13", contact_id=person.pk)
    assert Contact.objects.get(pk=person.pk).first_name == NAME
    assert not EraseJob.objects.exists()


def test_what_is_on_its_way_is_erased_when_it_is_through(
    desk: Desk, crm: User, person: Contact
) -> None:
    Message.objects.filter(contact_id=person.pk).update(state="handing_over")
    with transaction.atomic():
        person_erase(contact=person, category="test_data")
    job = EraseJob.objects.get()
    assert erase_work(job.pk) is False
    assert Message.objects.get(contact_id=person.pk).phone == PHONE
    job.refresh_from_db()
    assert job.left == {"gateways.messages": 1}
    Message.objects.filter(contact_id=person.pk).update(state="unknown")
    assert erase_work(job.pk)
    job.refresh_from_db()
    assert (job.words, job.left) == ([], {})
    assert (job.phone, Message.objects.get(contact_id=person.pk).phone) == ("", "")


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("planned", "stopped"),
        ("queued", "skipped"),
        ("held", "skipped"),
        ("quarantined", "stopped"),
    ],
)
def test_what_only_waits_is_ended_by_the_erasure(
    desk: Desk, crm: User, person: Contact, state: str, after: str
) -> None:
    """A batch that nobody resumes must not keep a number for ever [R-4.9]."""
    Message.objects.filter(contact_id=person.pk).update(state=state)
    with transaction.atomic():
        person_erase(contact=person, category="test_data")
    assert erase_work(EraseJob.objects.get().pk)
    message = Message.objects.get(contact_id=person.pk)
    assert (message.state, message.reason, message.phone) == (after, "trashed", "")


def test_the_trash_is_emptied_after_its_time(desk: Desk, crm: User, ona: Contact) -> None:
    """[R-4.14] and a person who was only put away may be told of by their old consent."""
    trash(desk, crm, ona)
    assert trash_expire() == 0
    Contact.objects.filter(pk=ona.pk).update(trashed_at="2020-01-01T00:00:00Z")
    assert trash_expire() == 1
    assert Contact.objects.get(pk=ona.pk).phone is None
    assert not Suppression.objects.exists()


def test_stops_during_erasures_all_stand(desk: Desk, crm: User) -> None:
    """[R-2.8] a STOP that meets an erasure is kept, whoever commits first."""
    phones = [f"+370699001{number:02d}" for number in range(12)]
    contacts = [contact_make(desk, crm, phone, consent=consent()) for phone in phones]

    def stop() -> None:
        try:
            for phone in phones:
                with transaction.atomic():
                    suppression_add(
                        phone=phone,
                        scope="brand",
                        reason="complaint",
                        source="inbound",
                        evidence={},
                        brand=desk.world.brand,
                    )
        finally:
            connections.close_all()

    thread = threading.Thread(target=stop)
    thread.start()
    for contact in reversed(contacts):
        with transaction.atomic():
            person_erase(contact=contact, category="test_data")
    thread.join()
    for phone in phones:
        again = upsert(desk, crm, phone=phone, consent=consent())
        assert again.details.contact.sendable_for == []
