"""Scheduled campaigns whose sender was suspended, refused or expired [R-5.10]."""

from __future__ import annotations

from django.utils import timezone

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.approval import campaign_lock
from smsmarketing.campaigns.services.notes import approvers_tell, campaign_notify
from smsmarketing.campaigns.services.schedule import campaign_unschedule
from smsmarketing.operations.audit import audit_append_system

_AT_ONCE = 200


def campaigns_without_sender() -> list[int]:
    """Scheduled campaigns whose sender may not send any more."""
    rows = Campaign.objects.filter(state="scheduled").exclude(sender__state="verified")
    return list(rows.order_by("scheduled_at", "pk").values_list("pk", flat=True)[:_AT_ONCE])


def campaign_take_back(campaign_id: int) -> bool:
    """Cancel the schedule of one; its approval stays, and a person schedules it again after the lift.

    Returns whether it was taken back. Author, named people and approvers are told why.
    """
    campaign = campaign_lock(campaign_id)
    sender = campaign.sender
    if campaign.state != "scheduled" or sender.state == "verified":
        return False
    now = timezone.now()
    word = str(sender.state).replace("_", " ")
    why = f"the sender {sender.value} is {word}. {sender.state_reason}".strip()
    campaign_unschedule(
        campaign, reason=f"Schedule cancelled: {why}"[:300], for_good=False, now=now
    )
    text = f"taken off its schedule: {why} Schedule it again when the sender is lifted."
    campaign_notify(campaign, kind="campaign_unscheduled", text=text, now=now)
    approvers_tell(campaign, text=text, now=now)
    audit_append_system(
        operation="campaigns.senders_watch",
        outcome="done",
        object_type="campaigns.campaign",
        object_id=str(campaign.pk),
        facts={"sender_id": sender.pk, "sender_state": str(sender.state)},
    )
    return True
