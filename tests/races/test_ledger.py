"""The ledger under many hands: reserve, settle, correct and stop at once; it never goes negative and always sums."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection, connections, transaction
from django.db.models import Sum
from django.utils import timezone

from smsmarketing.gateways import services
from smsmarketing.gateways.models import Batch, LedgerEntry, Quota
from smsmarketing.gateways.rules.exchange import money_convert
from smsmarketing.gateways.rules.rate_list import ExchangeRow
from smsmarketing.gateways.services.exchange import exchange_take
from smsmarketing.operations.errors import BudgetExceeded, Conflict, QuotaExceeded
from smsmarketing.operations.states import row_lock, transition_apply
from tests.gateways.world import World, world_make

pytestmark = pytest.mark.django_db(transaction=True)

RATE = Decimal("1.0837654321")
REFUSED = (BudgetExceeded, QuotaExceeded, Conflict)


def sums(quota: Quota) -> None:
    """One snapshot of a quota and its entries: reserved and spent are exactly what the entries say."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        row = Quota.objects.get(pk=quota.pk)
        found: dict[str, tuple[int, Decimal]] = {
            kind: (parts, amount)
            for kind, parts, amount in LedgerEntry.objects.filter(quota=row)
            .values_list("kind")
            .annotate(parts=Sum("parts"), amount=Sum("amount"))
        }
    none = (0, Decimal(0))
    reserve, release, settle = (found.get(kind, none) for kind in ("reserve", "release", "settle"))
    assert row.parts_reserved == reserve[0] - release[0]
    assert row.money_reserved == reserve[1] - release[1]
    assert (row.parts_spent, row.money_spent) == settle
    assert min(row.parts_reserved, row.parts_spent) >= 0
    assert min(row.money_reserved, row.money_spent) >= 0
    assert row.parts_reserved + row.parts_spent <= row.message_limit
    assert row.money_reserved <= row.money_limit


def accept_some(batch: Batch, dice: random.Random) -> None:
    """What a gateway did: takes some, bills them at a price of its own, sometimes corrects a bill."""
    ids = list(batch.messages.order_by("id").values_list("pk", flat=True))
    for pk in dice.sample(ids, dice.randint(0, len(ids))):
        # Never dearer than planned: the limits above hold for what was planned. And nothing that a stop
        # has cancelled meanwhile: what it held is given back, and another batch may have it by now.
        batch.messages.filter(pk=pk, state__in=("queued", "accepted")).update(
            accepted_at=dice.choice([None, timezone.now(), timezone.now()]),
            state="accepted",
            price_billed=Decimal(dice.randint(0, 50_000)) / 1_000_000,
        )


def act(world: World, made: list[Batch], dice: random.Random) -> None:
    """One step of one hand."""
    kind = dice.choice(["reserve", "reserve", "settle", "settle", "slice", "stop"])
    try:
        if kind == "reserve" or not made:
            with transaction.atomic():
                batch = services.batch_release(dice.choice(made) if made else Batch(pk=0))
                transition_apply(row_lock(Batch, batch.pk), "start")
            return
        batch = dice.choice(made)
        if kind == "stop":
            with transaction.atomic():
                services.batch_stop(batch)
            return
        if Batch.objects.get(pk=batch.pk).quota_id is not None:
            accept_some(batch, dice)
        slices = list(batch.slices.values_list("pk", flat=True)) if kind == "slice" else None
        services.batch_settle(batch, slice_ids=slices)
    except REFUSED:
        pass


def hands(count: int, work: Callable[[random.Random], None], seed: int) -> None:
    """Run `work` in threads, each with its own connection; what one raises fails the test."""
    problems: list[BaseException] = []

    def one(number: int) -> None:
        try:
            work(random.Random(seed * 100 + number))
        except BaseException as exc:  # noqa: BLE001 - told by the main thread
            problems.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert problems == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_never_goes_negative_and_always_sums(seed: int) -> None:
    world = world_make()
    world.team.currency = "USD"
    world.team.save()
    Quota.objects.all().delete()
    exchange_take([ExchangeRow("EUR", "USD", RATE, None)], "test")
    month = timezone.now().date()
    whole = services.quota_set(
        world.team, month=month, message_limit=60, money_limit=Decimal("3.2"), warn_percent=50
    )
    own = services.quota_set(
        world.team,
        month=month,
        brand=world.brand,
        message_limit=45,
        money_limit=Decimal("2.5"),
        warn_percent=50,
    )
    made = [world.batch(world.contacts(7), release=False) for _ in range(12)]

    def work(dice: random.Random) -> None:
        for _ in range(25):
            act(world, made, dice)
            sums(dice.choice([whole, own]))

    hands(4, work, seed)
    sums(whole)
    sums(own)
    assert LedgerEntry.objects.filter(kind="reserve", quota=own).count() >= 1
    for batch in made:
        try:
            with transaction.atomic():
                services.batch_stop(batch)
        except Conflict:
            services.batch_settle(batch)
    for quota in (whole, own):
        sums(quota)
        quota.refresh_from_db()
        assert (quota.parts_reserved, quota.money_reserved) == (0, Decimal(0))
        settled = sum(
            (
                money_convert(
                    batch.slices.aggregate(total=Sum("money_settled"))["total"] or Decimal(0), RATE
                )
                for batch in Batch.objects.filter(quota__isnull=False)
            ),
            Decimal(0),
        )
        assert quota.money_spent == settled


def test_of_many_sends_only_as_many_fit_as_the_limit_allows() -> None:
    """Ten sends of 7 parts at once, room for 45: six go, four are refused, and nothing is half booked."""
    world = world_make()
    own = services.quota_set(
        world.team,
        month=timezone.now().date(),
        brand=world.brand,
        message_limit=45,
        money_limit=Decimal(100),
    )
    made = [world.batch(world.contacts(7), release=False) for _ in range(10)]
    outcomes: list[str] = []

    lock = threading.Lock()
    waiting = list(made)

    def work(dice: random.Random) -> None:
        while True:
            with lock:
                if not waiting:
                    return
                batch = waiting.pop()
            try:
                with transaction.atomic():
                    services.batch_release(batch)
                outcomes.append("went")
            except QuotaExceeded:
                outcomes.append("refused")

    hands(4, work, 7)
    assert sorted(outcomes) == ["refused"] * 4 + ["went"] * 6
    sums(own)
    assert Quota.objects.get(pk=own.pk).parts_reserved == 42
    assert LedgerEntry.objects.filter(quota=own).count() == 6
