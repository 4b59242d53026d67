"""Creating and changing a campaign before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.models import Campaign, TemplateVersion
from smsmarketing.campaigns.rules.links import link_problems
from smsmarketing.campaigns.services.approval import approval_forget, request_end
from smsmarketing.campaigns.services.content import opt_out_line_of
from smsmarketing.campaigns.services.copy import copy_check, split_mode_of
from smsmarketing.contacts.models import Segment
from smsmarketing.gateways.models import Gateway, SenderId
from smsmarketing.gateways.selectors.rates import rates_current
from smsmarketing.operations.errors import (
    Conflict,
    InvalidInput,
    RatesUnavailable,
    SenderNotEligible,
)
from smsmarketing.operations.states import transition_apply

EDITABLE = frozenset({"draft", "changes_requested", "in_review", "approved", "scheduled"})
SIGNED_FIELDS = frozenset(
    {
        "segment", "template_version", "body", "fields", "sender", "gateway", "landing_url", "purpose", "brand",
        "scheduled_local", "scheduled_zone", "per_minute", "quiet_mode", "tracking",
    }
)  # fmt: skip


def campaign_create(*, created_by: Any, now: datetime, values: Mapping[str, Any]) -> Campaign:
    """Create a draft. `values` are model fields; raises the refusals of `campaign_check`."""
    campaign = Campaign(created_by=created_by, created_at=now, updated_at=now, **values)
    campaign_check(campaign, now=now)
    campaign.save()
    return campaign


def campaign_update(campaign: Campaign, *, changes: Mapping[str, Any], now: datetime) -> list[str]:
    """Change only the named fields of a locked campaign and return the names that really changed.

    A change of signed content takes a reviewed campaign back to draft and supersedes its request [R-8.2]. Raises
    Conflict when the campaign has started or ended, and the refusals of `campaign_check`.
    """
    if campaign.state not in EDITABLE:
        stop = (
            "Pause it or stop the remaining messages, then make"
            if campaign.state in {"sending", "paused"}
            else "Make"
        )
        raise Conflict(
            f"This campaign is {campaign.state}; it can no longer be changed. {stop} a new draft with "
            "campaigns.create_draft.",
            details={"state": str(campaign.state)},
        )
    changed = [name for name, value in changes.items() if getattr(campaign, name) != value]
    if not changed:
        return []
    for name in changed:
        setattr(campaign, name, changes[name])
    campaign_check(campaign, now=now)
    signed = SIGNED_FIELDS.intersection(changed)
    saved = {*changed, "updated_at", "version"}
    campaign.updated_at = now
    campaign.version += 1
    if signed:
        campaign.cost_preview = {}
        campaign.cost_previewed_at = None
        saved |= {"cost_preview", "cost_previewed_at"}
    if signed and campaign.state != "draft":
        campaign_reopen(
            campaign,
            reason="The campaign's content was changed: " + ", ".join(sorted(signed)) + ".",
            save=saved,
        )
    else:
        campaign.save(update_fields=sorted(saved))
    return sorted(changed)


def campaign_reopen(campaign: Campaign, *, reason: str, save: set[str] | None = None) -> None:
    """Take a locked campaign back to draft; its open request, if any, is superseded."""
    request_end(campaign, reason=reason)
    transition_apply(campaign, "reopen", save={*(save or set()), *approval_forget(campaign)})


def campaign_check(campaign: Campaign, *, now: datetime) -> None:
    """Refuse a campaign that could never be sent lawfully, or at a known price.

    Raises InvalidInput (foreign parts, copy that does not fit), SenderNotEligible, NoOptOutPath, RatesUnavailable. Who
    is left out of the audience, and the cost, are the matter of the previews.
    """
    brand, sender, segment, gateway = (
        campaign.brand,
        campaign.sender,
        campaign.segment,
        campaign.gateway,
    )
    _check_parts(campaign, brand, sender, segment, gateway, campaign.template_version)
    if sender.state != "verified":
        raise SenderNotEligible(
            f"Sender {sender.value} is {sender.state.replace('_', ' ')}. Choose a verified "
            f"sender, or finish its registration first.",
            field_errors={"sender_id": f"The sender is {sender.state.replace('_', ' ')}."},
        )
    copy_check(
        body=campaign.body,
        fields=campaign.fields,
        brand=brand,
        purpose=campaign.purpose,
        sender=sender,
        split_mode=split_mode_of(gateway),
        opt_out_line=opt_out_line_of(campaign),
    )
    if not rates_current(gateway, None, now):
        raise RatesUnavailable(
            f"No price is known for {gateway.name}, so the cost would be unknown. Load its rates first, or choose "
            "another gateway.",
            field_errors={"gateway_id": "No rates."},
        )


def _check_parts(
    campaign: Campaign,
    brand: Brand,
    sender: SenderId,
    segment: Segment,
    gateway: Gateway,
    version: TemplateVersion | None,
) -> None:
    wrong: dict[str, str] = {}
    if brand.team_id != campaign.team_id:
        wrong["brand_id"] = "The brand belongs to another team."
    if sender.team_id != campaign.team_id or sender.brand_id != brand.pk:
        wrong["sender_id"] = f"The sender is not registered for the brand {brand.name}."
    if segment.team_id != campaign.team_id or segment.brand_id != brand.pk:
        wrong["segment_id"] = (
            f"The segment was made for another brand than {brand.name}; consent is held per brand."
        )
    if gateway.state == "disabled":
        wrong["gateway_id"] = "The gateway is disabled. Choose an active one from gateways.list."
    if version is not None:
        problem = _template_problem(campaign, brand, version)
        if problem:
            wrong["template_version_id"] = problem
    for _code, message, _position in link_problems(campaign.landing_url):
        wrong["landing_url"] = message
    if wrong:
        raise InvalidInput(
            "Parts of the campaign do not belong together. Mend the named fields.",
            field_errors=wrong,
        )


def _template_problem(campaign: Campaign, brand: Brand, version: TemplateVersion) -> str:
    """Why the template cannot be used for this campaign; empty when it can."""
    use_case = version.template.use_case
    if version.template.brand_id != brand.pk:
        return f"The template belongs to another brand than {brand.name}."
    if version.state == "retired":
        return "This version is retired. Choose the newest one from templates.list."
    if use_case == "otp":
        return "Templates for one-time codes are not sent as campaigns."
    if use_case == "promotion" and campaign.purpose != "marketing":
        return "A promotion needs consent to marketing: set the purpose to marketing."
    return ""
