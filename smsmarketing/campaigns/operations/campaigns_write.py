"""campaigns.create_draft and campaigns.update."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from smsmarketing.campaigns.operations.campaigns_read import (
    CAMPAIGN_VERSIONED,
    CampaignOut,
    campaign_out,
)
from smsmarketing.campaigns.operations.templates import FieldIn
from smsmarketing.campaigns.selectors import (
    brands_usable,
    gateways_usable,
    pick,
    segments_usable,
    versions_visible,
)
from smsmarketing.campaigns.services.drafts import campaign_create, campaign_update
from smsmarketing.campaigns.services.review import minutes_to_start
from smsmarketing.campaigns.services.wall_time import schedule_resolve
from smsmarketing.gateways.selectors.visibility import senders_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotPermitted
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)

_LOCAL = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$"


LOOSEN_PERMISSION = "campaigns.quiet_hours_loosen"


class Tracking(Input):
    """What may be measured. Links are never shortened by public services."""

    utm_campaign: str | None = Field(
        default=None, pattern=r"^[a-z0-9_-]{1,64}$", description="utm_campaign value [R-6.6]."
    )


class DraftIn(Input):
    name: str = Field(min_length=1, max_length=120, description="Name for people.")
    brand_id: int = Field(ge=1, description="Brand in whose name it is sent.")
    segment_id: int = Field(ge=1, description="From segments.create.")
    sender_id: int = Field(
        ge=1, description="A verified sender of the brand, from sender_ids.list."
    )
    gateway_id: int = Field(ge=1, description="From gateways.list.")
    template_version_id: int | None = Field(
        default=None, ge=1, description="From templates.list; its text and fields are taken over."
    )
    message: str | None = Field(
        default=None,
        min_length=1,
        max_length=1600,
        description="Text with {field} places; instead of a template.",
    )
    fields: list[FieldIn] = Field(
        default_factory=list,
        max_length=20,
        description="Fields of the message, each with its longest length. {opt_out_link} needs none: "
        "the system fills it with each recipient's own opt-out page.",
    )
    purpose: str = Field(
        default="marketing",
        pattern="^(marketing|transactional)$",
        description="marketing or transactional.",
    )
    landing_url: str = Field(
        default="",
        max_length=500,
        pattern=r"^(https://[^\s]+)?$",
        description="https address of the landing page.",
    )
    tracking: Tracking = Field(default_factory=Tracking, description="Tracking settings.")
    send_goal: str = Field(
        default="", max_length=200, description="What the send is meant to reach."
    )
    send_at_local: str | None = Field(
        default=None,
        pattern=_LOCAL,
        description="Planned wall time YYYY-MM-DDTHH:MM; signed by the approval.",
    )
    time_zone: str | None = Field(
        default=None, max_length=64, description="IANA zone of send_at_local."
    )
    per_minute: int | None = Field(
        default=None, ge=1, le=100_000, description="Batching pace in messages a minute."
    )
    quiet_mode: Literal["default", "strict", "normal"] = Field(
        default="default",
        description="Quiet hours on the recipient's clock. strict: every zone of the number must be open; normal: the "
        "person's known zone counts alone; default: strict for the US and Canada, normal elsewhere.",
    )
    review_notes: str = Field(default="", max_length=2000, description="Notes for the approver.")


class UpdateIn(Input):
    campaign_id: int = Field(ge=1, description="Id from campaigns.get.")
    base_version_token: str = Field(
        max_length=200, description="From campaigns.get; a stale one is refused."
    )
    name: str | None = Field(default=None, min_length=1, max_length=120, description="New name.")
    segment_id: int | None = Field(default=None, ge=1, description="New segment.")
    sender_id: int | None = Field(default=None, ge=1, description="New sender.")
    gateway_id: int | None = Field(default=None, ge=1, description="New gateway.")
    template_version_id: int | None = Field(
        default=None, ge=1, description="New template version; replaces message and fields."
    )
    message: str | None = Field(
        default=None, min_length=1, max_length=1600, description="New text."
    )
    fields: list[FieldIn] | None = Field(
        default=None, max_length=20, description="New fields of the text."
    )
    landing_url: str | None = Field(
        default=None,
        max_length=500,
        pattern=r"^(https://[^\s]+)?$",
        description="New landing page.",
    )
    tracking: Tracking | None = Field(default=None, description="New tracking settings.")
    send_goal: str | None = Field(default=None, max_length=200, description="New goal.")
    send_at_local: str | None = Field(
        default=None,
        pattern=r"^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})?$",
        description="New planned wall time; empty clears it.",
    )
    time_zone: str | None = Field(
        default=None, max_length=64, description="Zone of the new wall time."
    )
    per_minute: int | None = Field(
        default=None, ge=0, le=100_000, description="New pace; 0 = the gateway's rate."
    )
    quiet_mode: Literal["default", "strict", "normal"] | None = Field(
        default=None, description="New quiet mode."
    )
    review_notes: str | None = Field(default=None, max_length=2000, description="New notes.")


class UpdateOut(Output):
    changed: list[str] = Field(description="Names of the parts that really changed.")
    needs_new_review: bool = Field(description="True when a reviewed campaign went back to draft.")
    campaign: CampaignOut = Field(description="The campaign after the change.")


def _values(
    context: Context, data: DraftIn | UpdateIn, *, brand: Any, was: Any = None
) -> dict[str, Any]:
    """Model values for the fields the input names."""
    actor, given = context.actor, data.model_fields_set
    values: dict[str, Any] = {}
    if data.quiet_mode == "normal" and not actor.may(LOOSEN_PERMISSION):
        raise NotPermitted(
            "Only compliance may loosen quiet hours [R-3.9]. Leave quiet_mode at default.",
            field_errors={"quiet_mode": "Use default or strict."},
        )
    for name, queryset, what in (
        ("segment", segments_usable(actor, was), "segment"),
        ("sender", senders_visible(actor), "sender"),
        ("gateway", gateways_usable(actor), "gateway"),
    ):
        pk = getattr(data, f"{name}_id")
        if f"{name}_id" in given and pk is not None:
            values[name] = pick(queryset, pk, field=f"{name}_id", what=what)
    for name in ("name", "landing_url", "send_goal", "quiet_mode", "review_notes"):
        if name in given and getattr(data, name) is not None:
            values[name] = getattr(data, name)
    if data.per_minute is not None:
        values["per_minute"] = data.per_minute or None
    if data.tracking is not None and "tracking" in given:
        values["tracking"] = data.tracking.model_dump(exclude_none=True)
    values |= _copy_values(context, data) | _time_values(context, data, was)
    return values


def _copy_values(context: Context, data: DraftIn | UpdateIn) -> dict[str, Any]:
    if data.template_version_id and data.message:
        raise InvalidInput(
            "Give either a template version or a message, not both.",
            field_errors={"message": "Leave it out when template_version_id is given."},
        )
    if data.template_version_id:
        if data.fields:
            raise InvalidInput(
                "A template version brings its own fields.",
                field_errors={"fields": "Leave them out when template_version_id is given."},
            )
        version = pick(
            versions_visible(context.actor),
            data.template_version_id,
            field="template_version_id",
            what="template version",
        )
        return {"template_version": version, "body": version.body, "fields": version.fields}
    out: dict[str, Any] = {}
    if data.message:
        out |= {"template_version": None, "body": data.message}
    if data.fields is not None and "fields" in data.model_fields_set:
        # With other fields it is not the template's wording any more.
        out["template_version"] = None
        out["fields"] = [field.model_dump() for field in data.fields]
    return out


def _time_values(context: Context, data: DraftIn | UpdateIn, was: Any) -> dict[str, Any]:
    if data.send_at_local is None and data.time_zone is None:
        return {}
    if data.send_at_local == "":
        return {"scheduled_local": "", "scheduled_zone": ""}
    local = data.send_at_local or getattr(was, "scheduled_local", "")
    zone = data.time_zone or getattr(was, "scheduled_zone", "")
    if not local or not zone:
        raise InvalidInput(
            "A send time needs both a wall time and a zone.",
            field_errors={"time_zone": "Give an IANA zone, e.g. Europe/Berlin."},
        )
    schedule_resolve(local, zone, now=context.now)
    return {"scheduled_local": local, "scheduled_zone": zone}


def _create(context: Context, data: DraftIn) -> CampaignOut:
    brand = pick(brands_usable(context.actor), data.brand_id, field="brand_id", what="brand")
    if not data.template_version_id and not data.message:
        raise InvalidInput(
            "A campaign needs a text.",
            field_errors={
                "message": "Give a message, or a template_version_id from templates.list."
            },
        )
    values = _values(context, data, brand=brand)
    campaign = campaign_create(
        created_by=context.actor.user,
        now=context.now,
        values={"team_id": brand.team_id, "brand": brand, "purpose": data.purpose, **values},
    )
    context.audit_object = ("campaigns.campaign", str(campaign.pk))
    return campaign_out(campaign, context)


def _update(context: Context, data: UpdateIn) -> UpdateOut:
    campaign = context.target
    before = str(campaign.state)
    changed = campaign_update(
        campaign,
        changes=_values(context, data, brand=campaign.brand, was=campaign),
        now=context.now,
    )
    return UpdateOut(
        changed=changed,
        needs_new_review=before != "draft" and campaign.state == "draft",
        campaign=campaign_out(campaign, context),
    )


def _update_facts(context: Context, data: UpdateIn) -> dict[str, Any]:
    """For policies that are switched off at first: an edit ends the approval anyway (ADR 0012)."""
    campaign = context.target
    return {
        "state": str(campaign.state),
        "cost": campaign.cost_ceiling or 0,
        "currency": campaign.gateway.currency,
        "minutes_to_start": minutes_to_start(campaign, now=context.now),
    }


registry.add(
    Operation(
        key="campaigns.create_draft",
        summary="Create a campaign draft from a segment, a text, a sender ID and a gateway.",
        description=(
            "Nothing is sent. Refused when the text lacks brand or opt-out path, does not "
            "fit, or the sender is not verified. "
            "Preview first: segments.preview, copy.fit_preview. Next: cost_preview, then campaigns.submit_for_review."
        ),
        kind=Kind.WRITE,
        input=DraftIn,
        output=CampaignOut,
        run=_create,
        permission="campaigns.campaign_edit",
        scope="sms:draft",
        requires=("segments.preview", "copy.fit_preview"),
        rest=RestRoute("POST", "/campaigns"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.update",
        summary="Change only the named parts of a campaign that has not started.",
        description=(
            "A change of signed content (text, segment, sender, gateway, links, window) takes a "
            "reviewed campaign back to draft; it needs a new review."
        ),
        kind=Kind.WRITE,
        input=UpdateIn,
        output=UpdateOut,
        run=_update,
        permission="campaigns.campaign_edit",
        scope="sms:draft",
        requires=("campaigns.get", "approval_policies.list"),
        target=CAMPAIGN_VERSIONED,
        approval=Approval.POLICY,
        facts=_update_facts,
        idempotent=True,
        rest=RestRoute("PATCH", "/campaigns/{campaign_id}"),
        group="campaigns",
    ),
)
