"""Thin Celery tasks: take an id, open the transaction, call a service."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.forgetting import decisions_forget
from smsmarketing.campaigns.services.materialise import (
    HOLDING,
    CampaignGone,
    campaign_hold,
    campaign_materialise,
    hold_reason_of,
    materialise_begin,
)
from smsmarketing.campaigns.services.sender_stops import (
    campaign_take_back,
    campaigns_without_sender,
)
from smsmarketing.campaigns.services.sending import campaign_follow, campaigns_out_of_line
from smsmarketing.campaigns.services.start import campaign_start_due, start_failed
from smsmarketing.operations.errors import OperationError

logger = structlog.get_logger("smsmarketing.campaigns")

BEAT = {
    "campaigns.start_due": 10.0,
    "campaigns.follow": 5.0,
    "campaigns.senders_watch": 15.0,
    "campaigns.decisions_forget": 3600.0,
}
"""Seconds between two runs."""


@shared_task(name="campaigns.materialise")
def materialise(campaign_id: int) -> None:
    """Turn a started campaign into messages; what cannot go on as approved goes back to its author with the reason."""
    with transaction.atomic():
        begun = materialise_begin(campaign_id)
    if not begun:
        return
    try:
        with transaction.atomic():
            campaign_materialise(campaign_id)
    except CampaignGone:
        logger.info("campaign_stopped_while_materialised", campaign_id=campaign_id)
    except HOLDING as exc:
        logger.warning("campaign_held", campaign_id=campaign_id, reason=type(exc).__name__)
        with transaction.atomic():
            campaign_hold(campaign_id, hold_reason_of(exc))


@shared_task(name="campaigns.start_due")
def start_due() -> None:
    """Start every scheduled campaign whose time has come. Safe to run twice: the row's state decides."""
    due = Campaign.objects.filter(state="scheduled", scheduled_at__lte=timezone.now())
    for campaign_id in list(due.order_by("scheduled_at").values_list("pk", flat=True)[:100]):
        try:
            with transaction.atomic():
                campaign_start_due(campaign_id)
        except OperationError as exc:
            with transaction.atomic():
                start_failed(campaign_id, hold_reason_of(exc))
        except Exception:
            # One campaign in trouble must not keep the others waiting; the next run tries it again.
            logger.exception("campaign_start_failed", campaign_id=campaign_id)


@shared_task(name="campaigns.follow")
def follow() -> None:
    """Bring started campaigns in line with their batches."""
    for campaign_id in campaigns_out_of_line():
        try:
            with transaction.atomic():
                campaign_follow(campaign_id)
        except Exception:
            logger.exception("campaign_follow_failed", campaign_id=campaign_id)


@shared_task(name="campaigns.senders_watch", expires=60)
def senders_watch() -> None:
    """Take scheduled campaigns back whose sender was stopped [R-5.10]."""
    for campaign_id in campaigns_without_sender():
        try:
            with transaction.atomic():
                campaign_take_back(campaign_id)
        except Exception:
            logger.exception("campaign_take_back_failed", campaign_id=campaign_id)


@shared_task(name="campaigns.decisions_forget", expires=3600)
def decisions_forget_task() -> None:
    """Forget whom old campaigns left out; the next run goes on [R-4.14]."""
    decisions_forget()
