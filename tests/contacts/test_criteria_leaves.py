"""Calendar spans, days that come round, refusals of the newer conditions, and whose events count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.contacts.criteria import criteria_parse
from smsmarketing.contacts.criteria.windows import days_of_year, window_bounds, window_read
from smsmarketing.contacts.models import Contact, EventSummary
from smsmarketing.operations.errors import InvalidInput
from tests.contacts.conftest import order_of
from tests.contacts.test_criteria_worlds import found

NOW = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)  # a Wednesday; already Thursday in Vilnius


def bounds(**window: Any) -> tuple[datetime | None, datetime | None]:
    read = window_read(window, "criteria")
    assert read is not None
    return window_bounds(read, NOW)


@pytest.mark.parametrize(
    ("word", "first", "after"),
    [
        ("today", "2026-03-04", "2026-03-05"),
        ("yesterday", "2026-03-03", "2026-03-04"),
        ("this_week", "2026-03-02", "2026-03-09"),
        ("last_week", "2026-02-23", "2026-03-02"),
        ("this_month", "2026-03-01", "2026-04-01"),
        ("last_month", "2026-02-01", "2026-03-01"),
        ("this_year", "2026-01-01", "2027-01-01"),
        ("last_year", "2025-01-01", "2026-01-01"),
    ],
)
def test_calendar_words_are_whole_days(word: str, first: str, after: str) -> None:
    assert bounds(calendar=word) == (
        datetime.fromisoformat(first).replace(tzinfo=UTC),
        datetime.fromisoformat(after).replace(tzinfo=UTC),
    )


def test_a_day_begins_where_the_zone_says() -> None:
    start, after = bounds(calendar="today", zone="Europe/Vilnius")
    assert start == datetime(2026, 3, 4, 22, tzinfo=UTC)
    assert after == datetime(2026, 3, 5, 22, tzinfo=UTC)
    assert bounds(since="2026-03-01", until="2026-03-02") == (
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 3, tzinfo=UTC),
    )
    assert bounds(until="2026-03-02")[0] is None


def test_who_was_born_on_a_leap_day_has_a_birthday_every_year() -> None:
    assert days_of_year(datetime(2026, 2, 28, tzinfo=UTC).date(), 0) == ["02-28", "02-29"]
    assert days_of_year(datetime(2028, 2, 28, tzinfo=UTC).date(), 0) == ["02-28"]
    assert days_of_year(datetime(2026, 12, 31, tzinfo=UTC).date(), 1) == ["12-31", "01-01"]
    assert len(days_of_year(datetime(2026, 1, 1, tzinfo=UTC).date(), 366)) == 366


def test_birthdays_come_round_whatever_the_year(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """Over the turn of the year too; a text that is no date never matches and never fails."""
    people = {
        "+447400123456": "1990-12-31",
        "+491711234567": "2001-01-02T10:00:00+00:00",
        "+12025550123": "soon",
        "+37060000001": "1985-06-15",
    }
    for number, (phone, born) in enumerate(people.items()):
        contact = make_contact(phone, custom={"born": born})
        Contact.objects.filter(pk=contact.pk).update(source=str(number))
    now = datetime(2026, 12, 30, 9, tzinfo=UTC)

    def named(operator: str, days: int, at: datetime = now) -> set[int]:
        leaf = {"name": "born", "type": "date", "op": operator, "value": days}
        return found({"custom": leaf}, brand, at)

    assert named("anniversary", 0) == set()
    assert named("anniversary", 1) == {0}
    assert named("anniversary", 3) == {0, 1}
    assert named("anniversary", 366) == {0, 1, 3}
    assert named("last_days", 2, datetime(2001, 1, 4, tzinfo=UTC)) == {1}
    assert named("next_days", 2, datetime(2000, 12, 31, tzinfo=UTC)) == {1}
    assert named("next_days", 1, datetime(2000, 12, 31, tzinfo=UTC)) == set()


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"event": {"kind": "orders"}}, "criteria.event.kind"),
        ({"event": {"kind": ["order"]}}, "criteria.event.kind"),
        (
            {"event": {"kind": "order", "within_days": 3, "older_than_days": 9}},
            "criteria.event.older_than_days",
        ),
        ({"event": {"kind": "order", "between_days": [3, 3]}}, "criteria.event.between_days"),
        ({"event": {"kind": "order", "between_days": [3]}}, "criteria.event.between_days"),
        ({"event": {"kind": "order", "calendar": "next_month"}}, "criteria.event.calendar"),
        (
            {"event": {"kind": "order", "calendar": "today", "zone": "Mars/Base"}},
            "criteria.event.zone",
        ),
        (
            {"event": {"kind": "order", "since": "2026-03-02", "until": "2026-03-01"}},
            "criteria.event.until",
        ),
        ({"event": {"kind": "order", "since": "9999-12-31"}}, "criteria.event.since"),
        ({"created": {}}, "criteria.created"),
        ({"created": {"within_days": True}}, "criteria.created.within_days"),
        ({"newest": {"kind": "order"}}, "criteria.newest.state"),
        ({"purchases": {"kind": "order"}}, "criteria.purchases"),
        ({"purchases": {"first": {}}}, "criteria.purchases.first"),
        (
            {"purchases": {"total": {"op": "ge", "value": "1e999"}}},
            "criteria.purchases.total.value",
        ),
        ({"repurchase": {}}, "criteria.repurchase"),
        ({"repurchase": {"days": 5, "factor": 2}}, "criteria.repurchase"),
        ({"repurchase": {"factor": 0}}, "criteria.repurchase.factor"),
        ({"repurchase": {"days": 9, "lapsed_days": 9}}, "criteria.repurchase.lapsed_days"),
        ({"sent": {"count": {"op": "ge", "value": 16}}}, "criteria.sent.count.value"),
        ({"line_type": "satellite"}, "criteria.line_type"),
        ({"consent": {"basis": "guess"}}, "criteria.consent.basis"),
        ({"consent": {"purpose": "spam"}}, "criteria.consent.purpose"),
        ({"consent": False}, "criteria.consent"),
        ({"replied": False}, "criteria.replied"),
        ({"import": "12"}, "criteria.import"),
        (
            {"custom": {"name": "b", "type": "date", "op": "anniversary", "value": 400}},
            "criteria.custom.value",
        ),
        ({"custom": {"name": "b", "op": "anniversary", "value": 4}}, "criteria.custom.op"),
    ],
)
def test_a_fault_of_the_newer_conditions_is_named_by_its_path(
    brand: Brand, tree: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        criteria_parse(tree, brand_id=brand.pk, team_ids=[brand.team_id])
    assert list(refusal.value.field_errors) == [path]


def test_what_another_team_knows_of_a_person_is_not_looked_at(
    brand: Brand, other_brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    contact = make_contact("+447400123456")
    Contact.objects.filter(pk=contact.pk).update(source="0")
    now = timezone.now()
    order_of(contact, other_brand.team, "1", at=now - timedelta(days=2), state="paid", total=9)
    assert EventSummary.objects.count() == 1
    for leaf in (
        {"event": {"kind": "order"}},
        {
            "event": {
                "kind": "order",
                "within_days": 9,
                "properties": [{"name": "total", "op": "exists"}],
            }
        },
        {"newest": {"kind": "order", "state": "paid"}},
        {"purchases": {"count": {"op": "ge", "value": 1}}},
        {"repurchase": {"days": 1}},
    ):
        assert found(leaf, brand, now) == set()


def test_a_product_property_inside_a_window(
    brand: Brand, team: Team, make_contact: Callable[..., Contact]
) -> None:
    contact = make_contact("+447400123456")
    Contact.objects.filter(pk=contact.pk).update(source="0")
    now = timezone.now()
    order_of(contact, team, "1", at=now - timedelta(days=2), category="shoes", total=120)
    test = {"name": "category", "op": "in", "value": ["shoes", "bags"]}
    leaf = {"event": {"kind": "order", "within_days": 30, "properties": [test]}}
    assert found(leaf, brand, now) == {0}
    assert found(leaf, brand, now + timedelta(days=40)) == set()
