"""A campaign and its approval: locked in one order, checked before use, forgotten together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.services import request_finish, request_supersede
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.content import signed_part
from smsmarketing.campaigns.services.wall_time import planned_at
from smsmarketing.gateways.models import Quota
from smsmarketing.gateways.rules.exchange import money_convert
from smsmarketing.gateways.selectors.exchange import exchange_now
from smsmarketing.gateways.selectors.limits import quota_left, quotas_current
from smsmarketing.gateways.selectors.rates import rates_current, rates_fresh_check
from smsmarketing.gateways.selectors.senders import sender_verdicts
from smsmarketing.operations.errors import (
    ApprovalRequired,
    BudgetExceeded,
    Conflict,
    GatewayUnavailable,
    QuotaExceeded,
    SenderNotEligible,
)
from smsmarketing.operations.states import row_lock

CAMPAIGN_LABEL = "campaigns.campaign"
_OPEN = ("pending", "approved", "executing")


def requests_lock(campaign_id: Any) -> None:
    """Lock the open requests about a campaign.

    Always before the campaign's own row: a vote holds its request first and then moves the campaign, so the other
    order would deadlock with it.
    """
    rows = ActionRequest.objects.select_for_update().filter(
        object_type=CAMPAIGN_LABEL, object_id=str(campaign_id), state__in=_OPEN
    )
    list(rows.order_by("pk").values_list("pk"))


def campaign_lock(campaign_id: int) -> Campaign:
    """The campaign and its open requests, locked until the end of the transaction."""
    requests_lock(campaign_id)
    return row_lock(Campaign, campaign_id)


def request_of(campaign: Campaign) -> ActionRequest | None:
    if campaign.action_request_id is None:
        return None
    return ActionRequest.objects.filter(pk=campaign.action_request_id).first()


def approval_forget(campaign: Campaign) -> set[str]:
    """Clear everything a review gave the campaign; returns the names of the fields, for saving."""
    campaign.action_request_id = None
    campaign.content_hash = ""
    campaign.approved_recipients = None
    campaign.cost_ceiling = None
    campaign.scheduled_at = None
    campaign.due_local = campaign.due_zone = ""
    campaign.started_at = campaign.finished_at = None
    campaign.materialise_tries = 0
    return {
        "action_request_id", "content_hash", "approved_recipients", "cost_ceiling", "scheduled_at",
        "due_local", "due_zone", "started_at", "finished_at", "materialise_tries",
    }  # fmt: skip


def request_end(campaign: Campaign, *, reason: str) -> None:
    """The campaign's request covers nothing any more; one that was decided against stays as it is."""
    request = request_of(campaign)
    if request is not None and request.state in {"pending", "approved"}:
        request_supersede(request.pk, reason=reason)


def execution_end(campaign: Campaign, *, outcome: str, result: Mapping[str, Any]) -> None:
    """End the execution that the start of the campaign began."""
    request = request_of(campaign)
    if request is not None and request.state == "executing":
        request_finish(request.pk, outcome=outcome, result=result)


def approval_check(campaign: Campaign, *, now: datetime) -> ActionRequest:
    """The approval that covers exactly what a locked campaign would send now.

    Raises ApprovalRequired (no approval, or it covers something else), Conflict (already started, or the approval's
    time is over), SenderNotEligible, GatewayUnavailable, QuotaExceeded and BudgetExceeded.
    """
    state = str(campaign.state)
    if campaign.started_at is not None:
        raise Conflict(f"This campaign is already {state}.", details={"state": state})
    request = request_of(campaign)
    if state not in {"approved", "scheduled"} or request is None:
        raise ApprovalRequired(
            f"This campaign is {state.replace('_', ' ')}. It needs an approval: campaigns.submit_for_review, then a "
            "person approves.",
            action_request_id=campaign.action_request_id,
            details={"state": state},
        )
    if request.state != "approved" or request.content_hash != campaign.content_hash:
        raise ApprovalRequired(
            "There is no approval for exactly this content. Submit the campaign for review again.",
            action_request_id=request.pk,
            details={"state": str(request.state)},
        )
    if request.expires_at <= now:
        raise Conflict(
            "The approval has expired. Submit the campaign for review again.",
            action_request_id=request.pk,
            details={"state": "expired"},
        )
    changed = signed_changes(campaign, request)
    if changed:
        raise ApprovalRequired(
            f"What would be sent is not what was approved any more ({', '.join(changed)}). Submit the campaign for "
            "review again.",
            action_request_id=request.pk,
            details={"changed": changed},
        )
    road_check(campaign, request)
    budget_check(campaign, request, now=now)
    return request


def window_check(campaign: Campaign, request: ActionRequest, *, now: datetime) -> None:
    """A window that was signed with a time does not open before it [R-8.2]."""
    planned = planned_at(campaign)
    if planned is None or now >= planned:
        return
    when = f"{campaign.scheduled_local.replace('T', ' ')} {campaign.scheduled_zone}"
    raise ApprovalRequired(
        f"The approval covers a send at {when}, not before. Use campaigns.schedule with that time, or change the "
        "draft's send time and have it reviewed again.",
        field_errors={"send_at_local": f"Approved for {when}."},
        action_request_id=request.pk,
        details={"approved_for": planned.isoformat()},
    )


def signed_changes(campaign: Campaign, request: ActionRequest) -> list[str]:
    """Names of the signed definitions that differ from what the request holds, e.g. text or caps."""
    approved = request.content.get("signed") or {}
    current = signed_part(campaign)
    return sorted(name for name in {*approved, *current} if approved.get(name) != current.get(name))


def road_check(campaign: Campaign, request: ActionRequest) -> None:
    """Sender and gateway can still carry what was reviewed: asked when a person approves, when it is scheduled and
    when it starts; every wave asks again. Raises SenderNotEligible and GatewayUnavailable.
    """
    sender, gateway = campaign.sender, campaign.gateway
    if sender.state != "verified":
        word = str(sender.state).replace("_", " ")
        raise SenderNotEligible(
            f"Sender {sender.value} is {word}; it was verified when the campaign was submitted. "
            f"{sender.state_reason} Finish its verification or have it lifted with sender_ids.lift, or choose "
            "another sender and have the campaign reviewed again.",
            field_errors={"sender_id": f"The sender is {word}."},
        )
    countries = (request.content.get("audience") or {}).get("countries") or []
    found = sender_verdicts(sender, gateway=gateway, purpose=campaign.purpose, countries=countries)
    shut = [found[country] for country in countries if found[country].status != "allowed"]
    if countries and len(shut) == len(countries):
        raise SenderNotEligible(
            f"Sender {sender.value} may not be used any more in any country of this campaign. "
            + " ".join(verdict.sentence for verdict in shut[:3]),
            field_errors={"sender_id": " ".join(verdict.sentence for verdict in shut[:10])},
            details={"countries": {verdict.country: verdict.status for verdict in shut}},
        )
    if gateway.state == "disabled":
        raise GatewayUnavailable(
            "The campaign's gateway is disabled. Enable it, or choose another one and have it reviewed again.",
            field_errors={"gateway_id": "Disabled."},
        )


def budget_check(campaign: Campaign, request: ActionRequest, *, now: datetime) -> None:
    """Refuse what the team's quota of the month of `now` cannot carry, before the approval is spent on it.

    Looks at the figures of the review at their least: expected money, and the best case of parts. The exact
    reservation is made when the messages are known.
    """
    quotas = quotas_current(campaign.team_id, campaign.brand_id, now)
    if not quotas:
        raise QuotaExceeded(
            "The team has no quota. Ask an admin to set a monthly limit for the team first."
        )
    content: dict[str, Any] = request.content
    countries = (content.get("audience") or {}).get("countries") or []
    rates = rates_current(campaign.gateway, countries, now)
    rates_fresh_check(campaign.gateway, rates, countries, now)
    recipients = int((content.get("audience") or {}).get("recipients", 0))
    parts = recipients * int((content.get("text") or {}).get("parts_best", 1))
    expected = Decimal(str((content.get("cost") or {}).get("expected", 0)))
    for quota in quotas:
        exchange = exchange_now(campaign.gateway.currency, quota.currency, now)
        _fits(quota, parts, money_convert(expected, exchange.rate))


def _fits(quota: Quota, parts: int, expected: Decimal) -> None:
    """Refuse what does not fit into one limit."""
    whose = "team" if quota.brand_id is None else "brand"
    parts_left, money_left = quota_left(quota)
    if parts > parts_left:
        raise QuotaExceeded(
            f"This campaign needs at least {parts} parts and the {whose} has {parts_left} left in {quota.month:%B %Y}. "
            "Send to fewer people or ask an admin for a higher limit.",
            details={"needed_parts": parts, "left_parts": parts_left, "limit_of": whose},
        )
    if expected > money_left:
        raise BudgetExceeded(
            f"This campaign is expected to cost {expected:f} {quota.currency} and the {whose} has {money_left:f} left "
            f"in {quota.month:%B %Y}. Send to fewer people or ask an admin for a higher limit.",
            details={"needed": f"{expected:f}", "left": f"{money_left:f}", "limit_of": whose},
        )
