"""segments.preview and segments.create: who would be texted, and why the others would not."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.operations.sender_notes import SenderNote, sender_notes
from smsmarketing.campaigns.plan import REASONS, AudiencePlan, PlanRequest, audience_plan
from smsmarketing.campaigns.selectors import brands_usable, gateways_usable, pick
from smsmarketing.contacts.criteria import (
    Criteria,
    bounds_check,
    criteria_parse,
    criteria_settle,
    criteria_words,
    limit_of,
)
from smsmarketing.contacts.services import segment_create
from smsmarketing.gateways.models import SenderId
from smsmarketing.gateways.selectors.limits import quota_current, quota_left
from smsmarketing.gateways.selectors.visibility import senders_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.models import PreviewRecord
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
CRITERIA_HELP = (
    'Criteria tree, e.g. {"all": [{"newest": {"kind": "pickup", "state": "ready"}}, {"not": {"tag": "vip"}}]}. '
    "Nodes: all, any, not; audience, tag, all_tags, customer_group, country, region, language, line_type, custom, "
    "customer_key, created, source, import, consent, consent_age, last_sent, sent, never_sent, everyone; "
    "event (kind, count, properties), newest (kind, state), purchases (count, total, first, last), repurchase "
    "(days or factor), replied, clicked. Spans: within_days, older_than_days, between_days, calendar, since, until."
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


def criteria_bounded(
    tree: dict[str, Any], brand: Brand, *, now: datetime
) -> tuple[dict[str, Any], Criteria]:
    """The tree as it is kept, with the declared types of fields, and read. Raises InvalidInput for
    one that means nothing, or that would read without bound.
    """
    settled: dict[str, Any] = criteria_settle(tree, team_id=brand.team_id)
    criteria = criteria_parse(settled, brand_id=brand.pk, team_ids=[brand.team_id])
    bounds_check(criteria, now=now)
    return settled, criteria


class SegmentPreviewIn(Input):
    brand_id: int = Field(
        ge=1, description="Brand in whose name it would be sent; consent is held per brand."
    )
    criteria: dict[str, Any] = Field(description=CRITERIA_HELP)
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
    sender_notes: list[SenderNote] = Field(
        description="Countries in which the sender may not be used, or is shown differently."
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
    tree, criteria = criteria_bounded(data.criteria, brand, now=context.now)
    audience = audience_plan(
        PlanRequest(
            criteria=criteria,
            brand_id=brand.pk,
            purpose=data.purpose,
            gateway=gateway,
            sender=sender,
            now=context.now,
        ),
        seconds=limit_of("SEGMENT_SECONDS"),
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
        payload={"brand_id": brand.pk, "team_id": brand.team_id, "criteria": tree},
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
        sender_notes=sender_notes(audience),
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
    """A saved segment and what its preview counted."""

    segment_id: int = Field(description="Id of the segment.")
    name: str = Field(description="Name.")
    brand_id: int = Field(description="Brand it was made for.")
    criteria_in_words: str = Field(description="The criteria as a sentence.")
    matched: int = Field(description="Contacts that matched at the preview.")
    sendable: int = Field(description="Sendable contacts at the preview.")
    previewed_at: str = Field(description="When it was previewed, ISO 8601 UTC.")
    archived: bool = Field(description="Put away: kept, but not offered for new campaigns.")


def row_of(segment: Any) -> SegmentRow:
    return SegmentRow(
        segment_id=segment.pk,
        name=segment.name,
        brand_id=segment.brand_id,
        criteria_in_words=segment.preview.get("criteria_in_words", ""),
        matched=segment.preview.get("matched", 0),
        sendable=segment.preview.get("sendable", 0),
        previewed_at=segment.previewed_at.isoformat() if segment.previewed_at else "",
        archived=segment.archived_at is not None,
    )


def _create(context: Context, data: SegmentCreateIn) -> SegmentRow:
    record = preview_used(context, data.segment_preview_id)
    segment = segment_create(
        team_id=record.payload["team_id"],
        brand_id=record.payload["brand_id"],
        name=data.name,
        criteria=record.payload["criteria"],
        preview=record.result,
        created_by=context.actor.user,
    )
    context.audit_object = ("contacts.segment", str(segment.pk))
    return row_of(segment)


def preview_of(context: Context, preview_id: UUID) -> PreviewRecord:
    """The caller's own preview, not used up. Raises PreconditionRequired."""
    return preview_read(
        context,
        PREVIEW_KIND,
        preview_id,
        tool="segments.preview",
        argument="segment_preview_id",
    )


def preview_used(context: Context, preview_id: UUID) -> PreviewRecord:
    """The caller's own preview, used up. Raises PreconditionRequired."""
    return preview_take(
        context,
        PREVIEW_KIND,
        preview_id,
        tool="segments.preview",
        argument="segment_preview_id",
    )


def preview_facts(record: PreviewRecord) -> dict[str, Any]:
    """What the policies ask of a preview."""
    return {
        "recipients": record.result["sendable"],
        "cost": record.result["estimated_cost"],
        "currency": record.result["currency"],
        "team_id": record.payload["team_id"],
    }


def preview_shown(record: PreviewRecord) -> dict[str, Any]:
    """The criteria and counts behind the preview id, for the approver."""
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


def _facts(context: Context, data: SegmentCreateIn) -> dict[str, Any]:
    return preview_facts(preview_of(context, data.segment_preview_id))


def _shown(context: Context, data: SegmentCreateIn) -> dict[str, Any]:
    return preview_shown(preview_of(context, data.segment_preview_id))


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
            "Takes the segment_preview_id of segments.preview. Large or costly ones may wait for "
            "approval. segments.update changes it later."
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
)
