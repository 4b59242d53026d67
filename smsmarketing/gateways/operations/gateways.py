"""gateways.list: which gateways there are, where they reach, what they cost and can (000-03)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.operations.shapes import RateRow, balance_money, money, rate_row
from smsmarketing.gateways.operations.smpp_shapes import BindHealth, bind_health
from smsmarketing.gateways.selectors import gateways_visible, rates_current
from smsmarketing.gateways.selectors.carriers import transport_of
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


class GatewayListIn(PageInput):
    """Input of gateways.list."""

    country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Only gateways that deliver to this country (ISO 3166-1 alpha-2).",
    )
    state: Literal["active", "degraded", "disabled"] | None = Field(
        default=None, description="Only gateways in this state."
    )


class GatewayLimits(Output):
    """How fast a gateway may be used."""

    messages_per_second: float = Field(description="Over all workers.")
    in_flight: int = Field(description="Submits on the wire at once, per worker.")


class GatewayRow(Output):
    """One gateway."""

    gateway_id: int = Field(description="Id of the gateway.")
    name: str = Field(description="Name.")
    slug: str = Field(description="Short name, part of its webhook address.")
    state: str = Field(description="active, degraded (sends, but had trouble) or disabled.")
    state_reason: str = Field(description="Why it is degraded or disabled.")
    transport: str = Field(description="Protocol module.")
    countries: list[str] = Field(description="Countries it delivers to (ISO 3166-1 alpha-2).")
    currency: str = Field(description="Currency it bills in.")
    rates: list[RateRow] = Field(description="Price of one part by country, in force now.")
    countries_without_rate: list[str] = Field(
        description="Countries it delivers to without a price in force: sends there are refused."
    )
    delivery_reports: bool = Field(description="Whether it reports delivery per message (DLR).")
    delivery_report_timeout_hours: int = Field(
        description="After this long without a report a message counts as expired."
    )
    inbound: bool = Field(description="Whether its protocol carries replies of people.")
    rate_limits: GatewayLimits = Field(description="How fast it may be used.")
    fallback: str = Field(description="Name of the gateway that takes over; empty for none.")
    lookup_price: Money | None = Field(
        description="Price of one number lookup (HLR); null when it offers none or none is known."
    )
    balance: Money | None = Field(
        description="Prepaid balance, when the gateway told one in money; gateways.balance has points."
    )
    balance_at: datetime | None = Field(description="When the balance was read, UTC.")
    bind: BindHealth | None = Field(
        description="How its connection is; null for a gateway that is reached over HTTP."
    )


class GatewayPage(Page[GatewayRow]):
    """Gateways by name."""


def run(context: Context, data: GatewayListIn) -> GatewayPage:
    """All gateways; they are shared by the teams."""
    rows = gateways_visible(context.actor).select_related("fallback", "bind").order_by("name", "id")
    if data.country:
        rows = rows.filter(countries__contains=[data.country])
    if data.state:
        rows = rows.filter(state=data.state)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return GatewayPage(items=[_row(row, context.now) for row in page], next_cursor=cursor)


def _row(gateway: Gateway, now: datetime) -> GatewayRow:
    capabilities = transport_of(gateway).capabilities
    rates = rates_current(gateway, None, now)
    return GatewayRow(
        gateway_id=gateway.pk,
        name=gateway.name,
        slug=gateway.slug,
        state=gateway.state,
        state_reason=gateway.state_reason,
        transport=gateway.transport,
        countries=sorted(gateway.countries),
        currency=gateway.currency,
        rates=[rate_row(rate) for rate in rates.values()],
        countries_without_rate=sorted(set(gateway.countries) - rates.keys()),
        delivery_reports=capabilities.dlr,
        delivery_report_timeout_hours=gateway.dlr_timeout_hours,
        inbound=capabilities.inbound,
        rate_limits=GatewayLimits(
            messages_per_second=gateway.rate_per_second, in_flight=gateway.max_in_flight
        ),
        fallback=gateway.fallback.name if gateway.fallback is not None else "",
        lookup_price=(
            money(gateway.lookup_price, gateway.currency)
            if capabilities.hlr and gateway.lookup_price is not None
            else None
        ),
        balance=balance_money(gateway),
        balance_at=gateway.balance_at,
        bind=bind_health(gateway),
    )


registry.add(
    Operation(
        key="gateways.list",
        summary="List SMS gateways: country coverage, rates, delivery reports, limits, fallback.",
        description=(
            "Confirm country, rate and delivery reports before sending; do not use an unsuitable"
            " or disabled gateway."
        ),
        kind=Kind.READ,
        input=GatewayListIn,
        output=GatewayPage,
        run=run,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("config.get",),
        rest=RestRoute("GET", "/gateways"),
        group="gateways",
    )
)
