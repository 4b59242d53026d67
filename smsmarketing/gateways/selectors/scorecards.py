"""How gateways did by country, from what was counted as it happened."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from smsmarketing.gateways.rules.routes import WAIT_EDGES_S, wait_quantile

MOST_CARDS: Final = 500
_COUNTS: Final = (
    "accepted",
    "refused",
    "unavailable",
    "unclear",
    "delivered",
    "undelivered",
    "filtered",
    "missing",
)
COLUMNS: Final = ", ".join(
    [
        *(f"coalesce(sum(t.{name}), 0)::bigint" for name in _COUNTS),
        "coalesce(sum(t.cost), 0)",
        "ARRAY["
        + ", ".join(
            f"coalesce(sum(t.waits[{n + 1}]), 0)::bigint" for n in range(len(WAIT_EDGES_S) + 1)
        )
        + "]",
    ]
)
"""What a card is made of, over rows of gateways_routetally called t."""
_CARDS = f"""
SELECT t.gateway_id, t.country, {COLUMNS}
FROM gateways_routetally t
WHERE t.since >= %(since)s
  AND (%(country)s::text IS NULL OR t.country = %(country)s)
  AND (%(gateway)s::numeric IS NULL OR t.gateway_id = %(gateway)s::numeric)
  AND (%(teams)s::bigint[] IS NULL
       OR t.brand_id IN (SELECT b.id FROM accounts_brand b WHERE b.team_id = ANY(%(teams)s::bigint[])))
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {MOST_CARDS}
"""  # noqa: S608 - constant fragments


class Card(NamedTuple):
    """The figures of one gateway in one country."""

    accepted: int
    refused: int
    unavailable: int
    unclear: int
    delivered: int
    undelivered: int
    filtered: int
    missing: int
    cost: Decimal
    waits: list[int]

    @property
    def waiting(self) -> int:
        """Accepted, and no final word yet."""
        return max(self.accepted - self.delivered - self.undelivered - self.missing, 0)

    @property
    def delivered_percent(self) -> Decimal | None:
        """Of what was accepted; None when nothing was."""
        return _share(self.delivered, self.accepted)

    @property
    def missing_percent(self) -> Decimal | None:
        """Of what was accepted, without a receipt in the time to wait; None when nothing was."""
        return _share(self.missing, self.accepted)

    @property
    def half_s(self) -> float | None:
        """Seconds within which half of the receipts came."""
        return wait_quantile(self.waits, 0.5)

    @property
    def most_s(self) -> float | None:
        """Seconds within which 95 % of the receipts came."""
        return wait_quantile(self.waits, 0.95)

    @property
    def cost_per_delivered(self) -> Decimal | None:
        """In the gateway's currency; None when nothing was delivered."""
        if not self.delivered:
            return None
        return (self.cost / self.delivered).quantize(Decimal("0.000001"))


def _share(part: int, whole: int) -> Decimal | None:
    return (Decimal(100 * part) / whole).quantize(Decimal("0.1")) if whole else None


def cards_of(
    *,
    since: datetime,
    team_ids: Collection[int] | None,
    country: str | None = None,
    gateway_id: int | None = None,
) -> dict[tuple[int, str], Card]:
    """Cards by gateway and country, most traffic first; `team_ids` None: of all teams."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CARDS,
            {
                "since": since,
                "country": country,
                "gateway": gateway_id,
                "teams": None if team_ids is None else sorted(team_ids),
            },
        )
        return {(row[0], row[1]): Card(*row[2:]) for row in cursor.fetchall()}
