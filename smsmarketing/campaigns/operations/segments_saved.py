"""segments.list, get, update and archive: what was saved, who uses it, and changing it safely."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from pydantic import Field

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.operations.segments import (
    SegmentRow,
    preview_facts,
    preview_of,
    preview_shown,
    preview_used,
    row_of,
)
from smsmarketing.campaigns.selectors import campaigns_visible
from smsmarketing.campaigns.services.segments import drafts_touch, segment_change_check
from smsmarketing.contacts.models import Segment
from smsmarketing.contacts.selectors import segments_visible
from smsmarketing.contacts.services.segments import segment_archive, segment_update
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Actor,
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)
from smsmarketing.operations.versions import version_token

_MOST_CAMPAIGNS = 50


class SegmentListIn(PageInput):
    brand_id: int | None = Field(default=None, ge=1, description="Only of this brand.")
    name: str | None = Field(
        default=None, min_length=1, max_length=120, description="Part of the name."
    )
    archived: bool = Field(default=False, description="True: the archived ones instead.")


class SegmentPage(Page[SegmentRow]):
    """Segments of the teams the caller may see, newest first."""


def _list(context: Context, data: SegmentListIn) -> SegmentPage:
    rows: QuerySet[Segment] = segments_visible(context.actor)
    rows = rows.filter(archived_at__isnull=not data.archived).order_by("-id")
    if data.brand_id is not None:
        rows = rows.filter(brand_id=data.brand_id)
    if data.name is not None:
        rows = rows.filter(name__icontains=data.name.replace("\x00", ""))
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return SegmentPage(items=[row_of(row) for row in page], next_cursor=cursor)


class SegmentGetIn(Input):
    segment_id: int = Field(ge=1, description="Id from segments.list.")


class SegmentUse(Output):
    """A campaign that addresses the segment."""

    campaign_id: int = Field(description="Id of the campaign.")
    name: str = Field(description="Its name.")
    state: str = Field(description="Its state.")


class SegmentOut(Output):
    """A segment with everything that is known of it."""

    segment: SegmentRow = Field(description="The segment.")
    criteria: dict[str, Any] = Field(description="The criteria tree.")
    opt_outs: int = Field(description="Opted out or complained, at the preview.")
    exclusions: dict[str, int] = Field(description="Reason code → contacts, at the preview.")
    countries: dict[str, int] = Field(description="Country → sendable contacts, at the preview.")
    estimated_cost: str = Field(description="Cost of one part each, at the preview.")
    currency: str = Field(description="Currency of that cost; empty when unknown.")
    counted_days_ago: int | None = Field(
        description="Age of these figures in whole days; segments.preview counts again."
    )
    campaigns: list[SegmentUse] = Field(description="Campaigns that use it, newest 50.")
    created_at: datetime = Field(description="Saved, UTC.")
    base_version_token: str = Field(description="Pass to segments.update and segments.archive.")


def _uses(segment: Segment, actor: Actor) -> list[SegmentUse]:
    rows: QuerySet[Campaign] = campaigns_visible(actor).filter(segment=segment).order_by("-id")
    return [
        SegmentUse(campaign_id=row.pk, name=row.name, state=str(row.state))
        for row in rows[:_MOST_CAMPAIGNS]
    ]


def _out(segment: Segment, context: Context) -> SegmentOut:
    preview = segment.preview
    counted = segment.previewed_at
    return SegmentOut(
        segment=row_of(segment),
        criteria=segment.criteria,
        opt_outs=preview.get("opt_outs", 0),
        exclusions=preview.get("exclusions", {}),
        countries=preview.get("countries", {}),
        estimated_cost=preview.get("estimated_cost", "0"),
        currency=preview.get("currency", ""),
        counted_days_ago=max(0, (context.now - counted).days) if counted else None,
        campaigns=_uses(segment, context.actor),
        created_at=segment.created_at,
        base_version_token=version_token(segment, context.actor),
    )


def _get(context: Context, data: SegmentGetIn) -> SegmentOut:
    return _out(context.target, context)


class SegmentUpdateIn(Input):
    segment_id: int = Field(ge=1, description="Id from segments.get.")
    base_version_token: str = Field(
        max_length=200, description="From segments.get; a stale one is refused."
    )
    name: str | None = Field(
        default=None, min_length=1, max_length=120, description="New name, unique in the team."
    )
    segment_preview_id: UUID | None = Field(
        default=None,
        description="New conditions: from segments.preview, own, unused, not older than 30 minutes.",
    )


class SegmentUpdateOut(Output):
    changed: list[str] = Field(description="What really changed: name, criteria.")
    drafts_touched: int = Field(description="Drafts that need a new cost preview now.")
    details: SegmentOut = Field(description="The segment after the change.")


def _sound(context: Context, data: SegmentUpdateIn) -> None:
    """Refuse what could never be done, before anybody is asked to approve it."""
    if data.name is None and data.segment_preview_id is None:
        raise InvalidInput(
            "Say what to change.", field_errors={"name": "Give a name or a segment_preview_id."}
        )
    if data.segment_preview_id is None:
        return
    record = preview_of(context, data.segment_preview_id)
    if record.payload["brand_id"] != context.target.brand_id:
        raise InvalidInput(
            "The preview was made for another brand; consent is held per brand.",
            field_errors={"segment_preview_id": "Preview the conditions for the segment's brand."},
        )
    if record.payload["criteria"] != context.target.criteria:
        segment_change_check(context.target)


def _update(context: Context, data: SegmentUpdateIn) -> SegmentUpdateOut:
    _sound(context, data)
    segment: Segment = context.target
    criteria = preview = None
    if data.segment_preview_id is not None:
        record = preview_used(context, data.segment_preview_id)
        criteria, preview = record.payload["criteria"], record.result
    changed = segment_update(
        segment, name=data.name, criteria=criteria, preview=preview, now=context.now
    )
    touched = drafts_touch(segment, now=context.now) if "criteria" in changed else 0
    context.audit_facts = {"changed": changed, "drafts_touched": touched}
    return SegmentUpdateOut(changed=changed, drafts_touched=touched, details=_out(segment, context))


def _facts(context: Context, data: SegmentUpdateIn) -> dict[str, Any]:
    _sound(context, data)
    if data.segment_preview_id is None:
        return {"recipients": 0, "cost": "0", "team_id": context.target.team_id}
    return preview_facts(preview_of(context, data.segment_preview_id))


def _shown(context: Context, data: SegmentUpdateIn) -> dict[str, Any]:
    before = {
        "segment": context.target.name,
        "criteria_before": row_of(context.target).criteria_in_words,
    }
    if data.segment_preview_id is None:
        return before
    return before | preview_shown(preview_of(context, data.segment_preview_id))


class SegmentArchiveIn(Input):
    segment_id: int = Field(ge=1, description="Id from segments.get.")
    base_version_token: str = Field(
        max_length=200, description="From segments.get; a stale one is refused."
    )
    restore: bool = Field(default=False, description="True: take it back from the archive.")


class SegmentArchiveOut(Output):
    changed: bool = Field(description="False when it was so already.")
    details: SegmentOut = Field(description="The segment after the change.")


def _archive(context: Context, data: SegmentArchiveIn) -> SegmentArchiveOut:
    changed = segment_archive(context.target, archived=not data.restore, now=context.now)
    return SegmentArchiveOut(changed=changed, details=_out(context.target, context))


_TARGET = Target(argument="segment_id", visible=segments_visible, label="segment")
_VERSIONED = Target(
    argument="segment_id", visible=segments_visible, label="segment", versioned=True
)

registry.add(
    Operation(
        key="segments.list",
        summary="List saved segments with the counts their preview showed.",
        kind=Kind.READ,
        input=SegmentListIn,
        output=SegmentPage,
        run=_list,
        permission="campaigns.campaign_view",
        scope="sms:read",
        rest=RestRoute("GET", "/segments"),
        group="segments",
    ),
    Operation(
        key="segments.get",
        summary="Read one segment: criteria, words, last counts and their age, and the campaigns that use it.",
        kind=Kind.READ,
        input=SegmentGetIn,
        output=SegmentOut,
        run=_get,
        permission="campaigns.campaign_view",
        scope="sms:read",
        requires=("segments.list",),
        target=_TARGET,
        rest=RestRoute("GET", "/segments/{segment_id}"),
        group="segments",
    ),
    Operation(
        key="segments.update",
        summary="Rename a segment, or give it the conditions of a new preview.",
        description=(
            "Conditions of a segment that a campaign in review, approved or sending uses are refused: what people "
            "approved never changes under them. Drafts that use it need a new cost preview."
        ),
        kind=Kind.WRITE,
        input=SegmentUpdateIn,
        output=SegmentUpdateOut,
        run=_update,
        permission="campaigns.segment_save",
        scope="sms:draft",
        requires=("segments.get", "segments.preview"),
        approval=Approval.POLICY,
        facts=_facts,
        shown=_shown,
        target=_VERSIONED,
        rest=RestRoute("PATCH", "/segments/{segment_id}"),
        group="segments",
    ),
    Operation(
        key="segments.archive",
        summary="Put a segment away, or take it back: campaigns that use it keep it.",
        kind=Kind.WRITE,
        input=SegmentArchiveIn,
        output=SegmentArchiveOut,
        run=_archive,
        permission="campaigns.segment_save",
        scope="sms:draft",
        requires=("segments.get",),
        target=_VERSIONED,
        rest=RestRoute("POST", "/segments/{segment_id}/archive"),
        group="segments",
    ),
)
