"""Things that are due later: one heap and one timer, however many receipts wait."""

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Schedule(Generic[T]):
    """Calls `due(item)` at its time. Holds at most `capacity` items; `add` says no above that."""

    def __init__(self, due: Callable[[T], None], *, capacity: int) -> None:
        self._due = due
        self._capacity = capacity
        self._heap: list[tuple[float, int, T]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, delay_s: float, item: T) -> bool:
        """Plan `item`; False when there is no room for it."""
        if len(self._heap) >= self._capacity:
            return False
        loop = asyncio.get_running_loop()
        when = loop.time() + delay_s
        heapq.heappush(self._heap, (when, next(self._order), item))
        if when < self._armed_for():
            self._arm(loop, when)
        return True

    def clear(self) -> None:
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(when, self._fire, loop)

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time() + 0.001  # what falls into the same millisecond goes together
        while self._heap and self._heap[0][0] <= now:
            self._due(heapq.heappop(self._heap)[2])
        # `due` may have planned something itself, later than what now comes first.
        if self._heap and self._heap[0][0] < self._armed_for():
            self._arm(loop, self._heap[0][0])

    def _armed_for(self) -> float:
        return math.inf if self._timer is None else self._timer.when()
