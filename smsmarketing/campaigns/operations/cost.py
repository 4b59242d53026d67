"""cost_preview: what the campaign would cost now, worst to best."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from pydantic import Field

from smsmarketing.campaigns.operations.campaigns_read import CAMPAIGN_TARGET, CampaignIn
from smsmarketing.campaigns.operations.segments import ExclusionCount, exclusions_of
from smsmarketing.campaigns.operations.sender_notes import SenderNote, sender_notes
from smsmarketing.campaigns.plan import AudiencePlan, CostPlan
from smsmarketing.campaigns.services.budget import balance_warning, budget_room, drift_lines
from smsmarketing.campaigns.services.content import campaign_plan, cost_ceiling, links_of
from smsmarketing.operations import registry
from smsmarketing.operations.previews import preview_store
from smsmarketing.operations.types import Context, Kind, Money, Operation, Output, RestRoute


class CostLine(Output):
    """One country."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    recipients: int = Field(description="Sendable contacts.")
    rate: Money = Field(description="Price of one part.")
    rate_basis: str = Field(description="Which price it is, when the country has several.")
    parts_worst: int = Field(description="Parts in the worst case.")
    parts_expected: int = Field(description="Parts expected from real values.")
    worst: Money = Field(description="Cost in the worst case.")
    expected: Money = Field(description="Expected cost.")
    best: Money = Field(description="Cost in the best case.")


class HeldUntil(Output):
    at: str = Field(description="When the window opens, ISO 8601 UTC.")
    recipients: int = Field(description="Contacts waiting for that moment.")


class CostOut(Output):
    cost_preview_id: UUID = Field(description="Record of this preview.")
    gateway: str = Field(description="Gateway whose rates were used.")
    countries: list[CostLine] = Field(description="By country.")
    message_segments: dict[int, int] = Field(
        description="Recipients by number of SMS parts (sample or exact, see exact)."
    )
    exact: bool = Field(
        description="True when every recipient's text was rendered; false for a sample of the audience."
    )
    worst: Money = Field(description="Worst case.")
    expected: Money = Field(description="Expected.")
    best: Money = Field(description="Best case.")
    ceiling: Money = Field(description="What an approval would allow at most.")
    recipients: int = Field(description="Sendable contacts.")
    unsendable: int = Field(description="Contacts of the segment that cannot be sent to.")
    exclusions: list[ExclusionCount] = Field(
        description="Why, with counts; recipients plus these equals the segment."
    )
    sender_notes: list[SenderNote] = Field(
        description="Countries in which the sender may not be used, or is shown differently."
    )
    frequency_cap_exclusions: int = Field(description="Excluded by frequency caps.")
    opt_out_exclusions: int = Field(description="Excluded by opt-out or complaint.")
    held_now: int = Field(description="Recipients whose quiet hours hold them if it started now.")
    held_until: list[HeldUntil] = Field(description="When they would go.")
    held_without_time_zone: int = Field(
        description="Recipients with no known time zone: never sent by default."
    )
    short_links: list[str] = Field(description="Links; they add no cost of their own.")
    quota_parts_left: int | None = Field(description="Parts left this month; null without a quota.")
    budget_left: Money | None = Field(description="Money left this month; null without a quota.")
    budget_worst: Money | None = Field(
        description="Worst case in the budget's currency, at the stored exchange rate."
    )
    exchange_rate: str | None = Field(
        description="Budget currency per unit of the gateway's; null when they are the same."
    )
    gateway_balance: Money | None = Field(
        description="Prepaid balance as last read; null when the gateway tells none."
    )
    balance_warning: str = Field(
        description="A sentence when the balance may not carry the send; else empty."
    )
    over_quota: bool = Field(
        description="True when the worst case does not fit into quota or budget, or there is no quota."
    )
    estimated_rate_from: str | None = Field(
        description="When the oldest rate used was fetched, ISO 8601 UTC."
    )
    earlier_bills: list[str] = Field(
        description="By country: how far the last bills of this gateway were from their estimates."
    )
    billing_differences: str = Field(description="What may make the bill differ.")


def _money(amount: Decimal, currency: str) -> Money:
    return Money(amount=str(amount), currency=currency)


def _lines(cost: CostPlan) -> list[CostLine]:
    """One line a country."""
    return [
        CostLine(
            country=line.country,
            recipients=line.recipients,
            rate=_money(line.price, cost.currency),
            rate_basis=line.basis,
            parts_worst=line.parts_worst,
            parts_expected=line.parts_expected,
            worst=_money(line.worst, cost.currency),
            expected=_money(line.expected, cost.currency),
            best=_money(line.best, cost.currency),
        )
        for line in cost.countries
    ]


def _kept(context: Context, audience: AudiencePlan, cost: CostPlan) -> UUID:
    """Keep the figures with the campaign and as a preview record; returns the record's id."""
    campaign = context.target
    summary = {
        "worst": str(cost.worst),
        "expected": str(cost.expected),
        "currency": cost.currency,
        "recipients": audience.sendable,
        "unsendable": audience.matched - audience.sendable,
        "countries": list(audience.sendable_by_country),
        "at": context.now.isoformat(),
    }
    if campaign.started_at is None:
        # Only onto the content it was made from: an update that came in between has cleared it.
        type(campaign).objects.filter(pk=campaign.pk, version=campaign.version).update(
            cost_preview=summary, cost_previewed_at=context.now
        )
    return preview_store(
        context,
        "cost",
        payload={"campaign_id": campaign.pk},
        result=summary,
        ttl=timedelta(minutes=30),
    )


def _cost(context: Context, data: CampaignIn) -> CostOut:
    campaign = context.target
    audience, cost, _fit = campaign_plan(campaign, now=context.now)
    room = budget_room(campaign, cost, now=context.now)

    def money(amount: Decimal) -> Money:
        return _money(amount, cost.currency)

    return CostOut(
        cost_preview_id=_kept(context, audience, cost),
        gateway=campaign.gateway.name,
        countries=_lines(cost),
        message_segments=dict(cost.part_distribution),
        exact=cost.exact,
        worst=money(cost.worst),
        expected=money(cost.expected),
        best=money(cost.best),
        ceiling=money(cost_ceiling(cost)),
        recipients=audience.sendable,
        unsendable=audience.matched - audience.sendable,
        exclusions=exclusions_of(audience),
        sender_notes=sender_notes(audience),
        frequency_cap_exclusions=audience.excluded.get("capped", 0),
        opt_out_exclusions=audience.excluded.get("opted_out", 0)
        + audience.excluded.get("complaint", 0),
        held_now=audience.held_now or 0,
        held_until=[
            HeldUntil(at=at.isoformat(), recipients=count) for at, count in audience.held_until
        ],
        held_without_time_zone=audience.held_without_zone,
        short_links=links_of(campaign),
        quota_parts_left=room.parts_left,
        budget_left=_money(room.money_left, room.currency) if room.money_left is not None else None,
        budget_worst=_money(room.worst, room.currency) if room.worst is not None else None,
        exchange_rate=room.exchange_rate,
        gateway_balance=money(campaign.gateway.balance)
        if campaign.gateway.balance is not None
        else None,
        balance_warning=balance_warning(campaign.gateway, cost),
        over_quota=room.over,
        estimated_rate_from=cost.rates_oldest_at,
        earlier_bills=drift_lines(campaign.gateway, cost, now=context.now),
        billing_differences=(
            "Billed parts may differ where a name changes the encoding; the gateway's part count "
            "is the bill [R-1.4]."
        ),
    )


registry.add(
    Operation(
        key="cost_preview",
        summary=(
            "Preview what a campaign costs by country, parts and gateway: worst, expected, best, "
            "with unsendable and quota risk."
        ),
        description="Sends nothing. Uses the same statement as the real send, so the counts agree.",
        kind=Kind.PREVIEW,
        input=CampaignIn,
        output=CostOut,
        run=_cost,
        permission="campaigns.cost_view",
        scope="sms:read",
        requires=("campaigns.get", "quotas.get", "gateways.list"),
        target=CAMPAIGN_TARGET,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/cost_preview"),
        group="campaigns",
    )
)
