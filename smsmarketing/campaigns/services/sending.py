"""Starting, materialising and steering the send of an approved campaign."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from smsmarketing.approvals.services import request_begin, request_finish
from smsmarketing.campaigns.models import Campaign, CampaignSend
from smsmarketing.campaigns.plan.materialise import decisions_store, plan_freeze, rows_render
from smsmarketing.campaigns.plan.text import RowRenderer
from smsmarketing.campaigns.services.content import (
    RECIPIENTS_TOLERANCE,
    campaign_fit,
    plan_request,
    signed_part,
)
from smsmarketing.campaigns.services.copy import split_mode_of
from smsmarketing.gateways.models import Batch, Message
from smsmarketing.gateways.services import (
    batch_create,
    batch_pause,
    batch_release,
    batch_resume,
    batch_stop,
    messages_copy,
)
from smsmarketing.operations import jobs
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.errors import (
    ApprovalRequired,
    Conflict,
    OperationError,
    SenderNotEligible,
)
from smsmarketing.operations.states import row_lock, transition_apply


def campaign_start(campaign: Campaign, *, now: datetime) -> Campaign:
    """Start a locked, approved or scheduled campaign: spends the approval and hands the rest to a job.

    Raises ApprovalRequired (not approved, expired, or other content than was signed), SenderNotEligible, Conflict.
    """
    if campaign.state not in {"approved", "scheduled"}:
        if campaign.state in {"sending", "sent", "paused", "stopped"}:
            raise Conflict(
                f"This campaign is already {campaign.state}.", details={"state": campaign.state}
            )
        raise ApprovalRequired(
            f"This campaign is {campaign.state.replace('_', ' ')}. It needs an approval: "
            f"campaigns.submit_for_review, then a person approves.",
            action_request_id=campaign.action_request_id,
            details={"state": campaign.state},
        )
    if campaign.action_request_id is None:
        raise ApprovalRequired(
            "This campaign has no approval. Submit it with campaigns.submit_for_review."
        )
    request = request_begin(campaign.action_request_id, content_hash=campaign.content_hash, now=now)
    if request.content.get("signed") != signed_part(campaign):
        raise ApprovalRequired(
            "What would be sent is no longer what was approved (text, caps or sender "
            "changed). Submit the campaign for review again.",
            action_request_id=campaign.action_request_id,
        )
    if campaign.sender.state != "verified":
        raise SenderNotEligible(
            f"Sender {campaign.sender.value} is {campaign.sender.state}; it was verified when "
            f"the campaign was approved."
        )
    if campaign.gateway.state == "disabled":
        raise Conflict(
            "The campaign's gateway is disabled. Enable it, or change the campaign to another gateway."
        )
    campaign.started_at = now
    campaign.updated_at = now
    campaign.version += 1
    campaign.hold_reason = ""
    transition_apply(campaign, "start", save={"started_at", "updated_at", "version", "hold_reason"})
    jobs.enqueue("campaigns.materialise", campaign_id=campaign.pk)
    return campaign


def campaign_materialise(campaign_id: int) -> None:
    """Turn a started campaign into messages, once, in one transaction that the caller opened.

    Drift guards run here on real counts [R-8.3]: more recipients than approved plus 5 %, or a cost above the ceiling,
    takes the campaign back to draft with the reason. Safe to run twice: an advisory lock and the existing main send
    end the second run.
    """
    if not _materialise_lock(campaign_id):
        return
    campaign = Campaign.objects.select_related("brand", "sender", "gateway", "segment", "team").get(
        pk=campaign_id
    )
    if campaign.state not in {"sending", "paused"} or campaign.sends.filter(kind="main").exists():
        return
    now = timezone.now()
    fit = campaign_fit(campaign)
    frozen = plan_freeze(plan_request(campaign, fit, now=now))
    limit = int((campaign.approved_recipients or 0) * RECIPIENTS_TOLERANCE)
    if frozen.sendable > limit:
        raise CampaignHeld(
            f"The audience grew to {frozen.sendable}; {campaign.approved_recipients} were "
            f"approved (5 % more is tolerated)."
        )
    if frozen.sendable == 0:
        raise CampaignHeld(
            "Nobody in the audience can be sent to any more; see the exclusion reasons."
        )
    batch = batch_create(
        team=campaign.team,
        brand=campaign.brand,
        sender=campaign.sender,
        gateway=campaign.gateway,
        label=campaign.name,
        purpose=campaign.purpose,
        action_request_id=campaign.action_request_id,
        content_hash=campaign.content_hash,
        quiet_mode=campaign.quiet_mode,
        per_minute=campaign.per_minute,
        cost_ceiling=campaign.cost_ceiling or Decimal(0),
        currency=campaign.gateway.currency,
    )
    planned = messages_copy(
        batch,
        rows_render(RowRenderer(fit.template, split_mode=split_mode_of(campaign.gateway)), frozen),
    )
    left_out = decisions_store(campaign, frozen, now=now)
    CampaignSend.objects.create(campaign=campaign, batch=batch, kind="main")
    batch_release(batch, now=now)
    if campaign.state == "paused":
        batch_pause(batch, reason="The campaign was paused before its messages were ready.")
    audit_append_system(
        operation="campaigns.materialise",
        outcome="done",
        object_type="campaigns.campaign",
        object_id=str(campaign.pk),
        facts={"planned": planned, "left_out": left_out, "batch_id": batch.pk},
    )


class CampaignHeld(Exception):
    """The send cannot go on as approved; the text says why, for people."""


def campaign_hold(campaign_id: int, reason: str) -> None:
    """After a failed materialisation: back to draft with the reason; the approval is used up."""
    campaign = row_lock(Campaign, campaign_id)
    if campaign.state not in {"sending", "paused"} or campaign.sends.filter(kind="main").exists():
        return
    if campaign.action_request_id is not None:
        request_finish(campaign.action_request_id, outcome="failed", result={"reason": reason})
    campaign.action_request_id = None
    campaign.hold_reason = reason[:300]
    campaign.updated_at = timezone.now()
    campaign.version += 1
    transition_apply(
        campaign, "withdraw", save={"hold_reason", "updated_at", "version", "action_request_id"}
    )
    audit_append_system(
        operation="campaigns.materialise",
        outcome="held",
        object_type="campaigns.campaign",
        object_id=str(campaign.pk),
        facts={"reason": reason[:200]},
    )


def hold_reason_of(error: Exception) -> str:
    """What people read when a start did not work out."""
    return error.message if isinstance(error, OperationError) else str(error)


def campaign_pause(campaign: Campaign, *, reason: str, now: datetime) -> Campaign:
    """Pause a locked, sending campaign at once; messages on the wire finish."""
    _touch(campaign, now, hold_reason=reason or "Paused by a person.")
    transition_apply(campaign, "pause", save={"hold_reason", "updated_at", "version"})
    for batch in _main_batches(campaign, {"ready", "sending"}):
        batch_pause(batch, reason=reason or "Paused by a person.")
    return campaign


def campaign_resume(campaign: Campaign, *, now: datetime) -> Campaign:
    """Resume a locked, paused campaign. Every message passes the last-moment checks again."""
    _touch(campaign, now, hold_reason="")
    transition_apply(campaign, "resume", save={"hold_reason", "updated_at", "version"})
    for batch in _main_batches(campaign, {"paused"}):
        batch_resume(batch, now=now)
    return campaign


def campaign_stop_remaining(campaign: Campaign, *, reason: str, now: datetime) -> int:
    """Stop what has not been handed over of a locked, started campaign; returns how many messages
    were stopped [R-8.6].
    """
    _touch(campaign, now, hold_reason=reason)
    campaign.finished_at = now
    transition_apply(campaign, "stop", save={"hold_reason", "updated_at", "version", "finished_at"})
    batches = _main_batches(campaign, {"building", "ready", "sending", "paused"})
    for batch in batches:
        batch_stop(batch, reason="stopped by a person", now=now)
    stopped = Message.objects.filter(batch__in=batches, state="stopped").count()
    if campaign.action_request_id is not None:
        request_finish(
            campaign.action_request_id, outcome="partially_succeeded", result={"stopped": stopped}
        )
    return stopped


def campaign_follow(campaign_id: int) -> None:
    """Bring a started campaign's state in line with its batch: all handed over → sent, paused →
    paused, lost job → again.
    """
    campaign = row_lock(Campaign, campaign_id)
    if campaign.state not in {"sending", "paused"}:
        return
    send = campaign.sends.filter(kind="main").select_related("batch").first()
    if send is None:
        jobs.enqueue("campaigns.materialise", campaign_id=campaign.pk)
        return
    state = send.batch.state
    if send.batch.handed_over_at is not None and campaign.state == "sending":
        now = timezone.now()
        _touch(campaign, now, hold_reason="")
        campaign.finished_at = send.batch.handed_over_at
        transition_apply(
            campaign, "finish", save={"hold_reason", "updated_at", "version", "finished_at"}
        )
        if campaign.action_request_id is not None:
            request_finish(
                campaign.action_request_id, outcome="succeeded", result={"batch_id": send.batch_id}
            )
    elif state == "paused" and campaign.state == "sending":
        _touch(
            campaign,
            timezone.now(),
            hold_reason=send.batch.hold_reason or "The gateway paused the batch.",
        )
        transition_apply(campaign, "pause", save={"hold_reason", "updated_at", "version"})


def _touch(campaign: Campaign, now: datetime, *, hold_reason: str) -> None:
    campaign.hold_reason = hold_reason[:300]
    campaign.updated_at = now
    campaign.version += 1


def _main_batches(campaign: Campaign, states: set[str]) -> list[Batch]:
    sends = campaign.sends.filter(kind="main").values("batch_id")
    return list(Batch.objects.filter(pk__in=sends, state__in=states))


def _materialise_lock(campaign_id: int) -> bool:
    """One materialisation of a campaign at a time, without holding the campaign's row while it runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [0x5EED, campaign_id])
        return bool(cursor.fetchone()[0])
