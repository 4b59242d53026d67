"""Starting an approved campaign, and what happens when a planned start is refused."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from smsmarketing.approvals.services import request_begin
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.approval import approval_check, campaign_lock, window_check
from smsmarketing.campaigns.services.drafts import campaign_reopen
from smsmarketing.campaigns.services.notes import campaign_notify
from smsmarketing.operations import jobs
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.states import transition_apply


def campaign_start(campaign: Campaign, *, now: datetime) -> Campaign:
    """Start a locked, approved or scheduled campaign: spends the approval and hands the rest to a job.

    Raises the refusals of `approval_check` and `window_check`.
    """
    request = approval_check(campaign, now=now)
    window_check(campaign, request, now=now)
    request_begin(request.pk, content_hash=campaign.content_hash, now=now)
    campaign.started_at = now
    campaign.updated_at = now
    campaign.version += 1
    campaign.hold_reason = ""
    campaign.materialise_tries = 0
    transition_apply(
        campaign,
        "start",
        save={"started_at", "updated_at", "version", "hold_reason", "materialise_tries"},
    )
    if campaign.notify:
        campaign_notify(campaign, kind="campaign_started", text="the send has started.", now=now)
    jobs.enqueue("campaigns.materialise", campaign_id=campaign.pk)
    return campaign


def campaign_start_due(campaign_id: int) -> bool:
    """Start a scheduled campaign whose time has come; False when another run was faster, or it was called off.

    Raises the refusals of `campaign_start`; the caller opened the transaction.
    """
    now = timezone.now()
    campaign = campaign_lock(campaign_id)
    if (
        campaign.state != "scheduled"
        or campaign.scheduled_at is None
        or campaign.scheduled_at > now
    ):
        return False
    campaign_start(campaign, now=now)
    audit_append_system(
        operation="campaigns.start_due",
        outcome="done",
        object_type="campaigns.campaign",
        object_id=str(campaign.pk),
        facts={"action_request_id": str(campaign.action_request_id)},
    )
    return True


def start_failed(campaign_id: int, reason: str) -> None:
    """Take a scheduled campaign that may not start back to draft with the reason; nothing was sent [R-8.3]."""
    now = timezone.now()
    campaign = campaign_lock(campaign_id)
    if campaign.state != "scheduled":
        return
    campaign.hold_reason = f"It did not start: {reason}"[:300]
    campaign.updated_at = now
    campaign.version += 1
    campaign_reopen(campaign, reason=reason[:200], save={"hold_reason", "updated_at", "version"})
    campaign_notify(
        campaign, kind="campaign_not_started", text=f"it did not start. {reason}", now=now
    )
    audit_append_system(
        operation="campaigns.start_due",
        outcome="refused",
        object_type="campaigns.campaign",
        object_id=str(campaign.pk),
        facts={"reason": reason[:200]},
    )
