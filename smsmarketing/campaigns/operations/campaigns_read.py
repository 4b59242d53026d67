"""campaigns.list and campaigns.get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.operations.shapes import (
    CampaignRow,
    Progress,
    Review,
    Schedule,
    campaign_rows,
    progress_of,
    report_state,
    review_of,
    schedule_of,
)
from smsmarketing.campaigns.selectors import campaigns_visible
from smsmarketing.campaigns.services.approval import requests_lock
from smsmarketing.campaigns.services.content import campaign_fit, links_of
from smsmarketing.operations import registry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute, Target
from smsmarketing.operations.versions import version_token

CampaignState = Literal[
    "draft", "in_review", "changes_requested", "approved", "scheduled", "sending", "paused",
    "sent", "stopped", "rejected", "cancelled", "failed",
]  # fmt: skip


class CampaignListIn(PageInput):
    state: CampaignState | None = Field(default=None, description="Only campaigns in this state.")


class CampaignPage(Page[CampaignRow]):
    """Campaigns of the teams the caller may see, newest first."""


class CampaignIn(Input):
    campaign_id: int = Field(ge=1, description="Id from campaigns.list.")


class CampaignOut(Output):
    campaign_id: int = Field(description="Id of the campaign.")
    base_version_token: str = Field(description="Pass to the next update, schedule or send.")
    name: str = Field(description="Name.")
    state: str = Field(description="State of the campaign.")
    hold_reason: str = Field(description="Why it is paused, held or came back; empty otherwise.")
    purpose: str = Field(description="marketing or transactional.")
    brand_id: int = Field(description="Brand id.")
    brand: str = Field(description="Brand.")
    message: str = Field(description="Text with {field} places.")
    final_message: str = Field(
        description="Text with the opt-out line, as it will be sent, fields shown as {field}."
    )
    fields: list[dict[str, Any]] = Field(description="Declared fields of the text.")
    encoding: str = Field(description="GSM-7 or UCS-2 in the worst case.")
    parts_worst: int = Field(description="SMS parts in the worst case.")
    template_version_id: int | None = Field(description="Template version it came from.")
    segment_id: int = Field(description="Segment id.")
    segment: str = Field(description="Segment name.")
    sender_id: int = Field(description="Sender id.")
    sender: str = Field(description="Sender as recipients see it.")
    gateway_id: int = Field(description="Gateway id.")
    gateway: str = Field(description="Gateway name.")
    short_links: list[str] = Field(description="Links in the text and the landing page.")
    landing_url: str = Field(description="Landing page.")
    tracking: dict[str, Any] = Field(description="Tracking settings.")
    send_goal: str = Field(description="What the send is meant to reach.")
    cost_preview: dict[str, Any] = Field(
        description="Last cost_preview; empty when content changed since."
    )
    schedule: Schedule = Field(description="When it is to be sent.")
    review: Review = Field(description="Where the approval stands.")
    sends: Progress = Field(description="Messages so far.")
    report_state: str = Field(description="none, running or final.")


def campaign_out(campaign: Campaign, context: Context) -> CampaignOut:
    """One campaign in full, with the caller's version token."""
    fit = campaign_fit(campaign)
    return CampaignOut(
        campaign_id=campaign.pk,
        base_version_token=version_token(campaign, context.actor),
        name=campaign.name,
        state=str(campaign.state),
        hold_reason=campaign.hold_reason,
        purpose=campaign.purpose,
        brand_id=campaign.brand_id,
        brand=campaign.brand.name,
        message=campaign.body,
        final_message=fit.final_body,
        fields=campaign.fields,
        encoding=fit.encoding_worst,
        parts_worst=fit.parts_worst,
        template_version_id=campaign.template_version_id,
        segment_id=campaign.segment_id,
        segment=campaign.segment.name,
        sender_id=campaign.sender_id,
        sender=campaign.sender.value,
        gateway_id=campaign.gateway_id,
        gateway=campaign.gateway.name,
        short_links=links_of(campaign),
        landing_url=campaign.landing_url,
        tracking=campaign.tracking,
        send_goal=campaign.send_goal,
        cost_preview=campaign.cost_preview,
        schedule=schedule_of(campaign),
        review=review_of(campaign),
        sends=progress_of([campaign])[campaign.pk],
        report_state=report_state(campaign),
    )


def _list(context: Context, data: CampaignListIn) -> CampaignPage:
    rows = campaigns_visible(context.actor).select_related("brand", "segment").order_by("-id")
    if data.state:
        rows = rows.filter(state=data.state)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return CampaignPage(items=campaign_rows(page, context.actor), next_cursor=cursor)


def _get(context: Context, data: CampaignIn) -> CampaignOut:
    return campaign_out(context.target, context)


CAMPAIGN_TARGET = Target(
    argument="campaign_id", visible=campaigns_visible, label="campaign", lock_first=requests_lock
)
CAMPAIGN_VERSIONED = replace(CAMPAIGN_TARGET, versioned=True)

registry.add(
    Operation(
        key="campaigns.list",
        summary="List campaigns with segment, message, links, schedule, sends, approval and report state.",
        kind=Kind.READ,
        input=CampaignListIn,
        output=CampaignPage,
        run=_list,
        permission="campaigns.campaign_view",
        scope="sms:read",
        requires=("config.get",),
        rest=RestRoute("GET", "/campaigns"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.get",
        summary="Read one campaign in full, with the version token that updates and sends need.",
        kind=Kind.READ,
        input=CampaignIn,
        output=CampaignOut,
        run=_get,
        permission="campaigns.campaign_view",
        scope="sms:read",
        requires=("campaigns.list",),
        target=CAMPAIGN_TARGET,
        rest=RestRoute("GET", "/campaigns/{campaign_id}"),
        group="campaigns",
    ),
)
