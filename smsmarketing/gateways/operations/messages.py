"""messages.list: the messages of a batch or a contact, numbers masked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field, field_validator

from smsmarketing.gateways.models import Gateway, Message
from smsmarketing.gateways.operations.shapes import (
    STATE_DEFINITIONS,
    StateDefinition,
    changed_at,
    failure_reason,
    phone_shown,
)
from smsmarketing.gateways.rules.messages import STATES
from smsmarketing.gateways.selectors import messages_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Kind, Operation, Output, RestRoute


class MessageListIn(PageInput):
    """Input of messages.list."""

    batch_id: int | None = Field(default=None, ge=1, description="Messages of this batch.")
    contact_id: int | None = Field(default=None, ge=1, description="Messages to this contact.")
    state: str | None = Field(
        default=None, max_length=12, description="Only this state, e.g. unknown or undelivered."
    )

    @field_validator("state")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in STATES:
            raise ValueError(f"use one of: {', '.join(sorted(STATES))}")
        return value


class MessageRow(Output):
    """One message."""

    message_id: int = Field(description="Id of the message.")
    batch_id: int = Field(description="Its batch.")
    contact_id: int | None = Field(description="Contact, when it went to one.")
    phone: str = Field(description="Masked number; contacts.reveal gives it.")
    country: str = Field(description="ISO 3166-1 alpha-2.")
    state: str = Field(description="See status_definitions. Only delivered is delivered.")
    reason: str = Field(description="Why skipped, held, failed or stopped; a word.")
    failure_reason: str = Field(description="The same as a sentence; empty when nothing is wrong.")
    held_until: datetime | None = Field(description="When it is tried next, for waiting ones.")
    parts: int = Field(description="Parts as planned.")
    updated_at: datetime = Field(description="When its state last changed, UTC.")


class MessagePage(Page[MessageRow]):
    """Messages, newest first."""

    status_definitions: list[StateDefinition] = Field(description="What each state means.")


def run(context: Context, data: MessageListIn) -> MessagePage:
    """Messages of the actor's teams."""
    if data.batch_id is None and data.contact_id is None:
        raise InvalidInput(
            "Say whose messages you want.",
            field_errors={"batch_id": "Give batch_id or contact_id."},
        )
    rows = messages_visible(context.actor).order_by("-id")
    wanted: dict[str, Any] = {
        name: value
        for name, value in (
            ("batch_id", data.batch_id),
            ("contact_id", data.contact_id),
            ("state", data.state),
        )
        if value is not None
    }
    page, cursor = page_cut(rows.filter(**wanted), data, principal=context.actor.principal)
    gateways = Gateway.objects.in_bulk({row.gateway_id for row in page if row.gateway_id})
    context.audit_facts = {"shown": len(page)}
    return MessagePage(
        items=[_row(row, gateways.get(row.gateway_id or 0)) for row in page],
        next_cursor=cursor,
        status_definitions=STATE_DEFINITIONS,
    )


def _row(message: Message, gateway: Gateway | None) -> MessageRow:
    return MessageRow(
        message_id=message.pk,
        batch_id=message.batch_id,
        contact_id=message.contact_id,
        phone=phone_shown(message.phone),
        country=message.country,
        state=message.state,
        reason=message.reason,
        failure_reason=failure_reason(message, gateway),
        held_until=message.held_until,
        parts=message.parts,
        updated_at=changed_at(message),
    )


registry.add(
    Operation(
        key="messages.list",
        summary="List the messages of a batch or a contact with their states.",
        description="Numbers are masked. Use delivery_status.get for one message in full.",
        kind=Kind.READ,
        input=MessageListIn,
        output=MessagePage,
        run=run,
        permission="gateways.message_view",
        scope="sms:read",
        requires=("send_batches.list",),
        rest=RestRoute("GET", "/messages"),
        group="messages",
        audit_reads=True,
    )
)
