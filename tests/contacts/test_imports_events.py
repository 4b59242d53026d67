"""A file of events: dry run, rejects by row, the same file again, and sums that follow."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team, User
from smsmarketing.contacts.models import (
    Contact,
    ContactEvent,
    CustomField,
    EventSummary,
    ImportJob,
    SendState,
)
from smsmarketing.contacts.rules.events import Fact
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import contact_upsert
from smsmarketing.contacts.services.erasing import person_erase
from smsmarketing.contacts.services.events import (
    Given,
    Key,
    event_summaries_refresh,
    events_record,
)
from smsmarketing.contacts.services.imports import (
    ImportOptions,
    import_create,
    import_start,
    import_work,
    upload_store,
)
from smsmarketing.contacts.services.merging import contacts_merge, merge_lock
from smsmarketing.operations.errors import InvalidInput

pytestmark = pytest.mark.django_db(transaction=True)

A, B, C = "+447400123456", "+491711234567", "+12025550123"
HEAD = "Phone,Customer ID,Order ID,Created at,Updated at,Status,Total,Colour\n"
MAPPING = {
    "Phone": "phone",
    "Customer ID": "customer_key",
    "Order ID": "external_id",
    "Created at": "occurred_at",
    "Updated at": "updated_at",
    "Status": "property:state",
    "Total": "property:amount",
    "Colour": "property:colour",
}


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def people(make_contact: Any) -> dict[str, Contact]:
    with transaction.atomic():
        return {
            "a": make_contact(A, customer_key="c-1"),
            "b": make_contact(B, customer_key="same"),
            "c": make_contact(C, customer_key="same"),
        }


def created(text: str, brand: Brand, user: User, **changes: Any) -> ImportJob:
    options = changes.pop("options", ImportOptions(event_source="shop"))
    return import_create(
        upload_store([text.encode()], file_name="orders.csv", user=user),
        kind="events",
        brand=brand,
        created_by=user,
        options=options,
        **changes,
    )


def brought_in(job: ImportJob, **how: Any) -> ImportJob:
    with transaction.atomic():
        import_start(job)
    import_work(job.pk, **how)
    return ImportJob.objects.get(pk=job.pk)


TEXT = (
    HEAD
    + f"{A},,1001,2026-01-05T10:00:00Z,,Paid,49.90,red\n"
    + f"{A},,1001,2026-01-05T10:00:00Z,2026-01-07,Shipped,,\n"
    + ",c-1,1002,2026-02-01,,new,10,\n"
    + ",same,1003,2026-02-01,,new,10,\n"
    + ",nobody,1004,2026-02-01,,new,10,\n"
    + "+447400999999,,1005,2026-02-01,,new,10,\n"
    + "12345,,1006,2026-02-01,,new,10,\n"
    + f"{A},,,2026-02-01,,new,10,\n"
    + f"{A},,1008,,,new,10,\n"
    + f"{A},,1009,01/02/2026,,new,10,\n"
    + f"{A},,1010,2199-02-01,,new,10,\n"
    + f'{A},,1011,2026-02-01,,new,"1.234,50",\n'
    + ",,1012,2026-02-01,,new,10,\n"
)


def test_each_row_comes_in_or_is_rejected_with_its_reason(
    people: dict[str, Contact], brand: Brand, user: User
) -> None:
    states = list(SendState.objects.order_by("pk").values_list())
    job = created(TEXT, brand, user)
    assert job.mapping == {name: field for name, field in MAPPING.items() if name != "Colour"}
    job = created(TEXT, brand, user, mapping=MAPPING)
    import_work(job.pk)
    job = ImportJob.objects.get(pk=job.pk)
    assert job.state == "previewed"
    assert {name: job.counts[name] for name in ("rows", "create", "change", "rejected")} == {
        "rows": 13,
        "create": 3,
        "change": 0,
        "rejected": 10,
    }
    assert not ContactEvent.objects.exists()
    job = brought_in(job)
    assert (job.state, job.counts["create"], job.counts["change"]) == ("done", 2, 1)
    rejects = job.rejects.order_by("row_number").values_list("row_number", "field", "code")
    assert list(rejects) == [
        (5, "Customer ID", "CONTACT_AMBIGUOUS"),
        (6, "Customer ID", "CONTACT_UNKNOWN"),
        (7, "Phone", "CONTACT_UNKNOWN"),
        (8, "Phone", "PHONE_NO_COUNTRY"),
        (9, "Order ID", "EVENT_INCOMPLETE"),
        (10, "Created at", "EVENT_INCOMPLETE"),
        (11, "Created at", "VALUE"),
        (12, "Created at", "EVENT_IN_FUTURE"),
        (13, "Total", "EVENT_PROPERTY"),
        (14, "Phone", "CONTACT_NOT_NAMED"),
    ]
    order = ContactEvent.objects.get(external_id="1001")
    assert order.properties == {"state": "shipped", "amount": "49.90", "colour": "red"}
    assert (order.source, order.kind, order.updated_at) == (
        "shop",
        "order",
        datetime(2026, 1, 7, tzinfo=UTC),
    )
    summary = EventSummary.objects.get()
    assert (summary.contact_id, summary.count, summary.last_state) == (people["a"].pk, 2, "new")
    assert summary.amount_sum == Decimal("59.90")
    assert list(SendState.objects.order_by("pk").values_list()) == states


def test_the_same_file_again_changes_nothing(
    people: dict[str, Contact], brand: Brand, user: User
) -> None:
    brought_in(created(TEXT, brand, user, mapping=MAPPING))
    before = list(ContactEvent.objects.order_by("pk").values_list())
    job = brought_in(created(TEXT, brand, user, mapping=MAPPING))
    assert (job.counts["create"], job.counts["change"], job.counts["unchanged"]) == (0, 0, 3)
    assert list(ContactEvent.objects.order_by("pk").values_list()) == before


def test_an_older_file_cannot_turn_a_state_back(
    people: dict[str, Contact], brand: Brand, user: User
) -> None:
    now = timezone.now()
    with transaction.atomic():
        events_record(
            brand.team_id,
            [
                Given(
                    contact_id=people["a"].pk,
                    key=Key("shop", "order", "1001"),
                    fact=Fact(now, now - timedelta(days=3), now, {"state": "delivered"}),
                )
            ],
        )
    brought_in(created(TEXT, brand, user, mapping=MAPPING))
    order = ContactEvent.objects.get(external_id="1001")
    assert order.properties == {"state": "delivered", "amount": "49.90", "colour": "red"}


def test_an_id_of_another_contact_is_rejected_when_it_comes_in(
    people: dict[str, Contact], brand: Brand, user: User
) -> None:
    brought_in(created(TEXT, brand, user, mapping=MAPPING))
    theirs = HEAD + f"{B},,1001,2026-03-01,,stolen,,\n{B},,2001,2026-03-01,,new,,\n"
    job = brought_in(created(theirs, brand, user, mapping=MAPPING))
    assert (job.counts["create"], job.counts["rejected"]) == (1, 1)
    assert job.rejects.get().code == "EVENT_OF_ANOTHER_CONTACT"
    assert ContactEvent.objects.get(external_id="1001").properties["state"] == "shipped"


def test_contacts_of_another_team_are_unknown(
    people: dict[str, Contact], other_brand: Brand, user: User
) -> None:
    job = brought_in(created(TEXT, other_brand, user, mapping=MAPPING))
    assert job.counts["create"] == 0
    assert not ContactEvent.objects.exists()


@pytest.mark.parametrize(
    ("mapping", "word"),
    [
        ({"Order ID": "external_id", "Created at": "occurred_at"}, "contact"),
        ({"Phone": "phone", "Created at": "occurred_at"}, "id"),
        ({"Phone": "phone", "Order ID": "external_id"}, "time"),
        ({**MAPPING, "Colour": "custom:colour"}, "property:<name>"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(
    brand: Brand, user: User, mapping: dict[str, str], word: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        created(TEXT, brand, user, mapping=mapping)
    assert word in " ".join(refusal.value.field_errors.values())
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("kind", ["sms_reply", "Order", "custom:"])
def test_a_kind_that_nobody_may_write_is_refused(brand: Brand, user: User, kind: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        created(TEXT, brand, user, options=ImportOptions(event_kind=kind))
    assert list(refusal.value.field_errors) == ["event_kind"]
    assert not ImportJob.objects.exists()


def test_declared_properties_are_read_by_type(
    people: dict[str, Contact], brand: Brand, team: Team, user: User
) -> None:
    CustomField.objects.create(
        team=team,
        applies_to="order",
        name="colour",
        label="Colour",
        type="choice",
        choices=["Red"],
        created_at=timezone.now(),
        updated_at=timezone.now(),
    )
    text = HEAD + f"{A},,1,2026-01-05,,,,RED\n{A},,2,2026-01-05,,,,blue\n"
    job = brought_in(created(text, brand, user, mapping=MAPPING))
    assert ContactEvent.objects.get().properties == {"colour": "Red"}
    assert job.rejects.get().field == "Colour"


@pytest.mark.races
def test_a_file_and_calls_at_the_same_moment_lose_nothing(
    people: dict[str, Contact], brand: Brand, user: User
) -> None:
    rows = 400
    base = datetime(2026, 1, 1, tzinfo=UTC)
    text = HEAD + "".join(f"{A},,{number},2026-01-01,,paid,1,\n" for number in range(rows))
    job = created(text, brand, user, mapping=MAPPING)
    with transaction.atomic():
        import_start(job)

    def work() -> None:
        try:
            import_work(job.pk, merge_rows=20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    for number in range(0, rows, 7):
        at = base + timedelta(days=1)
        with transaction.atomic():
            events_record(
                brand.team_id,
                [
                    Given(
                        contact_id=people["a"].pk,
                        key=Key("shop", "order", str(number)),
                        fact=Fact(at, at, at, {"state": "sent"}),
                    )
                ],
            )
    thread.join(timeout=60)
    assert ImportJob.objects.get(pk=job.pk).state == "done"
    for order in ContactEvent.objects.all():
        told = int(order.external_id) % 7 == 0
        assert order.properties == {"state": "sent" if told else "paid", "amount": "1"}
    summary = EventSummary.objects.get()
    assert (summary.count, summary.amount_sum) == (rows, Decimal(rows))


def test_what_is_written_as_a_set_is_what_one_by_one_would_be(
    people: dict[str, Contact], brand: Brand, user: User
) -> None:
    """Figures of fresh events are those that follow from the stored rows, with and without events
    that were there before.
    """
    rows = [
        (A, "1", "2026-01-05", "paid", "49.90", "EUR"),
        (A, "2", "2026-03-05", "refunded", "7", ""),
        (A, "3", "2026-03-05", "sent", "5.50", "eur"),
        (B, "4", "2026-02-01", "", "", ""),
        (A, "5", "2026-02-01", "new", "1", "USD"),
    ]
    head = "Phone,Order ID,Created at,Status,Total,Currency\n"
    mapping = {**MAPPING, "Currency": "property:currency"}
    mapping = {name: mapping[name] for name in head.strip().split(",")}
    for part in (rows[:3], rows):
        text = head + "".join(",".join(row) + "\n" for row in part)
        job = brought_in(created(text, brand, user, mapping=mapping))
        assert job.counts["create"] == len(part) - (3 if part is rows else 0)
        held = list(EventSummary.objects.order_by("contact_id").values())
        with transaction.atomic():
            event_summaries_refresh([people["a"].pk, people["b"].pk])
        assert list(EventSummary.objects.order_by("contact_id").values()) == held
    assert [(row["count"], row["last_state"]) for row in held] == [(4, "sent"), (1, "")]
    assert list(ContactEvent.objects.values_list("facts", flat=True)) == [[]] * 5


def test_what_changed_since_the_dry_run_is_seen(
    people: dict[str, Contact], brand: Brand, user: User
) -> None:
    """One contact was merged away, one erased, one event told by a call: nothing is lost or doubled."""
    text = HEAD + "".join(
        f"{phone},,{number},2026-01-05,,paid,{number},\n"
        for number, phone in enumerate([A, B, C, A, "+447400222333"], start=1)
    )
    with transaction.atomic():
        contact_upsert(phone_parse("+447400222333"), changes={}, brand_id=brand.pk, source="test")
    job = created(text, brand, user, mapping=MAPPING)
    import_work(job.pk)
    assert ImportJob.objects.get(pk=job.pk).counts["create"] == 5
    now = timezone.now()
    with transaction.atomic():
        kept, other = sorted(
            merge_lock([people["b"].pk, people["c"].pk]), key=lambda each: each.phone == C
        )
        contacts_merge(kept, other, recorded_by="test", now=now)
        fact = Fact(now, now, now, {"state": "sent"})
        events_record(
            brand.team_id,
            [Given(contact_id=people["a"].pk, key=Key("shop", "order", "4"), fact=fact)],
        )
        person_erase(phone="+447400222333", category="test_data")
    job = brought_in(ImportJob.objects.get(pk=job.pk))
    assert (job.state, job.counts["create"], job.counts["change"]) == ("done", 3, 1)
    assert list(job.rejects.values_list("row_number", "code")) == [(6, "CONTACT_UNKNOWN")]
    events = ContactEvent.objects.order_by("external_id")
    assert list(events.values_list("contact_id", "external_id")) == [
        (people["a"].pk, "1"),
        (kept.pk, "2"),
        (kept.pk, "3"),
        (people["a"].pk, "4"),
    ]
    assert events.get(external_id="4").properties == {"state": "sent", "amount": "4"}
    sums = dict(EventSummary.objects.values_list("contact_id", "amount_sum"))
    assert sums == {people["a"].pk: Decimal(5), kept.pk: Decimal(5)}
