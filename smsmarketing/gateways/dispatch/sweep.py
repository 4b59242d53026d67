"""What beat repairs every few seconds: nothing here needs a person, and running twice is harmless."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.gateways import services, transports
from smsmarketing.gateways.dispatch.runner import batch_progress
from smsmarketing.gateways.models import Batch, BatchSlice
from smsmarketing.gateways.rules.runs import run_task
from smsmarketing.gateways.services.tallies import Place, Received, received_push
from smsmarketing.operations.jobs import enqueue

logger = structlog.get_logger("smsmarketing.gateways.sweep")

MAX_CRASHES = 3
_SETTLE_SLICES = 200

_EXPIRED = """
SELECT s.id, s.batch_id FROM gateways_batchslice s
WHERE s.state = 'leased' AND s.lease_until < %s ORDER BY s.batch_id, s.id
"""
_HANDED = """
UPDATE gateways_message SET state = 'unknown', reason = 'worker_lost'
WHERE id BETWEEN %s AND %s AND batch_id = %s AND state = 'handing_over'
"""
_QUARANTINE = """
UPDATE gateways_message SET state = 'quarantined', reason = 'crashed_repeatedly'
WHERE id BETWEEN %s AND %s AND batch_id = %s AND state IN ('queued', 'held')
"""
_ENDED = """
WITH ended AS ([update] RETURNING m.gateway_id, m.country, b.brand_id, m.accepted_at)
SELECT gateway_id, country, brand_id, date_bin('5 minutes', accepted_at, 'epoch'), count(*)
FROM ended GROUP BY 1, 2, 3, 4
"""
_NO_RECEIPT = """
UPDATE gateways_message m
SET state = 'expired', reason = 'no_receipt', final_at = %(now)s
FROM gateways_batchslice s
JOIN gateways_batch b ON b.id = s.batch_id
JOIN gateways_gateway p ON p.id = b.gateway_id
WHERE s.state = 'done' AND b.started_at < %(now)s - make_interval(hours => p.dlr_timeout_hours)
  AND m.id BETWEEN s.first_id AND s.last_id AND m.batch_id = s.batch_id
  AND m.state = 'accepted'
  AND m.accepted_at < %(now)s - make_interval(hours => (
      SELECT g.dlr_timeout_hours FROM gateways_gateway g WHERE g.id = m.gateway_id))
"""
# The same by what a route learned, which is shorter; asked seldom, as it looks at more messages.
_LEARNED = """
UPDATE gateways_message m
SET state = 'expired', reason = 'no_receipt', final_at = %(now)s
FROM gateways_routehealth h, gateways_batch b, gateways_batchslice s
WHERE s.state = 'done' AND b.id = s.batch_id
  AND (h.gateway_id = b.gateway_id OR h.gateway_id = ANY(b.route_ids))
  AND b.started_at < %(now)s - make_interval(hours => h.dlr_timeout_hours)
  AND m.id BETWEEN s.first_id AND s.last_id AND m.batch_id = s.batch_id
  AND m.state = 'accepted' AND m.gateway_id = h.gateway_id AND m.country = h.country
  AND m.accepted_at < %(now)s - make_interval(hours => h.dlr_timeout_hours)
"""
# A gateway without receipts never says more than accepted: nothing is awaited there.
_CLOSABLE = """
SELECT s.id, s.batch_id FROM gateways_batchslice s
JOIN gateways_batch b ON b.id = s.batch_id
WHERE s.state = 'done' AND NOT EXISTS (
    SELECT 1 FROM gateways_message m
    WHERE m.id BETWEEN s.first_id AND s.last_id AND m.batch_id = s.batch_id
      AND m.state IN ('planned', 'queued', 'held', 'handing_over', 'accepted')
)
ORDER BY s.batch_id, s.id
LIMIT %s
"""
# What goes over a bind is found by the process that holds it.
_WAITING = """
SELECT b.id, b.purpose FROM gateways_batch b
JOIN gateways_gateway g ON g.id = b.gateway_id AND g.transport <> ALL(%(bound)s)
WHERE (b.state = 'ready' AND (b.not_before IS NULL OR b.not_before <= %(now)s))
   OR (b.state = 'sending'
       AND EXISTS (SELECT 1 FROM gateways_batchslice s
                   WHERE s.batch_id = b.id AND s.state = 'ready' AND s.not_before <= %(now)s)
       AND NOT EXISTS (SELECT 1 FROM gateways_batchslice s
                       WHERE s.batch_id = b.id AND s.state = 'leased' AND s.lease_until > %(now)s))
ORDER BY b.id
"""


@dataclass
class SweepReport:
    """What one sweep did."""

    leases_expired: int = 0
    became_unknown: int = 0
    quarantined: int = 0
    runs_enqueued: int = 0
    no_receipt: int = 0
    slices_closed: int = 0
    batches_done: int = 0


def sweep(*, now: datetime | None = None) -> SweepReport:
    """Repair leases, expire what got no receipt, wake batches that have something due, and finish
    those that have nothing open [R-10.19], [R-10.21], [R-10.26].
    """
    moment = now or timezone.now()
    report = SweepReport()
    _leases_expire(report, moment)
    report.no_receipt = receipts_missing(now=moment)
    _slices_close(report, moment)
    _runs_enqueue(report, moment)
    for batch_id in Batch.objects.filter(state="sending").values_list("pk", flat=True):
        report.batches_done += batch_progress(batch_id, now=moment)
    return report


def receipts_missing(*, now: datetime, learned: bool = False) -> int:
    """Expire what got no receipt within the time that people set for its gateway, or that its route
    learned [R-10.21], and count it there. A late receipt still puts it right.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                _ENDED.replace("[update]", _LEARNED if learned else _NO_RECEIPT), {"now": now}
            )
            ended = cursor.fetchall()
        received_push({Place(*place): Received(missing=count) for *place, count in ended})
    return sum(row[-1] for row in ended)


def _leases_expire(report: SweepReport, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRED, [now])
        expired = cursor.fetchall()
    for slice_id, batch_id in expired:
        with transaction.atomic():
            services.batch_lock(batch_id)
            held = (
                BatchSlice.objects.select_for_update()
                .filter(pk=slice_id, state="leased", lease_until__lt=now)
                .first()
            )
            if held is not None:
                _lease_expire(held, report, now)


def _lease_expire(held: BatchSlice, report: SweepReport, now: datetime) -> None:
    """What was on the wire becomes unknown, the rest is free again, or set aside at the third crash
    without progress. The caller holds the batch and the slice.
    """
    span = [held.first_id, held.last_id, held.batch_id]
    held.crashes += 1
    with connection.cursor() as cursor:
        cursor.execute(_HANDED, span)
        unknown = cursor.rowcount
        if held.crashes >= MAX_CRASHES:
            cursor.execute(_QUARANTINE, span)
            report.quarantined += cursor.rowcount
            held.state = "quarantined" if cursor.rowcount else "done"
        else:
            held.state = "ready"
    held.lease_owner, held.lease_until, held.not_before = "", None, now
    held.save(update_fields=["state", "lease_owner", "lease_until", "not_before", "crashes"])
    report.leases_expired += 1
    report.became_unknown += unknown
    logger.warning("lease_expired", slice_id=held.pk, batch_id=held.batch_id, unknown_count=unknown)


def _slices_close(report: SweepReport, now: datetime) -> None:
    """Slices in which no message is open: settle them a last time."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSABLE, [_SETTLE_SLICES])
        closable = cursor.fetchall()
    for slice_id, batch_id in closable:
        with transaction.atomic():
            batch = services.batch_lock(batch_id)
            if BatchSlice.objects.filter(pk=slice_id, state="done").update(state="closed"):
                services.batch_settle(batch, slice_ids=[slice_id], now=now)
                report.slices_closed += 1


def _runs_enqueue(report: SweepReport, now: datetime) -> None:
    """Start batches whose time came, and those whose task was lost with its worker or with Redis."""
    late = Batch.objects.filter(state__in=["ready", "sending", "paused"], not_after__lte=now)
    for batch in late:
        with transaction.atomic():
            if services.batch_lock(batch).state in {"ready", "sending", "paused"}:
                services.batch_stop(batch, reason="window_over", now=now)
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"now": now, "bound": list(transports.bound_names())})
        waiting = cursor.fetchall()
    for batch_id, purpose in waiting:
        enqueue(run_task(purpose), batch_id=batch_id)
        report.runs_enqueued += 1
