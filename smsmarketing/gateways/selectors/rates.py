"""Prices in force: which one counts, and whether it is fresh enough to count at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from smsmarketing.gateways.models import Gateway, Rate
from smsmarketing.operations.errors import RatesUnavailable


def rates_current(
    gateway: Gateway | int, countries: Collection[str] | None, at: datetime
) -> dict[str, Rate]:
    """The price of one part per country at `at`; None = every country.

    The dearest of the country's prices, its operators' own among them: whose network a number is on
    is not known, so that the cost shown before is the most that can come. A country without a price
    in force is missing: the planner answers no_rate for it.
    """
    gateway_id = gateway.pk if isinstance(gateway, Gateway) else gateway
    rows = Rate.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at), gateway_id=gateway_id, valid_from__lte=at
    )
    if countries is not None:
        rows = rows.filter(country__in=list(countries))
    # Of equal prices the general one; the last one of a country stays.
    return {rate.country: rate for rate in rows.order_by("country", "price", "-operator", "pk")}


def rate_basis(rate: Rate) -> str:
    """Which price was used, in words."""
    if not rate.operator:
        return "any operator"
    return (
        f"dearest operator of the country ({rate.operator}): whose network a number is on is not "
        "known before"
    )


def rate_stale(rate: Rate, at: datetime) -> bool:
    """Whether the price is older than the policy allows (RATES_MAX_AGE_DAYS)."""
    return at - rate.fetched_at > timedelta(days=settings.RATES_MAX_AGE_DAYS)


def rates_fresh_check(
    gateway: Gateway, rates: Mapping[str, Rate], countries: Collection[str], at: datetime
) -> None:
    """Refuse to count with stale prices. Raises RatesUnavailable, which names the countries."""
    old = {
        country: rates[country].fetched_at
        for country in sorted(countries)
        if country in rates and rate_stale(rates[country], at)
    }
    if not old:
        return
    raise RatesUnavailable(
        f"The prices of {gateway.name} for {', '.join(list(old)[:10])} were last confirmed on "
        f"{min(old.values()):%-d %B %Y} or later; at most {settings.RATES_MAX_AGE_DAYS} days are allowed. "
        "Load the provider's list again with rates.import (the same prices count as confirmed), or "
        "choose another gateway.",
        field_errors={"gateway_id": "Its prices are stale."},
        details={
            "countries": {country: fetched.isoformat() for country, fetched in old.items()},
            "stale_after_days": settings.RATES_MAX_AGE_DAYS,
        },
    )
