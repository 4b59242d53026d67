"""Bandwidth Messaging v2 (its OpenAPI document and error pages; providers.md A5).

Several `to` would make a group MMS, so every request has one recipient. Receipts and replies come as
a JSON array to the application's one callback address (`…/events`), not to an address of the
message: our message id travels in `tag`. Nothing is signed; the login that the callback address may
carry is checked when it was entered.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    credential,
    http_refusal,
    no_answer,
    parts_of,
    recipient_digits,
)
from smsmarketing.gateways.transports.bandwidth_codes import ERRORS, code_meaning
from smsmarketing.gateways.transports.base import (
    MESSAGE_ID_PARAMETER,
    Capabilities,
    CredentialField,
    ErrorMeaning,
    FailureKind,
    InboundEvent,
    OutboundMessage,
    ReceiptEvent,
    ReceiptStatus,
    SubmitRequest,
    SubmitResult,
    TransportConfig,
    TransportDataError,
    WebhookAck,
    WebhookCall,
    WebhookEvent,
)
from smsmarketing.gateways.transports.inbound import address_normal
from smsmarketing.gateways.transports.signatures import basic_check

LABEL: Final = "Bandwidth"
VALIDITY_S: Final = (1, 604_800)
"""The field is documented without bounds; no batch asks for more than a week."""
MOST_CHARACTERS: Final = 2048
_MOST_EVENTS: Final = 100

_STATUSES: Mapping[str, ReceiptStatus] = {
    "message-sending": "accepted",
    "message-sent": "accepted",
    "message-delivered": "delivered",
    "message-read": "delivered",
    "message-failed": "failed",
}


class Bandwidth:
    """Transport of Bandwidth. Base URL `https://messaging.bandwidth.com`."""

    name = "bandwidth"
    label = LABEL
    credential_fields: tuple[CredentialField, ...] = (
        CredentialField("account_id", "Account id"),
        CredentialField("application_id", "Application id"),
        CredentialField("username", "API user"),
        CredentialField("password", "API password"),
        CredentialField("callback_username", "User of the callback address", False),
        CredentialField("callback_password", "Password of the callback address", False),
    )
    webhook_methods = frozenset({"POST"})
    errors: Mapping[str, ErrorMeaning] = MappingProxyType(dict(ERRORS))
    capabilities = Capabilities(
        dlr=True,
        inbound=True,
        mms=True,
        client_reference=True,
        priority=True,
        validity_range_s=VALIDITY_S,
        max_body_characters=MOST_CHARACTERS,
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """One message. Raises TransportDataError for a number that is none or a text too long."""
        recipient_digits(message)
        if len(message.body) > MOST_CHARACTERS:
            raise TransportDataError(
                "too_long", f"Bandwidth takes at most {MOST_CHARACTERS} characters."
            )
        secrets = config.credentials
        document: dict[str, object] = {
            "applicationId": credential(secrets.get("application_id", ""), "application", LABEL),
            "to": [message.to],
            "from": message.sender,
            "text": message.body,
            "tag": str(message.message_id),
        }
        if message.priority == "high":
            document["priority"] = "high"
        if message.expires_at is not None:
            document["expiration"] = message.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        account = credential(secrets.get("account_id", ""), "account id", LABEL)
        return SubmitRequest(
            "POST",
            f"{config.base_url.rstrip('/')}/api/v2/users/{account}/messages",
            _headers(
                credential(secrets.get("username", ""), "API user", LABEL),
                credential(secrets.get("password", ""), "API password", LABEL),
            ),
            json.dumps(document).encode("ascii"),
            config.timeout,
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """202 with an id is accepted; a refusal carries words, not codes."""
        if 200 <= status < 300:
            try:
                fields = payload.json_object(body)
            except TransportDataError:
                return http_refusal(LABEL, status, headers, body)
            gateway_message_id = payload.identifier(fields.get("id"))
            if gateway_message_id is not None:
                return SubmitResult(
                    outcome="accepted",
                    definitely_not_accepted=False,
                    gateway_message_id=gateway_message_id,
                    parts_billed=parts_of(fields.get("segmentCount")),
                    raw=body,
                )
        return http_refusal(LABEL, status, headers, body)

    def transport_failure(self, kind: FailureKind, *, sent: bool) -> SubmitResult:
        return no_answer(kind, sent=sent)

    def webhook_check(self, call: WebhookCall, config: TransportConfig) -> None:
        """HTTP Basic of the callback address, when it was entered."""
        user = config.credentials.get("callback_username", "")
        if user:
            basic_check(call.headers, user, config.credentials.get("callback_password", ""))

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """The events of the array, in its order."""
        value = payload.json_value(body)
        if not isinstance(value, list) or not 1 <= len(value) <= _MOST_EVENTS:
            raise TransportDataError("not_a_list", "The body is not a list of events.")
        return [_event(payload.mapping(each), query) for each in value]

    def webhook_ack(self) -> WebhookAck:
        return WebhookAck(200, "text/plain; charset=utf-8", b"")


@lru_cache(maxsize=64)
def _headers(user: str, password: str) -> tuple[tuple[str, str], ...]:
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    return (
        ("Content-Type", "application/json; charset=utf-8"),
        ("Accept", "application/json"),
        ("Authorization", f"Basic {login}"),
    )


def _event(event: Mapping[str, object], query: Mapping[str, str]) -> WebhookEvent:
    kind = payload.code_word(event.get("type"))
    message = payload.mapping(event.get("message"))
    gateway_message_id = payload.identifier(message.get("id"))
    if kind is None or gateway_message_id is None:
        raise TransportDataError("no_id", "An event has no type or no message id.")
    if kind == "message-received":
        return _inbound(gateway_message_id, event, message)
    code = payload.code_word(event.get("errorCode"))
    code = None if code in {None, "0"} else code
    meaning = code_meaning(code) if code else None
    status = _STATUSES.get(kind, "unknown")
    if status == "failed" and meaning is not None and meaning.status is not None:
        status = meaning.status
    tag = message.get("tag")
    return ReceiptEvent(
        gateway_message_id=gateway_message_id,
        status=status,
        raw_status=kind,
        error_code=code,
        error_class=meaning.error_class if meaning else None,
        error_text=meaning.meaning if meaning else "",
        occurred_at=payload.moment(event.get("time")),
        parts=parts_of(message.get("segmentCount")),
        our_message_id=payload.our_message_id(
            tag if isinstance(tag, str) else query.get(MESSAGE_ID_PARAMETER)
        ),
    )


def _inbound(
    gateway_message_id: str, event: Mapping[str, object], message: Mapping[str, object]
) -> InboundEvent:
    sender = address_normal(message.get("from"))
    if sender is None:
        raise TransportDataError("no_sender", "The event carries no sender.")
    text = message.get("text")
    return InboundEvent(
        gateway_message_id=gateway_message_id,
        sender=sender,
        recipient=address_normal(event.get("to") or message.get("owner")) or "",
        text=payload.text_clean(text) if isinstance(text, str) else "",
        received_at=payload.moment(event.get("time")),
    )
