"""campaign_reports.get: what became of a campaign, to the unit."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.operations.campaigns_read import CAMPAIGN_TARGET
from smsmarketing.campaigns.plan import REASONS
from smsmarketing.gateways.rules.messages import MEANINGS
from smsmarketing.gateways.selectors.opt_outs_after import OPT_OUT_WINDOW
from smsmarketing.operations import registry
from smsmarketing.operations.types import Context, Input, Kind, Money, Operation, Output, RestRoute
from smsmarketing.reporting.selectors import CampaignFigures, campaign_figures

_SKIPPED = "skipped/"
OPEN_STATES = ("planned", "queued", "held", "handing_over", "accepted")


class ReportIn(Input):
    campaign_id: int = Field(ge=1, description="Campaign.")
    per: Literal["hour", "day"] = Field(default="hour", description="Slot of the time series.")


class Funnel(Output):
    """planned = delivered + undelivered + failed + expired + rejected + skipped + stopped + unknown
    + quarantined + open.
    """

    planned: int = Field(description="Messages materialised.")
    delivered: int = Field(description="Confirmed by the handset.")
    undelivered: int = Field(description="The carrier or handset could not deliver.")
    failed: int = Field(description="Could not be handed over, or technical failure.")
    expired: int = Field(description="Validity or the wait for a receipt ran out.")
    rejected: int = Field(description="Refused by gateway or carrier.")
    skipped: int = Field(description="A rule forbade it at the last moment.")
    stopped: int = Field(description="Stopped by people.")
    unknown: int = Field(description="May or may not have been accepted; never resent by itself.")
    quarantined: int = Field(description="Set aside after three crashes.")
    open: int = Field(
        description="Still waiting: queued, held, on the wire, or accepted without a receipt."
    )


class Slot(Output):
    at: datetime = Field(description="Start of the slot, UTC.")
    handed_over: int = Field(description="Messages handed to the gateway.")
    delivered: int = Field(description="Of these, delivered so far.")
    failed: int = Field(description="Of these, undelivered, failed, rejected or expired.")


class ErrorCount(Output):
    error_class: str = Field(
        description="auth, account, throttle, soft, hard, optout, content, sender, duplicate, ambiguous."
    )
    error_code: str = Field(description="The gateway's code.")
    count: int = Field(description="Messages.")


class CountryLine(Output):
    country: str = Field(description="ISO 3166-1 alpha-2.")
    planned: int = Field(description="Messages.")
    delivered: int = Field(description="Delivered.")
    billed: Money = Field(description="Billed so far.")


class NotMeasured(Output):
    measured: Literal[False] = Field(
        default=False, description="Always false: not measured, not zero."
    )
    why: str = Field(description="Why there is no figure.")


class ReportOut(Output):
    campaign_id: int = Field(description="Campaign.")
    name: str = Field(description="Name.")
    state: str = Field(description="State of the campaign.")
    final: bool = Field(description="False while messages are open; figures still move.")
    date_range: list[datetime | None] = Field(description="Start and end of the send, UTC.")
    gateway: str = Field(description="Gateway.")
    data_updated_at: datetime | None = Field(description="When a message last changed.")
    data_latency: str = Field(description="How old figures may be.")
    attribution_window: str = Field(description="How opt-outs are attributed.")
    cost_rules: str = Field(description="How cost is counted.")
    delivery: Funnel = Field(description="Adds up to the unit.")
    skipped_by_reason: dict[str, int] = Field(
        description="Messages a rule forbade at the last moment, by reason; adds up to delivery.skipped."
    )
    other_reasons: dict[str, int] = Field(
        description="Messages of every other state that have a reason, as state/reason."
    )
    left_out: dict[str, int] = Field(
        description="Contacts of the segment that got no message, by reason."
    )
    failures: list[ErrorCount] = Field(description="Error codes, most frequent first.")
    countries: list[CountryLine] = Field(description="By country.")
    opt_outs: int = Field(description="Recipients who opted out within the window.")
    replies: int = Field(description="Inbound texts to the brand during and after the send.")
    cost_estimated: Money = Field(description="At the rates and parts of the plan.")
    cost_billed: Money = Field(description="What gateways accepted or may have accepted.")
    parts_estimated: int = Field(description="Parts planned.")
    parts_billed: int = Field(description="Parts billed.")
    cost_ceiling: Money | None = Field(description="What was approved at most.")
    clicks: NotMeasured = Field(description="Link clicks.")
    conversions: NotMeasured = Field(description="Conversions.")
    revenue: NotMeasured = Field(description="Revenue.")
    time_trends: list[Slot] = Field(description="Messages over time.")
    definitions: dict[str, str] = Field(description="What each state means.")


def funnel_of(figures: CampaignFigures) -> Funnel:
    """The states added up; open is what may still change by itself."""
    by = figures.by_state
    closed = {
        name: by.get(name, 0)
        for name in (
            "delivered",
            "undelivered",
            "failed",
            "expired",
            "rejected",
            "skipped",
            "stopped",
            "unknown",
            "quarantined",
        )
    }
    return Funnel(
        planned=figures.planned, open=sum(by.get(state, 0) for state in OPEN_STATES), **closed
    )


def _skipped(figures: CampaignFigures) -> dict[str, int]:
    found = figures.reasons.items()
    return {key.removeprefix(_SKIPPED): count for key, count in found if key.startswith(_SKIPPED)}


def _others(figures: CampaignFigures) -> dict[str, int]:
    return {key: count for key, count in figures.reasons.items() if not key.startswith(_SKIPPED)}


def _report(context: Context, data: ReportIn) -> ReportOut:
    campaign: Campaign = context.target
    figures = campaign_figures(campaign, per=data.per)
    currency = campaign.gateway.currency
    funnel = funnel_of(figures)
    totals = figures.totals

    def money(amount: object) -> Money:
        return Money(amount=str(amount), currency=currency)

    return ReportOut(
        campaign_id=campaign.pk,
        name=campaign.name,
        state=str(campaign.state),
        final=campaign.finished_at is not None and funnel.open == 0,
        date_range=[campaign.started_at, campaign.finished_at],
        gateway=campaign.gateway.name,
        data_updated_at=totals.updated_at if totals else None,
        data_latency="Counted from the messages at the moment of the call; receipts arrive seconds to "
        f"{campaign.gateway.dlr_timeout_hours} hours after a send.",
        attribution_window=(
            f"Opt-outs within {OPT_OUT_WINDOW.total_seconds() / 3600:.0f} hours after the person's"
            f" message."
        ),
        cost_rules=(
            "Billed: accepted or possibly accepted messages, at billed parts and price where the "
            "gateway tells them, else at the estimate."
        ),
        delivery=funnel,
        skipped_by_reason=_skipped(figures),
        other_reasons=_others(figures),
        left_out={REASONS.get(reason, reason): count for reason, count in figures.left_out.items()},
        failures=[
            ErrorCount(error_class=group, error_code=code, count=count)
            for group, code, count in figures.errors
        ],
        countries=[
            CountryLine(country=country, planned=planned, delivered=delivered, billed=money(billed))
            for country, planned, delivered, billed in figures.countries
        ],
        opt_outs=figures.opt_outs,
        replies=figures.replies,
        cost_estimated=money(totals.estimated if totals else 0),
        cost_billed=money(totals.billed if totals else 0),
        parts_estimated=totals.parts_estimated if totals else 0,
        parts_billed=totals.parts_billed if totals else 0,
        cost_ceiling=money(campaign.cost_ceiling) if campaign.cost_ceiling is not None else None,
        clicks=NotMeasured(why="Links are sent as they are; click tracking needs short links."),
        conversions=NotMeasured(why="No conversion events are recorded."),
        revenue=NotMeasured(why="No conversion events are recorded."),
        time_trends=[
            Slot(at=at, handed_over=sent, delivered=delivered, failed=failed)
            for at, sent, delivered, failed in figures.trend
        ],
        definitions=dict(MEANINGS),
    )


registry.add(
    Operation(
        key="campaign_reports.get",
        summary="Read what became of a campaign: delivery, failures, opt-outs, cost estimated and billed, time series.",
        description=(
            "States date range, gateway, cost rules and data latency. planned equals the sum of "
            "all states, to the unit."
        ),
        kind=Kind.READ,
        input=ReportIn,
        output=ReportOut,
        run=_report,
        permission="campaigns.report_view",
        scope="sms:read",
        requires=("campaigns.get",),
        target=CAMPAIGN_TARGET,
        rest=RestRoute("GET", "/campaigns/{campaign_id}/report"),
        group="reports",
    )
)
