"""Putting a campaign before a second person, and what their word does to it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.policies import policies_match
from smsmarketing.approvals.services import request_create
from smsmarketing.approvals.subjects import Subject, register
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.content import (
    campaign_plan,
    content_build,
    cost_ceiling,
    signed_part,
    window_end,
)
from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import Conflict, RatesUnavailable
from smsmarketing.operations.states import row_lock, transition_apply
from smsmarketing.operations.types import Actor

REVIEW = "campaigns.submit_for_review"


def campaign_submit(campaign: Campaign, *, actor: Actor, note: str, now: datetime) -> ActionRequest:
    """Freeze the locked campaign's content and ask for approval.

    Raises Conflict when nobody can be sent to or the state forbids it, RatesUnavailable when no price is known.
    """
    audience, cost, fit = campaign_plan(campaign, now=now)
    if audience.sendable == 0:
        if audience.excluded.get("no_rate"):
            raise RatesUnavailable(
                "No price is known for any country of this audience. Load rates for the gateway first."
            )
        raise Conflict(
            "Nobody in this segment can be sent to; see the exclusion reasons in "
            "segments.preview and change the segment.",
            details={"matched": audience.matched, "excluded": audience.excluded},
        )
    content = content_build(
        campaign, audience=audience, cost=cost, fit=fit, previous=_last_content(campaign)
    )
    facts = review_facts(
        campaign,
        recipients=audience.sendable,
        cost=cost_ceiling(cost),
        countries=list(audience.sendable_by_country),
    )
    if note:
        campaign.review_notes = note
    transition_apply(campaign, "submit", save={"review_notes"})
    campaign.version += 1
    request = request_create(
        operation=REVIEW,
        actor=actor,
        title=f"Campaign “{campaign.name}”",
        payload={"campaign_id": campaign.pk},
        content=content,
        facts=facts,
        policies=policies_match(REVIEW, facts),
        team_id=campaign.team_id,
        object_type="campaigns.campaign",
        object_id=str(campaign.pk),
        object_version=campaign.version,
        cost_ceiling=cost_ceiling(cost),
        currency=cost.currency,
        expires_at=window_end(campaign, now=now),
    )
    campaign.action_request_id = request.pk
    campaign.content_hash = request.content_hash
    campaign.approved_recipients = audience.sendable
    campaign.cost_ceiling = cost_ceiling(cost)
    campaign.updated_at = now
    campaign.hold_reason = ""
    campaign.save(
        update_fields=[
            "version",
            "action_request_id",
            "content_hash",
            "approved_recipients",
            "cost_ceiling",
            "updated_at",
            "hold_reason",
        ]
    )
    return request


def review_facts(
    campaign: Campaign, *, recipients: int, cost: Decimal, countries: list[str]
) -> dict[str, Any]:
    """What policies may look at."""
    version = campaign.template_version
    earlier = Campaign.objects.filter(team_id=campaign.team_id, state="sent").exclude(
        pk=campaign.pk
    )
    known = {
        country
        for row in earlier.order_by("-finished_at")[:50]
        for country in (row.cost_preview or {}).get("countries", [])
    }
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
        "by_agent": campaign.created_by.is_agent,
    }


def _last_content(campaign: Campaign) -> dict[str, Any] | None:
    last = (
        ActionRequest.objects.filter(
            operation=REVIEW, object_type="campaigns.campaign", object_id=str(campaign.pk)
        )
        .order_by("-created_at")
        .first()
    )
    return last.content if last else None


def _campaign_of(request: ActionRequest) -> Campaign:
    return row_lock(Campaign, int(request.object_id))


def _bump(campaign: Campaign, transition: str, *, save: set[str] | None = None) -> None:
    campaign.version += 1
    campaign.updated_at = timezone.now()
    transition_apply(campaign, transition, save={"version", "updated_at", *(save or set())})


def _approved(request: ActionRequest, actor: Actor | None) -> None:
    _bump(_campaign_of(request), "approve")


def _rejected(request: ActionRequest, actor: Actor | None) -> None:
    _bump(_campaign_of(request), "reject")


def _changes_requested(request: ActionRequest, actor: Actor | None) -> None:
    _bump(_campaign_of(request), "request_changes")


def _lapsed(request: ActionRequest, actor: Actor | None) -> None:
    """The request expired or was cancelled: the campaign goes back to draft unless it moved on."""
    campaign = _campaign_of(request)
    if campaign.action_request_id == request.pk and campaign.state in {
        "in_review",
        "approved",
        "scheduled",
    }:
        campaign.action_request_id = None
        campaign.content_hash = ""
        campaign.scheduled_at = None
        campaign.hold_reason = (
            f"The approval request was {request.state}. Submit it for review again."
        )
        _bump(
            campaign,
            "reopen",
            save={"action_request_id", "content_hash", "scheduled_at", "hold_reason"},
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
