"""Which gateways may carry what, as far as rows say it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import F, Q

from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway, Rate, Route, RoutePin, SenderId
from smsmarketing.gateways.selectors.rates import rate_stale, rates_current
from smsmarketing.gateways.selectors.senders import sender_eligibility


def routes_active(
    gateway_ids: Collection[int] | None, *, purpose: str, sender_id: int | None
) -> Iterable[Route]:
    """Routes for a purpose and sender, the general ones first, so that later ones replace them."""
    rows = Route.objects.filter(
        Q(sender=None) | Q(sender_id=sender_id), active=True, purpose__in=["", purpose]
    )
    if gateway_ids is not None:
        rows = rows.filter(gateway_id__in=list(gateway_ids))
    return rows.order_by("purpose", F("sender_id").asc(nulls_first=True), "pk")


def pins_active(*, purpose: str, at: datetime) -> dict[str, int]:
    """Country → the gateway that a person keeps it on."""
    rows = RoutePin.objects.filter(
        lifted_at=None, created_at__lte=at, expires_at__gt=at, purpose__in=["", purpose]
    )
    return dict(rows.order_by("purpose").values_list("country", "gateway_id"))


def pins_words(
    gateways: Collection[Gateway], countries: Collection[str], *, purpose: str, at: datetime
) -> list[str]:
    """A sentence for each country that a person keeps on one of these gateways."""
    rows = RoutePin.objects.select_related("gateway", "set_by").filter(
        lifted_at=None,
        created_at__lte=at,
        expires_at__gt=at,
        purpose__in=["", purpose],
        gateway__in=gateways,
        country__in=countries,
    )
    pins = {row.country: row for row in rows.order_by("country", "purpose")}
    return [
        f"{country}: only by {pin.gateway.name} until {pin.expires_at:%-d %B %Y %H:%M} UTC, set by"
        f" {pin.set_by.get_full_name() or pin.set_by.get_username()}: {pin.reason}"
        for country, pin in pins.items()
    ]


def gateways_allowed(gateway: Gateway, *, purpose: str, sender: SenderId | None) -> list[Gateway]:
    """The other gateways that routes let carry a batch of this gateway: those that bill in its
    currency, count parts in the same way, are not disabled, and where the sender may be used in a
    country of the route.

    A bind is held by a process of its own, that is given no other work: what goes over one stays
    there, and nothing else comes to it.
    """
    bound = transports.bound_names()
    if gateway.transport in bound:
        return []
    sender_id = sender.pk if sender is not None else None
    countries: dict[int, set[str]] = {}
    for route in routes_active(None, purpose=purpose, sender_id=sender_id):
        if route.country in gateway.countries:
            countries.setdefault(route.gateway_id, set()).add(route.country)
    if gateway.fallback_id is not None:
        countries.setdefault(gateway.fallback_id, set()).update(gateway.countries)
    countries.pop(gateway.pk, None)
    found = Gateway.objects.filter(
        pk__in=countries, currency=gateway.currency, split_mode=gateway.split_mode
    ).exclude(Q(state="disabled") | Q(transport__in=bound))
    return [
        each
        for each in found.order_by("name")
        if _usable(each, countries[each.pk] & set(each.countries), sender, purpose)
    ]


def _usable(gateway: Gateway, countries: set[str], sender: SenderId | None, purpose: str) -> bool:
    if sender is None:
        return bool(countries)
    statuses = sender_eligibility(sender, gateway=gateway, purpose=purpose)
    return any(statuses.get(country) == "allowed" for country in countries)


def rates_dearest(
    gateway: Gateway,
    others: Collection[Gateway],
    *,
    purpose: str,
    sender: SenderId | None,
    at: datetime,
) -> dict[str, Rate]:
    """The price of a part by country on the dearest gateway that may carry it: what is reserved.

    Countries are those of `gateway`: others help out, they do not add countries, and nobody helps
    with a stale price. Its own stale one stays, for the caller to refuse.
    """
    rates = dict(rates_current(gateway, None, at))
    for other in others:
        statuses = (
            sender_eligibility(sender, gateway=other, purpose=purpose)
            if sender is not None
            else None
        )
        for country, rate in rates_current(other, list(other.countries), at).items():
            own = rates.get(country)
            if own is None or rate_stale(own, at) or rate_stale(rate, at):
                continue
            if statuses is not None and statuses.get(country) != "allowed":
                continue
            if rate.price > own.price:
                rates[country] = rate
    return rates
