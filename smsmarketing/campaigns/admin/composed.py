"""From what stands in the composer to the inputs of campaigns.create_draft and campaigns.update."""

from __future__ import annotations

from typing import Any

from smsmarketing.campaigns.admin.copy_form import FieldRow, rows_of, whole
from smsmarketing.campaigns.models import Campaign, TemplateVersion

TEXTS = (
    "name",
    "brand_id",
    "purpose",
    "segment_id",
    "sender_id",
    "gateway_id",
    "template_version_id",
    "message",
    "landing_url",
    "utm_campaign",
    "send_goal",
    "send_at_local",
    "time_zone",
    "per_minute",
    "quiet_mode",
    "review_notes",
)
_WHOLE = frozenset({"brand_id", "segment_id", "sender_id", "gateway_id", "per_minute"})


def values_of(campaign: Campaign) -> dict[str, str]:
    """A stored campaign as it stands in the form."""
    return {
        "name": campaign.name,
        "brand_id": str(campaign.brand_id),
        "purpose": campaign.purpose,
        "segment_id": str(campaign.segment_id),
        "sender_id": str(campaign.sender_id),
        "gateway_id": str(campaign.gateway_id),
        "template_version_id": str(campaign.template_version_id or ""),
        "message": campaign.body,
        "landing_url": campaign.landing_url,
        "utm_campaign": campaign.tracking.get("utm_campaign", ""),
        "send_goal": campaign.send_goal,
        "send_at_local": campaign.scheduled_local,
        "time_zone": campaign.scheduled_zone,
        "per_minute": str(campaign.per_minute or ""),
        "quiet_mode": campaign.quiet_mode,
        "review_notes": campaign.review_notes,
    }


def draft_payload(
    values: dict[str, str], rows: list[FieldRow], version: TemplateVersion | None
) -> dict[str, Any]:
    """The input of campaigns.create_draft; empty fields are left out."""
    payload: dict[str, Any] = {}
    for name in TEXTS:
        if name in {"message", "template_version_id", "utm_campaign"} or not values[name]:
            continue
        payload[name] = whole(values[name]) if name in _WHOLE else values[name]
    if not payload.get("send_at_local"):
        payload.pop("time_zone", None)
    if values["utm_campaign"]:
        payload["tracking"] = {"utm_campaign": values["utm_campaign"]}
    return payload | _copy_payload(values, rows, version)


def update_payload(
    campaign: Campaign,
    values: dict[str, str],
    rows: list[FieldRow],
    version: TemplateVersion | None,
) -> dict[str, Any]:
    """The input of campaigns.update: only what differs from the stored campaign."""
    stored = values_of(campaign)
    payload: dict[str, Any] = {}
    for name in TEXTS:
        if name in {"brand_id", "purpose", "message", "template_version_id", "utm_campaign"}:
            continue
        if values[name] != stored[name]:
            payload[name] = whole(values[name]) if name in _WHOLE else values[name]
    if payload.get("per_minute") == "":
        payload["per_minute"] = 0  # as fast as the gateway allows
    if values["utm_campaign"] != stored["utm_campaign"]:
        payload["tracking"] = (
            {"utm_campaign": values["utm_campaign"]} if values["utm_campaign"] else {}
        )
    if not values["send_at_local"]:
        payload.pop("time_zone", None)
    elif {"send_at_local", "time_zone"} & set(payload):
        payload |= {name: values[name] for name in ("send_at_local", "time_zone")}
    if values["message"] != stored["message"] or [row.payload() for row in rows] != [
        row.payload() for row in rows_of(campaign.fields)
    ]:
        payload |= _copy_payload(values, rows, version)
    return payload


def _copy_payload(
    values: dict[str, str], rows: list[FieldRow], version: TemplateVersion | None
) -> dict[str, Any]:
    """The template version while its text stands unchanged, else the text with its fields."""
    fields = [row.payload() for row in rows]
    if (
        version is not None
        and version.body == values["message"]
        and fields == [row.payload() for row in rows_of(version.fields)]
    ):
        return {"template_version_id": version.pk}
    return {"message": values["message"], "fields": fields} if values["message"] else {}
