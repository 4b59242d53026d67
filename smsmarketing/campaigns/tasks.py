"""Thin Celery tasks: take an id, open the transaction, call a service."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.rules.template import VariableError
from smsmarketing.campaigns.services.sending import (
    CampaignHeld,
    campaign_follow,
    campaign_hold,
    campaign_materialise,
    campaign_start,
    hold_reason_of,
)
from smsmarketing.campaigns.services.start import start_failed
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.states import row_lock

logger = logging.getLogger(__name__)

BEAT = {"campaigns.start_due": 10.0, "campaigns.follow": 5.0}
"""Seconds between two runs."""


@shared_task(name="campaigns.materialise")
def materialise(campaign_id: int) -> None:
    """Turn a started campaign into messages; what cannot go on as approved goes back to its author with the reason."""
    try:
        with transaction.atomic():
            campaign_materialise(campaign_id)
    except (CampaignHeld, OperationError, VariableError) as exc:
        logger.warning(
            "campaign_held", extra={"campaign_id": campaign_id, "reason": type(exc).__name__}
        )
        with transaction.atomic():
            campaign_hold(campaign_id, hold_reason_of(exc))


@shared_task(name="campaigns.start_due")
def start_due() -> None:
    """Start every scheduled campaign whose time has come. Safe to run twice: the row's state decides."""
    due = (
        Campaign.objects.filter(state="scheduled", scheduled_at__lte=timezone.now())
        .order_by("scheduled_at")
        .values_list("pk", flat=True)
    )
    for campaign_id in list(due[:100]):
        try:
            with transaction.atomic():
                campaign = row_lock(Campaign, campaign_id)
                if (
                    campaign.state == "scheduled"
                    and campaign.scheduled_at is not None
                    and campaign.scheduled_at <= timezone.now()
                ):
                    campaign_start(campaign, now=timezone.now())
        except OperationError as exc:
            with transaction.atomic():
                start_failed(campaign_id, hold_reason_of(exc))


@shared_task(name="campaigns.follow")
def follow() -> None:
    """Bring started campaigns in line with their batches."""
    for campaign_id in list(
        Campaign.objects.filter(state__in=["sending", "paused"]).values_list("pk", flat=True)[:500]
    ):
        with transaction.atomic():
            campaign_follow(campaign_id)
