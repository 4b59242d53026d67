"""gateways.scorecards: how each gateway did by country."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pydantic import Field

from smsmarketing.gateways.models import Gateway, RouteHealth
from smsmarketing.gateways.operations.shapes import money
from smsmarketing.gateways.selectors.scorecards import Card, cards_of
from smsmarketing.operations import registry
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Money,
    Operation,
    Output,
    RestRoute,
)


class ScorecardsIn(Input):
    """Input of gateways.scorecards."""

    hours: int = Field(
        default=24, ge=1, le=168, description="How far back, by the time messages were accepted."
    )
    country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Only this country (ISO 3166-1 alpha-2)."
    )
    gateway_id: int | None = Field(default=None, ge=1, description="Only this gateway.")


class Scorecard(Output):
    """One gateway in one country."""

    gateway_id: int = Field(description="Gateway.")
    gateway: str = Field(description="Its name.")
    country: str = Field(description="ISO 3166-1 alpha-2.")
    accepted: int = Field(description="Messages it accepted.")
    refused: int = Field(description="Messages it refused for good.")
    unavailable: int = Field(description="Submits it did not accept for now; tried again.")
    unclear: int = Field(description="Submits without a clear answer.")
    delivered: int = Field(description="Of the accepted, delivered by their receipts.")
    delivered_percent: Decimal | None = Field(
        description="Of the accepted; null when there were none. Waiting is not delivered."
    )
    undelivered: int = Field(description="Receipts that say it did not arrive.")
    filtered: int = Field(description="Of these, for the text or the sender.")
    missing: int = Field(description="No receipt came within the time to wait.")
    waiting: int = Field(description="Accepted, and no final word yet.")
    half_within_s: float | None = Field(
        description="Seconds within which half of the receipts came (p50); null without any."
    )
    most_within_s: float | None = Field(
        description="Seconds within which 95 % of the receipts came (p95); null without any."
    )
    cost: Money = Field(description="Cost of the accepted, as told at submit or planned.")
    cost_per_delivered: Money | None = Field(description="Null when nothing was delivered yet.")
    breaker: str = Field(description="closed, open or half_open (a probe at a time).")
    weight_percent: int = Field(description="What health leaves of its weights, in percent.")
    receipt_timeout_hours: int = Field(
        description="How long a receipt is awaited: learned for the country, or as set."
    )


class ScorecardsOut(Output):
    """Output of gateways.scorecards."""

    items: list[Scorecard] = Field(description="Most traffic first, at most 500.", max_length=500)


def run(context: Context, data: ScorecardsIn) -> ScorecardsOut:
    """Only messages of teams that the actor works in are counted."""
    actor = context.actor
    cards = cards_of(
        since=context.now - timedelta(hours=data.hours),
        team_ids=None if actor.sees_all_teams else actor.team_ids,
        country=data.country,
        gateway_id=data.gateway_id,
    )
    gateways = Gateway.objects.in_bulk({gateway_id for gateway_id, _ in cards})
    health = {
        (row.gateway_id, row.country): row
        for row in RouteHealth.objects.filter(gateway_id__in=gateways)
    }
    return ScorecardsOut(
        items=[
            _card(gateways[gateway_id], country, card, health)
            for (gateway_id, country), card in cards.items()
        ]
    )


def _card(
    gateway: Gateway, country: str, card: Card, health: dict[tuple[int, str], RouteHealth]
) -> Scorecard:
    here, whole = health.get((gateway.pk, country)), health.get((gateway.pk, ""))
    sick = next((each for each in (whole, here) if each and each.breaker != "closed"), None)
    learned = here.dlr_timeout_hours if here is not None else None
    each = card.cost_per_delivered
    return Scorecard(
        gateway_id=gateway.pk,
        gateway=gateway.name,
        country=country,
        accepted=card.accepted,
        refused=card.refused,
        unavailable=card.unavailable,
        unclear=card.unclear,
        delivered=card.delivered,
        delivered_percent=card.delivered_percent,
        undelivered=card.undelivered,
        filtered=card.filtered,
        missing=card.missing,
        waiting=card.waiting,
        half_within_s=card.half_s,
        most_within_s=card.most_s,
        cost=money(card.cost, gateway.currency),
        cost_per_delivered=money(each, gateway.currency) if each is not None else None,
        breaker=sick.breaker if sick else "closed",
        weight_percent=here.percent if here else 100,
        receipt_timeout_hours=learned or gateway.dlr_timeout_hours,
    )


registry.add(
    Operation(
        key="gateways.scorecards",
        summary="How each gateway did by country: accepted, delivered, how quickly, at what cost.",
        description=(
            "Messages of your teams, by the time they were accepted. Receipts count where their"
            " message was accepted, so shares of gateways can be compared. Kept for eight days."
        ),
        kind=Kind.READ,
        input=ScorecardsIn,
        output=ScorecardsOut,
        run=run,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateways.list",),
        rest=RestRoute("GET", "/gateways/scorecards"),
        group="gateways",
    )
)
