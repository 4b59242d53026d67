"""delivery_status.get: what became of one message, or of the messages to one phone (000-34)."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from pydantic import Field

from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.contacts.selectors import contacts_visible
from smsmarketing.gateways.models import Attempt, Gateway, Message
from smsmarketing.gateways.operations.shapes import (
    STATE_DEFINITIONS,
    StateDefinition,
    changed_at,
    failure_reason,
    money,
    phone_shown,
)
from smsmarketing.gateways.rules.messages import MEANINGS, resend_verdict
from smsmarketing.gateways.selectors import messages_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Money,
    Operation,
    Output,
    RestRoute,
)

_NEWEST = 20


class DeliveryIn(Input):
    """Input of delivery_status.get: one of message_id and phone."""

    message_id: int | None = Field(default=None, ge=1, description="Id of the message.")
    phone: str | None = Field(
        default=None, max_length=32, description="E.164 number; its 20 newest messages are shown."
    )


class TryRow(Output):
    """An earlier try of the message."""

    number: int = Field(description="1 for the first.")
    handed_at: datetime = Field(description="UTC.")
    outcome: str = Field(description="What came back: throttled, retryable, ...")
    error_code: str = Field(description="The gateway's code.")


class DeliveryRow(Output):
    """One message in full, without its text."""

    message_id: int = Field(description="Id of the message.")
    batch_id: int = Field(description="Its batch.")
    contact_id: int | None = Field(description="Contact, when it went to one.")
    phone: str = Field(description="Masked number; contacts.reveal gives it.")
    country: str = Field(description="ISO 3166-1 alpha-2.")
    state: str = Field(description="Delivery state; pending is not success.")
    meaning: str = Field(description="What the state means.")
    failure_reason: str = Field(description="Why it failed, waits or was left out; else empty.")
    error_code: str = Field(description="The gateway's code, as it came.")
    error_class: str = Field(description="auth, account, throttle, soft, hard, content, ...")
    charge: Money = Field(
        description="What it costs: billed when the gateway said, else estimated."
    )
    charge_is: str = Field(description="billed, estimated or none (nothing was accepted).")
    parts: int = Field(description="Parts billed, else as planned.")
    gateway: str = Field(description="Gateway whose word this is; empty before hand-over.")
    gateway_message_id: str = Field(description="The gateway's own id.")
    attempts: int = Field(description="How often it was handed over.")
    earlier_tries: list[TryRow] = Field(description="Tries before the last.")
    may_be_resent: bool = Field(description="Whether a resend could be asked for.")
    resend_reason: str = Field(description="Why, or why not.")
    handed_at: datetime | None = Field(description="Last hand-over, UTC.")
    accepted_at: datetime | None = Field(description="When the gateway took it, UTC.")
    final_at: datetime | None = Field(description="When its state became final, UTC.")
    updated_at: datetime = Field(description="When its state last changed, UTC.")


class DeliveryOut(Output):
    """Output of delivery_status.get."""

    messages: list[DeliveryRow] = Field(description="Newest first.")
    status_definitions: list[StateDefinition] = Field(description="What each state means.")


def run(context: Context, data: DeliveryIn) -> DeliveryOut:
    """The message, or the newest messages to the phone, that the actor may see."""
    if (data.message_id is None) == (data.phone is None):
        raise InvalidInput(
            "Name the message.",
            field_errors={"message_id": "Give exactly one of message_id and phone."},
        )
    found = list(_found(context, data).select_related("batch").order_by("-id")[:_NEWEST])
    if data.message_id is not None and not found:
        raise NotFound("There is no such message.", field_errors={"message_id": "Not found."})
    gateways = Gateway.objects.in_bulk({row.gateway_id for row in found if row.gateway_id})
    tries: dict[int, list[Attempt]] = {}
    for attempt in Attempt.objects.filter(message_id__in=[row.pk for row in found]).order_by("id"):
        tries.setdefault(attempt.message_id, []).append(attempt)
    context.audit_facts = {"shown": len(found)}
    return DeliveryOut(
        messages=[
            _row(row, gateways.get(row.gateway_id or 0), tries.get(row.pk, [])) for row in found
        ],
        status_definitions=STATE_DEFINITIONS,
    )


def _found(context: Context, data: DeliveryIn) -> QuerySet[Message]:
    rows = messages_visible(context.actor)
    if data.message_id is not None:
        return rows.filter(pk=data.message_id)
    try:
        phone = phone_parse(data.phone or "").e164
    except PhoneError as exc:
        raise InvalidInput(
            "The number cannot be read.", field_errors={"phone": exc.message}
        ) from exc
    contact = contacts_visible(context.actor).filter(phone=phone).first()
    if contact is None:
        raise NotFound("There is no contact with this number.", field_errors={"phone": "Unknown."})
    return rows.filter(contact_id=contact.pk)


def _row(message: Message, gateway: Gateway | None, tries: list[Attempt]) -> DeliveryRow:
    charged = message.accepted_at is not None or message.state == "unknown"
    parts = message.parts_billed or message.parts
    amount = message.price_billed if message.price_billed is not None else parts * message.price
    may, why = resend_verdict(message.state, message.error_class)
    kind = "estimated" if message.price_billed is None else "billed"
    return DeliveryRow(
        message_id=message.pk,
        batch_id=message.batch_id,
        contact_id=message.contact_id,
        phone=phone_shown(message.phone),
        country=message.country,
        state=message.state,
        meaning=MEANINGS[message.state],
        failure_reason=failure_reason(message, gateway),
        error_code=message.error_code,
        error_class=message.error_class,
        charge=money(amount if charged else 0 * amount, message.batch.currency),
        charge_is=kind if charged else "none",
        parts=parts,
        gateway=gateway.name if gateway is not None else "",
        gateway_message_id=message.gateway_message_id,
        attempts=message.attempt,
        earlier_tries=[
            TryRow(
                number=each.number,
                handed_at=each.handed_at,
                outcome=each.outcome,
                error_code=each.error_code,
            )
            for each in tries
        ],
        may_be_resent=may,
        resend_reason=why,
        handed_at=message.handed_at,
        accepted_at=message.accepted_at,
        final_at=message.final_at,
        updated_at=changed_at(message),
    )


registry.add(
    Operation(
        key="delivery_status.get",
        summary="Read a message's or phone's delivery: failure, charge, gateway id, resend.",
        description="Numbers are masked; the text is never shown here. Pending is not success.",
        kind=Kind.READ,
        input=DeliveryIn,
        output=DeliveryOut,
        run=run,
        permission="gateways.message_view",
        scope="sms:read",
        requires=("send_batches.list",),
        rest=RestRoute("GET", "/delivery_status"),
        group="messages",
        audit_reads=True,
    )
)
