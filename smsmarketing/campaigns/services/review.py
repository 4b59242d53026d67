"""Putting a campaign before a second person, and what their word does to it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.policies import policies_match
from smsmarketing.approvals.rules.limits import APPROVED_FOR, PENDING_FOR
from smsmarketing.approvals.services import request_create
from smsmarketing.approvals.subjects import Subject, register
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.plan import AudiencePlan
from smsmarketing.campaigns.services.approval import (
    CAMPAIGN_LABEL,
    approval_forget,
    request_of,
    road_check,
    signed_changes,
)
from smsmarketing.campaigns.services.content import (
    campaign_plan,
    content_build,
    cost_ceiling,
    signed_part,
    window_end,
)
from smsmarketing.campaigns.services.drafts import campaign_check, campaign_reopen
from smsmarketing.campaigns.services.notes import campaign_notify
from smsmarketing.campaigns.services.wall_time import planned_at
from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import (
    Conflict,
    InvalidInput,
    RatesUnavailable,
    SenderNotEligible,
)
from smsmarketing.operations.states import row_lock, transition_apply
from smsmarketing.operations.types import Actor

REVIEW = "campaigns.submit_for_review"


def campaign_submit(campaign: Campaign, *, actor: Actor, note: str, now: datetime) -> ActionRequest:
    """Freeze the locked campaign's content and ask for approval.

    A review of other content (the brand's opt-out line or a cap changed behind it) is replaced. Raises Conflict when
    the state forbids it or nobody can be sent to, RatesUnavailable when no price is known, InvalidInput for a window
    that no approval can cover, and the refusals of `campaign_check`.
    """
    _reviewable(campaign)
    campaign_check(campaign, now=now)
    ends = _window_of(campaign, now=now)
    audience, cost, fit = campaign_plan(campaign, now=now)
    _sendable_check(audience)
    facts = review_facts(
        campaign,
        actor=actor,
        recipients=audience.sendable,
        cost=cost_ceiling(cost),
        countries=list(audience.sendable_by_country),
        now=now,
    )
    request = request_create(
        operation=REVIEW,
        actor=actor,
        title=f"Campaign “{campaign.name}”",
        payload={"campaign_id": campaign.pk},
        content=content_build(
            campaign,
            audience=audience,
            cost=cost,
            fit=fit,
            previous=_last_content(campaign),
            now=now,
        ),
        facts=facts,
        policies=policies_match(REVIEW, facts),
        team_id=campaign.team_id,
        object_type=CAMPAIGN_LABEL,
        object_id=str(campaign.pk),
        object_version=campaign.version + 1,
        cost_ceiling=cost_ceiling(cost),
        currency=cost.currency,
        expires_at=ends,
        now=now,
    )
    if note:
        campaign.review_notes = note
    campaign.action_request_id = request.pk
    campaign.content_hash = request.content_hash
    campaign.approved_recipients = audience.sendable
    campaign.cost_ceiling = cost_ceiling(cost)
    campaign.hold_reason = ""
    _bump(
        campaign,
        "submit",
        save={
            "review_notes", "action_request_id", "content_hash", "approved_recipients",
            "cost_ceiling", "hold_reason",
        },
    )  # fmt: skip
    return request


def _window_of(campaign: Campaign, *, now: datetime) -> datetime | None:
    """Until when the send may start. Raises InvalidInput for a time that no approval can cover."""
    ends = window_end(campaign, now=now)
    if ends is not None and ends > now + PENDING_FOR + APPROVED_FOR:
        raise InvalidInput(
            f"An approval lasts {APPROVED_FOR.days} days, so nobody can approve this send time yet. "
            "Submit the campaign closer to it.",
            field_errors={
                "campaign_id": f"Planned for {campaign.scheduled_local} {campaign.scheduled_zone}."
            },
        )
    return ends


def _reviewable(campaign: Campaign) -> None:
    """Raises Conflict unless the campaign may be put to review; one whose signed content changed goes back to draft."""
    if campaign.state in {"draft", "changes_requested"}:
        return
    request = request_of(campaign)
    if (
        campaign.state in {"in_review", "approved", "scheduled"}
        and request is not None
        and signed_changes(campaign, request)
    ):
        campaign_reopen(campaign, reason="What would be sent changed since it was put to review.")
        return
    state = str(campaign.state)
    advice = {
        "in_review": "It waits for a decision: action_request.status.",
        "approved": "Schedule or send it.",
        "scheduled": "It will start by itself.",
    }.get(state, "Make a new draft with campaigns.create_draft.")
    raise Conflict(
        f"This campaign is {state.replace('_', ' ')}. {advice}",
        action_request_id=campaign.action_request_id,
        details={"state": state},
    )


def _sendable_check(audience: AudiencePlan) -> None:
    if audience.sendable:
        return
    unpriced = audience.excluded.get("no_rate", 0)
    if unpriced:
        raise RatesUnavailable(
            f"Nobody in this segment can be sent to; for {unpriced} of them the gateway has no price. Load its rates, "
            "or change the segment.",
            details={"matched": audience.matched, "excluded": audience.excluded},
        )
    shut = [verdict for verdict in audience.sender.values() if verdict.status != "allowed"]
    if shut and audience.excluded.get("sender_not_eligible", 0):
        raise SenderNotEligible(
            "Nobody in this segment can be sent to with this sender. "
            + " ".join(verdict.sentence for verdict in shut[:3]),
            field_errors={"sender_id": " ".join(verdict.sentence for verdict in shut[:10])},
            details={"countries": {verdict.country: verdict.status for verdict in shut}},
        )
    raise Conflict(
        "Nobody in this segment can be sent to; see the exclusion reasons in "
        "cost_preview and change the segment.",
        details={"matched": audience.matched, "excluded": audience.excluded},
    )


def review_facts(
    campaign: Campaign,
    *,
    actor: Actor,
    recipients: int,
    cost: Decimal,
    countries: list[str],
    now: datetime,
) -> dict[str, Any]:
    """What policies may look at. A campaign without a planned time may start as soon as it is approved."""
    version = campaign.template_version
    known = _countries_sent(campaign)
    return {
        "recipients": recipients,
        "cost": str(cost),
        "currency": campaign.gateway.currency,
        "purpose": campaign.purpose,
        "countries": sorted(countries),
        "new_country": bool(set(countries) - known),
        "new_template": version is None or version.state != "approved",
        "payment_link": any(
            word in campaign.landing_url.lower() + campaign.body.lower()
            for word in ("/pay", "checkout", "invoice")
        ),
        "has_link": bool(campaign.landing_url) or "http" in campaign.body,
        "by_agent": actor.is_agent or campaign.created_by.is_agent,
        "minutes_to_start": minutes_to_start(campaign, now=now),
    }


def minutes_to_start(campaign: Campaign, *, now: datetime) -> int:
    """Whole minutes until the planned start; 0 when it may start at once."""
    planned = planned_at(campaign)
    return 0 if planned is None else max(int((planned - now).total_seconds() // 60), 0)


def _countries_sent(campaign: Campaign) -> set[str]:
    """Countries that the team's earlier campaigns were approved for and sent to."""
    earlier = Campaign.objects.filter(team_id=campaign.team_id, state__in=["sent", "stopped"])
    requests = earlier.order_by("-finished_at").values_list("action_request_id", flat=True)[:200]
    facts = ActionRequest.objects.filter(pk__in=list(requests)).values_list("facts", flat=True)
    return {country for found in facts for country in found.get("countries") or ()}


def _last_content(campaign: Campaign) -> dict[str, Any] | None:
    last = (
        ActionRequest.objects.filter(
            operation=REVIEW, object_type=CAMPAIGN_LABEL, object_id=str(campaign.pk)
        )
        .order_by("-created_at")
        .first()
    )
    return last.content if last else None


def _campaign_of(request: ActionRequest) -> Campaign:
    """The campaign under this review, locked. Raises Conflict when it is under another one."""
    campaign = row_lock(Campaign, int(request.object_id))
    if campaign.action_request_id != request.pk:
        raise Conflict("The campaign is not under this review any more. Open the campaign again.")
    return campaign


def _bump(campaign: Campaign, transition: str, *, save: Collection[str] = ()) -> None:
    campaign.version += 1
    campaign.updated_at = timezone.now()
    transition_apply(campaign, transition, save={"version", "updated_at", *save})


def _approved(request: ActionRequest, actor: Actor | None) -> None:
    campaign = _campaign_of(request)
    road_check(campaign, request)
    _bump(campaign, "approve")


def _rejected(request: ActionRequest, actor: Actor | None) -> None:
    _decided(request, "reject")


def _changes_requested(request: ActionRequest, actor: Actor | None) -> None:
    _decided(request, "request_changes")


def _decided(request: ActionRequest, transition: str) -> None:
    campaign = _campaign_of(request)
    campaign.hold_reason = request.reason
    _bump(campaign, transition, save={"hold_reason"})


def _lapsed(request: ActionRequest, actor: Actor | None) -> None:
    """The request expired or was cancelled: the campaign goes back to draft unless it moved on."""
    campaign = row_lock(Campaign, int(request.object_id))
    if campaign.action_request_id != request.pk:
        return
    if campaign.state in {"in_review", "approved", "scheduled"}:
        was = str(campaign.state)
        campaign.hold_reason = (
            f"The approval request was {request.state}. Submit it for review again."
        )
        _bump(campaign, "reopen", save={"hold_reason", *approval_forget(campaign)})
        if was == "scheduled":
            campaign_notify(
                campaign,
                kind="campaign_not_started",
                text=f"it will not start. {campaign.hold_reason}",
                now=timezone.now(),
            )


def _authors(request: ActionRequest) -> set[int]:
    return {Campaign.objects.get(pk=int(request.object_id)).created_by_id}


def _current_hash(request: ActionRequest) -> str:
    """Hash of the signed definitions as they are now, put into the frozen content: equal while nothing changed."""
    campaign = Campaign.objects.get(pk=int(request.object_id))
    return sha256_hex({**request.content, "signed": signed_part(campaign)})


register(
    Subject(
        operation=REVIEW,
        on_approved=_approved,
        on_rejected=_rejected,
        on_changes_requested=_changes_requested,
        on_expired=_lapsed,
        on_cancelled=_lapsed,
        authors=_authors,
        current_hash=_current_hash,
        template="admin/approvals/campaign_content.html",
    )
)
