"""Reads of the campaigns app, always through what the actor may see."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.models import Campaign, Template, TemplateVersion
from smsmarketing.contacts.models import Segment
from smsmarketing.contacts.selectors import segments_visible
from smsmarketing.gateways.models import Gateway
from smsmarketing.operations.errors import NotFound
from smsmarketing.operations.types import Actor


def _teams(queryset: QuerySet[Any], actor: Actor, field: str = "team_id") -> QuerySet[Any]:
    return queryset if actor.sees_all_teams else queryset.filter(**{f"{field}__in": actor.team_ids})


def campaigns_visible(actor: Actor) -> QuerySet[Campaign]:
    """Campaigns of the actor's teams; unpublished offers of other teams stay invisible (seed 000-21)."""
    return _teams(Campaign.objects.all(), actor)


def templates_visible(actor: Actor) -> QuerySet[Template]:
    return _teams(Template.objects.all(), actor)


def versions_visible(actor: Actor) -> QuerySet[TemplateVersion]:
    return _teams(
        TemplateVersion.objects.select_related("template", "template__brand"),
        actor,
        "template__team_id",
    )


def brands_usable(actor: Actor) -> QuerySet[Brand]:
    return _teams(Brand.objects.filter(active=True), actor)


def segments_usable(actor: Actor, campaign: Campaign | None = None) -> QuerySet[Segment]:
    """Segments that a campaign may address: none from the archive but the one it has already."""
    offered = Q(archived_at=None)
    if campaign is not None:
        offered |= Q(pk=campaign.segment_id)
    return segments_visible(actor).filter(offered)


def pick(queryset: QuerySet[Any], pk: int | None, *, field: str, what: str) -> Any:
    """The visible row an input names. Raises NotFound with the field's name."""
    row = queryset.filter(pk=pk).first()
    if row is None:
        raise NotFound(
            f"There is no such {what}.",
            field_errors={field: f"No {what} with this id that you may use."},
        )
    return row


def gateways_usable(actor: Actor) -> QuerySet[Gateway]:
    """Gateways are shared by all teams; a disabled one cannot be chosen."""
    return Gateway.objects.exclude(state="disabled")
