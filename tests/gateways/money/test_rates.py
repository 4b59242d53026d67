"""Prices: a list is taken whole or not at all, the past stays, and the same price only grows younger."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.gateways.models import Rate
from smsmarketing.gateways.rules.rate_list import ListUnreadable, lines_read, rates_read
from smsmarketing.gateways.services.rates import rates_take
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import Done, Held
from tests.gateways.money.people import person
from tests.gateways.world import World

pytestmark = pytest.mark.django_db


def lines_of(world: World) -> list[tuple[Any, ...]]:
    return list(
        Rate.objects.filter(gateway=world.gateway)
        .order_by("country", "operator", "valid_from")
        .values_list("country", "operator", "price", "valid_from", "valid_to", "source")
    )


def test_a_list_changes_what_differs_and_confirms_the_rest(world: World) -> None:
    now = timezone.now() + timedelta(days=1)
    first = Rate.objects.get(gateway=world.gateway, country="LT")
    taken = rates_take(
        world.gateway,
        [
            ("LT", "", Decimal("0.05"), "EUR", None),
            ("LT", "24601", Decimal("0.06"), "EUR", None),
            ("LV", "", Decimal("0.07"), "EUR", None),
        ],
        "sync",
        now=now,
    )
    assert (taken.confirmed, len(taken.changes)) == (1, 2)
    first.refresh_from_db()
    assert (first.fetched_at, first.valid_to, first.source) == (now, None, "manual")
    later = now + timedelta(days=1)
    taken = rates_take(
        world.gateway, [("LT", "", Decimal("0.0625"), "EUR", None)], "sync", now=later
    )
    assert [(each.before, each.price, each.percent) for each in taken.changes] == [
        (Decimal("0.05"), Decimal("0.0625"), Decimal("25.0"))
    ]
    first.refresh_from_db()
    assert (first.price, first.valid_to) == (Decimal("0.05"), later)
    assert Rate.objects.get(country="LT", operator="", valid_to=None).valid_from == later


def test_the_past_is_never_rewritten_and_what_is_announced_stays(world: World) -> None:
    now = timezone.now() + timedelta(days=1)
    ahead = now + timedelta(days=10)
    rates_take(world.gateway, [("LT", "", Decimal("0.09"), "EUR", ahead)], "import", now=now)
    rates_take(
        world.gateway,
        [("LT", "", Decimal("0.06"), "EUR", now - timedelta(days=400))],
        "import",
        now=now,
    )
    spans = [(price, start, end) for _, _, price, start, end, _ in lines_of(world)]
    assert [(str(price.normalize()), end) for price, _, end in spans] == [
        ("0.05", now),
        ("0.06", ahead),
        ("0.09", None),
    ]
    assert spans[1][1] == now
    # What was announced and has not begun may be corrected: nobody was ever charged at it.
    rates_take(world.gateway, [("LT", "", Decimal("0.08"), "EUR", ahead)], "import", now=now)
    assert lines_of(world)[-1][2:5] == (Decimal("0.08"), ahead, None)
    assert len(lines_of(world)) == 3


def test_of_two_prices_for_one_key_the_dearer_counts(world: World) -> None:
    now = timezone.now() + timedelta(days=1)
    rows = [("LV", "", Decimal(price), "EUR", None) for price in ("0.03", "0.08", "0.05")]
    rates_take(world.gateway, rows, "sync", now=now)
    assert Rate.objects.get(country="LV").price == Decimal("0.08")


@pytest.mark.parametrize(
    "row", [("LV", "", Decimal("0.03"), "USD", None), ("LV", "", Decimal("-1"), "EUR", None)]
)
def test_a_foreign_currency_or_a_negative_price_takes_nothing(
    world: World, row: tuple[Any, ...]
) -> None:
    before = lines_of(world)
    with pytest.raises(InvalidInput):
        rates_take(world.gateway, [("LT", "", Decimal("0.9"), "EUR", None), row], "sync")
    assert lines_of(world) == before


def test_it_takes_the_same_number_of_statements_for_any_list(
    world: World, django_assert_max_num_queries: Any
) -> None:
    rows = [
        ("LT", f"{number:05d}", Decimal(number) / 1000, "EUR", None) for number in range(10, 900)
    ]
    with django_assert_max_num_queries(12):
        rates_take(world.gateway, rows, "sync")
    with django_assert_max_num_queries(12):
        assert rates_take(world.gateway, rows, "sync").confirmed == len(rows)


CSV = "country,operator,price,valid_from\nLT,,0.055,\nLT,24601,0.06,\nLV,,0.0701,\n"


def test_an_import_shows_first_and_then_takes(world: World) -> None:
    actor = person(world)
    payload = {"gateway_id": world.gateway.pk, "content": CSV, "source": "contract-7"}
    before = lines_of(world)
    seen = execute("rates.import", payload, actor=actor, dry_run=True)
    assert isinstance(seen, Done)
    assert lines_of(world) == before
    done = execute("rates.import", payload, actor=actor)
    assert isinstance(done, Done)
    assert done.result.model_dump()["changed"] == seen.result.model_dump()["changed"]
    out = done.result.model_dump()
    assert (out["rows"], out["changed"], out["confirmed"]) == (3, 3, 0)
    assert out["largest_change_percent"] == "10.0"
    again = execute("rates.import", payload, actor=actor)
    assert isinstance(again, Done)
    assert again.result.model_dump()["confirmed"] == 3
    listed = execute("rates.get", {"gateway_id": world.gateway.pk, "country": "LT"}, actor=actor)
    assert isinstance(listed, Done)
    rows = listed.result.model_dump()["items"]
    assert [(row["operator"], row["price"]["amount"], row["source"]) for row in rows] == [
        ("", "0.055", "contract-7"),
        ("24601", "0.06", "contract-7"),
    ]
    assert not rows[0]["stale"]
    assert rows[0]["age_seconds"] >= 0


def test_json_is_taken_too(world: World) -> None:
    content = json.dumps([{"country": "lv", "mccmnc": "24701", "price": 0.041}])
    payload = {"gateway_id": world.gateway.pk, "content": content, "format": "json"}
    assert isinstance(execute("rates.import", payload, actor=person(world)), Done)
    assert Rate.objects.get(operator="24701").price == Decimal("0.041")


def test_a_price_that_jumps_waits_for_a_second_person(world: World) -> None:
    """[R-8.4]"""
    before = lines_of(world)
    payload = {"gateway_id": world.gateway.pk, "content": "country,price\nLT,0.5\n"}
    held = execute("rates.import", payload, actor=person(world))
    assert isinstance(held, Held)
    assert lines_of(world) == before
    assert ActionRequest.objects.get().operation == "rates.import"


@pytest.mark.parametrize(
    ("rows", "code", "line"),
    [
        ("LT,,0.06,\nXX,,0.05,\n", "country_unknown", 3),
        ("LT,,0.06,\nLV,2460,0.05,\n", "operator_format", 3),
        ('LT,,0.06,\nLV,,"0,05",\n', "price_format", 3),
        ("LT,,-0.06,\n", "price_format", 2),
        ("LT,,NaN,\n", "price_format", 2),
        ("LT,,0.06,soon\n", "date_format", 2),
        ("LT,,0.06,\nLT,,0.07,\n", "duplicate", 3),
        ("LT,,0.06,,,x\n", "columns", 2),
        ("LT\n", "columns", 2),
    ],
)
def test_one_bad_row_and_nothing_is_taken(world: World, rows: str, code: str, line: int) -> None:
    before = lines_of(world)
    payload = {
        "gateway_id": world.gateway.pk,
        "content": "country,operator,price,valid_from\n" + rows,
    }
    with pytest.raises(InvalidInput) as caught:
        execute("rates.import", payload, actor=person(world))
    problem = caught.value.details["rows"][0]
    assert (problem["code"], problem["line"]) == (code, line)
    assert "content" in caught.value.field_errors
    assert lines_of(world) == before


@pytest.mark.parametrize(
    ("content", "file_format"),
    [("country,price\n", "csv"), ("{}", "json"), ("[1]", "json"), ("[" * 5000, "json"), ("x", "json"),
     ("a,a\n1,2\n", "csv"), ('country,price\n"LT', "csv")],
)  # fmt: skip
def test_what_is_no_list_is_refused(world: World, content: str, file_format: str) -> None:
    before = lines_of(world)
    payload = {"gateway_id": world.gateway.pk, "content": content, "format": file_format}
    with pytest.raises(InvalidInput):
        execute("rates.import", payload, actor=person(world))
    with pytest.raises(ListUnreadable):
        lines_read(content, file_format)
    assert lines_of(world) == before


def test_another_currency_is_refused_not_converted(world: World) -> None:
    lines = lines_read("\ufeffCountry;Price;Currency\r\nLT;0.05;USD\r\n", "csv")
    rows, problems = rates_read(lines, currency="EUR", now=timezone.now())
    assert rows == []
    assert [(each.line, each.code) for each in problems] == [(2, "currency_differs")]


def test_a_gateway_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        execute("rates.import", {"gateway_id": 999_999, "content": CSV}, actor=person(world))


@pytest.mark.django_db(transaction=True)
def test_two_lists_at_once_leave_one_price_in_force(world: World) -> None:
    """The row of the gateway is the lock: no moment has two prices, and none is lost."""

    def take(price: int) -> None:
        try:
            for step in range(5):
                rates_take(
                    world.gateway,
                    [("LT", "", Decimal(price + step * 10) / 1000, "EUR", None)],
                    "sync",
                )
        finally:
            connections.close_all()

    workers = [threading.Thread(target=take, args=(price,)) for price in (61, 62, 63, 64)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    spans = [(start, end) for _, _, _, start, end, _ in lines_of(world)]
    assert sum(end is None for _, end in spans) == 1
    assert all(spans[n][1] == spans[n + 1][0] for n in range(len(spans) - 1))
