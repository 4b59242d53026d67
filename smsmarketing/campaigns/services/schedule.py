"""When a campaign starts."""

from __future__ import annotations

from datetime import datetime, timedelta

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign
from smsmarketing.gateways.rules.quiet_hours import LocalTimeInvalid, local_time_resolve
from smsmarketing.operations.errors import ApprovalRequired, InvalidInput
from smsmarketing.operations.states import transition_apply

LEAST_NOTICE = timedelta(minutes=1)


def schedule_resolve(local: str, zone: str, *, now: datetime) -> datetime:
    """The UTC instant of a wall time in a zone. Raises InvalidInput for a past time, a DST gap or
    an unknown zone [R-3.11].
    """
    try:
        naive = datetime.strptime(local, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - a wall time; the zone is applied next
    except ValueError:
        raise InvalidInput(
            "The send time is not a date and time.",
            field_errors={"send_at_local": "Write it as YYYY-MM-DDTHH:MM, e.g. 2026-12-01T10:00."},
        ) from None
    try:
        moment = local_time_resolve(naive, zone)
    except LocalTimeInvalid as exc:
        field = "time_zone" if exc.code == "UNKNOWN_ZONE" else "send_at_local"
        raise InvalidInput(
            str(exc), field_errors={field: str(exc)}, details={"reason": exc.code}
        ) from None
    if moment < now + LEAST_NOTICE:
        raise InvalidInput(
            "The send time is in the past. Choose a later one, or send now with campaigns.send_approved.",
            field_errors={"send_at_local": "Must be at least one minute from now."},
        )
    return moment


def campaign_schedule(
    campaign: Campaign,
    *,
    local: str,
    zone: str,
    per_minute: int | None,
    notify: list[str],
    now: datetime,
) -> Campaign:
    """Schedule a locked, approved campaign.

    The approval signed the window: when it named a time or a pace, another one needs a new review. Raises
    ApprovalRequired for an unapproved campaign, InvalidInput for a bad time.
    """
    if campaign.state != "approved":
        raise ApprovalRequired(
            f"This campaign is {campaign.state.replace('_', ' ')}. Submit it with "
            f"campaigns.submit_for_review and wait for the approval.",
            action_request_id=campaign.action_request_id,
            details={"state": campaign.state},
        )
    moment = schedule_resolve(local, zone, now=now)
    approval = (
        ActionRequest.objects.filter(pk=campaign.action_request_id).first()
        if campaign.action_request_id
        else None
    )
    wrong: dict[str, str] = {}
    if approval is not None and approval.expires_at < moment:
        until = approval.expires_at.isoformat(timespec="minutes")
        wrong["send_at_local"] = (
            f"The approval ends at {until}. Choose an earlier time, or have it reviewed closer to the send."
        )
    elif campaign.scheduled_local and (campaign.scheduled_local, campaign.scheduled_zone) != (
        local,
        zone,
    ):
        approved = f"{campaign.scheduled_local} {campaign.scheduled_zone}"
        wrong["send_at_local"] = (
            f"The approval covers {approved}. Use that time, or change the draft and have it reviewed again."
        )
    if per_minute is not None and per_minute != campaign.per_minute:
        wrong["per_minute"] = (
            "The approval covers another pace. Leave it out, or change the draft and have it reviewed again."
        )
    if wrong:
        raise ApprovalRequired(
            "The approval does not cover this window.",
            field_errors=wrong,
            action_request_id=campaign.action_request_id,
        )
    campaign.scheduled_at = moment
    campaign.notify = notify
    campaign.updated_at = now
    campaign.version += 1
    transition_apply(campaign, "schedule", save={"scheduled_at", "notify", "updated_at", "version"})
    return campaign


def campaign_unschedule(campaign: Campaign, *, reason: str, now: datetime) -> Campaign:
    """Cancel an unsent schedule of a locked campaign; the approval stays. Raises Conflict when it
    has started [R-8.6].
    """
    campaign.scheduled_at = None
    campaign.hold_reason = reason
    campaign.updated_at = now
    campaign.version += 1
    transition_apply(
        campaign, "unschedule", save={"scheduled_at", "hold_reason", "updated_at", "version"}
    )
    return campaign
