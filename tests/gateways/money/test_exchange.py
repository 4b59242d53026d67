"""Currencies: stored rates, frozen at the release, rounded by one rule; and prices that are too old."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.gateways import services
from smsmarketing.gateways.models import Batch, ExchangeRate, LedgerEntry, Quota
from smsmarketing.gateways.rules.exchange import (
    money_convert,
    money_shown,
    money_step,
    rate_inverse,
)
from smsmarketing.gateways.rules.rate_list import ExchangeRow
from smsmarketing.gateways.selectors.exchange import exchange_known, exchange_now
from smsmarketing.gateways.services.exchange import exchange_take
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import BudgetExceeded, InvalidInput, RatesUnavailable
from smsmarketing.operations.types import Done
from tests.gateways.money.people import person
from tests.gateways.world import World

pytestmark = pytest.mark.django_db

AMOUNTS = st.decimals(min_value=0, max_value=1000, places=6)


@given(
    steps=st.lists(AMOUNTS, max_size=20),
    rate=st.decimals(min_value="0.0000000001", max_value=100, places=10),
)
def test_steps_sum_to_the_converted_whole(steps: list[Decimal], rate: Decimal) -> None:
    """The rounding rule: differences of totals, so nothing is lost or made by rounding."""
    booked, total = Decimal(0), Decimal(0)
    for step in steps:
        booked += money_step(total, step, rate)
        total += step
    assert booked == money_convert(total, rate)


def test_the_rounding_rule_in_numbers() -> None:
    assert money_convert(Decimal("0.0000005"), Decimal(1)) == Decimal("0.000001")
    assert money_convert(Decimal("1.000000"), Decimal("1.0834567890")) == Decimal("1.083457")
    assert money_shown(Decimal("10.000001")) == Decimal("10.01")
    assert rate_inverse(Decimal(3)) == Decimal("0.3333333334")


def usd_team(world: World, rate: str = "1.0837", limit: str = "1000") -> None:
    world.team.currency = "USD"
    world.team.save()
    Quota.objects.all().delete()
    services.quota_set(
        world.team,
        month=timezone.now().date(),
        message_limit=1000,
        money_limit=Decimal(limit),
    )
    exchange_take([ExchangeRow("EUR", "USD", Decimal(rate), None)], "ECB")


def test_the_rate_is_frozen_at_the_release(world: World) -> None:
    usd_team(world)
    batch = world.batch(world.contacts(3), price="0.0333")
    exchange_take([ExchangeRow("EUR", "USD", Decimal("2"), None)], "ECB")
    with transaction.atomic():
        services.batch_stop(batch)
    batch.refresh_from_db()
    assert (batch.exchange_rate, batch.exchange_source) == (Decimal("1.0837"), "ECB")
    entries = list(LedgerEntry.objects.filter(batch=batch).order_by("id"))
    assert [(each.kind, each.amount, each.currency) for each in entries] == [
        ("reserve", Decimal("0.108262"), "USD"),
        ("release", Decimal("0.108262"), "USD"),
    ]
    assert {each.exchange_rate for each in entries} == {Decimal("1.0837")}
    quota = Quota.objects.get(team=world.team)
    assert (quota.money_reserved, quota.money_spent) == (Decimal(0), Decimal(0))


def test_a_limit_is_a_limit_in_its_own_currency(world: World) -> None:
    usd_team(world, limit="0.16")
    with pytest.raises(BudgetExceeded):
        world.batch(world.contacts(3), price="0.05")  # 0.15 EUR are 0.162555 USD
    assert not LedgerEntry.objects.exists()
    assert Quota.objects.get().money_reserved == 0
    assert Batch.objects.get().state == "building"


@pytest.mark.parametrize("stale", [False, True])
def test_without_a_fresh_exchange_rate_nothing_is_sent(world: World, stale: bool) -> None:
    usd_team(world)
    if stale:
        ExchangeRate.objects.update(
            fetched_at=timezone.now() - timedelta(days=settings.RATES_MAX_AGE_DAYS, hours=1)
        )
    else:
        ExchangeRate.objects.all().delete()
    with pytest.raises(RatesUnavailable):
        world.batch(world.contacts(1))
    assert not LedgerEntry.objects.exists()
    assert Batch.objects.get().state == "building"


def test_the_other_direction_is_turned_around_upwards(world: World) -> None:
    exchange_take([ExchangeRow("EUR", "USD", Decimal("1.1"), None)], "ECB")
    assert exchange_now("USD", "EUR", timezone.now()).rate == Decimal("0.9090909091")
    assert exchange_known("USD", "GBP", timezone.now()) is None
    assert exchange_now("GBP", "GBP", timezone.now()).rate == 1


def test_rates_of_the_past_stay(world: World) -> None:
    actor = person(world)
    first = "base,quote,rate\nEUR,USD,1.08\nGBP,EUR,1.17\n"
    assert isinstance(execute("exchange_rates.import", {"content": first}, actor=actor), Done)
    old = exchange_known("EUR", "USD", timezone.now())
    moment = timezone.now()
    second = "base,quote,rate\nEUR,USD,1.09\nGBP,EUR,1.17\n"
    done = execute("exchange_rates.import", {"content": second, "source": "ECB"}, actor=actor)
    assert isinstance(done, Done)
    out = done.result.model_dump()
    assert (out["confirmed"], [row["rate"] for row in out["changes"]]) == (1, ["1.09"])
    assert exchange_known("EUR", "USD", moment) == old
    shown = execute("exchange_rates.get", {"base": "EUR"}, actor=actor)
    assert isinstance(shown, Done)
    rows = shown.result.model_dump()["items"]
    assert [(row["rate"], row["source"], row["stale"]) for row in rows] == [("1.09", "ECB", False)]


@pytest.mark.parametrize(
    ("row", "code"),
    [("EUR,EUR,1", "currency_same"), ("EU,USD,1", "currency_format"), ("EUR,USD,0", "rate_format"),
     ("EUR,USD,-1", "rate_format"), ("EUR,USD,1e3", "rate_format"), ("GBP,USD,1.2", "duplicate")],
)  # fmt: skip
def test_one_bad_exchange_row_and_nothing_is_stored(world: World, row: str, code: str) -> None:
    content = f"base,quote,rate\nGBP,USD,1.3\n{row}\n"
    with pytest.raises(InvalidInput) as caught:
        execute("exchange_rates.import", {"content": content}, actor=person(world))
    assert caught.value.details["rows"][0]["code"] == code
    assert not ExchangeRate.objects.exists()


def test_settling_in_random_steps_books_the_converted_bill(world: World) -> None:
    usd_team(world, rate="0.9123456789")
    dice = random.Random(4)
    batch = world.batch(world.contacts(40), price="0.033333")
    messages = list(batch.messages.order_by("id"))
    billed = Decimal(0)
    for message in messages[:30]:
        message.accepted_at = timezone.now()
        message.price_billed = Decimal(dice.randint(1, 99_999)) / 1_000_000
        message.save(update_fields=["accepted_at", "price_billed"])
        billed += message.price_billed
        services.batch_settle(batch)
    with transaction.atomic():
        services.batch_stop(batch)
    quota = Quota.objects.get(team=world.team)
    assert quota.money_spent == money_convert(billed, Decimal("0.9123456789"))
    assert quota.money_reserved == 0
