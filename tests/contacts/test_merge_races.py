"""A merge that meets another merge, a STOP, an upsert, an import, events: nothing is lost, no "no" is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import AudienceMember, Contact, ContactEvent, Suppression
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.erasing import person_erase
from smsmarketing.contacts.services.imports import (
    ImportOptions,
    import_create,
    import_start,
    import_work,
    upload_store,
)
from smsmarketing.operations import errors
from tests.campaigns.desk import Desk
from tests.contacts.people import consent, contact_make, reason, upsert
from tests.contacts.test_merge import asked

pytestmark = pytest.mark.django_db(transaction=True)
PAIRS = 6


@pytest.fixture
def pairs(desk: Desk, crm: User) -> list[tuple[Contact, Contact]]:
    made = []
    for number in range(PAIRS):
        first = contact_make(desk, crm, f"+370699002{number:02d}", consent=consent())
        second = contact_make(desk, crm, f"+370699003{number:02d}", consent=consent())
        made.append((first, second))
    return made


def together(*works: Callable[[], Any]) -> list[list[Any]]:
    """Run at the same moment; what each raised or returned, item by item."""
    gate = threading.Barrier(len(works))
    answers: list[list[Any]] = [[] for _ in works]

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            gate.wait(timeout=20)
            answers[place] = work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert all(answers), "a thread failed"
    return answers


def each(items: list[Any], work: Callable[[Any], Any]) -> Callable[[], list[Any]]:
    def run() -> list[Any]:
        found: list[Any] = []
        for item in items:
            try:
                found.append(work(item) or "done")
            except errors.OperationError as exc:
                found.append(exc.code)
        return found

    return run


def test_two_merges_at_once_leave_exactly_one_contact_in_use(
    desk: Desk, crm: User, pairs: list[tuple[Contact, Contact]]
) -> None:
    """A into B and B into A: one of them comes first and the other is refused."""
    plans = [(asked(desk, crm, one, two), asked(desk, crm, two, one)) for one, two in pairs]
    forth, back = together(
        each([plan[0] for plan in plans], lambda plan: desk.call("contacts.merge", crm, **plan)),
        each([plan[1] for plan in plans], lambda plan: desk.call("contacts.merge", crm, **plan)),
    )
    for (one, two), first, second in zip(pairs, forth, back, strict=True):
        assert sorted([isinstance(first, str), isinstance(second, str)]) == [False, True]
        rows = Contact.objects.filter(pk__in=[one.pk, two.pk])
        assert rows.filter(trashed_at=None).count() == 1
        assert rows.exclude(merged_into=None).count() == 1


def test_a_stop_that_meets_a_merge_is_never_lost(
    desk: Desk, crm: User, pairs: list[tuple[Contact, Contact]]
) -> None:
    """[R-2.8] whoever commits first, the number that said no is not sendable."""

    def stop(pair: tuple[Contact, Contact]) -> None:
        for contact in reversed(pair):
            with transaction.atomic():
                suppression_add(
                    phone=str(contact.phone),
                    scope="brand",
                    reason="opt_out",
                    source="inbound",
                    evidence={},
                    brand=desk.world.brand,
                )

    plans = [asked(desk, crm, one, two) for one, two in pairs]
    together(each(plans, lambda plan: desk.call("contacts.merge", crm, **plan)), each(pairs, stop))
    for pair in pairs:
        for contact in pair:
            assert reason(contact) in ("opted_out", "trashed")
            assert Suppression.objects.filter(phone=contact.phone, lifted_at=None).exists()


def test_upserts_events_lists_and_an_import_lose_nothing(
    desk: Desk, crm: User, pairs: list[tuple[Contact, Contact]]
) -> None:
    """[R-8.7] a stale token is refused; what was recorded for either is with the kept contact."""
    plans = [asked(desk, crm, one, two) for one, two in pairs]
    tokens = {plan["other_contact_id"]: plan["other_version_token"] for plan in plans}

    def change(pair: tuple[Contact, Contact]) -> Any:
        return upsert(
            desk,
            crm,
            contact_id=pair[1].pk,
            base_version_token=tokens[pair[1].pk],
            first_name="New",
        )

    def record(pair: tuple[Contact, Contact]) -> Any:
        desk.call(
            "audiences.add_contacts",
            crm,
            audience_id=desk.audience.pk,
            contact_ids=[row.pk for row in pair],
        )
        return desk.call(
            "events.record",
            crm,
            brand_id=desk.world.brand.pk,
            events=[
                {
                    "source": "shop",
                    "contact_id": row.pk,
                    "kind": "order",
                    "external_id": f"o-{row.pk}",
                    "occurred_at": timezone.now().isoformat(),
                }
                for row in pair
            ],
        )

    def bring(_: Any) -> Any:
        rows = "".join(f"{row.phone},Imported\n" for pair in pairs for row in pair)
        job = import_create(
            upload_store([f"phone,last_name\n{rows}".encode()], file_name="a.csv", user=crm),
            kind="contacts",
            brand=desk.world.brand,
            created_by=crm,
            options=ImportOptions(tags=("brought",)),
        )
        with transaction.atomic():
            import_start(job)
        import_work(job.pk)
        job.refresh_from_db()
        assert job.state == "done"

    merged, changed, _, _ = together(
        each(plans, lambda plan: desk.call("contacts.merge", crm, **plan)),
        each(pairs, change),
        each(pairs, record),
        each([0], bring),
    )
    for (one, two), merge_answer, change_answer in zip(pairs, merged, changed, strict=True):
        assert isinstance(merge_answer, str) or isinstance(change_answer, str)
        kept, other = Contact.objects.get(pk=one.pk), Contact.objects.get(pk=two.pk)
        events = set(
            ContactEvent.objects.filter(contact=kept).values_list("external_id", flat=True)
        )
        if other.merged_into_id is not None:
            assert events == {f"o-{one.pk}", f"o-{two.pk}"}
            assert not ContactEvent.objects.filter(contact=other).exists()
            assert reason(other) == "trashed"
        else:
            assert other.first_name == "New" or isinstance(change_answer, str)
        assert AudienceMember.objects.filter(contact=kept, audience=desk.audience).count() == 1
        assert "brought" in kept.tags


def test_an_erasure_that_meets_a_merge_leaves_no_number_behind(
    desk: Desk, crm: User, pairs: list[tuple[Contact, Contact]]
) -> None:
    """[R-4.9]."""

    def forget(pair: tuple[Contact, Contact]) -> None:
        with transaction.atomic():
            person_erase(contact=Contact.objects.get(pk=pair[0].pk), category="legal_order")

    plans = [asked(desk, crm, one, two) for one, two in pairs]
    merged, _ = together(
        each(plans, lambda plan: desk.call("contacts.merge", crm, **plan)), each(pairs, forget)
    )
    for (one, two), answer in zip(pairs, merged, strict=True):
        assert Contact.objects.get(pk=one.pk).phone is None
        other = Contact.objects.get(pk=two.pk)
        assert (other.phone is None) == (not isinstance(answer, str))
