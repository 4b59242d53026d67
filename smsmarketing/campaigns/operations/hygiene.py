"""numbers.hygiene_preview: what dead numbers of an audience cost, and whether a check would pay."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from smsmarketing.campaigns.plan import REASONS, AudiencePlan, PlanRequest, audience_plan
from smsmarketing.campaigns.rules.hygiene import GROUPS, METHOD, GroupEstimate
from smsmarketing.campaigns.selectors import campaigns_visible, gateways_usable, pick
from smsmarketing.campaigns.services.content import campaign_plan
from smsmarketing.campaigns.services.hygiene import HISTORY, Hygiene, hygiene_estimate
from smsmarketing.contacts.criteria import criteria_parse
from smsmarketing.contacts.selectors import segments_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import Context, Input, Kind, Money, Operation, Output, RestRoute


class HygieneIn(Input):
    campaign_id: int | None = Field(
        default=None, ge=1, description="A campaign; or give segment_id."
    )
    segment_id: int | None = Field(default=None, ge=1, description="A segment; or a campaign_id.")
    gateway_id: int | None = Field(
        default=None,
        ge=1,
        description="With segment_id: whose rates; default: the first active one.",
    )
    parts_per_message: int = Field(
        default=1, ge=1, le=10, description="With segment_id: SMS parts of the text."
    )


class HygieneGroup(Output):
    """Recipients with the same kind of history."""

    group: str = Field(description="proven, silent, failing, never_delivered or untried.")
    meaning: str = Field(description="The same in words.")
    recipients: int = Field(description="How many.")
    expected_failures: int | None = Field(description="Texts expected to fail; null: not known.")
    expected_waste: Money | None = Field(description="What these cost; null: not known.")
    check_cost: Money | None = Field(description="Looking all of them up; null: no price known.")
    check_saves: Money | None = Field(
        description="Waste less check_cost, at most; negative: a check costs more than it saves."
    )
    check_recommended: bool = Field(description="True when a check pays.")


class HygieneRetired(Output):
    """Numbers that are left out already."""

    reason: str = Field(description="invalid, landline or unreachable.")
    meaning: str = Field(description="The same in words.")
    contacts: int = Field(description="How many.")
    avoided: Money = Field(description="What texting them would have cost.")


class HygieneOut(Output):
    recipients: int = Field(description="Sendable contacts; the sum of all groups.")
    groups: list[HygieneGroup] = Field(description="From certain to uncertain.")
    line_types: dict[str, int] = Field(description="Recipients by kind of line.")
    retired: list[HygieneRetired] = Field(
        description="Numbers left out as dead, not counted above."
    )
    expected_waste: Money = Field(description="Sum over the groups where it is known.")
    failure_rate: float | None = Field(
        description="The team's own share of failed texts in 180 days; null below 100 texts."
    )
    lookup_price: Money | None = Field(description="Price of one number lookup; null: none known.")
    lookup_gateway: str = Field(description="Gateway with that price, or empty.")
    recommendation: str = Field(description="What to do, in a sentence.")
    method: str = Field(description="How this was estimated.")
    history_days: int = Field(description="How far back texts were looked at.")


def _run(context: Context, data: HygieneIn) -> HygieneOut:
    if (data.campaign_id is None) == (data.segment_id is None):
        raise InvalidInput(
            "Say what to look at.",
            field_errors={"campaign_id": "Give either campaign_id or segment_id."},
        )
    if data.campaign_id is not None:
        return _of_campaign(context, data.campaign_id)
    return _of_segment(context, data)


def _of_campaign(context: Context, campaign_id: int) -> HygieneOut:
    campaign = pick(
        campaigns_visible(context.actor), campaign_id, field="campaign_id", what="campaign"
    )
    audience, cost, _ = campaign_plan(campaign, now=context.now, with_hours=False)
    prices = _prices(audience, 1)
    prices.update({line.country: line.expected / line.recipients for line in cost.countries})
    return _estimate(context, audience, campaign.team_id, campaign.gateway.currency, prices)


def _of_segment(context: Context, data: HygieneIn) -> HygieneOut:
    actor = context.actor
    segment = pick(segments_visible(actor), data.segment_id, field="segment_id", what="segment")
    first = gateways_usable(actor).order_by("pk").values_list("pk", flat=True).first()
    gateway = pick(
        gateways_usable(actor), data.gateway_id or first, field="gateway_id", what="gateway"
    )
    audience = audience_plan(
        PlanRequest(
            criteria=criteria_parse(
                segment.criteria, brand_id=segment.brand_id, team_ids=[segment.team_id]
            ),
            brand_id=segment.brand_id,
            purpose="marketing",
            gateway=gateway,
            sender=None,
            now=context.now,
        )
    )
    prices = _prices(audience, data.parts_per_message)
    return _estimate(context, audience, segment.team_id, gateway.currency, prices)


def _prices(audience: AudiencePlan, parts: int) -> dict[str, Decimal]:
    return {country: rate.price * parts for country, rate in audience.rates.items()}


def _estimate(
    context: Context,
    audience: AudiencePlan,
    team_id: int,
    currency: str,
    prices: dict[str, Decimal],
) -> HygieneOut:
    found = hygiene_estimate(
        audience, team_id=team_id, currency=currency, text_price=prices, now=context.now
    )

    def money(amount: Decimal | None) -> Any:
        return None if amount is None else Money(amount=str(amount), currency=currency)

    gateway = found.lookup_gateway
    return HygieneOut(
        recipients=found.recipients,
        groups=[
            HygieneGroup(
                group=each.group,
                meaning=GROUPS[each.group],
                recipients=each.recipients,
                expected_failures=each.failures,
                expected_waste=money(each.waste),
                check_cost=money(each.check_cost),
                check_saves=money(each.saving),
                check_recommended=each.recommended,
            )
            for each in found.groups
        ],
        line_types=found.line_types,
        retired=[
            HygieneRetired(
                reason=each.reason,
                meaning=REASONS[each.reason],
                contacts=each.count,
                avoided=money(each.avoided),
            )
            for each in found.retired
        ],
        expected_waste=money(sum((each.waste or Decimal(0) for each in found.groups), Decimal(0))),
        failure_rate=found.base_rate,
        lookup_price=money(gateway.lookup_price) if gateway else None,
        lookup_gateway=gateway.name if gateway else "",
        recommendation=_recommendation(found, currency),
        method=METHOD,
        history_days=HISTORY.days,
    )


def _recommendation(found: Hygiene, currency: str) -> str:
    doubtful = [each for each in found.groups if each.waste]
    unknown = sum(each.recipients for each in found.groups if each.waste is None)
    if not doubtful and unknown:
        return (
            f"Nothing is known of {unknown:,} of {found.recipients:,} numbers: the team has sent too"
            " few texts to say. Send to a part of them first."
        )
    if not doubtful:
        return "Nothing speaks against these numbers. No check is needed."
    if found.lookup_gateway is None:
        return (
            f"No gateway that bills in {currency} tells a price for number lookups, so whether a"
            " check pays cannot be said. Leave out who never got a text, or enter the price with"
            " gateways.save."
        )
    paying = [each for each in found.groups if each.recommended]
    if not paying:
        return "A check would cost more than it can save. Send without one."
    return (
        f"Check {_listed(paying)} before sending: it saves up to"
        f" {sum((each.saving or Decimal(0) for each in paying), Decimal(0))} {currency}."
    )


def _listed(groups: list[GroupEstimate]) -> str:
    return " and ".join(
        f"the {each.recipients:,} {each.group.replace('_', ' ')} numbers" for each in groups
    )


registry.add(
    Operation(
        key="numbers.hygiene_preview",
        summary="Estimate what dead and doubtful numbers of a segment or campaign cost, and whether a check pays.",
        description=(
            "Sends nothing and asks no network. Uses the same audience as cost_preview and the"
            " team's own delivery history."
        ),
        kind=Kind.PREVIEW,
        input=HygieneIn,
        output=HygieneOut,
        run=_run,
        permission="campaigns.cost_view",
        scope="sms:read",
        requires=("segments.list", "campaigns.list"),
        rest=RestRoute("POST", "/numbers/hygiene_preview"),
        group="numbers",
    )
)
