"""What a gateway's answer says about the number itself, and when that retires it (compliance §2.5). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

NumberFault = Literal["invalid", "landline", "unknown_subscriber", "unreachable"]

UNKNOWN_EVENTS: Final = 2
UNKNOWN_APART: Final = timedelta(days=7)
UNREACHABLE_BATCHES: Final = 3
UNREACHABLE_WITHIN: Final = timedelta(days=30)
HISTORY: Final = timedelta(days=180)
"""How far back answers are looked at."""


@dataclass(frozen=True)
class Answer:
    """How one text to the number ended: when, in which batch, with which fault (None: delivered)."""

    at: datetime
    batch_id: int
    fault: NumberFault | None


def number_verdict(fault: NumberFault, history: Sequence[Answer], *, now: datetime) -> str | None:
    """The reason to retire the number for, or None; `history` includes the answer at hand.

    Invalid and landline: at once. Unknown subscriber: two answers at least 7 days apart, with no
    delivery between. Unreachable: three batches within 30 days, with no delivery in them.
    """
    if fault in ("invalid", "landline"):
        return fault
    delivered = [each.at for each in history if each.fault is None]
    alive = max(delivered, default=None)
    since = [each for each in history if each.fault == fault and (alive is None or each.at > alive)]
    if fault == "unknown_subscriber":
        times = sorted(each.at for each in since)
        apart = len(times) >= UNKNOWN_EVENTS and times[-1] - times[0] >= UNKNOWN_APART
        return fault if apart else None
    recent = {each.batch_id for each in since if each.at > now - UNREACHABLE_WITHIN}
    return fault if len(recent) >= UNREACHABLE_BATCHES else None


def number_fault(
    known: NumberFault | None, *, error_class: str, error_code: str, state: str, reason: str
) -> NumberFault | None:
    """What an answer says of the number: the transport's word for its code, else what its class says.

    A filter, a duplicate, a limit of the gateway or a missing receipt say nothing of it.
    """
    if state == "delivered":
        return None
    if known is not None:
        return known
    if error_class == "hard":
        return "invalid"
    if state == "expired" and not error_code and reason != "no_receipt":
        return "unreachable"
    return None
