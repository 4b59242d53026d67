"""What all providers do alike, unless their documents say otherwise, and the pieces their files are
made of: headers, replies, receipts.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import no_answer
from smsmarketing.gateways.transports.base import (
    ErrorMeaning,
    FailureKind,
    InboundEvent,
    ReceiptEvent,
    ReceiptStatus,
    SubmitResult,
    TransportConfig,
    TransportDataError,
    WebhookAck,
    WebhookCall,
    WebhookEvent,
)
from smsmarketing.gateways.transports.inbound import MAX_TEXT_CHARACTERS, address_normal


class Provider:
    """A provider that is called over HTTP, calls back by POST, signs nothing and wants no word back."""

    webhook_methods: frozenset[str] = frozenset({"POST"})

    @property
    def checks_webhooks(self) -> bool:
        """Whether a call is checked beyond its secret path, for which the gateway's secrets are read."""
        return type(self).webhook_check is not Provider.webhook_check

    def transport_failure(self, kind: FailureKind, *, sent: bool) -> SubmitResult:
        return no_answer(kind, sent=sent)

    def webhook_check(self, call: WebhookCall, config: TransportConfig) -> None:
        """Nothing to check: the secret path, and its networks where it has some, have to do."""

    def webhook_ack(self) -> WebhookAck:
        return WebhookAck(200, "text/plain; charset=utf-8", b"")

    def webhook_ack_of(self, events: Sequence[WebhookEvent]) -> WebhookAck:
        return self.webhook_ack()


@lru_cache(maxsize=256)
def headers_for(
    content_type: str, secret: str, name: str = "Authorization"
) -> tuple[tuple[str, str], ...]:
    """The headers of a submit. The same object for the same account, so that the engine sets them once
    a connection handle.
    """
    return (("Content-Type", content_type), ("Accept", "application/json"), (name, secret))


def basic_login(user: str, password: str) -> str:
    """The value of Authorization for HTTP Basic (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def reply_event(
    *,
    sender: object,
    recipient: object,
    text: object,
    gateway_message_id: str | None,
    received_at: datetime | None = None,
    **more: Any,
) -> InboundEvent:
    """What a person wrote, out of fields that a stranger filled. Raises TransportDataError without a
    sender; a longer text is cut, as `inbound_events` does and for its reason.
    """
    person = address_normal(sender)
    if person is None:
        raise TransportDataError("no_sender", "The sender is missing or is not an address.")
    said = text[:MAX_TEXT_CHARACTERS] if isinstance(text, str) else ""
    return InboundEvent(
        gateway_message_id=gateway_message_id,
        sender=person,
        recipient=address_normal(recipient) or "",
        text=payload.text_clean(said),
        received_at=received_at,
        **more,
    )


def error_code(value: object) -> str | None:
    """A receipt's error code; None when it says that there was none."""
    code = payload.code_word(value)
    return None if code == "0" else code


def receipt_event(
    meaning: ErrorMeaning | None,
    *,
    status: ReceiptStatus,
    sharpen: Collection[str] = (),
    **more: Any,
) -> ReceiptEvent:
    """A receipt with what its code means. The code says more precisely than one of the states in
    `sharpen` how the message ended.
    """
    if meaning is None:
        return ReceiptEvent(status=status, **more)
    if status in sharpen and meaning.status is not None:
        status = meaning.status
    return ReceiptEvent(
        status=status,
        error_class=meaning.error_class,
        error_text=meaning.meaning,
        **more,
    )


def our_id(*candidates: object) -> int | None:
    """Our message id out of the first of these texts that says something: the address that was called,
    what the provider echoes.
    """
    told = (each for each in candidates if isinstance(each, str) and each)
    return payload.our_message_id(next(told, None))
