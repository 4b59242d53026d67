"""The ledger of lookups: for each quota reserved = sum of reserve - sum of release, spent = sum of settle,
as for sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from smsmarketing.gateways.models import LedgerEntry, NumberLookup, Quota
from smsmarketing.gateways.rules.exchange import money_convert
from smsmarketing.gateways.selectors.exchange import exchange_now
from smsmarketing.gateways.services.money_alerts import quota_warn
from smsmarketing.gateways.services.settlement import quota_lock
from smsmarketing.operations.errors import BudgetExceeded, QuotaExceeded

NOTE = "number lookups"


def lookup_money(lookup: NumberLookup) -> Decimal:
    """What one costs in the budget's currency."""
    return money_convert(lookup.price, lookup.exchange_rate)


def money_reserve(
    *, team_id: int, price: Decimal, currency: str, count: int, now: datetime
) -> tuple[Quota, Decimal]:
    """Reserve `count` lookups in the team's budget of this month. Returns the quota and the exchange
    rate. Raises QuotaExceeded (no limit was ever set), BudgetExceeded and RatesUnavailable.
    """
    quota = quota_lock(team_id, now)
    if quota is None:
        raise QuotaExceeded(
            "The team has no quota. Ask an admin to set a monthly limit for the team first."
        )
    rate = exchange_now(currency, quota.currency, now).rate
    money = money_convert(price, rate) * count
    left = max(quota.money_limit - quota.money_reserved - quota.money_spent, Decimal(0))
    if money > left:
        raise BudgetExceeded(
            f"These lookups cost {money:f} {quota.currency} and the team has {left:f} left this month."
            " Look up fewer numbers or ask an admin for a higher limit.",
            details={"needed": f"{money:f}", "left": f"{left:f}", "limit_of": "team"},
        )
    quota.money_reserved += money
    quota.save(update_fields=["money_reserved"])
    _entry(quota, "reserve", money, rate, now, NOTE)
    quota_warn(quota, now=now)
    return quota, rate


def lookups_book(lookups: Iterable[NumberLookup], *, now: datetime) -> None:
    """Settle what the provider took and release what it did not, once for each. The caller holds the
    rows; the quotas are locked after them, in id order.
    """
    by_quota: dict[int, list[NumberLookup]] = {}
    for lookup in lookups:
        if not lookup.booked:
            by_quota.setdefault(lookup.quota_id, []).append(lookup)
    for quota_id, rows in sorted(by_quota.items()):
        quota = Quota.objects.select_for_update(of=("self",)).get(pk=quota_id)
        kinds = sorted({(row.state != "failed", row.exchange_rate) for row in rows})
        for billed, rate in kinds:
            mine = [
                row for row in rows if (row.state != "failed", row.exchange_rate) == (billed, rate)
            ]
            money = sum(map(lookup_money, mine), Decimal(0))
            quota.money_reserved -= money
            if billed:
                quota.money_spent += money
                _entry(quota, "settle", money, rate, now, NOTE)
            _entry(quota, "release", money, rate, now, NOTE if billed else f"{NOTE} not asked for")
        quota.save(update_fields=["money_reserved", "money_spent"])
        quota_warn(quota, now=now)
        for row in rows:
            row.booked = True
    NumberLookup.objects.filter(
        pk__in=[row.pk for rows in by_quota.values() for row in rows]
    ).update(booked=True)


def _entry(
    quota: Quota, kind: str, amount: Decimal, rate: Decimal, now: datetime, note: str
) -> None:
    LedgerEntry.objects.create(
        quota=quota,
        batch=None,
        kind=kind,
        parts=0,
        amount=amount,
        currency=quota.currency,
        exchange_rate=rate,
        created_at=now,
        note=note,
    )
