"""Giving out full numbers: counted per person and day, and written down one by one [R-4.12]."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from smsmarketing.contacts.models import RevealBudget
from smsmarketing.operations.audit import audit_append
from smsmarketing.operations.errors import InvalidInput, RateLimited
from smsmarketing.operations.types import Actor

REVEAL = "contacts.reveal"
PHONE_PERMISSION = "contacts.phone_view"
PHONE_SCOPE = "sms:contacts.pii"
FULL_NUMBERS_MOST: Final = 50
"""Full numbers that one call, one file for a token, or one person alone may take out [R-4.12]."""
REASON_LEAST: Final = 5
"""Characters of a reason that says something."""
BUDGETS_KEPT = timedelta(days=7)

_TAKE = """
INSERT INTO contacts_revealbudget (user_id, day, used) VALUES (%(user)s, %(day)s, %(count)s)
ON CONFLICT (user_id, day) DO UPDATE SET used = contacts_revealbudget.used + %(count)s
RETURNING used
"""


def may_see_phones(actor: Actor) -> bool:
    """Whether the person may see numbers and the token, if any, carries the scope [R-4.12]."""
    return actor.may(PHONE_PERMISSION) and (actor.scopes is None or PHONE_SCOPE in actor.scopes)


def reason_read(reason: str, *, message: str, hint: str) -> str:
    """The reason without the space around it. Raises InvalidInput when it says nothing."""
    said = reason.strip()
    if len(said) < REASON_LEAST:
        raise InvalidInput(message, field_errors={"reason": hint})
    return said


def reveals_take(
    actor: Actor,
    subjects: Iterable[tuple[str, str]],
    *,
    reason: str,
    now: datetime,
    operation: str = REVEAL,
) -> int:
    """Take these numbers out of the person's budget of the day, and write each into the audit log;
    returns how many are left today.

    `subjects` are (object type, object id) of what the numbers belong to. In the caller's
    transaction: what is refused later counts nothing. The row of the budget is what two calls of one
    person wait on. Raises RateLimited when the budget does not suffice; then nothing is counted.
    """
    found = list(subjects)
    now = now.astimezone(UTC)
    if not found:
        return reveals_left(actor, now=now)
    left = reveals_count(actor, len(found), now=now)
    for kind, object_id in found:
        audit_append(
            operation=operation,
            outcome="revealed",
            actor=actor,
            object_type=kind,
            object_id=object_id,
            reason=reason,
            facts={"numbers": len(found)},
            at=now,
        )
    return left


def reveals_count(actor: Actor, count: int, *, now: datetime) -> int:
    """Take `count` numbers of a file, whose own audit entry tells of it, out of the budget of the day;
    returns how many are left. Raises RateLimited when the budget does not suffice.
    """
    limit = settings.PHONE_REVEALS_A_DAY
    now = now.astimezone(UTC)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"user": actor.user_id, "day": now.date(), "count": count})
        used = int(cursor.fetchone()[0])
    if used > limit:
        raise _exhausted(limit, asked=count, before=used - count, now=now)
    return limit - used


def reveals_left(actor: Actor, *, now: datetime) -> int:
    """Full numbers that the person may still see today (UTC)."""
    day = now.astimezone(UTC).date()
    row = RevealBudget.objects.filter(user_id=actor.user_id, day=day).first()
    return max(0, settings.PHONE_REVEALS_A_DAY - (row.used if row else 0))


def reveals_forget(*, now: datetime) -> int:
    """Delete counts of days long past; returns how many."""
    deleted, _ = RevealBudget.objects.filter(day__lt=(now - BUDGETS_KEPT).date()).delete()
    return deleted


def _exhausted(limit: int, *, asked: int, before: int, now: datetime) -> RateLimited:
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = int((midnight - now).total_seconds()) + 1
    left = max(0, limit - before)
    return RateLimited(
        f"You may see {limit} full numbers a day; {left} are left and this asks for {asked}. The count"
        f" begins again at 00:00 UTC on {midnight:%-d %B}. Until then a colleague with the right"
        " contacts.phone_view can look, a list for many people is asked for as an export, and an"
        " administrator can raise PHONE_REVEALS_A_DAY.",
        retry_after_s=seconds,
        details={"limit_per_day": limit, "left": left, "asked": asked},
    )
