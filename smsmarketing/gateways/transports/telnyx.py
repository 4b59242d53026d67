"""Telnyx Messaging API v2 (its OpenAPI document of 2025-02 and error pages; providers.md A4).

Submit is `POST /v2/messages` with JSON, one recipient a request. Webhooks are signed with ed25519
over `timestamp|body`; receipts come in two shapes (envelope and flat), both are read. The header
Idempotency-Key exists in its SDK, but what the server does with it is not documented: no capability.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    coded_refusal,
    credential,
    currency_of,
    http_refusal,
    parts_of,
    price_of,
    recipient_digits,
)
from smsmarketing.gateways.transports.base import (
    MESSAGE_ID_PARAMETER,
    Capabilities,
    CredentialField,
    ErrorMeaning,
    InboundEvent,
    OutboundMessage,
    ReceiptEvent,
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
    headers_for,
    our_id,
    receipt_event,
    reply_event,
)
from smsmarketing.gateways.transports.signatures import ed25519_check, fresh, refused

LABEL: Final = "Telnyx"
MOST_PARTS: Final = 10

_STATUSES: Mapping[str, ReceiptStatus] = {
    "queued": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "sending_failed": "failed",
    "delivery_failed": "undelivered",
    # No receipt came to Telnyx: the message ends with our own timeout.
    "delivery_unconfirmed": "accepted",
}

ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    "10001": ErrorMeaning("hard", "The recipient's number is not valid.", number="invalid"),
    "10002": ErrorMeaning("hard", "The recipient's number is not valid.", number="invalid"),
    "10007": ErrorMeaning("soft", "Telnyx could not take the message now."),
    "10008": ErrorMeaning("soft", "Telnyx could not take the message now."),
    "10009": ErrorMeaning("auth", "Telnyx did not accept the API key."),
    "10010": ErrorMeaning("auth", "The API key may not do this."),
    "10011": ErrorMeaning("throttle", "Telnyx asks to slow down."),
    "10015": ErrorMeaning("content", "Telnyx refused the request as invalid."),
    "10016": ErrorMeaning("content", "Telnyx refused the request: a field is too long."),
    "40001": ErrorMeaning("hard", "The number is no mobile number.", "undelivered", "landline"),
    "40002": ErrorMeaning("soft", "The carrier blocked the message for now.", "rejected"),
    "40003": ErrorMeaning("content", "The carrier blocked the message as spam.", "rejected"),
    "40004": ErrorMeaning("soft", "The recipient's carrier refused it.", "undelivered"),
    "40005": ErrorMeaning("soft", "The validity ended before delivery.", "expired", "unreachable"),
    "40006": ErrorMeaning("soft", "The recipient's carrier is not available.", "undelivered"),
    "40008": ErrorMeaning("soft", "The carrier could not deliver it.", "undelivered"),
    "40009": ErrorMeaning("content", "The text is not valid.", "rejected"),
    "40011": ErrorMeaning("throttle", "Too many messages to this number or carrier.", "rejected"),
    "40300": ErrorMeaning("optout", "The person opted out of this sender at Telnyx.", "rejected"),
}


class Telnyx(Provider):
    """Transport of Telnyx. Base URL `https://api.telnyx.com`.

    Without a public key the secret path alone decides whether a webhook is believed.
    """

    name = "telnyx"
    label = LABEL
    credential_fields: tuple[CredentialField, ...] = (
        CredentialField("api_key", "API key"),
        CredentialField(
            "public_key", "Public key of the portal (base64), signs its webhooks", False
        ),
        CredentialField("messaging_profile_id", "Messaging profile id", False),
    )
    errors: Mapping[str, ErrorMeaning] = MappingProxyType(dict(ERRORS))
    capabilities = Capabilities(
        dlr=True, inbound=True, mms=True, scheduled=True, webhook_signature=True
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """One message. Raises TransportDataError for a number that is none or more than ten parts."""
        recipient_digits(message)
        if message.parts > MOST_PARTS:
            raise TransportDataError("too_long", f"Telnyx takes at most {MOST_PARTS} parts.")
        document: dict[str, object] = {
            "to": message.to,
            "from": message.sender,
            "text": message.body,
            "type": "SMS",
        }
        if config.credentials.get("messaging_profile_id"):
            document["messaging_profile_id"] = config.credentials["messaging_profile_id"]
        if message.dlr_url:
            document |= {"webhook_url": message.dlr_url, "use_profile_webhooks": False}
        key = credential(config.credentials.get("api_key", ""), "API key", LABEL)
        return SubmitRequest(
            "POST",
            config.base_url.rstrip("/") + "/v2/messages",
            headers_for("application/json", f"Bearer {key}"),
            json.dumps(document).encode("ascii"),
            config.timeout,
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """2xx with an id is accepted; errors are a list, the first one counts."""
        try:
            fields = payload.json_object(body)
        except TransportDataError:
            return http_refusal(LABEL, status, headers, body)
        data = payload.mapping(fields.get("data"))
        gateway_message_id = payload.identifier(data.get("id"))
        if 200 <= status < 300 and gateway_message_id is not None:
            cost = payload.mapping(data.get("cost"))
            return SubmitResult(
                outcome="accepted",
                definitely_not_accepted=False,
                gateway_message_id=gateway_message_id,
                parts_billed=parts_of(data.get("parts")),
                price=price_of(cost.get("amount")),
                currency=currency_of(cost.get("currency")),
                raw=body,
            )
        code = _first_code(fields)
        if code is None or not 400 <= status < 500:
            return http_refusal(LABEL, status, headers, body)
        return coded_refusal(ERRORS, code, label=LABEL, raw=body, headers=headers)

    def webhook_check(self, call: WebhookCall, config: TransportConfig) -> None:
        """ed25519 over `timestamp|body`, five minutes of tolerance; skipped without a public key."""
        public_key = config.credentials.get("public_key", "")
        if not public_key:
            return
        signature = call.headers.get("telnyx-signature-ed25519", "")
        timestamp = call.headers.get("telnyx-timestamp", "")
        if not signature:
            raise refused("The call carries no signature.")
        fresh(timestamp, call.now)
        ed25519_check(public_key, signature, timestamp.encode() + b"|" + call.body)

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """One event, in its envelope or flat."""
        fields = payload.json_object(body)
        event = payload.mapping(fields.get("data")) or fields
        inner = payload.mapping(event.get("payload")) or event
        kind = event.get("event_type")
        gateway_message_id = payload.identifier(inner.get("id"))
        if gateway_message_id is None:
            raise TransportDataError("no_id", "The event carries no message id.")
        if kind == "message.received" or inner.get("direction") == "inbound":
            return [_inbound(gateway_message_id, inner)]
        return [_receipt(gateway_message_id, inner, query)]


def _first_code(fields: Mapping[str, object]) -> str | None:
    errors = fields.get("errors")
    first = payload.mapping(errors[0]) if isinstance(errors, list) and errors else {}
    return payload.code_word(first.get("code"))


def _receipt(
    gateway_message_id: str, inner: Mapping[str, object], query: Mapping[str, str]
) -> ReceiptEvent:
    recipients = inner.get("to")
    first = payload.mapping(recipients[0]) if isinstance(recipients, list) and recipients else {}
    raw_status = payload.code_word(first.get("status") or inner.get("status"))
    if raw_status is None:
        raise TransportDataError("no_status", "The event carries no status of the recipient.")
    code = _first_code(inner)
    meaning = ERRORS.get(code) if code else None
    cost = payload.mapping(inner.get("cost"))
    return receipt_event(
        meaning,
        status=_STATUSES.get(raw_status, "unknown"),
        sharpen=("failed", "undelivered"),
        gateway_message_id=gateway_message_id,
        raw_status=raw_status,
        error_code=code,
        parts=parts_of(inner.get("parts")),
        price=price_of(cost.get("amount")),
        currency=currency_of(cost.get("currency")),
        our_message_id=our_id(query.get(MESSAGE_ID_PARAMETER)),
    )


def _inbound(gateway_message_id: str, inner: Mapping[str, object]) -> InboundEvent:
    """`from` is an object, `to` a text or a list of objects (both are documented)."""
    origin, target = inner.get("from"), inner.get("to")
    if isinstance(target, list) and target:
        target = target[0]
    return reply_event(
        sender=payload.mapping(origin).get("phone_number") or origin,
        recipient=payload.mapping(target).get("phone_number") or target,
        text=inner.get("text"),
        gateway_message_id=gateway_message_id,
        received_at=payload.moment(inner.get("received_at")),
    )
