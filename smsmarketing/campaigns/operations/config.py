"""config.get: every rule in force, in one answer, so that nobody has to infer one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Q
from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.approvals.models import ApprovalPolicy
from smsmarketing.campaigns.models import QUIET_MODES
from smsmarketing.campaigns.plan import REASONS
from smsmarketing.campaigns.selectors import brands_usable, gateways_usable
from smsmarketing.campaigns.services.content import CEILING_MARGIN, RECIPIENTS_TOLERANCE
from smsmarketing.campaigns.services.copy import MOST_PARTS
from smsmarketing.gateways.models import FrequencyCap
from smsmarketing.gateways.selectors.limits import quota_current
from smsmarketing.gateways.selectors.visibility import senders_visible
from smsmarketing.operations import registry
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class ConfigIn(Input):
    """No arguments."""


class BrandOut(Output):
    brand_id: int = Field(description="Id.")
    name: str = Field(description="Name.")
    team_id: int = Field(description="Team.")
    name_in_texts: str = Field(description="Must stand in every marketing text.")
    opt_out_line: str = Field(description="Composed in when the text has no opt-out path.")


class ConfigOut(Output):
    brands: list[BrandOut] = Field(description="Brands the caller may send for.")
    sender_id: dict[str, Any] = Field(description="Sender ID rules and the verified senders.")
    gateway: list[dict[str, Any]] = Field(
        description="Usable gateways with currency and messages per second; rates: quotas.get."
    )
    short_links: dict[str, Any] = Field(description="Link rules.")
    opt_out: dict[str, Any] = Field(description="Opt-out rules.")
    scheduling: dict[str, Any] = Field(description="Quiet hours and scheduling rules.")
    approval: dict[str, Any] = Field(description="What waits for a second person.")
    quota: list[dict[str, Any]] = Field(description="Quota of each team this month.")
    cost: dict[str, Any] = Field(description="How cost is previewed, bounded and reconciled.")
    tracking: dict[str, Any] = Field(description="What is measured.")
    frequency_caps: list[dict[str, Any]] = Field(description="Caps in force.")
    exclusion_reasons: dict[str, str] = Field(description="Every exclusion reason in words.")
    public_base_url: str = Field(description="Address of this system.")


SHORT_LINKS: dict[str, Any] = {
    "rule": "Public shorteners are refused; links stand in the text as they are, https only.",
    "tracking": "Click tracking is not part of this version.",
}

OPT_OUT: dict[str, Any] = {
    "rule": "STOP suppresses the brand's marketing and notifications in the transaction that stores the reply.",
    "required": "Every marketing text names the brand and an opt-out path that works with its sender.",
    "confirmation": "At most one confirmation text.",
}

SCHEDULING: dict[str, Any] = {
    "quiet_hours": "Checked on the recipient's clock at the last moment; held messages go at the next opening.",
    "modes": list(QUIET_MODES),
    "normal_mode": "only by people with campaigns.quiet_hours_loosen (compliance)",
    "unknown_time_zone": "held, never sent by default",
    "past_or_dst_gap": "refused",
}

COST: dict[str, Any] = {
    "ceiling": f"worst case x {CEILING_MARGIN}; the send stops before it costs more",
    "recipients_tolerance": f"x {RECIPIENTS_TOLERANCE} of the approved number",
    "most_parts": MOST_PARTS,
    "reconciliation": "the gateway's part count is the bill; differences are reported",
}

TRACKING: dict[str, Any] = {
    "utm": "utm_campaign of the campaign",
    "clicks": "not measured in this version",
    "delivery": "receipts",
}


def _config(context: Context, data: ConfigIn) -> ConfigOut:
    actor = context.actor
    brands = list(brands_usable(actor).order_by("name"))
    return ConfigOut(
        brands=[
            BrandOut(
                brand_id=brand.pk,
                name=brand.name,
                team_id=brand.team_id,
                name_in_texts=brand.name_in_texts,
                opt_out_line=brand.opt_out_line,
            )
            for brand in brands
        ],
        sender_id={
            "rule": "Only verified senders of the campaign's brand; countries without a row are blocked.",
            "verified": list(
                senders_visible(actor).filter(state="verified").values_list("value", flat=True)
            ),
        },
        gateway=[
            {
                "gateway_id": row.pk,
                "name": row.name,
                "state": row.state,
                "currency": row.currency,
                "per_second": row.rate_per_second,
            }
            for row in gateways_usable(actor).order_by("pk")
        ],
        short_links=SHORT_LINKS,
        opt_out=OPT_OUT,
        scheduling=SCHEDULING,
        approval={
            "rule": "A campaign is sent only after another person approved exactly its content; "
            "tokens can never approve.",
            "policies": list(
                ApprovalPolicy.objects.filter(superseded_at=None, enabled=True)
                .order_by("key")
                .values_list("name", flat=True)
            ),
            "self_approval_allowed": bool(settings.ALLOW_SELF_APPROVAL),
        },
        quota=_quotas(context, {brand.team_id for brand in brands}),
        cost=COST,
        tracking=TRACKING,
        frequency_caps=_caps(brands),
        exclusion_reasons=REASONS,
        public_base_url=settings.PUBLIC_BASE_URL,
    )


def _caps(brands: list[Brand]) -> list[dict[str, Any]]:
    """Caps of all brands, and of the caller's own."""
    rows = FrequencyCap.objects.filter(Q(brand=None) | Q(brand__in=brands))
    return [
        {
            "brand_id": cap.brand_id,
            "purpose": cap.purpose,
            "limit": cap.limit,
            "window_hours": cap.window_hours,
        }
        for cap in rows.order_by("brand_id", "purpose", "window_hours")
    ]


def _quotas(context: Context, team_ids: set[int]) -> list[dict[str, Any]]:
    out = []
    for team_id in sorted(team_ids):
        quota = quota_current(team_id, context.now)
        if quota is not None:
            out.append(
                {
                    "team_id": team_id,
                    "month": quota.month.isoformat(),
                    "message_limit": quota.message_limit,
                    "money_limit": str(quota.money_limit),
                    "currency": quota.currency,
                }
            )
    return out


registry.add(
    Operation(
        key="config.get",
        summary=(
            "Read every sending rule in force: senders, gateways, links, opt-out, scheduling, "
            "approval, quota, cost, tracking."
        ),
        description="The source of truth; do not infer a rule that is not here. Call it first.",
        kind=Kind.READ,
        input=ConfigIn,
        output=ConfigOut,
        run=_config,
        permission="campaigns.config_view",
        scope="sms:read",
        rest=RestRoute("GET", "/config"),
        group="settings",
    )
)
