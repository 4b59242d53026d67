"""Which endpoints a person may see, and how telling them went."""

from __future__ import annotations

from django.db.models import QuerySet

from smsmarketing.operations.types import Actor
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEndpoint


def endpoints_visible(actor: Actor) -> QuerySet[WebhookEndpoint]:
    """Those of the actor's teams."""
    rows = WebhookEndpoint.objects.select_related("team").order_by("-id")
    return rows if actor.sees_all_teams else rows.filter(team_id__in=actor.team_ids)


def deliveries_visible(actor: Actor) -> QuerySet[WebhookDelivery]:
    """Deliveries to those endpoints, newest first."""
    rows = WebhookDelivery.objects.select_related("event", "endpoint").order_by("-id")
    return rows if actor.sees_all_teams else rows.filter(endpoint__team_id__in=actor.team_ids)


def deliveries_about(
    rows: QuerySet[WebhookDelivery], subject: str, subject_id: int
) -> QuerySet[WebhookDelivery]:
    """Of these, the deliveries of events that name a row, e.g. a suppression."""
    return rows.filter(event__subject=subject, event__subject_ids__contains=[subject_id])
