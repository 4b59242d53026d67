"""Asking providers in waves: claimed in a transaction, asked without one, each answer recorded as it comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, TypeVar

from django.utils import timezone

WAVE: Final = 16
"""Rows that a wave claims at the most."""
WAVES_MOST: Final = 100
_THREADS: Final = 4

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


def waves_run(
    claim: Callable[[datetime], Sequence[Asked]],
    ask: Callable[[Asked], Answered],
    record: Callable[[Asked, Answered, datetime], None],
    *,
    waves: int,
    now: datetime | None,
) -> int:
    """Until nothing is due, or for `waves` waves; returns how many were asked.

    `ask` runs in a thread without a database connection and raises nothing: sockets only.
    """
    asked = 0
    for _ in range(waves):
        found = claim(now or timezone.now())
        if not found:
            break
        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            for one, answer in zip(found, pool.map(ask, found), strict=True):
                record(one, answer, now or timezone.now())
        asked += len(found)
    return asked
