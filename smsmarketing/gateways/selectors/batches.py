"""Progress of batches, counted from the messages themselves: sums always agree with the rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from smsmarketing.gateways.models import Message

_COUNTS = """
SELECT m.batch_id, m.state, m.reason, count(*)
FROM gateways_message m
WHERE m.batch_id = ANY(%s)
GROUP BY m.batch_id, m.state, m.reason
"""

_TOTALS = """
SELECT m.batch_id,
       coalesce(sum(m.parts * m.price), 0),
       coalesce(sum(CASE WHEN m.accepted_at IS NOT NULL OR m.state = 'unknown'
           THEN coalesce(m.price_billed, coalesce(m.parts_billed, m.parts) * m.price) END), 0),
       coalesce(sum(m.parts), 0),
       coalesce(sum(CASE WHEN m.accepted_at IS NOT NULL OR m.state = 'unknown'
           THEN coalesce(m.parts_billed, m.parts) END), 0),
       max(greatest(m.final_at, m.accepted_at, m.handed_at, m.created_at))
FROM gateways_message m
WHERE m.batch_id = ANY(%s)
GROUP BY m.batch_id
"""

_ERRORS = """
SELECT m.batch_id, m.error_code, m.error_class, count(*)
FROM gateways_message m
WHERE m.batch_id = ANY(%s) AND m.error_code <> ''
GROUP BY m.batch_id, m.error_code, m.error_class
ORDER BY count(*) DESC, m.error_code
"""


@dataclass(frozen=True, kw_only=True)
class BatchError:
    """An error code and on how many messages it is the last word."""

    code: str
    error_class: str
    messages: int


@dataclass(frozen=True, kw_only=True)
class BatchTotals:
    """Money and parts of a batch: as planned and as billed, and when a message last changed."""

    estimated: Decimal
    billed: Decimal
    parts_estimated: int
    parts_billed: int
    updated_at: datetime | None


def batch_counts(batch_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Messages per batch by `state` or, where there is a reason, `state/reason`."""
    found: dict[int, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
    for batch_id, state, reason, count in _rows(_COUNTS, list(batch_ids)):
        found[batch_id][f"{state}/{reason}" if reason else state] = count
    return found


def counts_by_state(counts: Mapping[str, int]) -> dict[str, int]:
    """One batch's counts with the reasons added up: state → messages."""
    totals: dict[str, int] = {}
    for key, count in counts.items():
        state = key.partition("/")[0]
        totals[state] = totals.get(state, 0) + count
    return totals


def batch_totals(batch_ids: Collection[int]) -> dict[int, BatchTotals]:
    """Estimated and billed money per batch, in the batch's currency.

    Billed counts what a gateway accepted, or may have accepted (`unknown`), at the billed price
    where the gateway told one and else at the estimate.
    """
    return {
        batch_id: BatchTotals(
            estimated=estimated,
            billed=billed,
            parts_estimated=parts,
            parts_billed=parts_billed,
            updated_at=updated_at,
        )
        for batch_id, estimated, billed, parts, parts_billed, updated_at in _rows(
            _TOTALS, list(batch_ids)
        )
    }


def batch_errors(batch_ids: Collection[int]) -> dict[int, list[BatchError]]:
    """The gateway's errors per batch, most frequent first, at most 20."""
    found: dict[int, list[BatchError]] = {}
    for batch_id, code, error_class, count in _rows(_ERRORS, list(batch_ids)):
        lines = found.setdefault(batch_id, [])
        if len(lines) < 20:
            lines.append(BatchError(code=code, error_class=error_class, messages=count))
    return found


def messages_of(batch_ids: Collection[int]) -> QuerySet[Message]:
    return Message.objects.filter(batch_id__in=list(batch_ids))


def _rows(statement: str, batch_ids: list[int]) -> list[tuple[Any, ...]]:
    if not batch_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [batch_ids])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
