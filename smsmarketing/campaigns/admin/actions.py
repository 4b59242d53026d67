"""The steps of a campaign, each on a page that says what will happen before it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from smsmarketing.accounts.models import User
from smsmarketing.accounts.selectors import person_name
from smsmarketing.campaigns.admin.calls import (
    KEY_FIELD,
    answer_tell,
    errors_split,
    key_new,
    key_of,
    page_call,
)
from smsmarketing.campaigns.admin.composer import zone_names
from smsmarketing.campaigns.admin.copy_form import fit_panel, whole
from smsmarketing.campaigns.admin.steps import missing_words
from smsmarketing.campaigns.models import Campaign
from smsmarketing.operations import registry
from smsmarketing.operations.errors import VersionConflict
from smsmarketing.operations.surfaces.admin.actors import admin_actor

VERSION = "base_version_token"


@dataclass(frozen=True)
class Ask:
    """An input of the page."""

    name: str
    label: str
    kind: str = "text"
    help: str = ""
    required: bool = False
    longest: int = 200


@dataclass(frozen=True)
class Action:
    """One step. `says` gives the sentences of the page, `done` what is read afterwards."""

    key: str
    title: str
    button: str
    done: str
    says: Callable[[Campaign], list[str]]
    asks: tuple[Ask, ...] = ()
    versioned: bool = False
    danger: bool = False
    initial: Callable[[Campaign, Any], dict[str, Any]] = field(default=lambda campaign, actor: {})


def action_page(
    request: HttpRequest, site: AdminSite, campaign: Campaign, verb: str
) -> HttpResponse:
    """GET shows what will happen; POST does it through the operation, once per form."""
    action = ACTIONS.get(verb)
    if action is None:
        raise Http404("There is no such step.")
    actor = admin_actor(request)
    operation = registry.get(action.key)
    back = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    read = page_call(request, "campaigns.get", {"campaign_id": campaign.pk})
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": f"{action.title}: {campaign.name}",
        "opts": Campaign._meta,
        "original": campaign,
        "campaign": campaign,
        "preview": text_panel(
            request, campaign, message=read.result.final_message if read.result else campaign.body
        ),
        "sender": campaign.sender.value,
        "action": action,
        "sentences": action.says(campaign),
        "values": action.initial(campaign, actor),
        "zones": zone_names() if verb == "schedule" else [],
        "people": _people(campaign) if verb == "test" else [],
        "token": "",
        "idempotency_key": key_new(),
        "key_field": KEY_FIELD,
        "back": back,
        "refused": ""
        if actor.may(operation.permission)
        else missing_words(action.button, operation.permission),
    }
    status = 200
    if request.method == "POST":
        payload = _payload(request, action, campaign)
        answer = page_call(request, action.key, payload, idempotency_key=key_of(request))
        if answer.ok:
            answer_tell(request, answer, action.done)
            return HttpResponseRedirect(back)
        at_fields, on_top = errors_split(answer, {ask.name: ask for ask in action.asks})
        context |= {
            "values": {ask.name: request.POST.get(ask.name, "") for ask in action.asks}
            | {"usernames": request.POST.getlist("usernames")},
            "errors": at_fields,
            "on_top": on_top,
            "stale": isinstance(answer.error, VersionConflict),
            "token": request.POST.get(VERSION, ""),
        }
        status = answer.status
    elif action.versioned:
        context["token"] = read.result.base_version_token if read.result else ""
    return TemplateResponse(request, "admin/campaigns/action.html", context, status=status)


def _payload(request: HttpRequest, action: Action, campaign: Campaign) -> dict[str, Any]:
    payload: dict[str, Any] = {"campaign_id": campaign.pk}
    if action.versioned:
        payload[VERSION] = request.POST.get(VERSION, "")
    for ask in action.asks:
        if ask.kind == "people":
            payload[ask.name] = request.POST.getlist(ask.name)
            continue
        if ask.kind == "check":
            payload |= {ask.name: True} if ask.name in request.POST else {}
            continue
        value = request.POST.get(ask.name, "").replace("\r\n", "\n").strip()
        if value or ask.required:
            payload[ask.name] = whole(value) if ask.kind == "number" else value
    return payload


def text_panel(request: HttpRequest, campaign: Campaign, *, message: str) -> dict[str, Any]:
    """The text as the phone shows it: the last moment to see a wrong price."""
    return fit_panel(
        request,
        brand_id=campaign.brand_id,
        message=message,
        fields=campaign.fields,
        purpose=campaign.purpose,
    )


def _people(campaign: Campaign) -> list[dict[str, Any]]:
    """The people of the campaign's team, and whether they have a test phone."""
    rows = User.objects.filter(teams=campaign.team_id, is_active=True, is_agent=False)
    return [
        {
            "username": person.get_username(),
            "name": person_name(person),
            "has_phone": bool(person.test_phone),
        }
        for person in rows.order_by("first_name", "username")
    ]


def _facts(campaign: Campaign) -> list[str]:
    """How many people and how much money, in one or two sentences."""
    found = []
    if campaign.approved_recipients:
        found.append(f"{campaign.approved_recipients:,} recipients are approved.")
    if campaign.cost_ceiling is not None:
        found.append(
            f"It never costs more than {campaign.cost_ceiling:,.2f} {campaign.gateway.currency}."
        )
    return found


def _submit_says(campaign: Campaign) -> list[str]:
    return [
        "Text, audience, sender, links, window and cost are frozen, and another person decides on exactly that.",
        "A change afterwards ends the review.",
    ]


def _send_says(campaign: Campaign) -> list[str]:
    found = [
        "Sending starts at once.",
        *_facts(campaign),
        "Opt-outs, consent, frequency caps and quiet hours are checked again for each message.",
    ]
    if campaign.scheduled_local:
        when = f"{campaign.scheduled_local.replace('T', ' ')} {campaign.scheduled_zone}"
        found.append(f"It was planned for {when}.")
    return found


def _schedule_says(campaign: Campaign) -> list[str]:
    found = ["It starts by itself at this time.", *_facts(campaign)]
    if campaign.scheduled_local:
        when = f"{campaign.scheduled_local.replace('T', ' ')} {campaign.scheduled_zone}"
        found.append(f"The approval covers {when}; another time needs a new review.")
    return found


def _schedule_initial(campaign: Campaign, actor: Any) -> dict[str, Any]:
    return {
        "send_at_local": campaign.scheduled_local,
        "time_zone": campaign.scheduled_zone or getattr(actor.user, "time_zone", "") or "UTC",
    }


def _test_initial(campaign: Campaign, actor: Any) -> dict[str, Any]:
    return {"usernames": [actor.user.get_username()]}


_WHY = Ask("reason", "Reason", "area", "Kept in the audit log and shown on the campaign.", True)

ACTIONS: dict[str, Action] = {
    "submit": Action(
        "campaigns.submit_for_review",
        "Ask for review",
        "Ask for review",
        "It is in review. The people who may decide got a note.",
        _submit_says,
        asks=(
            Ask("note", "Note for the approver", "area", "What should they look at?", longest=2000),
        ),
        versioned=True,
        initial=lambda campaign, actor: {"note": campaign.review_notes},
    ),
    "schedule": Action(
        "campaigns.schedule",
        "Schedule",
        "Schedule it",
        "Scheduled.",
        _schedule_says,
        asks=(
            Ask("send_at_local", "Start at", "datetime", "On the clock of the zone below.", True),
            Ask("time_zone", "Time zone", "zone", "For example Europe/Berlin.", True),
        ),
        versioned=True,
        initial=_schedule_initial,
    ),
    "cancel": Action(
        "campaigns.cancel_schedule",
        "Cancel the schedule",
        "Cancel the schedule",
        "The schedule is cancelled.",
        lambda campaign: [
            "It will not start by itself. The approval stays, so it can be scheduled again."
        ],
        asks=(
            _WHY,
            Ask(
                "for_good",
                "Cancel the campaign itself too; it cannot be sent any more",
                "check",
            ),
        ),
        danger=True,
    ),
    "send": Action(
        "campaigns.send_approved",
        "Send now",
        "Send now",
        "Sending has started.",
        _send_says,
        versioned=True,
        danger=True,
    ),
    "pause": Action(
        "campaigns.pause",
        "Pause",
        "Pause now",
        "Paused. Messages on the wire finish.",
        lambda campaign: [
            "Nothing more is handed over until somebody resumes it. Messages on the wire finish."
        ],
        asks=(Ask("reason", "Reason", "area", "Optional; shown on the campaign."),),
    ),
    "resume": Action(
        "campaigns.resume",
        "Resume",
        "Resume",
        "Sending goes on.",
        lambda campaign: [
            "Sending goes on where it stopped. Every message passes the last checks again.",
            *([f"It was paused: {campaign.hold_reason}"] if campaign.hold_reason else []),
        ],
        asks=(Ask("reason", "Reason", "area", "Optional; kept in the audit log."),),
    ),
    "stop": Action(
        "campaigns.stop_remaining",
        "Stop the rest",
        "Stop the rest for good",
        "Stopped. What had not been handed over will not be sent.",
        lambda campaign: [
            "Every message that has not been handed over is stopped. This cannot be undone.",
            "What was handed over already cannot be called back.",
        ],
        asks=(_WHY,),
        danger=True,
    ),
    "test": Action(
        "campaigns.test_send",
        "Send a test",
        "Send the test",
        "The test is on its way.",
        lambda campaign: [
            "The text goes to the registered test phones of people of the team, with fallbacks for the fields.",
            "It counts against the team's quota.",
        ],
        asks=(Ask("usernames", "Who gets it", "people", "At most 5 people."),),
        initial=_test_initial,
    ),
}
