"""Taking a list of prices: what changed begins, what is the same is confirmed, the past stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from smsmarketing.gateways.models import Gateway, Rate
from smsmarketing.gateways.rules.rate_list import RateRow
from smsmarketing.operations.errors import InvalidInput


class RateChange(NamedTuple):
    """A price that begins. `before` is None where there was none."""

    country: str
    operator: str
    before: Decimal | None
    price: Decimal
    valid_from: datetime

    @property
    def percent(self) -> Decimal:
        """By how much it changes, without sign; a price that was 0 and is not counts as 100."""
        if self.before is None or self.before == self.price:
            return Decimal(0)
        if self.before == 0:
            return Decimal(100)
        return (abs(self.price - self.before) * 100 / self.before).quantize(Decimal("0.1"))


@dataclass
class RatesTaken:
    """What a list did, or would do. `confirmed`: prices that were the same."""

    changes: list[RateChange] = field(default_factory=list)
    confirmed: int = 0
    largest_percent: Decimal = Decimal(0)


@dataclass
class _Plan:
    taken: RatesTaken
    begin: list[Rate] = field(default_factory=list)
    end: list[Rate] = field(default_factory=list)
    mend: list[Rate] = field(default_factory=list)
    confirm: list[int] = field(default_factory=list)


Row = RateRow | tuple[str, str, Decimal, str, datetime | None]


def rates_take(
    gateway: Gateway, rows: Iterable[Row], source: str, *, now: datetime | None = None
) -> RatesTaken:
    """Take prices (country, operator MCC+MNC or "", price, currency, valid_from or None) of a gateway.

    A price that differs ends the one in force and begins at `valid_from`, or now when that is past:
    what was in force is never rewritten. The same price is confirmed: its `fetched_at` moves. What
    the list does not name stays and grows old. Of two rows for one key the dearer counts. Raises
    InvalidInput when a row is in another currency than the gateway bills in, or negative; then
    nothing is taken. A constant number of statements, whatever the list.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        held = Gateway.objects.select_for_update(no_key=True).get(pk=gateway.pk)
        plan = _plan(held, _checked(held, rows), source, moment)
        Rate.objects.bulk_update(plan.end, ["valid_to"], batch_size=1000)
        Rate.objects.bulk_update(plan.mend, ["price", "source", "fetched_at"], batch_size=1000)
        Rate.objects.bulk_create(plan.begin, batch_size=1000)
        Rate.objects.filter(pk__in=plan.confirm).update(fetched_at=moment)
    return plan.taken


def rates_compare(
    gateway: Gateway, rows: Iterable[Row], *, now: datetime | None = None
) -> RatesTaken:
    """What `rates_take` would do; changes nothing."""
    return _plan(gateway, _checked(gateway, rows), "", now or timezone.now()).taken


def _checked(gateway: Gateway, rows: Iterable[Row]) -> list[RateRow]:
    found = [RateRow(*row) for row in rows]
    for row in found:
        if row.currency != gateway.currency:
            raise InvalidInput(
                f"A price for {row.country} is in {row.currency}; {gateway.name} bills in "
                f"{gateway.currency}. Give prices in that currency.",
                field_errors={"currency": f"Use {gateway.currency}."},
            )
        if row.price < 0:
            raise InvalidInput("A price is not negative.", field_errors={"price": "Use 0 or more."})
    return found


def _plan(gateway: Gateway, rows: Sequence[RateRow], source: str, now: datetime) -> _Plan:
    """Compare the list with what is in force and what was announced, key by key, in time order."""
    plan = _Plan(RatesTaken())
    known: dict[tuple[str, str], list[Rate]] = {}
    for rate in Rate.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=now), gateway=gateway
    ).order_by("valid_from"):
        known.setdefault((rate.country, rate.operator), []).append(rate)
    for key, begins, price in _dearest(rows, now):
        line = known.setdefault(key, [])
        running = next((each for each in reversed(line) if _in_force(each, begins)), None)
        if running is not None and running.price == price:
            if running.pk is not None:
                plan.confirm.append(running.pk)
                plan.taken.confirmed += 1
            continue
        change = RateChange(*key, running.price if running else None, price, begins)
        plan.taken.changes.append(change)
        plan.taken.largest_percent = max(plan.taken.largest_percent, change.percent)
        if running is not None and running.valid_from == begins:
            # It begins at this very moment or later: it was never in force, so nothing is rewritten.
            running.price, running.source, running.fetched_at = price, source, now
            if running.pk is not None:
                plan.mend.append(running)
            continue
        later = [each.valid_from for each in line if each.valid_from > begins]
        if running is not None:
            running.valid_to = begins
            if running.pk is not None:
                plan.end.append(running)
        new = Rate(
            gateway=gateway,
            country=key[0],
            operator=key[1],
            price=price,
            currency=gateway.currency,
            valid_from=begins,
            valid_to=min(later, default=None),
            source=source[:24],
            fetched_at=now,
        )
        plan.begin.append(new)
        line.append(new)
        line.sort(key=lambda each: each.valid_from)
    return plan


def _dearest(
    rows: Sequence[RateRow], now: datetime
) -> list[tuple[tuple[str, str], datetime, Decimal]]:
    """One price for each key and moment, in time order."""
    found: dict[tuple[tuple[str, str], datetime], Decimal] = {}
    for row in rows:
        begins = now if row.valid_from is None else max(row.valid_from, now)
        at = ((row.country.upper(), row.operator), begins)
        found[at] = max(row.price, found.get(at, row.price))
    return [
        (key, begins, price) for (key, begins), price in sorted(found.items(), key=lambda x: x[0])
    ]


def _in_force(rate: Rate, at: datetime) -> bool:
    return rate.valid_from <= at and (rate.valid_to is None or rate.valid_to > at)
