"""Money: reserve before, settle while messages are accepted, release the rest at the end.

For every quota at every commit: reserved = sum of reserve - sum of release, spent = sum of settle.
Settling a slice spends what was charged and releases as much of the reservation, so a batch that is
through has nothing reserved and has spent exactly what its messages were billed. A batch counts in
its gateway's currency, a quota in the team's; the exchange rate between them is frozen at the release.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from smsmarketing.gateways.models import Batch, LedgerEntry, Quota
from smsmarketing.gateways.rules.exchange import money_convert, money_step
from smsmarketing.gateways.selectors import quota_current
from smsmarketing.gateways.selectors.exchange import exchange_known, exchange_now
from smsmarketing.gateways.services.money_alerts import quota_warn
from smsmarketing.operations.errors import BudgetExceeded, QuotaExceeded

_SLICE_CHARGED = """
UPDATE gateways_batchslice s
SET parts_settled = charged.parts, money_settled = charged.money
FROM (
    SELECT t.id, t.parts_settled AS parts_before, t.money_settled AS money_before,
           coalesce(sum(coalesce(m.parts_billed, m.parts)), 0) AS parts,
           coalesce(sum(coalesce(m.price_billed, coalesce(m.parts_billed, m.parts) * m.price)), 0)
               AS money
    FROM gateways_batchslice t
    LEFT JOIN gateways_message m
        ON m.id BETWEEN t.first_id AND t.last_id AND m.batch_id = t.batch_id
        AND (m.accepted_at IS NOT NULL OR m.state = 'unknown')
    WHERE t.batch_id = %(batch)s
      AND (%(slices)s::bigint[] IS NULL OR t.id = ANY(%(slices)s::bigint[]))
    GROUP BY t.id
) charged
WHERE s.id = charged.id
  AND (charged.parts, charged.money) IS DISTINCT FROM (s.parts_settled, s.money_settled)
RETURNING charged.parts - charged.parts_before, charged.money - charged.money_before
"""
_NOT_SETTLED = """
SELECT coalesce(sum(m.parts), 0), coalesce(sum(m.parts * m.price), 0)
FROM gateways_message m
WHERE m.batch_id = %s AND m.state = 'handing_over'
"""
_ESTIMATE = """
SELECT count(*), coalesce(sum(m.parts), 0), coalesce(sum(m.parts * m.price), 0)
FROM gateways_message m WHERE m.batch_id = %s
"""


class Estimate(NamedTuple):
    """What a batch is planned to cost, in its currency."""

    messages: int
    parts: int
    money: Decimal


def batch_estimate(batch: Batch) -> Estimate:
    """Messages, parts and money of all messages of the batch at their planned prices."""
    with connection.cursor() as cursor:
        cursor.execute(_ESTIMATE, [batch.pk])
        return Estimate(*cursor.fetchone())


def quota_lock(team_id: int, at: datetime, *, brand_id: int | None = None) -> Quota | None:
    """The quota of a team (or of one of its brands) of this month, locked; made from the latest
    limits when the month is new. None when there never was one. Lock a team's before a brand's.
    """
    current = quota_current(team_id, at, brand=brand_id)
    if current is None:
        return None
    brand_named = current.brand
    Quota.objects.get_or_create(
        team_id=team_id,
        brand=brand_named,
        month=current.month,
        defaults={
            "message_limit": current.message_limit,
            "money_limit": current.money_limit,
            "currency": current.currency,
            "warn_percent": current.warn_percent,
        },
    )
    return Quota.objects.select_for_update().get(
        team_id=team_id, brand=brand_named, month=current.month
    )


def batch_reserve(batch: Batch, estimate: Estimate, *, now: datetime) -> None:
    """Reserve the batch's estimate in its team's quota, and in its brand's where it has one; the
    caller holds the batch and saves it. The exchange rate is frozen here.

    Raises QuotaExceeded (parts, or no quota at all), BudgetExceeded (money) and RatesUnavailable (no
    fresh exchange rate). Replies are owed to people by law [R-2.13]: they are written down but never
    refused; without any exchange rate they are not booked, as without a quota.
    """
    quota = quota_lock(batch.team_id, now)
    owed = batch.purpose == "reply"
    if quota is None:
        if owed:
            return
        raise QuotaExceeded(
            "The team has no quota. Ask an admin to set a monthly limit for the team first."
        )
    exchange = (exchange_known if owed else exchange_now)(batch.currency, quota.currency, now)
    if exchange is None:
        return
    own = quota_lock(batch.team_id, now, brand_id=batch.brand_id)
    money = money_convert(estimate.money, exchange.rate)
    quotas = [quota] if own is None else [quota, own]
    for each in quotas:
        if each.currency != quota.currency:
            raise BudgetExceeded(
                f"The brand's limit is in {each.currency}, the team's in {quota.currency}. Set the "
                "brand's limit again with quotas.save."
            )
        if not owed:
            _limits_check(each, batch, estimate.parts, money)
    batch.quota, batch.brand_quota = quota, own
    batch.exchange_rate = exchange.rate
    batch.exchange_source = exchange.source[:24] if exchange.fetched_at is not None else ""
    batch.parts_reserved = estimate.parts
    batch.money_reserved = estimate.money
    for each in quotas:
        each.parts_reserved += estimate.parts
        each.money_reserved += money
        each.save(update_fields=["parts_reserved", "money_reserved"])
        _entry(each, batch, "reserve", estimate.parts, money, now, "batch released")
        quota_warn(each, now=now)


def batch_settle(
    batch: Batch, *, slice_ids: Sequence[int] | None = None, now: datetime | None = None
) -> None:
    """Charge what was accepted since the last time, for some slices or all of the batch.

    With the batch done or stopped, what is still reserved and not on the wire is released. Locks
    the batch, then the quota. Safe to repeat: a second call changes nothing.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        held = Batch.objects.select_for_update().get(pk=batch.pk)
        with connection.cursor() as cursor:
            wanted = None if slice_ids is None else list(slice_ids)
            cursor.execute(_SLICE_CHARGED, {"batch": held.pk, "slices": wanted})
            charged = cursor.fetchall()
        parts = sum(row[0] for row in charged)
        money = sum((row[1] for row in charged), Decimal(0))
        keep_parts, keep_money = held.parts_reserved, held.money_reserved
        if held.state in {"done", "stopped"}:
            with connection.cursor() as cursor:
                cursor.execute(_NOT_SETTLED, [held.pk])
                open_parts, open_money = cursor.fetchone()
            keep_parts, keep_money = min(open_parts, keep_parts), min(open_money, keep_money)
        keep_parts = min(keep_parts, max(held.parts_reserved - parts, 0))
        keep_money = min(keep_money, max(held.money_reserved - money, Decimal(0)))
        _move(held, parts, money, keep_parts, keep_money, moment)


def _move(
    held: Batch, parts: int, money: Decimal, keep_parts: int, keep_money: Decimal, now: datetime
) -> None:
    """Spend `parts` and `money`, and lower the batch's reservation to what is kept.

    All in the batch's currency; each quota is booked the difference of converted totals.
    """
    if held.quota_id is None:
        return
    keep_parts = min(keep_parts, held.parts_reserved)
    keep_money = min(keep_money, held.money_reserved)
    freed_parts, freed_money = held.parts_reserved - keep_parts, held.money_reserved - keep_money
    if not (parts or money or freed_parts or freed_money):
        return
    rate = held.exchange_rate
    settled = held.slices.aggregate(total=Sum("money_settled"))["total"] or Decimal(0)
    spent = money_step(settled - money, money, rate)
    freed = money_step(keep_money, freed_money, rate)
    for quota_id in (held.quota_id, held.brand_quota_id):
        if quota_id is None:
            continue
        quota = Quota.objects.select_for_update(of=("self",)).get(pk=quota_id)
        if parts or money:
            quota.parts_spent += parts
            quota.money_spent += spent
            _entry(quota, held, "settle", parts, spent, now, "accepted by the gateway")
        if freed_parts or freed_money:
            quota.parts_reserved -= freed_parts
            quota.money_reserved -= freed
            _entry(quota, held, "release", freed_parts, freed, now, "no longer reserved")
        quota.save(update_fields=["parts_spent", "money_spent", "parts_reserved", "money_reserved"])
        quota_warn(quota, now=now)
    if freed_parts or freed_money:
        held.parts_reserved, held.money_reserved = keep_parts, keep_money
        held.save(update_fields=["parts_reserved", "money_reserved"])


def _limits_check(quota: Quota, batch: Batch, parts: int, money: Decimal) -> None:
    whose = "team" if quota.brand_id is None else "brand"
    parts_left = max(quota.message_limit - quota.parts_reserved - quota.parts_spent, 0)
    if parts > parts_left:
        raise QuotaExceeded(
            f"This send needs {parts} parts and the {whose} has {parts_left} left"
            f" this month. Send to fewer people or ask an admin for a higher limit.",
            details={"needed_parts": parts, "left_parts": parts_left, "limit_of": whose},
        )
    money_left = max(quota.money_limit - quota.money_reserved - quota.money_spent, Decimal(0))
    if money > money_left:
        raise BudgetExceeded(
            f"This send costs up to {money:f} {quota.currency} and the {whose} has"
            f" {money_left:f} left this month. Send to fewer people or ask an"
            " admin for a higher limit.",
            details={"needed": f"{money:f}", "left": f"{money_left:f}", "limit_of": whose},
        )


def _entry(
    quota: Quota,
    batch: Batch,
    kind: str,
    parts: int,
    amount: Decimal,
    now: datetime,
    note: str,
) -> None:
    LedgerEntry.objects.create(
        quota=quota,
        batch=batch,
        kind=kind,
        parts=parts,
        amount=amount,
        currency=quota.currency,
        exchange_rate=batch.exchange_rate,
        created_at=now,
        note=note,
    )
