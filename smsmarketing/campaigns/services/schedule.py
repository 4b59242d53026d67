"""Planning the start of an approved campaign, and calling it off."""

from __future__ import annotations

from datetime import datetime

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.approval import approval_check, budget_check, request_end
from smsmarketing.campaigns.services.notes import people_check
from smsmarketing.campaigns.services.wall_time import schedule_resolve
from smsmarketing.operations.errors import ApprovalRequired, Conflict
from smsmarketing.operations.states import transition_apply


def schedule_check(
    campaign: Campaign, *, local: str, zone: str, per_minute: int | None, now: datetime
) -> datetime:
    """The instant at which a locked campaign may be scheduled like this.

    The approval signed the window: when it named a time or a pace, another one needs a new review. Raises InvalidInput
    for a bad time and the refusals of `approval_check`.
    """
    if campaign.state == "scheduled":
        raise Conflict(
            "This campaign is scheduled already. Cancel that with campaigns.cancel_schedule first; its approval stays.",
            details={"state": "scheduled"},
        )
    approval = approval_check(campaign, now=now)
    moment = schedule_resolve(local, zone, now=now)
    wrong = _not_covered(campaign, approval, local, zone, per_minute, moment)
    if wrong:
        raise ApprovalRequired(
            "The approval does not cover this window.",
            field_errors=wrong,
            action_request_id=approval.pk,
        )
    budget_check(campaign, approval, now=moment)
    return moment


def _not_covered(
    campaign: Campaign,
    approval: ActionRequest,
    local: str,
    zone: str,
    per_minute: int | None,
    moment: datetime,
) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if approval.expires_at <= moment:
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
    return wrong


def campaign_schedule(
    campaign: Campaign,
    *,
    local: str,
    zone: str,
    per_minute: int | None,
    notify: list[str],
    now: datetime,
) -> Campaign:
    """Schedule a locked, approved campaign. Raises the refusals of `schedule_check`, and InvalidInput for people
    outside of the team.
    """
    campaign.scheduled_at = schedule_check(
        campaign, local=local, zone=zone, per_minute=per_minute, now=now
    )
    campaign.notify = people_check(campaign, notify)
    campaign.due_local, campaign.due_zone = local, zone
    campaign.hold_reason = ""
    campaign.updated_at = now
    campaign.version += 1
    transition_apply(
        campaign,
        "schedule",
        save={
            "scheduled_at", "due_local", "due_zone", "notify", "hold_reason", "updated_at", "version",
        },
    )  # fmt: skip
    return campaign


def campaign_unschedule(
    campaign: Campaign, *, reason: str, for_good: bool, now: datetime
) -> Campaign:
    """Cancel an unsent schedule of a locked campaign. The approval stays, unless it is cancelled `for_good`.

    Raises Conflict when it has started [R-8.6] or is not scheduled.
    """
    if campaign.state != "scheduled":
        state = str(campaign.state).replace("_", " ")
        advice = (
            "Use campaigns.pause or campaigns.stop_remaining."
            if campaign.started_at is not None
            else "There is no schedule to cancel."
        )
        raise Conflict(
            f"This campaign is {state}. {advice}", details={"state": str(campaign.state)}
        )
    campaign.scheduled_at = None
    campaign.due_local = campaign.due_zone = ""
    campaign.hold_reason = reason
    campaign.updated_at = now
    campaign.version += 1
    if for_good:
        request_end(campaign, reason=f"The campaign was cancelled: {reason}")
    transition_apply(
        campaign,
        "cancel" if for_good else "unschedule",
        save={"scheduled_at", "due_local", "due_zone", "hold_reason", "updated_at", "version"},
    )
    return campaign
