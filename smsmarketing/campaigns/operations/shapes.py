"""Output shapes that several campaign operations share."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign, CampaignSend
from smsmarketing.campaigns.services.content import links_of
from smsmarketing.gateways.selectors.batches import batch_counts, counts_by_state
from smsmarketing.operations.types import Actor, Money, Output
from smsmarketing.operations.versions import version_token


class Review(Output):
    """Where a campaign's approval stands."""

    action_request_id: UUID | None = Field(
        description="Open or last request; ask action_request.status."
    )
    state: str = Field(
        description=(
            "none, pending, approved, rejected, changes_requested, superseded, expired, "
            "cancelled, executing, ..."
        )
    )
    content_hash: str = Field(description="SHA-256 of what was put to review; empty before.")
    cost_ceiling: Money | None = Field(description="What the send may cost at most.")
    notes: str = Field(description="Review notes of the author.")


class Schedule(Output):
    """When and how fast."""

    send_at_local: str | None = Field(
        description="Wall time YYYY-MM-DDTHH:MM: of the schedule in force, else the planned one."
    )
    time_zone: str | None = Field(description="IANA zone of the wall time.")
    scheduled_at: datetime | None = Field(description="The instant in UTC, once scheduled.")
    per_minute: int | None = Field(
        description="Batching pace in messages a minute; null = the gateway's rate."
    )
    quiet_mode: str = Field(
        description="default, strict or normal (quiet hours on the recipient's clock)."
    )


class Progress(Output):
    """What became of the messages so far."""

    planned: int = Field(description="Messages materialised.")
    by_state: dict[str, int] = Field(
        description="Messages by state; pending states are not success."
    )


class CampaignRow(Output):
    """One campaign in a list."""

    campaign_id: int = Field(description="Id of the campaign.")
    name: str = Field(description="Name.")
    state: str = Field(
        description=(
            "draft, in_review, changes_requested, approved, scheduled, sending, paused, sent, "
            "stopped, rejected, cancelled or failed."
        )
    )
    brand: str = Field(description="Brand.")
    segment: str = Field(description="Segment name.")
    message: str = Field(description="Text with {field} places.")
    short_links: list[str] = Field(description="Links in the text and the landing page.")
    schedule: Schedule = Field(description="When it is to be sent.")
    sends: Progress = Field(description="Messages so far.")
    approval: str = Field(description="State of the approval request; none before submission.")
    report_state: str = Field(description="none before the send, running, or final.")
    base_version_token: str = Field(description="Pass to update, schedule, send.")


def schedule_of(campaign: Campaign) -> Schedule:
    return Schedule(
        send_at_local=campaign.due_local or campaign.scheduled_local or None,
        time_zone=campaign.due_zone or campaign.scheduled_zone or None,
        scheduled_at=campaign.scheduled_at,
        per_minute=campaign.per_minute,
        quiet_mode=campaign.quiet_mode,
    )


def progress_of(campaigns: list[Campaign]) -> dict[int, Progress]:
    """Progress of each campaign's main send, in two queries."""
    batches = dict(
        CampaignSend.objects.filter(kind="main", campaign__in=campaigns).values_list(
            "campaign_id", "batch_id"
        )
    )
    counts = batch_counts(list(batches.values()))
    none = Progress(planned=0, by_state={})
    out: dict[int, Progress] = {}
    for campaign in campaigns:
        found = counts.get(batches.get(campaign.pk, 0))
        out[campaign.pk] = (
            Progress(planned=sum(found.values()), by_state=counts_by_state(found))
            if found
            else none
        )
    return out


def review_of(campaign: Campaign) -> Review:
    request = (
        ActionRequest.objects.filter(pk=campaign.action_request_id).first()
        if campaign.action_request_id
        else None
    )
    ceiling = (
        Money(amount=str(campaign.cost_ceiling), currency=campaign.gateway.currency)
        if campaign.cost_ceiling is not None
        else None
    )
    return Review(
        action_request_id=campaign.action_request_id,
        state=str(request.state) if request else "none",
        content_hash=campaign.content_hash,
        cost_ceiling=ceiling,
        notes=campaign.review_notes,
    )


def report_state(campaign: Campaign) -> str:
    if campaign.started_at is None:
        return "none"
    return "running" if campaign.finished_at is None else "final"


def campaign_rows(campaigns: list[Campaign], actor: Actor) -> list[CampaignRow]:
    """Rows for a list: campaigns must come with brand, segment and sends loaded."""
    progress = progress_of(campaigns)
    ids = [campaign.action_request_id for campaign in campaigns if campaign.action_request_id]
    states: dict[Any, str] = dict(
        ActionRequest.objects.filter(pk__in=ids).values_list("pk", "state")
    )
    return [
        CampaignRow(
            campaign_id=campaign.pk,
            name=campaign.name,
            state=str(campaign.state),
            brand=campaign.brand.name,
            segment=campaign.segment.name,
            message=campaign.body,
            short_links=links_of(campaign),
            schedule=schedule_of(campaign),
            sends=progress[campaign.pk],
            approval=states.get(campaign.action_request_id, "none"),
            report_state=report_state(campaign),
            base_version_token=version_token(campaign, actor),
        )
        for campaign in campaigns
    ]
