"""Deleting texts whose time is over [R-4.14]: codes, messages, replies, raw webhooks.

Only texts go. Rows, states, parts and money stay, so that no report changes through it. Each step is
a short transaction of its own, and what is gone is not looked at again: a run that was killed is
simply continued by the next. Consent and opt-outs are kept, with their own proof.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from smsmarketing.gateways.models import Batch, BatchSlice, Message
from smsmarketing.operations.audit import audit_append_system

_WAITS: Final = ("planned", "queued", "held", "handing_over", "quarantined")
"""Messages that may still be handed over: their texts are needed, however old."""
_BATCHES: Final = 200
_ROWS: Final = 1_000
_STEPS: Final = 200
"""At most so many batches, rows a step and steps a run; the next run goes on."""

_BODIES = """
UPDATE gateways_message SET body = '' WHERE batch_id = %(batch)s
    AND id BETWEEN %(first)s AND %(last)s AND body <> '' AND state <> ALL(%(waits)s)
"""
_REPLIES = """
UPDATE gateways_inboundmessage SET text = '', normalised = '', raw = '' WHERE id IN (
    SELECT id FROM gateways_inboundmessage
    WHERE stored_at < %(before)s AND (text <> '' OR normalised <> '' OR raw <> '')
        AND NOT (reviewed_at IS NULL AND action IN ('hold_review', 'review'))
    ORDER BY stored_at, id LIMIT %(rows)s)
"""
_RECEIPTS = """
UPDATE gateways_receipt SET raw = '' WHERE id IN (
    SELECT id FROM gateways_receipt
    WHERE received_at < %(before)s AND raw <> '' AND state NOT IN ('new', 'parked')
    ORDER BY received_at, id LIMIT %(rows)s)
"""


def texts_expire(*, now: datetime | None = None) -> dict[str, int]:
    """Delete what is too old, as far as one run goes; returns what went, by kind."""
    now = now or timezone.now()
    old = now - timedelta(days=settings.INBOUND_TEXT_DAYS)
    counts = {
        "message_texts": sum(_batch_clear(batch, now) for batch in _due(now)),
        "reply_texts": _stepwise(_REPLIES, old),
        "raw_receipts": _stepwise(_RECEIPTS, old),
    }
    if any(counts.values()):
        with transaction.atomic():
            audit_append_system(operation="gateways.texts_expire", outcome="done", facts=counts)
    return counts


def _due(now: datetime) -> list[Batch]:
    """Batches whose texts are too old. Codes go by when they were made, whatever became of them."""
    codes = Q(purpose="otp", created_at__lt=now - timedelta(hours=settings.OTP_TEXT_HOURS))
    ended = Q(
        state__in=("done", "stopped"),
        finished_at__lt=now - timedelta(days=settings.MESSAGE_TEXT_DAYS),
    )
    rows = Batch.objects.filter(codes | ended, bodies_removed_at=None)
    return list(rows.order_by("id")[:_BATCHES])


def _batch_clear(batch: Batch, now: datetime) -> int:
    """Empty the texts of a batch slice by slice; marks it when none is left."""
    removed = 0
    for first, last in BatchSlice.objects.filter(batch=batch).values_list("first_id", "last_id"):
        params = {"batch": batch.pk, "first": first, "last": last, "waits": list(_WAITS)}
        removed += _run(_BODIES, params)
    if not Message.objects.filter(batch=batch).exclude(body="").exists():
        Batch.objects.filter(pk=batch.pk).update(bodies_removed_at=now)
    return removed


def _stepwise(sql: str, before: datetime) -> int:
    removed = 0
    for _ in range(_STEPS):
        step = _run(sql, {"before": before, "rows": _ROWS})
        removed += step
        if step < _ROWS:
            break
    return removed


def _run(sql: str, params: dict[str, Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
