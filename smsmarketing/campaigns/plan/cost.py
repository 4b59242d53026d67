"""What a plan costs: worst, expected and best, per country, before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from smsmarketing.campaigns.plan.audience import AudiencePlan
from smsmarketing.campaigns.plan.text import TextPlan
from smsmarketing.gateways.selectors.rates import rate_basis


@dataclass(frozen=True, kw_only=True)
class CountryCost:
    """One country's line: recipients, price of one part, parts and cost in three cases."""

    country: str
    recipients: int
    price: Decimal
    parts_worst: int
    parts_expected: int
    parts_best: int
    worst: Decimal
    expected: Decimal
    best: Decimal
    basis: str


@dataclass(frozen=True, kw_only=True)
class CostPlan:
    """All lines and their sums. `exact` is True when every recipient's text was rendered and counted."""

    currency: str
    countries: list[CountryCost]
    worst: Decimal
    expected: Decimal
    best: Decimal
    parts_worst: int
    parts_expected: int
    exact: bool
    rates_oldest_at: str | None
    part_distribution: Mapping[int, int]


def cost_plan(audience: AudiencePlan, text: TextPlan, *, currency: str) -> CostPlan:
    """Cost of sending `text` to the sendable part of `audience`, at the rates the plan was made with."""
    lines = []
    for country, recipients in audience.sendable_by_country.items():
        price = audience.rates[country].price
        parts_expected = text.parts_expected(country, recipients)
        lines.append(
            CountryCost(
                country=country,
                recipients=recipients,
                price=price,
                parts_worst=recipients * text.parts_worst,
                parts_expected=parts_expected,
                parts_best=recipients * text.parts_best,
                worst=price * recipients * text.parts_worst,
                expected=price * parts_expected,
                best=price * recipients * text.parts_best,
                basis=rate_basis(audience.rates[country]),
            )
        )
    used = [audience.rates[line.country].fetched_at for line in lines]
    return CostPlan(
        currency=currency,
        countries=lines,
        worst=sum((line.worst for line in lines), Decimal(0)),
        expected=sum((line.expected for line in lines), Decimal(0)),
        best=sum((line.best for line in lines), Decimal(0)),
        parts_worst=sum(line.parts_worst for line in lines),
        parts_expected=sum(line.parts_expected for line in lines),
        exact=text.exact,
        rates_oldest_at=min(used).isoformat() if used else None,
        part_distribution=dict(sorted(Counter(text.distribution).items())),
    )
