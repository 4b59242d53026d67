"""Money: reserve before, settle while messages are accepted, release the rest at the end.

For every quota at every commit: reserved = sum of reserve - sum of release, spent = sum of settle.
Settling a slice spends what was charged and releases as much of the reservation, so a batch that is
through has nothing reserved and has spent exactly what its messages were billed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.gateways.models import Batch, LedgerEntry, Quota
from smsmarketing.gateways.selectors import quota_current
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


def quota_lock(team_id: int, at: datetime) -> Quota | None:
    """The team's quota of this month, locked; made from the latest limits when the month is new.

    None when the team never had a quota.
    """
    current = quota_current(team_id, at)
    if current is None:
        return None
    Quota.objects.get_or_create(
        team_id=team_id,
        month=current.month,
        defaults={
            "message_limit": current.message_limit,
            "money_limit": current.money_limit,
            "currency": current.currency,
        },
    )
    return Quota.objects.select_for_update().get(team_id=team_id, month=current.month)


def batch_reserve(batch: Batch, estimate: Estimate, *, now: datetime) -> None:
    """Reserve the batch's estimate in its team's quota; the caller holds the batch and saves it.

    Raises QuotaExceeded (parts, or no quota at all) and BudgetExceeded (money). Replies are owed to
    people by law [R-2.13]: they are written down but never refused.
    """
    quota = quota_lock(batch.team_id, now)
    owed = batch.purpose == "reply"
    if quota is None:
        if owed:
            return
        raise QuotaExceeded(
            "The team has no quota. Ask an admin to set a monthly limit for the team first."
        )
    if not owed:
        _limits_check(quota, batch, estimate)
    quota.parts_reserved += estimate.parts
    quota.money_reserved += estimate.money
    quota.save(update_fields=["parts_reserved", "money_reserved"])
    _entry(quota, batch, "reserve", estimate.parts, estimate.money, now, "batch released")
    batch.quota = quota
    batch.parts_reserved = estimate.parts
    batch.money_reserved = estimate.money


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
    """Spend `parts` and `money`, and lower the batch's reservation to what is kept."""
    if held.quota_id is None:
        return
    keep_parts = min(keep_parts, held.parts_reserved)
    keep_money = min(keep_money, held.money_reserved)
    freed_parts, freed_money = held.parts_reserved - keep_parts, held.money_reserved - keep_money
    if not (parts or money or freed_parts or freed_money):
        return
    quota = Quota.objects.select_for_update().get(pk=held.quota_id)
    if parts or money:
        quota.parts_spent += parts
        quota.money_spent += money
        _entry(quota, held, "settle", parts, money, now, "accepted by the gateway")
    if freed_parts or freed_money:
        quota.parts_reserved -= freed_parts
        quota.money_reserved -= freed_money
        _entry(quota, held, "release", freed_parts, freed_money, now, "no longer reserved")
        held.parts_reserved, held.money_reserved = keep_parts, keep_money
        held.save(update_fields=["parts_reserved", "money_reserved"])
    quota.save(update_fields=["parts_spent", "money_spent", "parts_reserved", "money_reserved"])


def _limits_check(quota: Quota, batch: Batch, estimate: Estimate) -> None:
    if quota.currency != batch.currency:
        raise BudgetExceeded(
            f"The team's budget is in {quota.currency}, this batch costs {batch.currency}. Choose a"
            " gateway that bills in the team's currency.",
            field_errors={"gateway_id": "Its currency differs from the team's budget."},
        )
    parts_left = quota.message_limit - quota.parts_reserved - quota.parts_spent
    if estimate.parts > parts_left:
        raise QuotaExceeded(
            f"This send needs {estimate.parts} parts and the team has {max(parts_left, 0)} left"
            f" this month. Send to fewer people or ask an admin for a higher limit.",
            details={"needed_parts": estimate.parts, "left_parts": max(parts_left, 0)},
        )
    money_left = quota.money_limit - quota.money_reserved - quota.money_spent
    if estimate.money > money_left:
        raise BudgetExceeded(
            f"This send costs up to {estimate.money:f} {batch.currency} and the team has"
            f" {max(money_left, Decimal(0)):f} left this month. Send to fewer people or ask an"
            " admin for a higher limit.",
            details={"needed": f"{estimate.money:f}", "left": f"{max(money_left, Decimal(0)):f}"},
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
        created_at=now,
        note=note,
    )
