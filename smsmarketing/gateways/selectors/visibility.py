"""Which rows an actor may see: those of their teams [R-10.9]. Gateways are shared by all teams."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from smsmarketing.gateways.models import (
    Batch,
    Gateway,
    InboundMessage,
    Message,
    Quota,
    Route,
    SenderId,
    UnclearAnswer,
)
from smsmarketing.operations.types import Actor


def gateways_visible(actor: Actor) -> QuerySet[Gateway]:
    """All gateways: the account is the house's, the teams share it."""
    return Gateway.objects.all()


def senders_visible(actor: Actor) -> QuerySet[SenderId]:
    return SenderId.objects.filter(_own(actor, "team_id"))


def batches_visible(actor: Actor) -> QuerySet[Batch]:
    return Batch.objects.filter(_own(actor, "team_id"))


def messages_visible(actor: Actor) -> QuerySet[Message]:
    """Messages of the actor's teams' batches."""
    if actor.sees_all_teams:
        return Message.objects.all()
    return Message.objects.filter(batch__team_id__in=actor.team_ids)


def answers_visible(actor: Actor) -> QuerySet[UnclearAnswer]:
    """What gateways answered about messages of the actor's teams."""
    rows = UnclearAnswer.objects.all()
    if actor.sees_all_teams:
        return rows
    return rows.filter(message_id__in=messages_visible(actor).values("pk"))


def quotas_visible(actor: Actor) -> QuerySet[Quota]:
    return Quota.objects.filter(_own(actor, "team_id"))


def inbound_visible(actor: Actor) -> QuerySet[InboundMessage]:
    """Replies to the actor's teams' brands; what belongs to no brand is for those who see all."""
    return InboundMessage.objects.filter(_own(actor, "brand__team_id"))


def _own(actor: Actor, path: str) -> Q:
    return Q() if actor.sees_all_teams else Q(**{f"{path}__in": actor.team_ids})


def routes_visible(actor: Actor) -> QuerySet[Route]:
    """Routes of every sender, and those of senders that the actor may see."""
    senders = senders_visible(actor).values("pk")
    return Route.objects.select_related("gateway", "sender").filter(
        Q(sender=None) | Q(sender_id__in=senders)
    )
