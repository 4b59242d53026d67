"""What trying a definition shows, in inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from pydantic import Field

from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.gateways.rules.encoding import text_count
from smsmarketing.gateways.selectors.carriers import config_at
from smsmarketing.gateways.transports.base import (
    MESSAGE_ID_PARAMETER,
    InboundEvent,
    OutboundMessage,
    ReceiptEvent,
    SubmitResult,
    Transport,
    TransportDataError,
    WebhookEvent,
)
from smsmarketing.gateways.transports.generic import Definition, GenericHttp
from smsmarketing.gateways.transports.generic.checks import Problem
from smsmarketing.gateways.transports.generic.trial import (
    RequestShown,
    masked_credentials,
    request_show,
)
from smsmarketing.operations.text import untrusted
from smsmarketing.operations.types import Input, Output, UntrustedText

SAMPLE_ID: Final = 41
_FORM: Final = "application/x-www-form-urlencoded"
_CALL_TYPES: Final[Mapping[str, str]] = {"json": "application/json", "form": _FORM, "lines": _FORM}


class SampleMessage(Input):
    """The message that a request is built for; nothing is sent."""

    to: str | None = Field(
        default=None,
        max_length=16,
        pattern=r"^\+[1-9][0-9]{6,14}$",
        description="Recipient, E.164; leave out for a made-up one. Nothing is sent.",
    )
    sender: str = Field(default="Shop", min_length=1, max_length=16, description="Sender.")
    text: str = Field(
        default="Ačiū! 50% & more", min_length=1, max_length=1600, description="Text."
    )
    validity_minutes: int | None = Field(
        default=None, ge=1, le=43_200, description="How long it may be tried; null: no limit."
    )


class SampleAnswer(Input):
    """An answer of the provider, as in its documents or seen."""

    status: int = Field(default=200, ge=100, le=599, description="HTTP status.")
    headers: dict[str, str] = Field(
        default_factory=dict, max_length=20, description="Headers that rules look at."
    )
    body: str = Field(default="", max_length=20_000, description="Body.")


class SampleCall(Input):
    """A call of the provider: a receipt or a reply."""

    body: str = Field(
        max_length=20_000, description="Body; of a GET what stands behind the question mark."
    )
    at_message: bool = Field(
        default=True, description="Whether it came to the address of one message ({dlr_url})."
    )


class ProblemRow(Output):
    """A fault or a warning."""

    level: Literal["error", "warning"] = Field(description="An error keeps it from being saved.")
    code: str = Field(description="Stable word.")
    path: str = Field(description="Where in the definition.")
    sentence: str = Field(description="What it is and what to do.")


class HeaderRow(Output):
    """A header."""

    name: str = Field(description="Name.")
    value: str = Field(description="Value; a secret is shown as SECRET-<name>.")


class RequestOut(Output):
    """A request as it would be sent, with the secrets masked."""

    method: str = Field(description="HTTP method.")
    url: str = Field(description="Address with its query.")
    headers: list[HeaderRow] = Field(description="Headers.")
    body: str = Field(description="Body.")
    sent_when: str = Field(description="When it counts as sent, so that it is never repeated.")


class ReadingOut(Output):
    """What an answer means."""

    outcome: str = Field(
        description="accepted, rejected, throttled, retryable, duplicate or ambiguous."
    )
    may_be_sent_again: bool = Field(
        description="True only when the provider surely did not take it."
    )
    error_class: str = Field(description="Who must act; empty when accepted.")
    error_code: str = Field(description="The provider's code, or ours for no code.")
    sentence: str = Field(description="For people.")
    gateway_message_id: str = Field(description="The provider's id; empty for none.")
    parts_billed: int | None = Field(description="Parts it says it bills; null: not told.")
    price: str = Field(description="Price it told, with its currency; empty: not told.")
    steps: list[UntrustedText] = Field(description="How it was found, step by step.")


class CallOut(Output):
    """What a call says."""

    kind: Literal["receipt", "reply", "unreadable"] = Field(description="What it is.")
    sentence: str = Field(description="For people.")
    status: str = Field(description="Our word for a receipt's status; empty for others.")
    raw_status: str = Field(description="The provider's word.")
    error_class: str = Field(description="Who must act; empty for nobody.")
    error_code: str = Field(description="The provider's code; empty for none.")
    code_known: bool = Field(description="False: add the word or code to the definition.")
    gateway_message_id: str = Field(description="The provider's id in it.")
    our_message_id: int | None = Field(description="Our message id in it or in its address.")
    occurred_at: datetime | None = Field(description="When it says it happened, UTC.")
    sender: str = Field(description="Who wrote, masked; for replies.")
    text: UntrustedText | None = Field(description="The text of a reply.")


def problem_row(problem: Problem) -> ProblemRow:
    return ProblemRow(
        level=problem.level, code=problem.code, path=problem.path, sentence=problem.sentence
    )


def sample_message(
    sample: SampleMessage, *, country_code: str, dlr: bool, now: datetime
) -> OutboundMessage:
    """The message of a sample."""
    seconds = None if sample.validity_minutes is None else sample.validity_minutes * 60
    return OutboundMessage(
        message_id=SAMPLE_ID,
        to=sample.to or f"+{country_code or '370'}60000001",
        sender=sample.sender,
        body=sample.text,
        parts=text_count(sample.text, split_mode="codepoint").parts,
        validity_s=seconds,
        expires_at=None if seconds is None else now.astimezone(UTC) + timedelta(seconds=seconds),
        dlr_url=f"https://sms.example/webhooks/shop/secret/dlr/{SAMPLE_ID}" if dlr else "",
    )


def sample_request(
    definition: Definition, base_url: str, sample: SampleMessage, *, now: datetime
) -> RequestOut:
    """The request that a definition makes of a sample. Raises TransportDataError."""
    transport = GenericHttp(definition)
    shown = request_show(
        transport,
        sample_message(
            sample,
            country_code=definition.submit.country_code,
            dlr=transport.capabilities.dlr,
            now=now,
        ),
        config_at(base_url, masked_credentials(transport.credential_fields)),
    )
    return request_out(shown)


def request_out(shown: RequestShown) -> RequestOut:
    return RequestOut(
        method=shown.method,
        url=shown.url,
        headers=[HeaderRow(name=name, value=value) for name, value in shown.headers],
        body=shown.body,
        sent_when=(
            "As soon as the connection is up: a GET goes over a connection of its own."
            if shown.method == "GET"
            else "As soon as the first byte of its body is handed over."
        ),
    )


def answer_reading(definition: Definition, sample: SampleAnswer) -> ReadingOut:
    """How an answer is read."""
    headers = {name.lower(): value for name, value in sample.headers.items()}
    found = GenericHttp(definition).understood(sample.status, headers, sample.body.encode())
    return reading_out(found.result, found.steps)


def reading_out(result: SubmitResult, steps: list[str]) -> ReadingOut:
    """A result in words."""
    sentence = result.error_text
    if result.outcome == "accepted":
        sentence = "The provider took the message."
    return ReadingOut(
        outcome=result.outcome,
        may_be_sent_again=result.definitely_not_accepted,
        error_class=result.error_class or "",
        error_code=result.error_code or "",
        sentence=sentence,
        gateway_message_id=result.gateway_message_id or "",
        parts_billed=result.parts_billed,
        price="" if result.price is None else f"{result.price} {result.currency or ''}".strip(),
        steps=[untrusted(step, "gateway_answer") for step in steps[:60]],
    )


def call_readings(definition: Definition, sample: SampleCall) -> list[CallOut]:
    """How a call is read: one event or several."""
    webhook = definition.webhook
    form = webhook.read if webhook is not None else "form"
    return calls_read(
        GenericHttp(definition),
        sample.body.encode(),
        _CALL_TYPES[form],
        SAMPLE_ID if sample.at_message else None,
    )


def calls_read(
    transport: Transport, body: bytes, content_type: str, message_id: int | None
) -> list[CallOut]:
    """The events of a call in words; what cannot be read is one row that says why."""
    query = {} if message_id is None else {MESSAGE_ID_PARAMETER: str(message_id)}
    try:
        events = transport.webhook_events(body, {"content-type": content_type}, query)
    except TransportDataError as exc:
        return [_call_out("unreadable", f"It is kept and shown to people, not applied. {exc}")]
    return [_event_out(event) for event in events[:50]]


def _event_out(event: WebhookEvent) -> CallOut:
    if isinstance(event, InboundEvent):
        return _call_out(
            "reply",
            "A person wrote this; a STOP in it is an opt-out at once.",
            gateway_message_id=event.gateway_message_id or "",
            occurred_at=event.received_at,
            sender=phone_mask(event.sender),
            text=untrusted(event.text, "inbound_sms"),
        )
    return _receipt_out(event)


def _receipt_out(event: ReceiptEvent) -> CallOut:
    if event.status == "unknown":
        sentence = "Its word is not in the definition: it is kept, and a person must add it."
    elif event.our_message_id is None:
        sentence = "It finds its message by the provider's id."
    else:
        sentence = "It finds its message by our id."
    return _call_out(
        "receipt",
        f"{sentence} {event.error_text}".strip(),
        status=event.status,
        raw_status=event.raw_status,
        error_class=event.error_class or "",
        error_code=event.error_code or "",
        code_known=event.code_known,
        gateway_message_id=event.gateway_message_id,
        our_message_id=event.our_message_id,
        occurred_at=event.occurred_at,
    )


def _call_out(
    kind: Literal["receipt", "reply", "unreadable"],
    sentence: str,
    *,
    status: str = "",
    raw_status: str = "",
    error_class: str = "",
    error_code: str = "",
    code_known: bool = True,
    gateway_message_id: str = "",
    our_message_id: int | None = None,
    occurred_at: datetime | None = None,
    sender: str = "",
    text: UntrustedText | None = None,
) -> CallOut:
    return CallOut(
        kind=kind,
        sentence=sentence,
        status=status,
        raw_status=raw_status,
        error_class=error_class,
        error_code=error_code,
        code_known=code_known,
        gateway_message_id=gateway_message_id,
        our_message_id=our_message_id,
        occurred_at=occurred_at,
        sender=sender,
        text=text,
    )
