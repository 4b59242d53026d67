"""What routes learn from their figures: shares that move in small steps [R-10.17], [R-10.18], and how long
to wait for a receipt [R-10.21].
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import connection, transaction

from smsmarketing.gateways.models import RouteHealth, RouteTally
from smsmarketing.gateways.rules.routes import (
    LEAST_CALLS,
    SICK_SHARE,
    SLOW_AFTER_S,
    SLOW_SHARE,
    TALLY_SPAN,
    WAIT_EDGES_S,
    percent_step,
    timeout_learned,
)
from smsmarketing.gateways.services.breakers import watchers_tell

KEPT: Final = timedelta(days=8)
_NEVER: Final = timedelta(days=365)
_QUICK: Final = WAIT_EDGES_S.index(SLOW_AFTER_S) + 1
"""So many counts of `waits` are of receipts that came in time."""

# `recent`: what was accepted long enough ago that its receipts are due. `calls`: now.
_FIGURES = """
SELECT gateway_id, country,
    coalesce(sum(accepted) FILTER (WHERE since >= %(from)s AND since <= %(due)s), 0),
    coalesce(sum((SELECT sum(v) FROM unnest(waits[1:%(quick)s]) v))
        FILTER (WHERE since >= %(from)s AND since <= %(due)s), 0),
    coalesce(sum(accepted + refused + unavailable + unclear) FILTER (WHERE since >= %(now)s), 0),
    coalesce(sum(unavailable + unclear) FILTER (WHERE since >= %(now)s), 0),
    sum(delivered + undelivered)
FROM gateways_routetally WHERE since >= %(day)s
GROUP BY gateway_id, country
"""
_WAITS = """
SELECT q.gateway_id, q.country, array_agg(q.total ORDER BY q.n)
FROM (SELECT t.gateway_id, t.country, w.n, sum(w.v)::bigint AS total
      FROM gateways_routetally t, unnest(t.waits) WITH ORDINALITY AS w(v, n)
      WHERE t.since >= %(kept)s GROUP BY 1, 2, 3) q
GROUP BY 1, 2
"""


class Figures(NamedTuple):
    """One gateway in one country: messages whose receipts are due, receipts that came in time, calls
    and failures of these minutes, and receipts of the last day.
    """

    due: int
    in_time: int
    calls: int
    failures: int
    receipts: int

    @property
    def judged(self) -> bool:
        """Whether there is enough to say how quick it is; a gateway without receipts never is."""
        return self.due >= LEAST_CALLS and self.receipts > 0

    @property
    def slow(self) -> bool:
        """[R-10.18]"""
        return self.judged and self.due - self.in_time >= self.due * SLOW_SHARE

    @property
    def failing(self) -> bool:
        """[R-10.17]"""
        return self.calls >= LEAST_CALLS and self.failures > self.calls * SICK_SHARE


def routes_tune(*, now: datetime) -> int:
    """Move the shares and learn the waits; safe at any time and twice at once. Returns moves."""
    moved = 0
    with transaction.atomic():
        rows = list(
            RouteHealth.objects.select_for_update(no_key=True, of=("self",))
            .select_related("gateway")
            .order_by("gateway_id", "country")
        )
        figures = _figures(now)
        whole = {row.gateway_id for row in rows if not row.country and row.breaker != "closed"}
        waits = _waits(now)
        for row in rows:
            if row.country:
                _learn(row, waits.get((row.gateway_id, row.country), []))
                moved += _share_move(row, figures, row.gateway_id in whole, now)
                row.save()
        RouteTally.objects.filter(since__lt=now - KEPT).delete()
    return moved


def _figures(now: datetime) -> dict[tuple[int, str], Figures]:
    this = now - TALLY_SPAN
    with connection.cursor() as cursor:
        cursor.execute(
            _FIGURES,
            {
                "day": now - timedelta(days=1),
                "from": now - timedelta(minutes=25),
                "due": now - timedelta(minutes=10),
                "now": this,
                "quick": _QUICK,
            },
        )
        return {(row[0], row[1]): Figures(*map(int, row[2:])) for row in cursor.fetchall()}


def _waits(now: datetime) -> dict[tuple[int, str], list[int]]:
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, {"kept": now - KEPT})
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


def _learn(row: RouteHealth, counts: list[int]) -> None:
    learned = timeout_learned(counts, most_hours=row.gateway.dlr_timeout_hours)
    if learned is not None:
        row.dlr_timeout_hours = learned
    elif row.dlr_timeout_hours is not None:  # never above what people set meanwhile
        row.dlr_timeout_hours = min(row.dlr_timeout_hours, row.gateway.dlr_timeout_hours)


def _share_move(
    row: RouteHealth, figures: Mapping[tuple[int, str], Figures], rests: bool, now: datetime
) -> bool:
    mine = figures.get((row.gateway_id, row.country), Figures(0, 0, 0, 0, 0))
    others = [
        each
        for (gateway_id, country), each in figures.items()
        if country == row.country and gateway_id != row.gateway_id and each.judged
    ]
    failing = rests or row.breaker != "closed" or mine.failing
    if failing or mine.slow:
        row.trouble_at = now
    after = percent_step(
        row.percent,
        since_move=now - row.percent_at if row.percent_at else _NEVER,
        since_trouble=now - row.trouble_at if row.trouble_at else _NEVER,
        failing=failing,
        slow=mine.slow,
        others_fine=any(not each.slow for each in others),
    )
    if after == row.percent:
        return False
    if after > row.percent:
        row.percent_note = "Quiet for a while: its share comes back." if after < 100 else ""
    elif failing:
        row.percent_note = "Submits fail."
    else:
        late = round(100 * (mine.due - mine.in_time) / mine.due)
        row.percent_note = f"{late} % had no receipt after five minutes; others are quicker."
    if row.percent == 100:
        watchers_tell(f"{row.gateway.name} gets less of {row.country} for now: {row.percent_note}")
    row.percent, row.percent_at = after, now
    return True
