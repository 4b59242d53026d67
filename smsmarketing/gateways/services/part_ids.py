"""The gateways' own ids of parts: written with the answer, forgotten when no receipt can come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.gateways.models import Gateway, Message, PartId
from smsmarketing.gateways.rules.part_ids import id_canonical

KEPT: Final = timedelta(days=45)
"""A gateway may be awaited for 30 days at most; carriers' late receipts get two weeks more."""
_ROWS: Final = 10_000
_STEPS: Final = 100
_OLDEST = """
DELETE FROM gateways_partid WHERE created_at < %(before)s AND id IN (
    SELECT id FROM gateways_partid ORDER BY id LIMIT %(rows)s)
"""


def part_id_note(
    gateway: Gateway, *, message_id: int, number: int, total: int, part_id: str, now: datetime
) -> bool:
    """Keep the id of a part whose answer came too late to count: its receipt may still settle what
    became `unknown`. False for a message that this gateway was not given.
    """
    given = Message.objects.filter(pk=message_id, gateway_id=gateway.pk).exists()
    if given and part_id:
        PartId.objects.create(
            gateway_id=gateway.pk,
            key=id_canonical(part_id),
            message_id=message_id,
            number=number,
            total=total,
            created_at=now,
        )
    return given


def part_ids_expire(*, now: datetime | None = None) -> int:
    """Delete those that are too old, oldest first; returns how many went."""
    before = (now or timezone.now()) - KEPT
    removed = 0
    for _ in range(_STEPS):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_OLDEST, {"before": before, "rows": _ROWS})
            step = int(cursor.rowcount)
        removed += step
        if step < _ROWS:
            break
    return removed
