"""Events of contacts: each thing once, in any order of arrival, and never a reason to text anybody."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand, Role, Team, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.contacts.models import (
    Contact,
    ContactEvent,
    CustomField,
    EventSummary,
    SendState,
)
from smsmarketing.contacts.rules.events import FACTS_MAX, Fact, facts_fold
from smsmarketing.contacts.services import event_summaries_refresh
from smsmarketing.contacts.services.events import Given, Key, events_record
from smsmarketing.operations import errors
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=4)


@pytest.fixture
def crm(desk: Desk) -> User:
    user = User.objects.create_user(f"cleo-{desk.world.team.pk}", password=None, is_staff=True)
    user.teams.add(desk.world.team)
    user.roles.set(Role.objects.filter(key="crm"))
    return user


def order(contact: Contact | None = None, **changes: Any) -> dict[str, Any]:
    """An order of yesterday, with changes."""
    content: dict[str, Any] = {
        "kind": "order",
        "external_id": "1001",
        "source": "shop",
        "occurred_at": (NOW - timedelta(days=1)).isoformat(),
        "properties": {"state": "paid", "amount": "49.90"},
        **({"contact_id": contact.pk} if contact else {}),
    }
    return {**content, **changes}


def record(desk: Desk, user: User, *events: dict[str, Any], **changes: Any) -> Any:
    payload = {"brand_id": desk.world.brand.pk, "events": list(events), **changes}
    return desk.call("events.record", user, **payload)


def contacts(desk: Desk) -> list[Contact]:
    return list(
        Contact.objects.filter(send_states__brand=desk.world.brand).distinct().order_by("pk")
    )


def test_a_new_kind_of_answer_for_each_event(desk: Desk, crm: User) -> None:
    one, two, three, *_ = contacts(desk)
    Contact.objects.filter(pk=two.pk).update(customer_key="c-2")
    Contact.objects.filter(pk=three.pk).update(customer_key="same")
    Contact.objects.filter(pk=one.pk).update(customer_key="same")
    states = list(SendState.objects.order_by("pk").values_list())
    out = record(
        desk,
        crm,
        order(one),
        order(one),
        order(one, properties={"state": "shipped"}, updated_at=NOW.isoformat()),
        order(customer_key="c-2", external_id="1002"),
        order(phone=three.phone, external_id="1003"),
        order(phone="+447400999999", external_id="1004"),
        order(phone="12", external_id="1005"),
        order(customer_key="same", external_id="1006"),
        order(external_id="1007"),
        order(one, phone=one.phone, external_id="1008"),
        order(one, kind="sms_reply", external_id="1009"),
        order(one, kind="Order", external_id="1010"),
        order(one, external_id="1011", occurred_at=(NOW + timedelta(hours=1)).isoformat()),
        order(one, external_id="1012", occurred_at="1999-01-01T00:00:00Z"),
        order(one, external_id="1013", updated_at=(NOW - timedelta(days=2)).isoformat()),
        order(one, external_id="1014", properties={"amount": "1.234,50"}),
        order(two, properties={"state": "stolen"}),
        order(one, external_id="1015", properties={"currency": "Euro"}),
        order(one, external_id="1016", properties={"items": "x"}),
    )
    assert [(each.status, each.code) for each in out.results] == [
        ("recorded", ""),
        ("duplicate", ""),
        ("updated", ""),
        ("recorded", ""),
        ("recorded", ""),
        ("refused", "CONTACT_UNKNOWN"),
        ("refused", "PHONE_INVALID"),
        ("refused", "CONTACT_AMBIGUOUS"),
        ("refused", "CONTACT_NOT_NAMED"),
        ("refused", "CONTACT_NOT_NAMED"),
        ("refused", "EVENT_KIND_RESERVED"),
        ("refused", "EVENT_KIND_UNKNOWN"),
        ("refused", "EVENT_IN_FUTURE"),
        ("refused", "EVENT_TOO_OLD"),
        ("refused", "EVENT_TIMES_CROSSED"),
        ("refused", "EVENT_PROPERTY"),
        ("refused", "EVENT_OF_ANOTHER_CONTACT"),
        ("refused", "EVENT_PROPERTY"),
        ("refused", "EVENT_PROPERTY"),
    ]
    assert (out.recorded, out.updated, out.duplicate, out.refused) == (3, 1, 1, 14)
    assert all(each.message.endswith(".") for each in out.results if each.code)
    # What was refused left nothing behind; what was taken in made nobody sendable.
    assert sorted(ContactEvent.objects.values_list("external_id", flat=True)) == [
        "1001",
        "1002",
        "1003",
    ]
    kept = ContactEvent.objects.get(external_id="1001")
    assert kept.contact_id == one.pk
    assert kept.properties == {"state": "shipped", "amount": "49.90"}
    assert list(SendState.objects.order_by("pk").values_list()) == states


@pytest.mark.parametrize(
    "payload",
    [
        {"events": []},
        {"events": [order(contact_id=1)] * 101},
        {"events": [order(contact_id=1, colour="red")]},
        {"events": [order(contact_id=1), order(contact_id=1, occurred_at="yesterday")]},
        {"events": [order(contact_id=1, occurred_at="2026-01-01T00:00:00")]},
        {"events": [order(contact_id=1, properties={"a": ["list"]})]},
        {"events": [order(contact_id=1, items=[{"name": "no number"}])]},
    ],
)
def test_a_malformed_call_changes_nothing(desk: Desk, crm: User, payload: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidInput):
        record(desk, crm, **payload)
    assert not ContactEvent.objects.exists()
    assert not EventSummary.objects.exists()


def test_a_brand_of_another_team_is_not_found(desk: Desk, crm: User) -> None:
    rival = Team.objects.create(name="Rival", slug="rival")
    brand = Brand.objects.create(team=rival, name="Rival", name_in_texts="Rival", help_line="STOP")
    with pytest.raises(errors.NotFound):
        record(desk, crm, order(contacts(desk)[0]), brand_id=brand.pk)
    assert not ContactEvent.objects.exists()


def test_one_teams_order_never_stands_for_anothers(desk: Desk, crm: User) -> None:
    """Same source, same kind, same number: two shops, two orders."""
    one = contacts(desk)[0]
    rival = Team.objects.create(name="Rival", slug="rival")
    at = NOW - timedelta(days=3)
    with transaction.atomic():
        events_record(
            rival.pk,
            [
                Given(
                    contact_id=one.pk,
                    key=Key("shop", "order", "1001"),
                    fact=Fact(at, at, at, {"state": "theirs"}),
                )
            ],
        )
    assert record(desk, crm, order(one)).recorded == 1
    summary = EventSummary.objects.get(team=desk.world.team)
    assert (summary.count, summary.last_state) == (1, "paid")
    listed = desk.call("events.list", crm, contact_id=one.pk)
    assert [row.properties["state"] for row in listed.items] == ["paid"]


def test_declared_properties_are_checked_and_others_stay_as_they_are(desk: Desk, crm: User) -> None:
    one = contacts(desk)[0]
    CustomField.objects.create(
        team=desk.world.team,
        applies_to="order",
        name="points",
        label="Points",
        type="number",
        created_at=NOW,
        updated_at=NOW,
    )
    out = record(
        desk,
        crm,
        order(one, properties={"points": "12", "gift": True, "note": "Blue", "State": "x"}),
        order(one, external_id="2", properties={"points": "many"}),
        order(one, external_id="3", kind="payment", properties={"points": "many"}),
    )
    assert [each.code for each in out.results] == ["", "EVENT_PROPERTY", ""]
    assert "points" in out.results[1].message
    kept = ContactEvent.objects.get(external_id="1001").properties
    assert kept == {"points": 12, "gift": True, "note": "Blue", "State": "x"}


def test_the_summary_follows_the_events(desk: Desk, crm: User) -> None:
    one = contacts(desk)[0]
    days = (30, 20, 4)
    at = [NOW - timedelta(days=each) for each in days]
    currency = desk.world.team.currency
    record(
        desk,
        crm,
        order(one, external_id="b", occurred_at=at[1].isoformat(), properties={"amount": 20}),
        order(
            one,
            external_id="c",
            occurred_at=at[2].isoformat(),
            properties={"amount": "5.25", "state": "Out for delivery", "currency": currency},
        ),
        order(
            one,
            external_id="a",
            occurred_at=at[0].isoformat(),
            properties={"amount": 99, "state": "cancelled"},
        ),
        order(
            one,
            external_id="d",
            occurred_at=at[1].isoformat(),
            properties={"amount": 7, "currency": "XAF"},
        ),
    )
    summary = EventSummary.objects.get()
    assert (summary.count, summary.first_at, summary.last_at) == (4, at[0], at[2])
    assert summary.last_state == "out_for_delivery"
    assert summary.amount_sum == Decimal("25.25")  # cancelled and foreign money are not spent here
    assert summary.mean_gap_days == pytest.approx(26 / 3)
    found = desk.call("contacts.search", crm, order_state="out_for_delivery")
    assert [row.contact_id for row in found.items] == [one.pk]
    assert not desk.call("contacts.search", crm, order_state="cancelled").items


def test_items_of_an_order_are_kept_and_replaced(desk: Desk, crm: User) -> None:
    one = contacts(desk)[0]
    record(desk, crm, order(one, items=[{"sku": "A-1", "quantity": 2, "price": "9.90"}]))
    record(
        desk,
        crm,
        order(one, properties={}, updated_at=NOW.isoformat(), items=[{"sku": "B-1"}]),
    )
    kept = ContactEvent.objects.get()
    assert kept.properties["items"] == [{"sku": "B-1"}]
    assert kept.properties["amount"] == "49.90"


def test_an_event_is_found_by_its_id_and_the_list_needs_a_start(desk: Desk, crm: User) -> None:
    one = contacts(desk)[0]
    record(desk, crm, order(one))
    key = {"kind": "order", "source": "shop", "external_id": "1001"}
    assert desk.call("events.list", crm, **key).items[0].contact_id == one.pk
    with pytest.raises(errors.InvalidInput) as refusal:
        desk.call("events.list", crm, kind="order")
    assert "contact_id" in refusal.value.field_errors


def test_an_erased_contact_gets_no_more_events(desk: Desk, crm: User) -> None:
    """[R-4.9]: whoever looked the contact up before the erasure is refused after it."""
    one = contacts(desk)[0]
    Contact.objects.filter(pk=one.pk).update(erased_at=NOW)
    with transaction.atomic():
        answers = events_record(desk.world.team.pk, [_given(one, "1", NOW, {"state": "paid"})])
    assert answers[0].code == "CONTACT_UNKNOWN"
    assert record(desk, crm, order(one)).results[0].code == "CONTACT_UNKNOWN"
    assert not ContactEvent.objects.exists()


def _given(contact: Contact, external_id: str, at: datetime, properties: dict[str, Any]) -> Given:
    return Given(
        contact_id=contact.pk,
        key=Key("shop", "order", external_id),
        fact=Fact(at, at, at, properties),
    )


def _at_once(*functions: Any) -> list[Any]:
    answers: list[Any] = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def work(place: int) -> None:
        try:
            start.wait(timeout=30)
            with transaction.atomic():
                answers[place] = functions[place]()
        except Exception as problem:  # noqa: BLE001 - told below, in the test's own thread
            answers[place] = problem
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not [each for each in answers if isinstance(each, BaseException)], answers
    return answers


@pytest.mark.races
def test_two_calls_about_the_same_events_leave_each_once(desk: Desk) -> None:
    """Same keys in opposite order, other states, another contact: no deadlock, nothing lost."""
    one, two, *_ = contacts(desk)
    team = desk.world.team.pk
    for turn in range(6):
        keys = [f"{turn}-{number}" for number in range(30)]
        paid = [_given(one, key, NOW - timedelta(hours=2), {"state": "paid"}) for key in keys]
        sent = [_given(one, key, NOW - timedelta(hours=1), {"state": "sent"}) for key in keys]
        theirs = [_given(two, key, NOW - timedelta(hours=3), {"state": "new"}) for key in keys]
        answers = _at_once(
            lambda paid=paid: events_record(team, paid),
            lambda sent=sent: events_record(team, sent[::-1]),
            lambda theirs=theirs: events_record(team, theirs[::2]),
            lambda paid=paid: events_record(team, paid[::-1]),
        )
        rows = {row.external_id: row for row in ContactEvent.objects.filter(external_id__in=keys)}
        assert len(rows) == len(keys)
        for row in rows.values():
            assert row.properties["state"] == ("sent" if row.contact_id == one.pk else "new")
        refused = sum(each.status == "refused" for answer in answers for each in answer)
        assert refused > 0
    for contact in (one, two):
        known = ContactEvent.objects.filter(contact=contact).count()
        summary = EventSummary.objects.filter(contact=contact).first()
        assert (summary.count if summary else 0) == known


@pytest.mark.races
def test_different_orders_of_one_contact_at_once_are_all_summed_up(desk: Desk) -> None:
    one, *_ = contacts(desk)
    team = desk.world.team.pk
    _at_once(
        *(
            lambda number=number: events_record(
                team, [_given(one, str(number), NOW - timedelta(hours=number), {"amount": "1"})]
            )
            for number in range(8)
        )
    )
    summary = EventSummary.objects.get()
    assert (summary.count, summary.amount_sum, summary.last_at) == (8, Decimal(8), NOW)


def test_a_summary_without_events_goes(desk: Desk, crm: User) -> None:
    one = contacts(desk)[0]
    record(desk, crm, order(one))
    ContactEvent.objects.all().delete()
    with transaction.atomic():
        event_summaries_refresh([one.pk])
    assert not EventSummary.objects.exists()


def test_the_right_to_record_events_is_crms_and_carried_by_a_scope() -> None:
    permission = PERMISSIONS["contacts.event_record"]
    assert permission.roles == {"crm", "admin"}
    assert permission.scopes == {"sms:contacts.write"}


_BASE = datetime(2026, 1, 1, tzinfo=UTC)
_properties = st.dictionaries(
    st.sampled_from(["state", "amount", "note"]),
    st.one_of(st.none(), st.sampled_from(["a", "b", "c"])),
    max_size=3,
)
_facts = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 500), _properties),
    min_size=1,
    max_size=8,
    unique_by=lambda item: item[0],
)


@settings(max_examples=300, deadline=None)
@given(facts=_facts, data=st.data())
def test_any_order_of_arrival_tells_the_same(
    facts: list[tuple[int, int, dict[str, Any]]], data: Any
) -> None:
    """Facts of different moments: whatever comes first, again or late, the thing is the same."""
    told = [
        Fact(_BASE + timedelta(hours=at), _BASE + timedelta(hours=when), _BASE, properties)
        for at, when, properties in facts
    ]
    right = facts_fold(told)
    order_of_arrival = data.draw(st.permutations(told))
    again = data.draw(st.lists(st.sampled_from(told), max_size=4))
    known: list[Fact] = []
    for fact in [*order_of_arrival, *again]:
        known = list(facts_fold([*known, fact]).facts)
    assert facts_fold(known) == right
    newest = max(told, key=lambda fact: fact.at)
    assert right.updated_at == newest.at
    for name, value in newest.properties.items():
        assert right.properties.get(name) == value


def test_a_thing_of_very_many_facts_keeps_what_they_said() -> None:
    facts = [
        Fact(_BASE + timedelta(hours=hour), _BASE, _BASE, {f"p{hour % 7}": str(hour)})
        for hour in range(3 * FACTS_MAX)
    ]
    folded = facts_fold(facts)
    assert len(folded.facts) == FACTS_MAX
    assert folded.properties == {f"p{hour % 7}": str(hour) for hour in range(143, 150)}
    assert facts_fold([*folded.facts, facts[0]]).properties == folded.properties
