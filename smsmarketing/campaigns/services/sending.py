"""Steering the send of a started campaign: pause, resume, stop, and following its batch."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from smsmarketing.campaigns.models import Campaign, CampaignSend
from smsmarketing.campaigns.services.approval import campaign_lock, execution_end
from smsmarketing.campaigns.services.notes import approvers_tell, campaign_notify
from smsmarketing.gateways.models import Batch, Message
from smsmarketing.gateways.rules.messages import SENDABLE
from smsmarketing.gateways.selectors.batches import batch_counts, counts_by_state
from smsmarketing.gateways.services import batch_pause, batch_resume, batch_stop
from smsmarketing.operations import jobs
from smsmarketing.operations.errors import Conflict
from smsmarketing.operations.states import transition_apply

_SAVED = ("hold_reason", "updated_at", "version")


def campaign_pause(campaign: Campaign, *, reason: str, now: datetime) -> Campaign:
    """Pause a locked, sending campaign at once; messages on the wire finish."""
    why = reason or "Paused by a person."
    _touch(campaign, now, hold_reason=why)
    transition_apply(campaign, "pause", save=_SAVED)
    batch = _main_batch(campaign)
    if batch is not None and batch.state in {"ready", "sending"}:
        batch_pause(batch, reason=why)
    return campaign


def campaign_resume(campaign: Campaign, *, now: datetime) -> Campaign:
    """Resume a locked, paused campaign. Every message passes the last-moment checks again.

    Raises Conflict, ApprovalRequired, SenderNotEligible, GatewayUnavailable.
    """
    _touch(campaign, now, hold_reason="")
    transition_apply(campaign, "resume", save=_SAVED)
    batch = _main_batch(campaign)
    if batch is None:
        jobs.enqueue("campaigns.materialise", campaign_id=campaign.pk)
    elif batch.state == "paused":
        batch_resume(batch, now=now)
    return campaign


def campaign_stop_remaining(campaign: Campaign, *, reason: str, now: datetime) -> int:
    """Stop what has not been handed over of a locked, started campaign; returns how many messages
    were stopped [R-8.6]. Raises Conflict when nothing remains.
    """
    batch = _main_batch(campaign)
    if batch is not None and batch.handed_over_at is not None and not _remaining(batch):
        raise Conflict(
            "All its messages have been handed over; nothing remains to be stopped. See campaign_reports.get.",
            details={"state": str(campaign.state)},
        )
    if batch is not None and batch.state not in {"done", "stopped"}:
        batch_stop(batch, reason="stopped by a person", now=now)
    _stopped(campaign, reason=reason, now=now)
    return Message.objects.filter(batch=batch, state="stopped").count() if batch is not None else 0


def _stopped(campaign: Campaign, *, reason: str, now: datetime) -> None:
    _touch(campaign, now, hold_reason=reason)
    campaign.finished_at = now
    transition_apply(campaign, "stop", save=(*_SAVED, "finished_at"))
    counts = _counts(campaign)
    execution_end(campaign, outcome="partially_succeeded", result={"by_state": counts})
    stopped = counts.get("stopped", 0)
    campaign_notify(
        campaign,
        kind="campaign_stopped",
        text=f"stopped; {stopped} messages were not sent. {reason}",
        now=now,
    )


def campaigns_out_of_line() -> list[int]:
    """Started campaigns whose state is not what their batch says, or that have no batch yet."""
    started = Campaign.objects.filter(state__in=["sending", "paused"])
    waiting = started.exclude(pk__in=CampaignSend.objects.filter(kind="main").values("campaign"))
    moved = CampaignSend.objects.filter(kind="main", campaign__in=started).filter(
        Q(batch__state__in=["done", "stopped"])
        | Q(campaign__state="sending", batch__handed_over_at__isnull=False)
        | Q(campaign__state="sending", batch__state="paused")
        | Q(campaign__state="paused", batch__state__in=["ready", "sending"])
    )
    return sorted(
        {*waiting.values_list("pk", flat=True), *moved.values_list("campaign", flat=True)}
    )


def campaign_follow(campaign_id: int) -> None:
    """Bring a started campaign's state in line with its batch: all handed over → sent, paused → paused, running →
    sending, stopped → stopped; a lost job is started again.
    """
    campaign = campaign_lock(campaign_id)
    if campaign.state not in {"sending", "paused"}:
        return
    batch = _main_batch(campaign)
    now = timezone.now()
    if batch is None:
        jobs.enqueue("campaigns.materialise", campaign_id=campaign.pk)
    elif batch.state == "stopped":
        _stopped(campaign, reason=batch.hold_reason or "The batch was stopped.", now=now)
    elif batch.state == "done" or (
        batch.handed_over_at is not None and campaign.state == "sending" and not _remaining(batch)
    ):
        _sent(campaign, batch, now=now)
    elif batch.state == "paused" and campaign.state == "sending":
        why = batch.hold_reason or "The gateway paused the batch."
        _touch(campaign, now, hold_reason=why)
        transition_apply(campaign, "pause", save=_SAVED)
        campaign_notify(campaign, kind="campaign_paused", text=f"paused. {why}", now=now)
        if campaign.sender.state != "verified":
            approvers_tell(campaign, text=f"paused. {why}", now=now)
    elif batch.state in {"ready", "sending"} and campaign.state == "paused":
        _touch(campaign, now, hold_reason="")
        transition_apply(campaign, "resume", save=_SAVED)


def _sent(campaign: Campaign, batch: Batch, *, now: datetime) -> None:
    _touch(campaign, now, hold_reason="")
    campaign.finished_at = batch.handed_over_at or batch.finished_at or now
    transition_apply(campaign, "finish", save=(*_SAVED, "finished_at"))
    counts = _counts(campaign)
    execution_end(campaign, outcome="succeeded", result={"batch_id": batch.pk, "by_state": counts})
    campaign_notify(
        campaign,
        kind="campaign_sent",
        text=f"all {sum(counts.values())} messages have been handed over or explained; receipts may still come.",
        now=now,
    )


def _counts(campaign: Campaign) -> dict[str, int]:
    """Messages of the main send by state."""
    found = list(campaign.sends.filter(kind="main").values_list("batch_id", flat=True))
    return counts_by_state(batch_counts(found)[found[0]]) if found else {}


def _remaining(batch: Batch) -> bool:
    """Whether a message of the batch could still be handed over."""
    waiting = sorted(SENDABLE | {"quarantined"})
    return Message.objects.filter(batch=batch, state__in=waiting).exists()


def _touch(campaign: Campaign, now: datetime, *, hold_reason: str) -> None:
    campaign.hold_reason = hold_reason[:300]
    campaign.updated_at = now
    campaign.version += 1


def _main_batch(campaign: Campaign) -> Batch | None:
    """The batch of the main send, locked: its state holds until the transaction ends."""
    sends = campaign.sends.filter(kind="main").values("batch_id")
    return Batch.objects.select_for_update().filter(pk__in=sends).first()
