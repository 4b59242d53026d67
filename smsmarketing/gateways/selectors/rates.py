"""Prices in force."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from smsmarketing.gateways.models import Gateway, Rate


def rates_current(
    gateway: Gateway | int, countries: Collection[str] | None, at: datetime
) -> dict[str, Rate]:
    """The price of one part per country at `at`, for any operator; None = every country.

    A country without a rate in force is missing: the planner answers no_rate for it.
    """
    gateway_id = gateway.pk if isinstance(gateway, Gateway) else gateway
    rows = Rate.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at),
        gateway_id=gateway_id,
        operator="",
        valid_from__lte=at,
    )
    if countries is not None:
        rows = rows.filter(country__in=list(countries))
    return {rate.country: rate for rate in rows.order_by("country", "valid_from")}
