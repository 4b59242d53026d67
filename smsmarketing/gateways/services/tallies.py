"""What became of accepted messages, counted where they were accepted: receipts, and those that never came."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection

from smsmarketing.gateways.rules.routes import WAIT_EDGES_S

FILTERED_CLASSES: Final = frozenset({"content", "sender"})

_PUSH = """
INSERT INTO gateways_routetally AS t (gateway_id, country, brand_id, since, accepted, refused,
    unavailable, unclear, delivered, undelivered, filtered, missing, cost, waits)
SELECT u.g, u.c, u.b, u.since, u.accepted, 0, 0, 0, u.delivered, u.undelivered, u.filtered, u.missing,
    0, u.waits::bigint[]
FROM unnest(%(g)s::bigint[], %(c)s::text[], %(b)s::bigint[], %(since)s::timestamptz[],
    %(accepted)s::bigint[], %(delivered)s::bigint[], %(undelivered)s::bigint[],
    %(filtered)s::bigint[], %(missing)s::bigint[], %(waits)s::text[])
    AS u(g, c, b, since, accepted, delivered, undelivered, filtered, missing, waits)
ORDER BY u.g, u.c, u.b, u.since
ON CONFLICT (gateway_id, country, brand_id, since) DO UPDATE SET
    accepted = t.accepted + excluded.accepted,
    delivered = t.delivered + excluded.delivered,
    undelivered = t.undelivered + excluded.undelivered,
    filtered = t.filtered + excluded.filtered,
    missing = t.missing + excluded.missing,
    waits = (SELECT array_agg(coalesce(x.a, 0) + coalesce(x.b, 0) ORDER BY x.n)
             FROM unnest(t.waits, excluded.waits) WITH ORDINALITY AS x(a, b, n))
"""

_BACK = """
UPDATE gateways_routetally t SET
    undelivered = greatest(t.undelivered - u.undelivered, 0),
    missing = greatest(t.missing - u.missing, 0)
FROM unnest(%(g)s::bigint[], %(c)s::text[], %(b)s::bigint[], %(since)s::timestamptz[],
    %(undelivered)s::bigint[], %(missing)s::bigint[]) AS u(g, c, b, since, undelivered, missing)
WHERE (t.gateway_id, t.country, t.brand_id, t.since) = (u.g, u.c, u.b, u.since)
"""


class Place(NamedTuple):
    """The tally a message belongs to: where and when it was accepted."""

    gateway_id: int
    country: str
    brand_id: int
    since: datetime


@dataclass(slots=True)
class Received:
    """Receipts of one tally. `accepted`: of these, taken though the gateway's answer did not say so."""

    accepted: int = 0
    delivered: int = 0
    undelivered: int = 0
    filtered: int = 0
    missing: int = 0
    waits: list[int] = field(default_factory=lambda: [0] * (len(WAIT_EDGES_S) + 1))

    def wait_note(self, seconds: float) -> None:
        """Count a receipt by how long it took."""
        self.waits[bisect_left(WAIT_EDGES_S, max(seconds, 0.0))] += 1


def received_push(received: Mapping[Place, Received], *, taken_back: bool = False) -> None:
    """Add to the tallies, in the caller's transaction; `taken_back` takes undelivered and missing
    away again, for late receipts that put them right.
    """
    places = sorted(received)
    if not places:
        return
    rows = [received[place] for place in places]
    with connection.cursor() as cursor:
        cursor.execute(
            _BACK if taken_back else _PUSH,
            {
                "g": [place.gateway_id for place in places],
                "c": [place.country for place in places],
                "b": [place.brand_id for place in places],
                "since": [place.since for place in places],
                "waits": ["{" + ",".join(map(str, row.waits)) + "}" for row in rows],
                **{
                    name: [getattr(row, name) for row in rows]
                    for name in ("accepted", "delivered", "undelivered", "filtered", "missing")
                },
            },
        )
