"""A pasted list of opt-outs that meets START, a lift and upserts of the same numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Contact, SendState, Suppression
from smsmarketing.contacts.operations.upsert import ConsentIn, ContactFields, upsert_apply
from smsmarketing.contacts.services import suppression_add, suppression_lift_scope
from smsmarketing.contacts.services.lifting import suppression_lift, suppression_lock_first
from smsmarketing.operations.types import Context
from tests.campaigns.desk import Desk
from tests.contacts.people import consent, contact_make, upsert
from tests.contacts.test_merge_races import each, together

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]
NUMBERS = [f"+370699004{number:02d}" for number in range(4)]
NEW = [f"+370699005{number:02d}" for number in range(4)]


def bring(desk: Desk, user: User, phones: list[str]) -> Any:
    rows = [{"phone": phone} for phone in phones]
    brand = desk.world.brand.pk
    return desk.call("opt_outs.import", user, brand_id=brand, source_name="old", numbers=rows)


def stop(desk: Desk, phone: str) -> Suppression:
    with transaction.atomic():
        return suppression_add(
            phone=phone,
            scope="brand",
            reason="opt_out",
            source="inbound",
            evidence={},
            brand=desk.world.brand,
        )


def start(desk: Desk, phone: str) -> None:
    with transaction.atomic():
        suppression_lift_scope(
            phone=phone,
            brand=desk.world.brand,
            actor="inbound",
            reason="START",
            evidence={"text": "START", "inbound_id": 1},
        )


def lift(desk: Desk, phone: str) -> None:
    """What opt_outs.lift does once people agreed: the latest row that stands."""
    with transaction.atomic():
        pk = Suppression.objects.filter(phone=phone, lifted_at=None).values_list("pk").last()
        if pk is None:
            return
        suppression_lock_first(pk[0])
        row = Suppression.objects.select_for_update().get(pk=pk[0])
        if row.lifted_at is None:
            suppression_lift(
                row,
                ground="mistake",
                reason="The wrong person was recorded.",
                document="ticket 4711",
                consent_event=None,
                actor="user:1",
                action_request_id=None,
                now=row.created_at,
            )


def sendable(desk: Desk) -> set[str]:
    rows = SendState.objects.filter(
        brand=desk.world.brand, marketing_reason=None, contact__phone__in=NUMBERS + NEW
    )
    return set(rows.values_list("contact__phone", flat=True))


@contextmanager
def waits_for_us(work: Callable[[], Any]) -> Iterator[None]:
    """What the block writes is committed only when `work`, in a thread of its own, waits for a lock."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        yield
        thread.start()
        with connection.cursor() as cursor:
            waiting = 0
            for _ in range(500):
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                waiting = cursor.fetchone()[0]
                if waiting:
                    break
                cursor.execute("SELECT pg_sleep(0.01)")
        assert waiting, "nobody waited"
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_a_list_that_commits_last_stands(desk: Desk, crm: User) -> None:
    """[R-2.8], [R-2.16]: also when nobody knew the number, so that no row could be locked."""

    def write(phone: str) -> None:
        fields = ContactFields(phone=phone, first_name="Ona", consent=ConsentIn(**consent()))
        context = Context(actor=desk.actor(crm), now=timezone.now())
        upsert_apply(context, fields, brand=desk.world.brand, source="shop", fill_blanks=True)

    for place, other in enumerate((start, lift, None)):
        for known in (True, False):
            phone = (NUMBERS if known else NEW)[place]
            if known:
                contact_make(desk, crm, phone, consent=consent())
            if other:
                stop(desk, phone)
            with waits_for_us(partial(bring, desk, crm, [NUMBERS[3], phone])):
                if other:
                    other(desk, phone)
                else:
                    write(phone)
            assert Suppression.objects.filter(phone=phone, lifted_at=None).count() == 1
            if other and not known:
                contact_make(desk, crm, phone, consent=consent())
            assert sendable(desk) == set(), (other, known)


def test_nobody_waits_in_a_circle(desk: Desk, crm: User) -> None:
    """Lists in both directions, START, lifts, single and batch upserts of the same numbers, known and
    new: each ends, none by a deadlock; and what the last list named is not sendable."""
    for phone in NUMBERS:
        contact_make(desk, crm, phone, consent=consent())
        stop(desk, phone)
    everybody = NUMBERS + NEW
    brand = desk.world.brand.pk

    def batch(phones: list[str]) -> Any:
        items = [{"phone": phone, "first_name": "B", "consent": consent()} for phone in phones]
        return desk.call(
            "contacts.batch_upsert",
            crm,
            brand_id=brand,
            source="shop",
            items=items,
            if_version_missing="only_fill_blanks",
        )

    answers = together(
        each([everybody, everybody[::-1]], lambda phones: bring(desk, crm, phones)),
        each([everybody[::-1], everybody], lambda phones: bring(desk, crm, phones)),
        each(everybody, lambda phone: start(desk, phone)),
        each(everybody[::-1], lambda phone: lift(desk, phone)),
        each([everybody[::-1], everybody], batch),
        each(NEW, lambda phone: upsert(desk, crm, phone=phone, consent=consent())),
    )
    assert all(len(found) > 1 for found in answers)
    assert Contact.objects.filter(phone__in=NEW).count() == len(NEW)
    bring(desk, crm, everybody)
    assert sendable(desk) == set()
