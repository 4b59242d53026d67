"""Time limits and drift: when an approval stops to cover what is about to happen [R-8.3]."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

PENDING_FOR = timedelta(hours=72)
"""How long people have to decide (compliance §8.1)."""
APPROVED_FOR = timedelta(days=7)
"""How long an approval lasts when nothing ends it earlier."""
GROWTH_ALLOWED = Decimal("1.05")
"""How much the audience may grow between approval and execution [R-8.3]."""


def pending_until(now: datetime, window_end: datetime | None) -> datetime:
    """When a new request expires: 72 hours, or the end of what it asks for."""
    until = now + PENDING_FOR
    return min(until, window_end) if window_end else until


def approved_until(now: datetime, window_end: datetime | None) -> datetime:
    """When an approval expires: the end of the send window, at most 7 days."""
    until = now + APPROVED_FOR
    return min(until, window_end) if window_end else until


def drift_found(
    approved: Mapping[str, Any], current: Mapping[str, Any], *, cost_ceiling: Decimal | None
) -> dict[str, str]:
    """What outgrew its approval: {fact: sentence}, empty when the approval still covers it [R-8.3].

    Recipients may grow by 5 %, cost up to the ceiling, countries not at all, and content (a hash of
    it) must be the same. A fact that was approved and is not given now counts as drift.
    """
    drift: dict[str, str] = {}
    before, now = _number(approved.get("recipients")), _number(current.get("recipients"))
    if before is not None and (now is None or now > before * GROWTH_ALLOWED):
        drift["recipients"] = f"{_said(now)} recipients instead of {_said(before)}"
    cost = _number(current.get("cost"))
    if cost_ceiling is not None and (cost is None or cost > cost_ceiling):
        drift["cost"] = f"cost {_said(cost)} above the approved {_said(cost_ceiling)}"
    if "countries" in approved:
        added = sorted(set(current.get("countries") or ()) - set(approved["countries"] or ()))
        if added:
            drift["countries"] = f"countries not approved: {', '.join(added)}"
    if approved.get("content_sha256") != current.get("content_sha256"):
        drift["content_sha256"] = "other content than was approved"
    return drift


def _number(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _said(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value.normalize():,f}"
