"""Drift of routes: how far bills were from estimates."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from smsmarketing.gateways.models import Gateway, RouteMonth
from smsmarketing.gateways.rules.drift import MONTHS, Drift, drift_of


class RouteDrift(NamedTuple):
    """A country's drift over the months that were billed."""

    country: str
    months: int
    drift: Drift


def route_drift(row: RouteMonth) -> Drift | None:
    """The drift of one month."""
    return drift_of(row.money_estimated, row.money_reported, row.messages_told, row.money_invoiced)


def routes_drift(
    gateway: Gateway, countries: Collection[str], *, now: datetime
) -> list[RouteDrift]:
    """What a gateway's routes cost against their estimates in the last months, this one included."""
    since = now.date().replace(day=1)
    for _ in range(MONTHS - 1):
        since = (since - timedelta(days=1)).replace(day=1)
    found: dict[str, list[Drift]] = {}
    rows = RouteMonth.objects.filter(
        gateway=gateway, country__in=list(countries), month__gte=since
    ).order_by("country", "month")
    for row in rows:
        drift = route_drift(row)
        if drift is not None:
            found.setdefault(row.country, []).append(drift)
    return [
        RouteDrift(
            country,
            len(drifts),
            Drift(
                sum((each.estimated for each in drifts), Decimal(0)),
                sum((each.billed for each in drifts), Decimal(0)),
                " and ".join(sorted({each.source for each in drifts})),
            ),
        )
        for country, drifts in found.items()
    ]
