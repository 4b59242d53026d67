"""Bandwidth Messaging v2 (its OpenAPI document and error pages; providers.md A5).

Several `to` would make a group MMS, so every request has one recipient. Receipts and replies come as
a JSON array to the application's one callback address (`…/events`), not to an address of the
message: our message id travels in `tag`. Nothing is signed; the login that the callback address may
carry is checked when it was entered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    credential,
    http_refusal,
    parts_of,
    recipient_digits,
)
from smsmarketing.gateways.transports.bandwidth_codes import ERRORS, code_meaning
from smsmarketing.gateways.transports.base import (
    MESSAGE_ID_PARAMETER,
    Capabilities,
    CredentialField,
    ErrorMeaning,
    InboundEvent,
    OutboundMessage,
    ReceiptStatus,
    SubmitRequest,
    SubmitResult,
    TransportConfig,
    TransportDataError,
    WebhookCall,
    WebhookEvent,
)
from smsmarketing.gateways.transports.provider import (
    Provider,
    basic_login,
    error_code,
    headers_for,
    our_id,
    receipt_event,
    reply_event,
)
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


class Bandwidth(Provider):
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
            headers_for(
                "application/json; charset=utf-8",
                basic_login(
                    credential(secrets.get("username", ""), "API user", LABEL),
                    credential(secrets.get("password", ""), "API password", LABEL),
                ),
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


def _event(event: Mapping[str, object], query: Mapping[str, str]) -> WebhookEvent:
    kind = payload.code_word(event.get("type"))
    message = payload.mapping(event.get("message"))
    gateway_message_id = payload.identifier(message.get("id"))
    if kind is None or gateway_message_id is None:
        raise TransportDataError("no_id", "An event has no type or no message id.")
    if kind == "message-received":
        return _inbound(gateway_message_id, event, message)
    code = error_code(event.get("errorCode"))
    meaning = code_meaning(code) if code else None
    return receipt_event(
        meaning,
        status=_STATUSES.get(kind, "unknown"),
        sharpen=("failed",),
        gateway_message_id=gateway_message_id,
        raw_status=kind,
        error_code=code,
        occurred_at=payload.moment(event.get("time")),
        parts=parts_of(message.get("segmentCount")),
        our_message_id=our_id(message.get("tag"), query.get(MESSAGE_ID_PARAMETER)),
    )


def _inbound(
    gateway_message_id: str, event: Mapping[str, object], message: Mapping[str, object]
) -> InboundEvent:
    return reply_event(
        sender=message.get("from"),
        recipient=event.get("to") or message.get("owner"),
        text=message.get("text"),
        gateway_message_id=gateway_message_id,
        received_at=payload.moment(event.get("time")),
    )
