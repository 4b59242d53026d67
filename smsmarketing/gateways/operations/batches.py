"""send_batches.list: what was sent, what the gateway said, what is still open (000-33)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from smsmarketing.gateways.models import Batch
from smsmarketing.gateways.operations.shapes import (
    STATE_DEFINITIONS,
    StateDefinition,
    error_meaning,
    money,
)
from smsmarketing.gateways.rules.messages import OPEN
from smsmarketing.gateways.selectors import (
    batch_counts,
    batch_errors,
    batch_totals,
    batches_visible,
    counts_by_state,
)
from smsmarketing.gateways.selectors.batches import BatchError, BatchTotals
from smsmarketing.operations import registry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Context,
    Kind,
    Moment,
    Money,
    Operation,
    Output,
    RestRoute,
)

_FAILED = ("undelivered", "expired", "rejected", "failed")


class BatchListIn(PageInput):
    """Input of send_batches.list."""

    batch_id: int | None = Field(default=None, ge=1, description="Only this batch.")
    state: Literal["building", "ready", "sending", "paused", "done", "stopped"] | None = Field(
        default=None, description="Only batches in this state."
    )
    purpose: (
        Literal["marketing", "notification", "transactional", "otp", "test", "reply", "opt_in"]
        | None
    ) = Field(default=None, description="Only batches of this purpose.")
    since: Moment | None = Field(default=None, description="Only batches made since, UTC.")
    until: Moment | None = Field(default=None, description="Only batches made before, UTC.")


class ErrorLine(Output):
    """One error of the gateway and how often it came."""

    code: str = Field(description="The gateway's code.")
    error_class: str = Field(description="auth, account, throttle, soft, hard, content, ...")
    meaning: str = Field(description="What it means, in our words.")
    messages: int = Field(description="Messages whose last word it is.")


class BatchRow(Output):
    """One batch with its counts; they add up to `planned`."""

    batch_id: int = Field(description="Id of the batch.")
    label: str = Field(description="What it is, e.g. the campaign's name.")
    team_id: int = Field(description="Team.")
    brand: str = Field(description="Brand.")
    purpose: str = Field(description="marketing, transactional, otp, test, reply, ...")
    state: str = Field(
        description="building, ready, sending (also while receipts are awaited), paused, done or stopped."
    )
    hold_reason: str = Field(description="Why it is paused or was stopped.")
    sender: str = Field(description="Sender ID.")
    gateway: str = Field(description="Gateway whose word the counts are.")
    planned: int = Field(description="Messages of the batch.")
    delivered: int = Field(description="The handset confirmed.")
    failed: int = Field(description="Undelivered, expired, rejected or failed.")
    pending: int = Field(
        description="Not final: waiting, on the wire, or accepted without a receipt. Not success."
    )
    unknown: int = Field(description="May or may not have been accepted; never resent by itself.")
    skipped: int = Field(description="Left out at the last moment by a rule.")
    stopped: int = Field(description="Not sent because people stopped the batch.")
    counts: dict[str, int] = Field(description="Messages by state, or state/reason.")
    gateway_responses: dict[str, int] = Field(
        description="What the gateway answered: accepted, rejected, unknown (no clear answer), waiting."
    )
    error_summary: list[ErrorLine] = Field(description="The gateway's errors, most frequent first.")
    estimated: Money = Field(description="Cost as planned.")
    billed: Money = Field(description="Cost of what was, or may have been, accepted.")
    parts_billed: int = Field(description="Parts of that.")
    created_at: datetime = Field(description="UTC.")
    started_at: datetime | None = Field(description="First hand-over run, UTC.")
    handed_over_at: datetime | None = Field(description="When nothing was left to hand over, UTC.")
    finished_at: datetime | None = Field(description="When no message was open, or it was stopped.")
    updated_at: datetime | None = Field(description="When a message of it last changed, UTC.")


class BatchPage(Page[BatchRow]):
    """Batches of your teams, newest first."""

    status_definitions: list[StateDefinition] = Field(description="What each state means.")


def run(context: Context, data: BatchListIn) -> BatchPage:
    """Batches with counts read from the messages themselves."""
    rows = batches_visible(context.actor).select_related("brand", "sender", "gateway")
    rows = rows.order_by("-created_at", "-id")
    if data.batch_id is not None:
        rows = rows.filter(pk=data.batch_id)
    if data.state:
        rows = rows.filter(state=data.state)
    if data.purpose:
        rows = rows.filter(purpose=data.purpose)
    if data.since:
        rows = rows.filter(created_at__gte=data.since)
    if data.until:
        rows = rows.filter(created_at__lt=data.until)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    ids = [row.pk for row in page]
    counts, totals, errors = batch_counts(ids), batch_totals(ids), batch_errors(ids)
    return BatchPage(
        items=[
            _row(row, counts[row.pk], totals.get(row.pk), errors.get(row.pk, [])) for row in page
        ],
        next_cursor=cursor,
        status_definitions=STATE_DEFINITIONS,
    )


def _row(
    batch: Batch, counts: dict[str, int], totals: BatchTotals | None, errors: list[BatchError]
) -> BatchRow:
    by_state = counts_by_state(counts)
    nothing = Decimal(0)
    return BatchRow(
        batch_id=batch.pk,
        label=batch.label,
        team_id=batch.team_id,
        brand=batch.brand.name,
        purpose=batch.purpose,
        state=batch.state,
        hold_reason=batch.hold_reason,
        sender=batch.sender.value,
        gateway=batch.gateway.name,
        planned=batch.planned,
        delivered=by_state.get("delivered", 0),
        failed=sum(by_state.get(state, 0) for state in _FAILED),
        pending=sum(by_state.get(state, 0) for state in (*sorted(OPEN), "quarantined")),
        unknown=by_state.get("unknown", 0),
        skipped=by_state.get("skipped", 0),
        stopped=by_state.get("stopped", 0),
        counts=counts,
        gateway_responses=_responses(by_state),
        error_summary=[
            ErrorLine(
                code=error.code,
                error_class=error.error_class,
                meaning=error_meaning(batch.gateway, error.code),
                messages=error.messages,
            )
            for error in errors
        ],
        estimated=money(totals.estimated if totals else nothing, batch.currency),
        billed=money(totals.billed if totals else nothing, batch.currency),
        parts_billed=totals.parts_billed if totals else 0,
        created_at=batch.created_at,
        started_at=batch.started_at,
        handed_over_at=batch.handed_over_at,
        finished_at=batch.finished_at,
        updated_at=totals.updated_at if totals else None,
    )


def _responses(by_state: dict[str, int]) -> dict[str, int]:
    accepted = ("accepted", "delivered", "undelivered", "expired")
    return {
        "accepted": sum(by_state.get(state, 0) for state in accepted),
        "rejected": by_state.get("rejected", 0) + by_state.get("failed", 0),
        "unknown": by_state.get("unknown", 0),
        "waiting": by_state.get("handing_over", 0),
    }


registry.add(
    Operation(
        key="send_batches.list",
        summary="List send batches: gateway responses, delivered, failed, pending, billed, errors.",
        description=(
            "Counts come from the messages and add up to planned. Pending is not success: see"
            " status_definitions."
        ),
        kind=Kind.READ,
        input=BatchListIn,
        output=BatchPage,
        run=run,
        permission="gateways.batch_view",
        scope="sms:read",
        requires=("campaigns.get",),
        rest=RestRoute("GET", "/send_batches"),
        group="messages",
    )
)
