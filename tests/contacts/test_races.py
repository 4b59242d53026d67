"""STOP against import, at the same moment: whoever commits last, the "no" stands."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import Contact, ImportJob, SendState, Suppression
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import consent_record, contact_upsert, suppression_add
from smsmarketing.contacts.services.events import event_note
from smsmarketing.contacts.services.imports import (
    ImportOptions,
    import_create,
    import_start,
    import_work,
    upload_store,
)
from tests.contacts.conftest import evidence
from tests.contacts.test_imports import CONSENT

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]
ROWS = 6000


def stop(phone: str, brand: Brand) -> None:
    with transaction.atomic():
        suppression_add(
            phone=phone, scope="brand", reason="opt_out", source="inbound", evidence={}, brand=brand
        )


@pytest.fixture
def job(brand: Brand, user: User, tmp_path: Path, settings: Any) -> ImportJob:
    settings.MEDIA_ROOT = tmp_path
    text = "phone\n" + "".join(f"+4474{number:08}\n" for number in range(ROWS))
    job = import_create(
        upload_store([text.encode()], file_name="a.csv", user=user),
        kind="contacts",
        brand=brand,
        created_by=user,
        options=ImportOptions(consent=CONSENT),
    )
    with transaction.atomic():
        import_start(job)
    return job


def test_stops_that_arrive_while_their_numbers_are_imported_stand(
    job: ImportJob, brand: Brand
) -> None:
    """[R-2.8], [R-2.16]: numbers that are unknown, being created, or just committed."""
    import_thread = threading.Thread(target=_import, args=(job.pk,))
    stopped = []
    import_thread.start()
    number = 0
    while import_thread.is_alive() and number < ROWS:
        phone = f"+4474{(number * 37) % ROWS:08}"
        stop(phone, brand)
        stopped.append(phone)
        number += 1
    import_thread.join()
    job.refresh_from_db()
    assert job.state == "done"
    assert len(stopped) > 20
    assert Suppression.objects.count() == len(set(stopped))
    sendable = SendState.objects.filter(marketing_reason=None, brand=brand)
    assert not sendable.filter(contact__phone__in=stopped).exists()
    assert sendable.count() == ROWS - len(set(stopped))


def _import(job_id: int) -> None:
    try:
        import_work(job_id, merge_rows=200)
    finally:
        connections.close_all()


def test_two_stops_at_once_are_one_row(brand: Brand) -> None:
    phone = "+447400123456"
    threads = [threading.Thread(target=_stop_and_close, args=(phone, brand)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Suppression.objects.count() == 1


def _stop_and_close(phone: str, brand: Brand) -> None:
    try:
        stop(phone, brand)
    finally:
        connections.close_all()


def test_two_upserts_of_one_new_number_make_one_contact(brand: Brand) -> None:
    phone = "+447400123456"
    created = []

    def upsert() -> None:
        try:
            with transaction.atomic():
                done = contact_upsert(
                    phone_parse(phone), changes={}, brand_id=brand.pk, source="race"
                )
                created.append(done.created)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=upsert) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created) == [False, False, False, True]
    assert Contact.objects.count() == 1


def test_a_stop_waits_for_a_consent_that_is_being_recorded(brand: Brand) -> None:
    """The later commit sees the earlier one: the state is the truth of both."""
    phone = "+447400123456"
    with transaction.atomic():
        contact = contact_upsert(
            phone_parse(phone), changes={}, brand_id=brand.pk, source="race"
        ).contact
    thread = threading.Thread(target=_stop_and_close, args=(phone, brand))
    with transaction.atomic():
        consent_record(contact, evidence(), brand=brand)
        thread.start()
        with connection.cursor() as cursor:
            for _ in range(200):  # until the STOP waits for our lock
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    break
                cursor.execute("SELECT pg_sleep(0.01)")
    thread.join()
    assert SendState.objects.get().marketing_reason == "opted_out"


def test_a_stop_does_not_wait_for_events_of_the_contact(brand: Brand) -> None:
    """[R-2.8]: who records events keeps the contact from being erased, and nobody's "no" waiting."""
    phone = "+447400123456"
    with transaction.atomic():
        contact = contact_upsert(
            phone_parse(phone), changes={}, brand_id=brand.pk, source="race"
        ).contact
    with transaction.atomic():
        event_note(
            team_id=brand.team_id,
            contact_id=contact.pk,
            kind="order",
            external_id="1",
            at=timezone.now(),
        )
        thread = threading.Thread(target=_stop_and_close, args=(phone, brand))
        thread.start()
        thread.join(timeout=30)
        assert not thread.is_alive()
        assert Suppression.objects.count() == 1
