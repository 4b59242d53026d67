"""Scheduled campaigns whose sender was stopped, everywhere or in a country of theirs [R-5.10]."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.approval import campaign_lock, request_of
from smsmarketing.campaigns.services.notes import approvers_tell, campaign_notify
from smsmarketing.campaigns.services.schedule import campaign_unschedule
from smsmarketing.gateways.models import Registration
from smsmarketing.gateways.selectors.senders import sender_verdicts
from smsmarketing.operations.audit import audit_append_system

_AT_ONCE = 200


def campaigns_without_sender() -> list[int]:
    """Scheduled campaigns whose sender may not send any more, or lost a registration since."""
    rows = Campaign.objects.filter(state="scheduled")
    lost = Registration.objects.filter(
        sender_id=OuterRef("sender_id"),
        state__in=["suspended", "expired", "withdrawn"],
        approved_at__isnull=False,
        changed_at__gte=OuterRef("updated_at"),
    )
    rows = rows.filter(~Q(sender__state="verified") | Exists(lost))
    return list(rows.order_by("scheduled_at", "pk").values_list("pk", flat=True)[:_AT_ONCE])


def campaign_take_back(campaign_id: int) -> bool:
    """Cancel the schedule of one; its approval stays, and a person schedules it again after the lift.

    Returns whether it was taken back. Author, named people and approvers are told why. Who schedules
    it again without a lost country knows it: the audience only shrinks.
    """
    campaign = campaign_lock(campaign_id)
    sender = campaign.sender
    if campaign.state != "scheduled":
        return False
    why = _why(campaign)
    if not why:
        return False
    now = timezone.now()
    campaign_unschedule(
        campaign, reason=f"Schedule cancelled: {why}"[:300], for_good=False, now=now
    )
    text = f"taken off its schedule: {why} Schedule it again when that is settled."
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


def _why(campaign: Campaign) -> str:
    """Why its sender may not carry it as approved; empty when it may."""
    sender = campaign.sender
    if sender.state != "verified":
        word = str(sender.state).replace("_", " ")
        return f"the sender {sender.value} is {word}. {sender.state_reason}".strip()
    request = request_of(campaign)
    content = request.content if request is not None else {}
    countries = (content.get("audience") or {}).get("countries") or []
    found = sender_verdicts(
        sender, gateway=campaign.gateway, purpose=campaign.purpose, countries=countries
    )
    ended = {
        country
        for row in sender.registrations.filter(
            state__in=["suspended", "expired", "withdrawn"], approved_at__isnull=False
        )
        for country in row.countries
    }
    shut = [each for each in countries if each in ended and found[each].status != "allowed"]
    said = " ".join(found[each].sentence for each in shut[:2])
    return f"the sender {sender.value} may not be used any more. {said}" if shut else ""
