"""What a plan's cost meets: the limits of team and brand, and the gateway's prepaid balance."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.plan import CostPlan
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.rules.drift import drift_words
from smsmarketing.gateways.rules.exchange import money_convert, money_shown
from smsmarketing.gateways.selectors.billing import routes_drift
from smsmarketing.gateways.selectors.exchange import exchange_now
from smsmarketing.gateways.selectors.limits import quota_left, quotas_current
from smsmarketing.operations.canonical import decimal_text


class BudgetRoom(NamedTuple):
    """The tighter of the limits that hold, in the budget's currency; None without a quota."""

    parts_left: int | None
    money_left: Decimal | None
    worst: Decimal | None
    currency: str
    exchange_rate: str | None
    over: bool


def budget_room(campaign: Campaign, cost: CostPlan, *, now: datetime) -> BudgetRoom:
    """What the month still allows, and whether the worst case fits. Raises RatesUnavailable."""
    quotas = quotas_current(campaign.team_id, campaign.brand_id, now)
    if not quotas:
        return BudgetRoom(None, None, None, cost.currency, None, True)
    currency = quotas[0].currency
    exchange = exchange_now(cost.currency, currency, now)
    worst = money_convert(cost.worst, exchange.rate)
    left = [quota_left(quota) for quota in quotas if quota.currency == currency]
    parts_left = min(parts for parts, _ in left)
    money_left = min(money for _, money in left)
    return BudgetRoom(
        parts_left,
        money_left,
        worst,
        currency,
        decimal_text(exchange.rate) if currency != cost.currency else None,
        len(left) < len(quotas) or cost.parts_worst > parts_left or worst > money_left,
    )


def balance_warning(gateway: Gateway, cost: CostPlan) -> str:
    """A sentence when the prepaid balance may not carry the worst case; empty when it does, or is not known."""
    if gateway.balance is None or gateway.balance >= cost.worst:
        return ""
    read = f" (read {gateway.balance_at:%-d %B %Y %H:%M} UTC)" if gateway.balance_at else ""
    return (
        f"This send costs up to {money_shown(cost.worst):f} {cost.currency}, the balance at {gateway.name} "
        f"is {gateway.balance.quantize(Decimal('0.01')):f} {gateway.currency}{read}. Top it up first."
    )


def drift_lines(gateway: Gateway, cost: CostPlan, *, now: datetime) -> list[str]:
    """A sentence for each country that was billed before: dearer or cheaper than estimated."""
    countries = [line.country for line in cost.countries]
    return [
        f"{each.country}: {drift_words(each.drift)} over {each.months} billed month"
        f"{'' if each.months == 1 else 's'}"
        for each in routes_drift(gateway, countries, now=now)
    ]
