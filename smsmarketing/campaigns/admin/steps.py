"""What a campaign's page says first: where it stands, the next step for this person, and why a step is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.urls import reverse

from smsmarketing.accounts.models import Role
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.selectors import person_name
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.selectors import requests_visible, vote_refusal_for, voters_possible
from smsmarketing.campaigns.models import Campaign
from smsmarketing.operations.surfaces.admin.links import action_request_url
from smsmarketing.operations.types import Actor

EDIT, SUBMIT, SCHEDULE = (
    "campaigns.campaign_edit",
    "campaigns.campaign_submit",
    "campaigns.campaign_schedule",
)
SEND, STOP, TEST = "campaigns.campaign_send", "campaigns.campaign_stop", "campaigns.campaign_test"


@dataclass(frozen=True)
class Step:
    """A button."""

    label: str
    url: str
    icon: str = ""
    tone: str = ""


@dataclass
class Banner:
    """State in words, the first step, the other steps, and why some are not there."""

    title: str
    text: str
    tone: str
    first: Step | None = None
    others: list[Step] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass
class _Desk:
    """Collects the steps of one campaign for one person."""

    campaign: Campaign
    actor: Actor
    banner: Banner

    def step(
        self, permission: str, label: str, verb: str, *, first: bool = False, tone: str = ""
    ) -> None:
        """Offer a step, or say who could take it."""
        if not self.actor.may(permission):
            self.banner.missing.append(missing_words(label, permission))
            return
        name = "edit" if verb == "edit" else "act"
        arguments = [self.campaign.pk] if verb == "edit" else [self.campaign.pk, verb]
        url = reverse(f"admin:campaigns_campaign_{name}", args=arguments)
        found = Step(label, url, tone=tone)
        if first and self.banner.first is None:
            self.banner.first = found
        else:
            self.banner.others.append(found)


def due_words(campaign: Campaign) -> str:
    """The wall time of the schedule in force, else the planned one; empty when there is none."""
    local, zone = campaign.due_local, campaign.due_zone
    if not local:
        local, zone = campaign.scheduled_local, campaign.scheduled_zone
    return f"{local.replace('T', ' ')} {zone}".strip()


def missing_words(label: str, permission: str) -> str:
    """Why a button is not there, and whom to ask."""
    roles = [
        role.name for role in Role.objects.filter(permissions__contains=[permission]).order_by("id")
    ]
    meaning = PERMISSIONS[permission].meaning if permission in PERMISSIONS else permission
    who = f" Ask somebody with the role {' or '.join(roles)}." if roles else ""
    return f"“{label}” is not for your roles (it needs the right “{meaning}”).{who}"


def banner_of(campaign: Campaign, actor: Actor) -> Banner:
    """The banner of a campaign for a person."""
    build = _BANNERS.get(str(campaign.state), _ended)
    desk = _Desk(campaign, actor, Banner("", "", "quiet"))
    build(desk)
    return desk.banner


def request_of(campaign: Campaign, actor: Actor) -> ActionRequest | None:
    """The campaign's newest request, when the person may see it."""
    rows = requests_visible(actor).filter(
        object_type="campaigns.campaign", object_id=str(campaign.pk)
    )
    return rows.order_by("-created_at").first()


def _draft(desk: _Desk) -> None:
    banner, campaign = desk.banner, desk.campaign
    banner.title, banner.text = "This is a draft", "Nothing is sent before another person approves."
    if campaign.hold_reason:
        banner.title, banner.text, banner.tone = "It came back", campaign.hold_reason, "wait"
    desk.step(SUBMIT, "Ask for review", "submit", first=True)
    desk.step(EDIT, "Change it", "edit")
    desk.step(TEST, "Send a test", "test")


def _changes_requested(desk: _Desk) -> None:
    banner = desk.banner
    banner.title, banner.tone = "Changes were asked for", "wait"
    banner.text = _reason(desk) or "The approver wants changes before this can be sent."
    desk.step(EDIT, "Change it", "edit", first=True)
    desk.step(SUBMIT, "Ask for review again", "submit")
    desk.step(TEST, "Send a test", "test")


def _in_review(desk: _Desk) -> None:
    banner, campaign = desk.banner, desk.campaign
    banner.title, banner.tone = "Waiting for approval", "wait"
    request = request_of(campaign, desk.actor)
    if request is None:
        banner.text = (
            "Another person must approve exactly this content. You cannot see the request itself."
        )
    else:
        refusal = vote_refusal_for(desk.actor.user, request)
        step = Step(
            "Open the approval page" if refusal is None else "See the request",
            action_request_url(request.pk),
        )
        people = [person_name(person) for person in voters_possible(request)]
        if refusal is None:
            banner.text = "You may decide. The page shows everything that your vote covers."
        else:
            who = f" May decide: {', '.join(people)}." if people else " Nobody may decide yet."
            banner.text = refusal + who
        banner.first = step
    desk.step(EDIT, "Change it (ends this review)", "edit")
    desk.step(TEST, "Send a test", "test")


def _approved(desk: _Desk) -> None:
    banner, campaign = desk.banner, desk.campaign
    banner.title, banner.tone = "Approved", "good"
    banner.text = "Exactly this content may be sent. A change of it needs a new review."
    if campaign.hold_reason:
        banner.text = f"{banner.text} Last note: {campaign.hold_reason}"
    if campaign.scheduled_local:
        when = f"{campaign.scheduled_local.replace('T', ' ')} {campaign.scheduled_zone}"
        banner.text += f" The approval covers {when}."
        desk.step(SCHEDULE, "Schedule it", "schedule", first=True)
        desk.step(SEND, "Send now", "send")
    else:
        desk.step(SEND, "Send now", "send", first=True)
        desk.step(SCHEDULE, "Schedule it", "schedule")
    desk.step(TEST, "Send a test", "test")
    desk.step(EDIT, "Change it (ends the approval)", "edit")


def _scheduled(desk: _Desk) -> None:
    banner = desk.banner
    when = due_words(desk.campaign)
    banner.title, banner.tone = "Scheduled", "good"
    banner.text = f"It starts by itself at {when}." if when else "It starts by itself at its time."
    desk.step(STOP, "Cancel the schedule", "cancel", tone="bad")
    desk.step(SEND, "Send now", "send")
    desk.step(EDIT, "Change it (ends the approval)", "edit")


def _sending(desk: _Desk) -> None:
    banner = desk.banner
    banner.title, banner.tone = "Sending", "live"
    banner.text = "Opt-outs, caps and quiet hours are checked again for each message."
    desk.step(STOP, "Pause", "pause", first=True)
    desk.step(STOP, "Stop the rest", "stop", tone="bad")


def _paused(desk: _Desk) -> None:
    banner = desk.banner
    banner.title, banner.tone = "Paused", "wait"
    banner.text = desk.campaign.hold_reason or "Nothing goes out until somebody resumes it."
    desk.step(SEND, "Resume", "resume", first=True)
    desk.step(STOP, "Stop the rest", "stop", tone="bad")


def _ended(desk: _Desk) -> None:
    banner, campaign = desk.banner, desk.campaign
    titles = {
        "sent": ("Sent", "good", "Everything was handed over; receipts may still come in."),
        "stopped": ("Stopped", "bad", "What had not been handed over will not be sent."),
        "rejected": ("Rejected", "bad", _reason(desk) or "The approver said no."),
        "cancelled": ("Cancelled", "quiet", "It will not be sent."),
        "failed": ("Failed", "bad", "It could not be sent."),
    }
    title, tone, text = titles.get(str(campaign.state), (str(campaign.state), "quiet", ""))
    banner.title, banner.tone, banner.text = title, tone, text
    if campaign.hold_reason:
        banner.text = f"{text} Reason: {campaign.hold_reason}"
    if campaign.started_at is not None:
        banner.first = Step("See the report", reverse("campaign-report", args=[campaign.pk]))


def _reason(desk: _Desk) -> str:
    request = request_of(desk.campaign, desk.actor)
    if request is None:
        return ""
    vote = request.votes.exclude(reason="").select_related("voter").order_by("-created_at").first()
    return f"{person_name(vote.voter)}: “{vote.reason}”" if vote else str(request.reason or "")


_BANNERS: dict[str, Callable[[_Desk], None]] = {
    "draft": _draft,
    "changes_requested": _changes_requested,
    "in_review": _in_review,
    "approved": _approved,
    "scheduled": _scheduled,
    "sending": _sending,
    "paused": _paused,
}
