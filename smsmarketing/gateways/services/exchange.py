"""Taking exchange rates: what changed begins, the past stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from smsmarketing.gateways.models import ExchangeRate
from smsmarketing.gateways.rules.rate_list import ExchangeRow

_LOCK = 7_260_065  # one writer of exchange rates at a time


class ExchangeChange(NamedTuple):
    """A rate that begins. `before` is None where there was none."""

    base: str
    quote: str
    before: Decimal | None
    rate: Decimal
    valid_from: datetime

    @property
    def percent(self) -> Decimal:
        """By how much it changes, without sign."""
        if self.before is None:
            return Decimal(0)
        return (abs(self.rate - self.before) * 100 / self.before).quantize(Decimal("0.1"))


@dataclass
class ExchangeTaken:
    """What a list did."""

    changes: list[ExchangeChange] = field(default_factory=list)
    confirmed: int = 0

    @property
    def largest_percent(self) -> Decimal:
        return max((each.percent for each in self.changes), default=Decimal(0))


def exchange_take(
    rows: Iterable[ExchangeRow], source: str, *, now: datetime | None = None
) -> ExchangeTaken:
    """Take rates from now or a later moment on; the same rate is confirmed. Batches keep theirs."""
    moment = now or timezone.now()
    taken = ExchangeTaken()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        for row in sorted(rows, key=lambda each: each.valid_from or moment):
            _one(row, source, moment, taken)
    return taken


def exchange_compare(rows: Iterable[ExchangeRow], *, now: datetime) -> ExchangeTaken:
    """What `exchange_take` would do; changes nothing."""
    taken = ExchangeTaken()
    for row in rows:
        begins = max(row.valid_from or now, now)
        running = _running(row, begins)
        if running is None or running.rate != row.rate:
            before = running.rate if running else None
            taken.changes.append(ExchangeChange(row.base, row.quote, before, row.rate, begins))
        else:
            taken.confirmed += 1
    return taken


def _running(row: ExchangeRow, at: datetime) -> ExchangeRate | None:
    return (
        ExchangeRate.objects.filter(
            Q(valid_to=None) | Q(valid_to__gt=at),
            base=row.base,
            quote=row.quote,
            valid_from__lte=at,
        )
        .order_by("-valid_from")
        .first()
    )


def _one(row: ExchangeRow, source: str, now: datetime, taken: ExchangeTaken) -> None:
    begins = max(row.valid_from or now, now)
    running = _running(row, begins)
    if running is not None and running.rate == row.rate:
        running.fetched_at = now
        running.save(update_fields=["fetched_at"])
        taken.confirmed += 1
        return
    before = running.rate if running is not None else None
    taken.changes.append(ExchangeChange(row.base, row.quote, before, row.rate, begins))
    if running is not None and running.valid_from == begins:
        running.rate, running.source, running.fetched_at = row.rate, source[:24], now
        running.save(update_fields=["rate", "source", "fetched_at"])
        return
    later = (
        ExchangeRate.objects.filter(base=row.base, quote=row.quote, valid_from__gt=begins)
        .order_by("valid_from")
        .first()
    )
    if running is not None:
        running.valid_to = begins
        running.save(update_fields=["valid_to"])
    ExchangeRate.objects.create(
        base=row.base,
        quote=row.quote,
        rate=row.rate,
        valid_from=begins,
        valid_to=later.valid_from if later is not None else None,
        source=source[:24],
        fetched_at=now,
    )
