"""quotas.get: what a team may still send this month, and what it would cost (000-05)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from pydantic import Field

from smsmarketing.accounts.models import Team
from smsmarketing.accounts.selectors import brands_visible, teams_visible
from smsmarketing.gateways.models import Gateway, Quota
from smsmarketing.gateways.operations.shapes import RateRow, balance_money, money, rate_row
from smsmarketing.gateways.selectors import (
    gateways_visible,
    quota_current,
    quota_sendable,
    rates_current,
)
from smsmarketing.gateways.services.money_alerts import quota_percent
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Money,
    Operation,
    Output,
    RestRoute,
)


class QuotaIn(Input):
    """Input of quotas.get."""

    team_id: int | None = Field(
        default=None, ge=1, description="Team; may be left out when you belong to exactly one."
    )
    country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Only rates of this country."
    )


class MonthlyQuota(Output):
    """A team's limits of one calendar month (UTC)."""

    month: date = Field(description="First day of the month.")
    parts_limit: int = Field(description="Parts that may be sent.")
    parts_reserved: int = Field(description="Parts of released batches, not yet accepted.")
    parts_spent: int = Field(description="Parts accepted by gateways.")
    parts_left: int = Field(description="What is left, in parts.")
    money_limit: Money = Field(description="Budget of the month.")
    money_reserved: Money = Field(description="Reserved by released batches.")
    money_spent: Money = Field(description="Charged.")
    money_left: Money = Field(description="What is left.")
    warn_percent: int = Field(description="People are told when so much of a limit is used.")
    used_percent: int = Field(description="How much of the tighter limit is reserved or spent.")


class BrandQuota(Output):
    """A brand's own limits, which narrow its team's."""

    brand_id: int = Field(description="Brand.")
    brand: str = Field(description="Its name.")
    limits: MonthlyQuota = Field(description="What it may use of the month.")


class GatewayQuota(Output):
    """A gateway's balance, speed and prices."""

    gateway_id: int = Field(description="Id of the gateway.")
    name: str = Field(description="Name.")
    balance: Money | None = Field(description="Prepaid balance; null when it tells none.")
    balance_at: datetime | None = Field(description="When the balance was read, UTC.")
    messages_per_second: float = Field(description="Rate limit over all workers.")
    rates: list[RateRow] = Field(description="Price of one part by country.")
    sendable: dict[str, int] = Field(
        description="Country → one-part messages the quota still allows there."
    )


class SegmentBilling(Output):
    """How texts become parts, each of which is billed."""

    encoding: str = Field(description="gsm7 or ucs2.")
    single: int = Field(description="Characters in a message of one part.")
    each: int = Field(description="Characters per part of a longer message.")


class QuotaOut(Output):
    """Output of quotas.get."""

    team_id: int = Field(description="Team.")
    team: str = Field(description="Name of the team.")
    quota: MonthlyQuota | None = Field(
        description="Limits of this month; null when none were set: nothing can be sent then."
    )
    brands: list[BrandQuota] = Field(
        description="Brands with limits of their own: a send must fit into both."
    )
    gateways: list[GatewayQuota] = Field(description="Balances, limits and prices by gateway.")
    segment_billing: list[SegmentBilling] = Field(
        description="Every part is billed. Extension characters (such as € and [) take two places."
    )


_BILLING = [
    SegmentBilling(encoding="gsm7", single=160, each=153),
    SegmentBilling(encoding="ucs2", single=70, each=67),
]


def run(context: Context, data: QuotaIn) -> QuotaOut:
    """What the team has, has used and could send."""
    team = _team(context, data)
    quota = quota_current(team, context.now)
    return QuotaOut(
        team_id=team.pk,
        team=team.name,
        quota=_monthly(quota) if quota is not None else None,
        brands=[
            BrandQuota(brand_id=brand.pk, brand=brand.name, limits=_monthly(own))
            for brand in brands_visible(context.actor).filter(team=team).order_by("name")[:100]
            if (own := quota_current(team, context.now, brand=brand)) is not None
        ],
        gateways=[
            _gateway(gateway, quota, data.country, context.now)
            for gateway in gateways_visible(context.actor)
            .exclude(state="disabled")
            .order_by("name")[:100]
        ],
        segment_billing=_BILLING,
    )


def _team(context: Context, data: QuotaIn) -> Team:
    teams = teams_visible(context.actor)
    if data.team_id is not None:
        found = teams.filter(pk=data.team_id).first()
        if found is None:
            raise NotFound("There is no such team.", field_errors={"team_id": "Not one of yours."})
        return found
    few = list(teams.order_by("pk")[:2])
    if len(few) != 1:
        raise InvalidInput(
            "Say which team you mean.",
            field_errors={"team_id": "Pass the id of one of your teams."},
        )
    return few[0]


def _monthly(quota: Quota) -> MonthlyQuota:
    currency = quota.currency
    return MonthlyQuota(
        month=quota.month,
        parts_limit=quota.message_limit,
        parts_reserved=quota.parts_reserved,
        parts_spent=quota.parts_spent,
        parts_left=max(quota.message_limit - quota.parts_reserved - quota.parts_spent, 0),
        money_limit=money(quota.money_limit, currency),
        money_reserved=money(Decimal(quota.money_reserved), currency),
        money_spent=money(Decimal(quota.money_spent), currency),
        money_left=money(
            max(quota.money_limit - quota.money_reserved - quota.money_spent, Decimal(0)),
            currency,
        ),
        warn_percent=quota.warn_percent,
        used_percent=quota_percent(quota),
    )


def _gateway(
    gateway: Gateway, quota: Quota | None, country: str | None, now: datetime
) -> GatewayQuota:
    rates = rates_current(gateway, [country] if country else None, now)
    payable = quota is not None and quota.currency == gateway.currency
    return GatewayQuota(
        gateway_id=gateway.pk,
        name=gateway.name,
        balance=balance_money(gateway),
        balance_at=gateway.balance_at,
        messages_per_second=gateway.rate_per_second,
        rates=[rate_row(rate) for rate in rates.values()],
        sendable={
            rate.country: quota_sendable(quota, rate.price) if quota is not None and payable else 0
            for rate in rates.values()
        },
    )


registry.add(
    Operation(
        key="quotas.get",
        summary="Read SMS balance, monthly quota, country rates, segment billing and limits.",
        description=(
            "Check it before scheduling or sending: a batch above quota or budget is refused."
        ),
        kind=Kind.READ,
        input=QuotaIn,
        output=QuotaOut,
        run=run,
        permission="gateways.quota_view",
        scope="sms:read",
        requires=("config.get",),
        rest=RestRoute("GET", "/quotas"),
        group="gateways",
    )
)
