"""What is allowed until a date: it ends on that day, and people are reminded before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.db import transaction

from smsmarketing.gateways.models import Registration, SenderId
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.states import row_lock

REMIND_DAYS: Final = (1, 7, 30)
_ROWS_MOST: Final = 200

Dated = TypeVar("Dated", SenderId, Registration)


def dated_end(
    model: type[Dated],
    *,
    state: str,
    end: Callable[[Dated, datetime], int],
    operation: str,
    now: datetime,
) -> int:
    """End the rows of `state` whose `expires_at` is over, each in a transaction; returns how many.

    `end(row, ended_at)` stops the locked row and returns how many batches it paused.
    """
    over: Any = model._default_manager.filter(state=state, expires_at__lte=now).order_by("pk")
    ended = 0
    for pk in list(over.values_list("pk", flat=True)[:_ROWS_MOST]):
        with transaction.atomic():
            held = row_lock(model, pk)
            if held.state != state or held.expires_at is None or held.expires_at > now:
                continue
            paused = end(held, held.expires_at)
            audit_append_system(
                operation=operation,
                outcome="done",
                object_type=model._meta.label_lower,
                object_id=str(pk),
                facts={"batches_paused": paused},
            )
            ended += 1
    return ended


def dated_remind(
    model: type[Dated], *, state: str, tell: Callable[[Dated, datetime], None], now: datetime
) -> None:
    """Once for 30, 7 and 1 days before a row of `state` ends: `tell(row, ends_at)`."""
    soon: Any = model._default_manager.filter(
        state=state, expires_at__gt=now, expires_at__lte=now + timedelta(days=max(REMIND_DAYS))
    ).order_by("expires_at", "pk")
    for pk in list(soon.values_list("pk", flat=True)[:_ROWS_MOST]):
        with transaction.atomic():
            held = row_lock(model, pk)
            ends = held.expires_at
            if ends is None or held.state != state:
                continue
            due = next((days for days in REMIND_DAYS if ends <= now + timedelta(days=days)), None)
            if due is None or (held.reminded_days is not None and held.reminded_days <= due):
                continue
            held.reminded_days = due
            held.save(update_fields=["reminded_days"])
            tell(held, ends)
