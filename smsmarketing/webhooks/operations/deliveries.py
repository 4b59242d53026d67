"""webhooks.test, webhooks.deliveries and webhooks.redeliver."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from smsmarketing.operations import registry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEndpoint
from smsmarketing.webhooks.operations.endpoints import ENDPOINT
from smsmarketing.webhooks.rules.outcomes import explanation
from smsmarketing.webhooks.selectors import deliveries_about, deliveries_visible
from smsmarketing.webhooks.services.endpoints import delivery_again, endpoint_ping


class DeliveryRow(Output):
    """One event for one endpoint."""

    delivery_id: int = Field(description="Id.")
    endpoint_id: int = Field(description="Endpoint.")
    event_id: str = Field(description="Id of the event, the same in every attempt (Webhook-Id).")
    kind: str = Field(description="opt_out.created, opt_out.lifted, ... or ping.")
    state: str = Field(
        description="pending (is tried again), delivered, failed (given up) or abandoned (endpoint off)."
    )
    attempts: int = Field(description="Attempts so far, at most 8.")
    status: int | None = Field(description="HTTP status of the last answer.")
    error: str = Field(description="Word for what went wrong last; empty when nothing did.")
    explanation: str = Field(description="The same as a sentence, with what to do.")
    rows: int = Field(description="How many numbers the event names.")
    next_at: datetime | None = Field(description="When it is tried again, UTC.")
    created_at: datetime = Field(description="When it happened, UTC.")
    finished_at: datetime | None = Field(description="When it arrived or was given up, UTC.")


class DeliveriesIn(PageInput):
    endpoint_id: int | None = Field(default=None, ge=1, description="Only of this endpoint.")
    delivery_id: int | None = Field(default=None, ge=1, description="Only this delivery.")
    suppression_id: int | None = Field(
        default=None,
        ge=1,
        le=2**63 - 1,
        description="Only of events that tell of this suppression.",
    )
    state: Literal["pending", "delivered", "failed", "abandoned"] | None = Field(
        default=None, description="Only in this state."
    )


class DeliveryPage(Page[DeliveryRow]):
    """Deliveries to endpoints of the caller's teams, newest first."""


def listed(context: Context, data: DeliveriesIn) -> DeliveryPage:
    rows = deliveries_visible(context.actor)
    if data.endpoint_id is not None:
        rows = rows.filter(endpoint_id=data.endpoint_id)
    if data.delivery_id is not None:
        rows = rows.filter(pk=data.delivery_id)
    if data.suppression_id is not None:
        rows = deliveries_about(rows, "suppression", data.suppression_id)
    if data.state is not None:
        rows = rows.filter(state=data.state)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return DeliveryPage(items=[delivery_row(row) for row in page], next_cursor=cursor)


def delivery_row(row: WebhookDelivery) -> DeliveryRow:
    return DeliveryRow(
        delivery_id=row.pk,
        endpoint_id=row.endpoint_id,
        event_id=str(row.event_id),
        kind=row.event.kind,
        state=row.state,
        attempts=row.attempts,
        status=row.status,
        error=row.error,
        explanation=explanation(row.state, row.error),
        rows=len(row.event.subject_ids),
        next_at=row.next_at if row.state == "pending" else None,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


class TestIn(Input):
    endpoint_id: int = Field(ge=1, description="Endpoint from webhooks.list.")


class TestOut(Output):
    """Output of webhooks.test."""

    delivery: DeliveryRow = Field(description="The ping; it is sent within a second or two.")
    next_step: str = Field(description="How to see what came of it.")


def test(context: Context, data: TestIn) -> TestOut:
    endpoint: WebhookEndpoint = context.target
    row = endpoint_ping(endpoint, now=context.now)
    return TestOut(
        delivery=delivery_row(row),
        next_step=(
            f"Call webhooks.deliveries with delivery_id {row.pk}: its explanation says what came of it."
        ),
    )


class RedeliverIn(Input):
    delivery_id: int = Field(ge=1, description="A failed or abandoned delivery.")


def redeliver(context: Context, data: RedeliverIn) -> DeliveryRow:
    row: WebhookDelivery = context.target
    return delivery_row(delivery_again(row, now=context.now))


registry.add(
    Operation(
        key="webhooks.test",
        summary="Send a signed ping to an endpoint and learn what went wrong.",
        kind=Kind.WRITE,
        input=TestIn,
        output=TestOut,
        run=test,
        permission="webhooks.endpoint_test",
        scope="sms:compliance",
        requires=("webhooks.list",),
        target=ENDPOINT,
        rest=RestRoute("POST", "/webhooks/{endpoint_id}/test"),
        group="settings",
    ),
    Operation(
        key="webhooks.deliveries",
        summary="See which events reached which endpoint, and why others did not.",
        kind=Kind.READ,
        input=DeliveriesIn,
        output=DeliveryPage,
        run=listed,
        permission="webhooks.endpoint_view",
        scope="sms:read",
        requires=("webhooks.list",),
        rest=RestRoute("GET", "/webhook-deliveries"),
        group="settings",
    ),
    Operation(
        key="webhooks.redeliver",
        summary="Send an event again that was given up.",
        description="The receiver sees the same Webhook-Id as before.",
        kind=Kind.WRITE,
        input=RedeliverIn,
        output=DeliveryRow,
        run=redeliver,
        permission="webhooks.endpoint_test",
        scope="sms:compliance",
        requires=("webhooks.deliveries",),
        target=Target(argument="delivery_id", visible=deliveries_visible, label="webhook delivery"),
        rest=RestRoute("POST", "/webhook-deliveries/{delivery_id}/again"),
        group="settings",
    ),
)
