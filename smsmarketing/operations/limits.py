"""How often a token may call, counted in PostgreSQL so that all web processes agree [R-9.18]."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from smsmarketing.operations.errors import RateLimited
from smsmarketing.operations.models import RateWindow
from smsmarketing.operations.types import Actor, Kind, Operation, Surface

DEFAULT_LIMITS: Mapping[str, int] = {"read": 60, "preview": 20, "write": 10, "outbound": 5}
"""Calls per minute and token; settings.OPERATION_RATE_LIMITS replaces it, None there switches
limits off.
"""

PERSON_LIMITS: Mapping[str, int] = {"search": 30}
"""Calls per minute and person on all surfaces together: nobody finds numbers by trying [R-4.13]."""

_WINDOW = timedelta(minutes=1)

_COUNT = """
INSERT INTO operations_ratewindow (principal, call_class, starts_at, calls) VALUES (%s, %s, %s, 1)
ON CONFLICT (principal, call_class, starts_at) DO UPDATE SET calls = operations_ratewindow.calls + 1
RETURNING calls
"""


def call_class(operation: Operation[Any, Any], *, dry_run: bool) -> str:
    """read, preview, write or outbound; a dry run has no effect and counts as a preview."""
    if operation.kind is Kind.PREVIEW or (dry_run and operation.writes):
        return "preview"
    if not operation.writes:
        return "read"
    return "outbound" if operation.outbound else "write"


def rate_count(
    operation: Operation[Any, Any], *, actor: Actor, dry_run: bool, now: datetime
) -> None:
    """Count this call, in its own short transaction. Raises RateLimited when the minute is used up.

    People in the browser, the command line and jobs are not limited, but for what carries a
    `person_limit`. Only the first refusal of a
    minute is audited, so that a flood does not fill the audit chain.
    """
    if operation.person_limit:
        person_count(operation.person_limit, actor=actor, now=now)
    limits = getattr(settings, "OPERATION_RATE_LIMITS", DEFAULT_LIMITS)
    if not limits or actor.is_session or actor.surface not in {Surface.REST, Surface.MCP}:
        return
    kind = call_class(operation, dry_run=dry_run)
    limit = int(limits[kind])
    principal = f"token:{actor.token_id}" if actor.token_id is not None else actor.principal
    may = f"This token may make {limit} {kind} calls a minute."
    _minute_count(principal, kind, limit=limit, may=may, now=now)


def person_count(name: str, *, actor: Actor, now: datetime) -> None:
    """Count a call that is limited per person on every surface [R-4.13]; jobs are not.

    For what asks beside `execute()` too, such as the search box of an admin list. Raises
    RateLimited; only the first refusal of a minute is audited.
    """
    if actor.surface is Surface.SYSTEM or not getattr(
        settings, "OPERATION_RATE_LIMITS", DEFAULT_LIMITS
    ):
        return
    limit = PERSON_LIMITS[name]
    may = f"A person may search {limit} times a minute."
    _minute_count(actor.principal, name, limit=limit, may=may, now=now)


def _minute_count(principal: str, kind: str, *, limit: int, may: str, now: datetime) -> None:
    """Count a call of this minute. Raises RateLimited, whose first refusal alone is audited."""
    window = now.replace(second=0, microsecond=0)
    calls = _counted(principal, kind, window)
    if calls <= limit:
        return
    seconds = _seconds_left(window, now)
    refusal = RateLimited(
        f"{may} Wait {seconds} seconds, then go on.",
        retry_after_s=seconds,
        details={"limit_per_minute": limit, "call_class": kind},
    )
    refusal.audited = calls == limit + 1
    raise refusal


def _seconds_left(window: datetime, now: datetime) -> int:
    return max(1, int((window + _WINDOW - now).total_seconds()) + 1)


def rate_windows_expire(*, now: datetime) -> int:
    """Delete windows that are over for good; returns how many."""
    deleted, _ = RateWindow.objects.filter(starts_at__lt=now - 10 * _WINDOW).delete()
    return deleted


def calls_counted(principal: str, kind: str, window: datetime) -> int:
    """Count one call in the window that starts then (at most ten minutes long), in an own short
    transaction; how many that makes. For pages without an actor.
    """
    return _counted(principal[:64], kind[:12], window)


def _counted(principal: str, kind: str, window: datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        # A crash may forget the last counts, which does no harm; waiting for the disk on every call
        # would.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_COUNT, [principal, kind, window])
        return int(cursor.fetchone()[0])
