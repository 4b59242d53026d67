"""rates.get: what one part costs, since when, how old the figure is and where it came from."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Q
from pydantic import Field

from smsmarketing.gateways.models import Rate
from smsmarketing.gateways.operations.shapes import money
from smsmarketing.gateways.selectors import gateways_visible
from smsmarketing.operations import registry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Kind, Money, Operation, Output, RestRoute


class RatesIn(PageInput):
    """Input of rates.get."""

    gateway_id: int | None = Field(default=None, ge=1, description="Only this gateway.")
    country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Only this country (ISO 3166-1 alpha-2)."
    )


class RateOfOperator(Output):
    """A price in force, or announced."""

    gateway_id: int = Field(description="Gateway.")
    gateway: str = Field(description="Its name.")
    country: str = Field(description="ISO 3166-1 alpha-2.")
    operator: str = Field(description="MCC and MNC; empty: any operator that has no own price.")
    price: Money = Field(description="Price of one part (SMS segment).")
    valid_from: datetime = Field(description="From when it holds, UTC; may lie ahead.")
    valid_to: datetime | None = Field(description="Until when; null: no end is known.")
    source: str = Field(description="Where the price came from, e.g. manual, import or sync.")
    fetched_at: datetime = Field(description="When it was last confirmed, UTC.")
    age_seconds: int = Field(description="Seconds since it was last confirmed.")
    stale: bool = Field(
        description="True when it is older than the policy allows: nothing is sent at it."
    )


class RatesOut(Page[RateOfOperator]):
    """Output of rates.get."""

    stale_after_days: int = Field(
        description="Days without confirmation after which a price is stale."
    )
    used_price: str = Field(description="Which price a cost is made with.")


USED_PRICE = (
    "The operator's own price where the operator of a number is known; else the dearest price of the "
    "country, so that the cost shown before is the most that can come."
)


def run(context: Context, data: RatesIn) -> RatesOut:
    """Prices in force and announced ones, by country, operator and time."""
    rows = (
        Rate.objects.filter(
            Q(valid_to=None) | Q(valid_to__gt=context.now),
            gateway__in=gateways_visible(context.actor),
        )
        .select_related("gateway")
        .order_by("country", "operator", "gateway_id", "valid_from", "pk")
    )
    if data.gateway_id is not None:
        rows = rows.filter(gateway_id=data.gateway_id)
    if data.country is not None:
        rows = rows.filter(country=data.country)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return RatesOut(
        items=[_row(rate, context.now) for rate in page],
        next_cursor=cursor,
        stale_after_days=settings.RATES_MAX_AGE_DAYS,
        used_price=USED_PRICE,
    )


def _row(rate: Rate, now: datetime) -> RateOfOperator:
    age = max(int((now - rate.fetched_at).total_seconds()), 0)
    return RateOfOperator(
        gateway_id=rate.gateway_id,
        gateway=rate.gateway.name,
        country=rate.country,
        operator=rate.operator,
        price=money(rate.price, rate.currency),
        valid_from=rate.valid_from,
        valid_to=rate.valid_to,
        source=rate.source,
        fetched_at=rate.fetched_at,
        age_seconds=age,
        stale=age > settings.RATES_MAX_AGE_DAYS * 86_400,
    )


registry.add(
    Operation(
        key="rates.get",
        summary="Read prices by gateway, country and operator, with their age and source.",
        description="A price that is stale stops previews and sends: load fresh ones first.",
        kind=Kind.READ,
        input=RatesIn,
        output=RatesOut,
        run=run,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateways.list",),
        rest=RestRoute("GET", "/rates"),
        group="gateways",
    )
)
