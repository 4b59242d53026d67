"""segments.preview and segments.create: who would be texted, and why the others would not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.plan import REASONS, AudiencePlan, PlanRequest, audience_plan
from smsmarketing.campaigns.selectors import brands_usable, gateways_usable, pick
from smsmarketing.contacts.criteria import criteria_parse, criteria_words
from smsmarketing.contacts.selectors import segments_visible
from smsmarketing.contacts.services import segment_create
from smsmarketing.gateways.models import SenderId
from smsmarketing.gateways.selectors.limits import quota_current, quota_left
from smsmarketing.gateways.selectors.visibility import senders_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.models import PreviewRecord
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.previews import preview_read, preview_store, preview_take
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Money,
    Operation,
    Output,
    RestRoute,
)

PREVIEW_KIND = "segment"
PREVIEW_TTL = timedelta(minutes=30)
_CRITERIA_HELP = (
    'Criteria tree, e.g. {"all": [{"audience": 3}, {"not": {"tag": "vip"}}, {"country": ["DE", "FR"]}]}. '
    "Nodes: all, any, not; audience, tag, country, language, region, custom, consent_age, last_sent, never_sent, event."
)


class ExclusionCount(Output):
    """How many contacts are left out for one reason."""

    reason: str = Field(description="Reason code.")
    meaning: str = Field(description="The reason in words.")
    count: int = Field(description="Contacts.")


class CountryCount(Output):
    """One country of the sendable audience with the price of one part."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    recipients: int = Field(description="Sendable contacts.")
    rate: Money = Field(description="Price of one SMS part on the gateway.")
    estimated_cost: Money = Field(description="recipients x parts_per_message x rate.")


class SegmentPreviewIn(Input):
    brand_id: int = Field(
        ge=1, description="Brand in whose name it would be sent; consent is held per brand."
    )
    criteria: dict[str, Any] = Field(description=_CRITERIA_HELP)
    gateway_id: int | None = Field(
        default=None,
        ge=1,
        description="Gateway for rates and countries; default: the first active one.",
    )
    sender_id: int | None = Field(
        default=None, ge=1, description="Sender ID whose countries apply; default: any."
    )
    purpose: str = Field(
        default="marketing",
        pattern="^(marketing|transactional)$",
        description="marketing or transactional.",
    )
    parts_per_message: int = Field(
        default=1,
        ge=1,
        le=10,
        description="SMS parts assumed for the estimate; copy.fit_preview gives it.",
    )


class SegmentPreviewOut(Output):
    segment_preview_id: UUID = Field(
        description="Pass to segments.create within 30 minutes; single use."
    )
    criteria_in_words: str = Field(description="The criteria as a sentence.")
    matched: int = Field(
        description="Contacts that match the criteria: sendable plus all exclusions."
    )
    sendable: int = Field(description="Contacts that may be texted now, quiet hours aside.")
    opt_outs: int = Field(description="Excluded because they opted out or complained.")
    duplicate_phones: int = Field(
        description="Entries removed because the same phone is in more than one chosen audience."
    )
    frequency_cap_exclusions: int = Field(
        description="Excluded because a frequency cap is reached."
    )
    exclusions: list[ExclusionCount] = Field(
        description="Every reason with its count; the sum plus sendable equals matched."
    )
    countries: list[CountryCount] = Field(
        description="Sendable contacts, rate and cost by country."
    )
    estimated_cost: Money = Field(description="Sum over the countries at parts_per_message.")
    quota_parts_left: int | None = Field(
        description="Parts left in the team's quota this month; null without a quota."
    )
    gateway: str = Field(description="Gateway whose rates were used.")


def exclusions_of(audience: AudiencePlan) -> list[ExclusionCount]:
    """Reasons in plain words, most frequent first."""
    ordered = sorted(audience.excluded.items(), key=lambda item: (-item[1], item[0]))
    return [
        ExclusionCount(reason=reason, meaning=REASONS.get(reason, reason), count=count)
        for reason, count in ordered
    ]


def _sender(context: Context, data: SegmentPreviewIn, brand: Brand) -> SenderId | None:
    """The named sender, which must belong to the brand."""
    if data.sender_id is None:
        return None
    sender: SenderId = pick(
        senders_visible(context.actor), data.sender_id, field="sender_id", what="sender"
    )
    if sender.brand_id != brand.pk:
        raise InvalidInput(
            f"The sender is not registered for the brand {brand.name}.",
            field_errors={"sender_id": "Choose a sender of the brand from sender_ids.list."},
        )
    return sender


def _countries(audience: AudiencePlan, currency: str, parts: int) -> list[CountryCount]:
    """Sendable contacts, price and cost by country."""
    return [
        CountryCount(
            country=country,
            recipients=count,
            rate=Money(amount=str(audience.rates[country].price), currency=currency),
            estimated_cost=Money(
                amount=str(audience.rates[country].price * count * parts), currency=currency
            ),
        )
        for country, count in audience.sendable_by_country.items()
    ]


def _preview(context: Context, data: SegmentPreviewIn) -> SegmentPreviewOut:
    actor = context.actor
    brand = pick(brands_usable(actor), data.brand_id, field="brand_id", what="brand")
    gateway_id = (
        data.gateway_id
        or gateways_usable(actor).order_by("pk").values_list("pk", flat=True).first()
    )
    gateway = pick(gateways_usable(actor), gateway_id, field="gateway_id", what="gateway")
    sender = _sender(context, data, brand)
    criteria = criteria_parse(data.criteria, brand_id=brand.pk, team_ids=[brand.team_id])
    audience = audience_plan(
        PlanRequest(
            criteria=criteria,
            brand_id=brand.pk,
            purpose=data.purpose,
            gateway=gateway,
            sender=sender,
            now=context.now,
        )
    )
    countries = _countries(audience, gateway.currency, data.parts_per_message)
    cost = sum((Decimal(row.estimated_cost.amount) for row in countries), start=Decimal(0))
    quota = quota_current(brand.team_id, context.now)
    result: dict[str, Any] = {
        "criteria_in_words": criteria_words(criteria),
        "matched": audience.matched,
        "sendable": audience.sendable,
        "opt_outs": audience.excluded.get("opted_out", 0) + audience.excluded.get("complaint", 0),
        "duplicate_phones": audience.overlap_removed,
        "frequency_cap_exclusions": audience.excluded.get("capped", 0),
        "estimated_cost": str(cost),
        "exclusions": {row.reason: row.count for row in exclusions_of(audience)},
        "countries": dict(audience.sendable_by_country),
    }
    preview_id = preview_store(
        context,
        PREVIEW_KIND,
        payload={"brand_id": brand.pk, "team_id": brand.team_id, "criteria": data.criteria},
        result={**result, "previewed_at": context.now.isoformat(), "currency": gateway.currency},
        ttl=PREVIEW_TTL,
    )
    return SegmentPreviewOut(
        segment_preview_id=preview_id,
        criteria_in_words=result["criteria_in_words"],
        matched=audience.matched,
        sendable=audience.sendable,
        opt_outs=result["opt_outs"],
        duplicate_phones=audience.overlap_removed,
        frequency_cap_exclusions=result["frequency_cap_exclusions"],
        exclusions=exclusions_of(audience),
        countries=countries,
        estimated_cost=Money(amount=str(cost), currency=gateway.currency),
        quota_parts_left=quota_left(quota)[0] if quota else None,
        gateway=gateway.name,
    )


class SegmentCreateIn(Input):
    segment_preview_id: UUID = Field(
        description="From segments.preview: own, unused, not older than 30 minutes."
    )
    name: str = Field(
        min_length=1, max_length=120, description="Name of the segment, unique in the team."
    )


class SegmentRow(Output):
    segment_id: int = Field(description="Id of the segment.")
    name: str = Field(description="Name.")
    brand_id: int = Field(description="Brand it was made for.")
    criteria_in_words: str = Field(description="The criteria as a sentence.")
    matched: int = Field(description="Contacts that matched at the preview.")
    sendable: int = Field(description="Sendable contacts at the preview.")
    previewed_at: str = Field(description="When it was previewed, ISO 8601 UTC.")


def _row(segment: Any) -> SegmentRow:
    return SegmentRow(
        segment_id=segment.pk,
        name=segment.name,
        brand_id=segment.brand_id,
        criteria_in_words=segment.preview.get("criteria_in_words", ""),
        matched=segment.preview.get("matched", 0),
        sendable=segment.preview.get("sendable", 0),
        previewed_at=segment.previewed_at.isoformat() if segment.previewed_at else "",
    )


def _create(context: Context, data: SegmentCreateIn) -> SegmentRow:
    record = preview_take(
        context,
        PREVIEW_KIND,
        data.segment_preview_id,
        tool="segments.preview",
        argument="segment_preview_id",
    )
    segment = segment_create(
        team_id=record.payload["team_id"],
        brand_id=record.payload["brand_id"],
        name=data.name,
        criteria=record.payload["criteria"],
        preview=record.result,
        created_by=context.actor.user,
    )
    context.audit_object = ("contacts.segment", str(segment.pk))
    return _row(segment)


def _preview_of(context: Context, data: SegmentCreateIn) -> PreviewRecord:
    return preview_read(
        context,
        PREVIEW_KIND,
        data.segment_preview_id,
        tool="segments.preview",
        argument="segment_preview_id",
    )


def _facts(context: Context, data: SegmentCreateIn) -> dict[str, Any]:
    record = _preview_of(context, data)
    return {
        "recipients": record.result["sendable"],
        "cost": record.result["estimated_cost"],
        "currency": record.result["currency"],
        "team_id": record.payload["team_id"],
    }


def _shown(context: Context, data: SegmentCreateIn) -> dict[str, Any]:
    """The criteria and counts behind the preview id, for the approver."""
    record = _preview_of(context, data)
    result = record.result
    return {
        "criteria": result["criteria_in_words"],
        "matched": result["matched"],
        "recipients": result["sendable"],
        "left_out": {
            REASONS.get(reason, reason): count for reason, count in result["exclusions"].items()
        },
        "recipients_by_country": result["countries"],
        "estimated_cost": f"{result['estimated_cost']} {result['currency']}",
    }


class SegmentPage(Page[SegmentRow]):
    """Segments of the teams the caller may see."""


def _list(context: Context, data: PageInput) -> SegmentPage:
    rows, cursor = page_cut(
        segments_visible(context.actor).order_by("-id"), data, principal=context.actor.principal
    )
    return SegmentPage(items=[_row(row) for row in rows], next_cursor=cursor)


registry.add(
    Operation(
        key="segments.preview",
        summary="Count who a segment would reach, with every exclusion reason and the cost.",
        description=(
            "Writes nothing. Opted-out, non-consented, duplicate and over-cap contacts are never "
            "counted as sendable."
        ),
        kind=Kind.PREVIEW,
        input=SegmentPreviewIn,
        output=SegmentPreviewOut,
        run=_preview,
        permission="campaigns.segment_preview",
        scope="sms:read",
        requires=("audiences.list", "opt_outs.list", "quotas.get"),
        rest=RestRoute("POST", "/segments/preview"),
        group="segments",
    ),
    Operation(
        key="segments.create",
        summary="Save previewed criteria as a segment.",
        description=(
            "Takes the segment_preview_id of segments.preview; the criteria cannot be changed "
            "afterwards. Large or costly ones may wait for approval."
        ),
        kind=Kind.WRITE,
        input=SegmentCreateIn,
        output=SegmentRow,
        run=_create,
        permission="campaigns.segment_save",
        scope="sms:draft",
        requires=("segments.preview",),
        approval=Approval.POLICY,
        facts=_facts,
        shown=_shown,
        rest=RestRoute("POST", "/segments"),
        group="segments",
    ),
    Operation(
        key="segments.list",
        summary="List saved segments with the counts their preview showed.",
        kind=Kind.READ,
        input=PageInput,
        output=SegmentPage,
        run=_list,
        permission="campaigns.campaign_view",
        scope="sms:read",
        rest=RestRoute("GET", "/segments"),
        group="segments",
    ),
)
