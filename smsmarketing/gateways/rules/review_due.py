"""Until when a held reply must be decided: one business day [R-2.4]. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

_SATURDAY = 5


def decision_due(stored_at: datetime) -> datetime:
    """A day later; what came in or falls due on a weekend is due a working day later (UTC)."""
    begins = stored_at
    while begins.weekday() >= _SATURDAY:
        begins = begins.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    due = begins + timedelta(days=1)
    while due.weekday() >= _SATURDAY:
        due += timedelta(days=1)
    return due
