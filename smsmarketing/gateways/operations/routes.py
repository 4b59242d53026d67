"""routes.list: which gateways may carry what, with their shares and health."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from smsmarketing.gateways.models import Route, RouteHealth, RoutePin
from smsmarketing.gateways.operations.shapes import money
from smsmarketing.gateways.selectors import rates_current
from smsmarketing.gateways.selectors.visibility import routes_visible
from smsmarketing.operations import registry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Context,
    Kind,
    Money,
    Operation,
    Output,
    RestRoute,
)


class RouteListIn(PageInput):
    """Input of routes.list."""

    country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Only routes of this country (ISO 3166-1)."
    )
    gateway_id: int | None = Field(default=None, ge=1, description="Only routes of this gateway.")


class RouteRow(Output):
    """A gateway that may carry messages besides the one a campaign names."""

    route_id: int = Field(description="Id of the route.")
    country: str = Field(description="Country it is for (ISO 3166-1 alpha-2).")
    purpose: str = Field(description="Purpose of the messages; empty for every purpose.")
    sender: str = Field(description="Sender it is for; empty for every sender allowed there.")
    gateway_id: int = Field(description="Gateway that may carry them.")
    gateway: str = Field(description="Its name.")
    weight: int = Field(description="Share against others; 0 = only when others cannot.")
    weight_now: int = Field(description="What health leaves of it now.")
    active: bool = Field(description="False: kept, but not used.")
    price: Money | None = Field(description="Price of one part there; null when none is known.")
    breaker: str = Field(description="closed, open or half_open (a few probes).")
    breaker_reason: str = Field(description="Why it is not closed.")
    pinned_until: datetime | None = Field(
        description="Until when a person keeps the country on this gateway, UTC."
    )


class RoutePage(Page[RouteRow]):
    """Routes by country."""


def run(context: Context, data: RouteListIn) -> RoutePage:
    """Routes are shared by the teams; those of a sender are shown to who may see the sender."""
    rows = routes_visible(context.actor).order_by("country", "purpose", "id")
    if data.country:
        rows = rows.filter(country=data.country)
    if data.gateway_id:
        rows = rows.filter(gateway_id=data.gateway_id)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    health = {
        (row.gateway_id, row.country): row
        for row in RouteHealth.objects.filter(gateway_id__in={row.gateway_id for row in page})
    }
    pins = {
        (pin.gateway_id, pin.country): pin.expires_at
        for pin in RoutePin.objects.filter(lifted_at=None, expires_at__gt=context.now)
    }
    return RoutePage(
        items=[_row(row, health, pins, context.now) for row in page], next_cursor=cursor
    )


def _row(
    route: Route,
    health: dict[tuple[int, str], RouteHealth],
    pins: dict[tuple[int, str], datetime],
    now: datetime,
) -> RouteRow:
    here = health.get((route.gateway_id, route.country))
    whole = health.get((route.gateway_id, ""))
    sick = next((each for each in (whole, here) if each and each.breaker != "closed"), None)
    rate = rates_current(route.gateway, [route.country], now).get(route.country)
    return RouteRow(
        route_id=route.pk,
        country=route.country,
        purpose=route.purpose,
        sender=route.sender.value if route.sender is not None else "",
        gateway_id=route.gateway_id,
        gateway=route.gateway.name,
        weight=route.weight,
        weight_now=round(route.weight * (here.percent if here else 100) / 100),
        active=route.active,
        price=money(rate.price, rate.currency) if rate is not None else None,
        breaker=sick.breaker if sick else "closed",
        breaker_reason=sick.reason if sick else "",
        pinned_until=pins.get((route.gateway_id, route.country)),
    )


registry.add(
    Operation(
        key="routes.list",
        summary="List which gateways may carry messages by country, with share, price and health.",
        description=(
            "A campaign's own gateway needs no route. What routes allow when a campaign is put to"
            " review is part of what people approve."
        ),
        kind=Kind.READ,
        input=RouteListIn,
        output=RoutePage,
        run=run,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateways.list",),
        rest=RestRoute("GET", "/routes"),
        group="gateways",
    )
)
