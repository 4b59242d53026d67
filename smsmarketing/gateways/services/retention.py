"""Deleting what its time is over for [R-4.14]: texts first, then who got and who wrote what.

Texts of codes, messages and replies go early; after 13 months messages, replies and what gateways
reported forget the person, too. Rows, states, parts, money, times and error codes stay, so that no
report changes through it; opt-outs that followed a send are counted before (docs/adr/0054). Consent
and opt-outs are kept, with their own proof. Each step is a short transaction of its own, and what is
gone is not looked at again: a run that was killed is simply continued by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from smsmarketing.gateways.models import Batch, BatchSlice, Message, NumberLookup
from smsmarketing.gateways.rules.lookups import FORGOTTEN_WORDS, OPEN, REMOVED, forgotten
from smsmarketing.gateways.selectors.opt_outs_after import opt_outs_after
from smsmarketing.operations.audit import audit_append_system

logger = structlog.get_logger("smsmarketing.gateways.retention")

_WAITS: Final = ("planned", "queued", "held", "handing_over", "quarantined")
"""Messages that may still be handed over: their texts are needed, however old."""
_BATCHES: Final = 200
_ROWS: Final = 1_000
_STEPS: Final = 200
"""At most so many batches a page, rows a step, and pages and steps a run; the next run goes on."""

_BODIES = """
UPDATE gateways_message SET body = '' WHERE batch_id = %(batch)s
    AND id BETWEEN %(first)s AND %(last)s AND body <> '' AND state <> ALL(%(waits)s)
"""
_NAMED = "(phone <> '' OR contact_id IS NOT NULL OR phone_hash IS NOT NULL OR body <> ''" + (
    " OR gateway_message_id <> '')"
)
_NUMBERS = f"""
UPDATE gateways_message SET phone = '', contact_id = NULL, phone_hash = NULL, body = '',
    gateway_message_id = ''
WHERE batch_id = %(batch)s AND id BETWEEN %(first)s AND %(last)s AND {_NAMED}
    AND state <> ALL(%(waits)s)
    AND coalesce(final_at, accepted_at, handed_at, created_at) < %(before)s
"""  # noqa: S608 - fixed words only
_ATTEMPTS = """
DELETE FROM gateways_attempt a USING gateways_message m WHERE m.id = a.message_id
    AND m.batch_id = %(batch)s AND m.id BETWEEN %(first)s AND %(last)s
    AND m.phone = '' AND m.contact_id IS NULL AND m.phone_hash IS NULL
"""
_LEFT = f"SELECT EXISTS (SELECT 1 FROM gateways_message WHERE batch_id = %(batch)s AND {_NAMED})"  # noqa: S608
_REPLIES = """
UPDATE gateways_inboundmessage SET text = '', normalised = '', raw = '' WHERE id IN (
    SELECT id FROM gateways_inboundmessage
    WHERE stored_at < %(before)s AND (text <> '' OR normalised <> '' OR raw <> '')
        AND NOT (reviewed_at IS NULL AND action IN ('hold_review', 'review'))
    ORDER BY stored_at, id LIMIT %(rows)s)
"""
_WRITERS = """
UPDATE gateways_inboundmessage SET phone = '', phone_hash = '', contact_id = NULL, text = '',
    normalised = '', raw = '', external_id = 'removed:' || id
WHERE id IN (
    SELECT id FROM gateways_inboundmessage
    WHERE stored_at < %(before)s AND external_id NOT LIKE 'removed:%%'
        AND NOT (reviewed_at IS NULL AND action IN ('hold_review', 'review'))
    ORDER BY stored_at, id LIMIT %(rows)s)
"""
_RAW = """
UPDATE gateways_receipt SET raw = '' WHERE id IN (
    SELECT id FROM gateways_receipt
    WHERE received_at < %(before)s AND raw <> '' AND state NOT IN ('new', 'parked')
    ORDER BY received_at, id LIMIT %(rows)s)
"""
_RECEIPTS = """
DELETE FROM gateways_receipt WHERE id IN (
    SELECT id FROM gateways_receipt WHERE received_at < %(before)s AND state <> 'new'
    ORDER BY received_at, id LIMIT %(rows)s)
"""
_ANSWERS = """
DELETE FROM gateways_unclearanswer WHERE id IN (
    SELECT id FROM gateways_unclearanswer WHERE received_at < %(before)s
    ORDER BY received_at, id LIMIT %(rows)s)
"""


def texts_expire(*, now: datetime | None = None) -> dict[str, int]:
    """Delete what is too old, as far as one run goes; returns what went, by kind."""
    now = now or timezone.now()
    texts = now - timedelta(days=settings.INBOUND_TEXT_DAYS)
    known = now - timedelta(days=settings.DELIVERY_DATA_DAYS)
    counts = {
        "message_texts": _batches_clear(_texts_due(now), lambda batch: _texts_clear(batch, now)),
        "reply_texts": _stepwise(_REPLIES, texts),
        "raw_receipts": _stepwise(_RAW, texts),
        "unclear_answers": _stepwise(_ANSWERS, now - timedelta(days=settings.MESSAGE_TEXT_DAYS)),
        "message_numbers": _batches_clear(
            Batch.objects.filter(created_at__lt=known, numbers_removed_at=None),
            lambda batch: _numbers_clear(batch, now, known),
        ),
        "reply_numbers": _stepwise(_WRITERS, known),
        "receipts": _stepwise(_RECEIPTS, known),
        "number_lookups": _lookups_forget(known),
    }
    if any(counts.values()):
        with transaction.atomic():
            audit_append_system(operation="gateways.texts_expire", outcome="done", facts=counts)
    return counts


def _texts_due(now: datetime) -> QuerySet[Batch]:
    """Batches whose texts are too old. Codes go by when they were made, whatever became of them."""
    codes = Q(purpose="otp", created_at__lt=now - timedelta(hours=settings.OTP_TEXT_HOURS))
    ended = Q(
        state__in=("done", "stopped"),
        finished_at__lt=now - timedelta(days=settings.MESSAGE_TEXT_DAYS),
    )
    return Batch.objects.filter(codes | ended, bodies_removed_at=None)


def _batches_clear(due: QuerySet[Batch], clear: Callable[[Batch], int]) -> int:
    """Clear one batch after the other. One that cannot be cleared now does not hold up the others,
    in this run or the next: whoever was looked at goes behind those who were not.
    """
    removed = 0
    for batch in _in_turn(due):
        try:
            removed += clear(batch)
        except OperationalError:
            logger.warning("retention_skipped", batch=batch.pk)
    return removed


def _in_turn(due: QuerySet[Batch]) -> Iterator[Batch]:
    began = timezone.now()
    unseen = due.filter(Q(kept_looked_at=None) | Q(kept_looked_at__lt=began))
    for _ in range(_STEPS):
        page = list(unseen.order_by(F("kept_looked_at").asc(nulls_first=True), "pk")[:_BATCHES])
        Batch.objects.filter(pk__in=[batch.pk for batch in page]).update(
            kept_looked_at=timezone.now()
        )
        yield from page
        if len(page) < _BATCHES:
            return


def _texts_clear(batch: Batch, now: datetime) -> int:
    """Empty the texts of a batch slice by slice; marks it when none is left."""
    removed = sum(_run(_BODIES, params) for params in _slices(batch))
    if not Message.objects.filter(batch=batch).exclude(body="").exists():
        Batch.objects.filter(pk=batch.pk).update(bodies_removed_at=now)
    return removed


def _numbers_clear(batch: Batch, now: datetime, before: datetime) -> int:
    """Let a batch forget whom it went to, slice by slice; marks it when it knows nobody any more."""
    if batch.opt_outs_kept is None:
        Batch.objects.filter(pk=batch.pk).update(opt_outs_kept=opt_outs_after([batch.pk])[batch.pk])
    removed = 0
    for params in _slices(batch):
        with transaction.atomic():
            removed += _run(_NUMBERS, {**params, "before": before})
            _run(_ATTEMPTS, params)
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, {"batch": batch.pk})
        left = cursor.fetchone()
    if left is not None and not left[0]:
        Batch.objects.filter(pk=batch.pk).update(
            numbers_removed_at=now, bodies_removed_at=batch.bodies_removed_at or now
        )
    return removed


def _slices(batch: Batch) -> Iterator[dict[str, Any]]:
    for first, last in BatchSlice.objects.filter(batch=batch).values_list("first_id", "last_id"):
        yield {"batch": batch.pk, "first": first, "last": last, "waits": list(_WAITS)}


def _stepwise(sql: str, before: datetime) -> int:
    removed = 0
    for _ in range(_STEPS):
        step = _run(sql, {"before": before, "rows": _ROWS})
        removed += step
        if step < _ROWS:
            break
    return removed


def _lookups_forget(before: datetime) -> int:
    """What networks said of whom; that it was asked for and paid stays."""
    rows = NumberLookup.objects.filter(created_at__lt=before).exclude(state__in=OPEN)
    due = rows.exclude(masked__in=FORGOTTEN_WORDS).order_by("created_at", "pk")
    removed = 0
    for _ in range(_STEPS):
        page = list(due.values_list("pk", flat=True)[:_ROWS])
        NumberLookup.objects.filter(pk__in=page).update(**forgotten(REMOVED))
        removed += len(page)
        if len(page) < _ROWS:
            break
    return removed


def _run(sql: str, params: dict[str, Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
