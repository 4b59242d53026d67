"""What an approval signs: everything about a campaign that a recipient, a lawyer or a bookkeeper
could ask about [R-8.2].
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.plan import (
    REASONS,
    AudiencePlan,
    CostPlan,
    PlanRequest,
    audience_plan,
    cost_plan,
)
from smsmarketing.campaigns.plan.audience import quiet_mode_of
from smsmarketing.campaigns.plan.text import field_conditions, text_plan
from smsmarketing.campaigns.services.budget import drift_lines
from smsmarketing.campaigns.services.copy import (
    CopyFit,
    copy_fit,
    copy_warnings,
    split_mode_of,
)
from smsmarketing.campaigns.services.wall_time import schedule_resolve
from smsmarketing.contacts.criteria import criteria_parse, criteria_words
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.selectors.limits import caps_for
from smsmarketing.gateways.selectors.rates import rates_fresh_check
from smsmarketing.gateways.selectors.routes import gateways_allowed, pins_words

CEILING_MARGIN = Decimal("1.05")
RECIPIENTS_TOLERANCE = Decimal("1.05")
_URL = re.compile(r"https?://[^\s{}]+")


def plan_request(
    campaign: Campaign,
    fit: CopyFit,
    *,
    now: datetime,
    among: Collection[Gateway] | None = None,
) -> PlanRequest:
    """How the campaign's audience is decided at `now`. `among`: the gateways that may help out, when
    they were decided on before; otherwise what routes say now.
    """
    return PlanRequest(
        criteria=criteria_parse(
            campaign.segment.criteria, brand_id=campaign.brand_id, team_ids=[campaign.team_id]
        ),
        brand_id=campaign.brand_id,
        purpose=campaign.purpose,
        gateway=campaign.gateway,
        sender=campaign.sender,
        now=now,
        quiet_mode=quiet_mode_of(campaign.quiet_mode),
        conditions=tuple(field_conditions(list(fit.template.fields.values()), fit.template.places)),
        others=tuple(
            gateways_allowed(campaign.gateway, purpose=campaign.purpose, sender=campaign.sender)
            if among is None
            else among
        ),
    )


def opt_out_line_of(campaign: Campaign) -> str:
    """The opt-out line of the template version the text came from; empty for the brand's."""
    version = campaign.template_version
    return version.opt_out_line if version is not None else ""


def campaign_fit(campaign: Campaign) -> CopyFit:
    """How the campaign's text fits, with the opt-out line composed in [R-1.10]."""
    return copy_fit(
        body=campaign.body,
        fields=campaign.fields,
        brand=campaign.brand,
        purpose=campaign.purpose,
        split_mode=split_mode_of(campaign.gateway),
        opt_out_line=opt_out_line_of(campaign),
    )


def campaign_plan(
    campaign: Campaign, *, now: datetime, with_hours: bool = True
) -> tuple[AudiencePlan, CostPlan, CopyFit]:
    """Audience, cost and copy of a campaign at `now`, from the same statement that the real send uses.

    Raises RatesUnavailable when a price that would be used is stale.
    """
    fit = campaign_fit(campaign)
    audience = audience_plan(plan_request(campaign, fit, now=now), with_hours=with_hours)
    rates_fresh_check(campaign.gateway, audience.rates, audience.sendable_by_country, now)
    text = text_plan(fit, audience, split_mode=split_mode_of(campaign.gateway))
    return audience, cost_plan(audience, text, currency=campaign.gateway.currency), fit


def cost_ceiling(cost: CostPlan) -> Decimal:
    """What the send may cost at most: worst case plus the tolerated growth, rounded up to a cent."""
    return (cost.worst * CEILING_MARGIN).quantize(Decimal("0.01"), rounding=ROUND_UP)


def links_of(campaign: Campaign) -> list[str]:
    """Landing page and every address in the text, in order, once each."""
    found = ([campaign.landing_url] if campaign.landing_url else []) + _URL.findall(campaign.body)
    return list(dict.fromkeys(found))


def signed_part(campaign: Campaign) -> dict[str, Any]:
    """The definitions that must be unchanged when the campaign starts. Counts and cost may drift
    within limits [R-8.3].
    """
    fit = campaign_fit(campaign)
    return {
        "campaign_id": campaign.pk,
        "purpose": campaign.purpose,
        "brand": campaign.brand.name,
        "text": fit.final_body,
        "fields": campaign.fields,
        "criteria": campaign.segment.criteria,
        "sender": campaign.sender.value,
        "gateway": campaign.gateway.slug,
        "links": links_of(campaign),
        "tracking": campaign.tracking,
        "window": {
            "local": campaign.scheduled_local or None,
            "zone": campaign.scheduled_zone or None,
            "quiet_mode": campaign.quiet_mode,
            "per_minute": campaign.per_minute,
        },
        "caps": [
            [cap.limit, round(cap.window.total_seconds() / 3600)]
            for cap in caps_for(campaign.brand_id, campaign.purpose)
        ],
    }


def content_build(
    campaign: Campaign,
    *,
    audience: AudiencePlan,
    cost: CostPlan,
    fit: CopyFit,
    previous: dict[str, Any] | None,
    now: datetime,
) -> dict[str, Any]:
    """The frozen content of a review: what the approver sees is what the hash covers."""
    signed = signed_part(campaign)
    others = gateways_allowed(campaign.gateway, purpose=campaign.purpose, sender=campaign.sender)
    return {
        "kind": "campaign",
        "name": campaign.name,
        "goal": campaign.send_goal,
        "brand": campaign.brand.name,
        "owner": campaign.created_by.get_full_name() or campaign.created_by.get_username(),
        "signed": signed,
        "text": _text_part(campaign, fit),
        "audience": _audience_part(campaign, audience),
        "cost": _cost_part(campaign, cost, now),
        "sender": {
            "value": campaign.sender.value,
            "kind": campaign.sender.kind,
            "receives_replies": campaign.sender.can_receive,
        },
        "gateway": _gateway_words(campaign.gateway, others),
        "kept_on_gateway": pins_words(
            [campaign.gateway, *others],
            audience.sendable_by_country,
            purpose=campaign.purpose,
            at=now,
        ),
        "route_gateways": [each.pk for each in others],
        "links": signed["links"],
        "window": signed["window"],
        "caps": [f"at most {limit} in {hours} hours" for limit, hours in signed["caps"]],
        "changes_since_last": _changes(previous, signed),
    }


def _gateway_words(gateway: Gateway, others: Collection[Gateway]) -> str:
    """Every gateway that may carry it: an approval covers these and no other."""
    if not others:
        return str(gateway.name)
    return f"{gateway.name}; routes may also use {', '.join(each.name for each in others)}"


def _text_part(campaign: Campaign, fit: CopyFit) -> dict[str, Any]:
    """The text as a phone shows it, at its typical and its longest."""
    return {
        "body": fit.final_body,
        "rendered_example": fit.example,
        "worst_example": fit.worst_example,
        "encoding": fit.encoding_worst,
        "parts": fit.parts_worst,
        "parts_best": fit.parts_best,
        "units": fit.units_worst,
        "warnings": copy_warnings(
            fit, brand=campaign.brand, purpose=campaign.purpose, sender=campaign.sender
        ),
    }


def _audience_part(campaign: Campaign, audience: AudiencePlan) -> dict[str, Any]:
    """Who gets it, and why others do not."""
    criteria = criteria_parse(
        campaign.segment.criteria, brand_id=campaign.brand_id, team_ids=[campaign.team_id]
    )
    return {
        "segment": campaign.segment.name,
        "criteria": criteria_words(criteria),
        "matched": audience.matched,
        "recipients": audience.sendable,
        "exclusions": {
            REASONS.get(reason, reason): count for reason, count in audience.excluded.items()
        },
        "overlap_removed": audience.overlap_removed,
        "countries": list(audience.sendable_by_country),
        "held_by_quiet_hours_now": audience.held_now or 0,
        "tolerance": "5 % more recipients, another country or a higher cost than the ceiling stops the send.",
    }


def _cost_part(campaign: Campaign, cost: CostPlan, now: datetime) -> dict[str, Any]:
    """What it costs, and at most; and how far earlier bills of these routes were from their estimates."""
    return {
        "currency": cost.currency,
        "by_country": [
            {
                "country": line.country,
                "recipients": line.recipients,
                "price_per_part": str(line.price),
                "parts": line.parts_worst,
                "worst": str(line.worst),
                "expected": str(line.expected),
            }
            for line in cost.countries
        ],
        "worst": str(cost.worst),
        "expected": str(cost.expected),
        "ceiling": str(cost_ceiling(cost)),
        "rates_from": cost.rates_oldest_at,
        "earlier_bills": drift_lines(campaign.gateway, cost, now=now),
    }


def _changes(previous: dict[str, Any] | None, signed: dict[str, Any]) -> list[dict[str, Any]]:
    """Field by field, what differs from the content that was put to review before."""
    before = (previous or {}).get("signed")
    if not before:
        return []
    return [
        {"field": name, "old": before.get(name), "new": value}
        for name, value in signed.items()
        if before.get(name) != value
    ]


def window_end(campaign: Campaign, *, now: datetime) -> datetime | None:
    """Until when the send may start: an hour after its planned time; None for "any time" (compliance §8.1)."""
    if not campaign.scheduled_local:
        return None
    planned = schedule_resolve(campaign.scheduled_local, campaign.scheduled_zone, now=now)
    return planned + timedelta(hours=1)
