"""The recipient's clock at hand-over: may it go now, until when, and if not, when [R-3.5]."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple, cast

from smsmarketing.gateways.dispatch.claim import Row
from smsmarketing.gateways.dispatch.road import Road
from smsmarketing.gateways.rules.quiet_hours import Open, reopening_at, window_check
from smsmarketing.gateways.rules.quiet_table import Mode

QUIET_PURPOSES = frozenset({"marketing", "opt_in"})
"""Purposes that keep quiet hours; all others are exempt [R-3.3]. A request to confirm an
opt-in is no marketing, but nobody wants to be asked at night.
"""
_MARGIN = timedelta(seconds=60)
"""Room for the gateway's own queue [R-3.5]."""


class Window(NamedTuple):
    """`opens_at`: wait until then. `closes_at`: the gateway must give up then. `shut`: never."""

    opens_at: datetime | None = None
    closes_at: datetime | None = None
    shut: str | None = None


_ALWAYS = Window()


class Clock:
    """Answers for the messages of one run."""

    def __init__(self, road: Road) -> None:
        self._exempt = road.plan.purpose not in QUIET_PURPOSES
        self._mode = cast(Mode, road.quiet_mode)
        self._margin = max(_MARGIN, timedelta(seconds=road.shortest_validity_s + 5))

    def window(self, row: Row, now: datetime) -> Window:
        """When `row` may be handed over; one that no clock can place is never sent [R-3.8]."""
        if self._exempt:
            return _ALWAYS
        answer = window_check(
            now,
            phone=row.phone,
            country=row.country,
            subdivision=row.region,
            explicit_zone=row.time_zone,
            mode=self._mode,
            margin=self._margin,
        )
        if isinstance(answer, Open):
            return Window(closes_at=answer.closes)
        opens_at = reopening_at(answer, row.id)
        if opens_at is None:
            return Window(shut=answer.reason)
        return Window(opens_at=opens_at)
