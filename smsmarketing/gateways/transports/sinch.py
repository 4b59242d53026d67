"""Sinch SMS REST API (its OpenAPI document; providers.md A8).

A batch of one recipient a request, so that the batch's id is the message's. Receipts are asked per
recipient and carry our id as client_reference. Webhooks are signed when a secret was set up.
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
    http_refusal,
    recipient_digits,
    validity_within,
)
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
    error_code,
    headers_for,
    our_id,
    receipt_event,
    reply_event,
)
from smsmarketing.gateways.transports.signatures import fresh, hmac_base64, refused, same

LABEL: Final = "Sinch"
VALIDITY_S: Final = (1, 259_200)
"""Up to three days, its default."""
MOST_CHARACTERS: Final = 1600

_STATUSES: Mapping[str, ReceiptStatus] = {
    "Queued": "accepted",
    "Dispatched": "accepted",
    "Delivered": "delivered",
    "Aborted": "failed",
    "Cancelled": "rejected",
    "Rejected": "rejected",
    "Deleted": "undelivered",
    "Failed": "undelivered",
    "Expired": "expired",
    # No receipt came to Sinch: the message ends with our own timeout.
    "Unknown": "accepted",
}

SUBMIT_ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    "syntax_invalid_json": ErrorMeaning("content", "Sinch refused the request as malformed."),
    "syntax_invalid_parameter_format": ErrorMeaning("content", "A parameter is not valid."),
    "syntax_constraint_violation": ErrorMeaning("content", "A parameter is not valid."),
    "missing_callback_url": ErrorMeaning("content", "The receipt address is missing."),
    "unauthorized": ErrorMeaning("auth", "Sinch did not accept the token."),
    "forbidden": ErrorMeaning("auth", "The token may not do this."),
}
ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    "400": ErrorMeaning("soft", "Queued.", "accepted"),
    "401": ErrorMeaning("soft", "Dispatched.", "accepted"),
    "402": ErrorMeaning("hard", "The number cannot be routed.", "rejected", "invalid"),
    "403": ErrorMeaning("soft", "Sinch had an internal error.", "failed"),
    "404": ErrorMeaning("soft", "A temporary fault at the carrier.", "undelivered"),
    "405": ErrorMeaning("content", "The text does not fit its parameters.", "rejected"),
    "406": ErrorMeaning("soft", "The validity ended before delivery.", "expired", "unreachable"),
    "407": ErrorMeaning("content", "The message was cancelled.", "rejected"),
    "408": ErrorMeaning("content", "An internal reject.", "rejected"),
    "410": ErrorMeaning("hard", "The number cannot be reached.", "undelivered", "invalid"),
    "411": ErrorMeaning("content", "The carrier's filter refused it.", "rejected"),
    "412": ErrorMeaning("account", "Not enough credit: top up the account.", "rejected"),
    "413": ErrorMeaning("account", "The account's limit is reached.", "rejected"),
    "414": ErrorMeaning("sender", "The sender is not allowed.", "rejected"),
    "415": ErrorMeaning("content", "The carrier refused the text.", "rejected"),
    "416": ErrorMeaning("account", "The account may not send to this country.", "rejected"),
    "417": ErrorMeaning("content", "The text has too many parts.", "rejected"),
    "418": ErrorMeaning("sender", "The sender is not registered.", "rejected"),
}


class Sinch(Provider):
    """Transport of Sinch. Base URL `https://eu.sms.api.sinch.com` or the region's own."""

    name = "sinch"
    label = LABEL
    credential_fields: tuple[CredentialField, ...] = (
        CredentialField("service_plan_id", "Service plan id"),
        CredentialField("api_token", "API token"),
        CredentialField("webhook_secret", "Secret that signs its webhooks", False),
    )
    errors: Mapping[str, ErrorMeaning] = MappingProxyType({**ERRORS, **SUBMIT_ERRORS})
    capabilities = Capabilities(
        dlr=True,
        inbound=True,
        scheduled=True,
        client_reference=True,
        webhook_signature=True,
        validity_range_s=VALIDITY_S,
        max_body_characters=MOST_CHARACTERS,
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """One message. Raises TransportDataError for a number that is none or a text too long."""
        if len(message.body) > MOST_CHARACTERS:
            raise TransportDataError(
                "too_long", f"Sinch takes at most {MOST_CHARACTERS} characters."
            )
        document: dict[str, object] = {
            "from": message.sender.removeprefix("+"),
            "to": [recipient_digits(message)],
            "body": message.body,
            "client_reference": str(message.message_id),
        }
        if message.dlr_url:
            document |= {"delivery_report": "per_recipient", "callback_url": message.dlr_url}
        if validity_within(message, VALIDITY_S, LABEL) is not None and message.expires_at:
            document["expire_at"] = message.expires_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        secrets = config.credentials
        plan = credential(secrets.get("service_plan_id", ""), "service plan id", LABEL)
        token = credential(secrets.get("api_token", ""), "API token", LABEL)
        return SubmitRequest(
            "POST",
            f"{config.base_url.rstrip('/')}/xms/v1/{plan}/batches",
            headers_for("application/json", f"Bearer {token}"),
            json.dumps(document).encode("ascii"),
            config.timeout,
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """201 with an id is accepted; a refusal has a word as its code."""
        try:
            fields = payload.json_object(body)
        except TransportDataError:
            return http_refusal(LABEL, status, headers, body)
        gateway_message_id = payload.identifier(fields.get("id"))
        if 200 <= status < 300 and gateway_message_id is not None:
            return SubmitResult(
                outcome="accepted",
                definitely_not_accepted=False,
                gateway_message_id=gateway_message_id,
                raw=body,
            )
        code = payload.code_word(fields.get("code"))
        if code is None or code not in SUBMIT_ERRORS or not 400 <= status < 500:
            return http_refusal(LABEL, status, headers, body)
        return coded_refusal(SUBMIT_ERRORS, code, label=LABEL, raw=body, headers=headers)

    def webhook_check(self, call: WebhookCall, config: TransportConfig) -> None:
        """base64 HMAC-SHA256 over `body.nonce.timestamp`, when a secret was set up."""
        secret = config.credentials.get("webhook_secret", "")
        if not secret:
            return
        given = call.headers.get("x-sinch-webhook-signature", "")
        nonce = call.headers.get("x-sinch-webhook-signature-nonce", "")
        timestamp = call.headers.get("x-sinch-webhook-signature-timestamp", "")
        if not given:
            raise refused("The call carries no signature.")
        fresh(timestamp, call.now)
        signed = call.body + f".{nonce}.{timestamp}".encode("utf-8", "surrogateescape")
        if not same(given, hmac_base64(secret, signed, "sha256")):
            raise refused()

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """`mo_text` is a reply, `recipient_delivery_report_…` a receipt."""
        fields = payload.json_object(body)
        kind = payload.code_word(fields.get("type")) or ""
        if kind == "mo_text":
            return [_inbound(fields)]
        gateway_message_id = payload.identifier(fields.get("batch_id"))
        raw_status = payload.code_word(fields.get("status"))
        if not kind.startswith("recipient_delivery_report") or gateway_message_id is None:
            raise TransportDataError("no_id", "This is neither a reply nor a recipient's report.")
        if raw_status is None:
            raise TransportDataError("no_status", "The report has no status.")
        code = error_code(fields.get("code"))
        status = _STATUSES.get(raw_status, "unknown")
        if status in {"accepted", "delivered"}:
            code = None  # it says the same again
        meaning = ERRORS.get(code) if code else None
        return [
            receipt_event(
                meaning,
                gateway_message_id=gateway_message_id,
                status=status,
                raw_status=raw_status,
                error_code=code,
                occurred_at=payload.moment(fields.get("at")),
                our_message_id=our_id(
                    query.get(MESSAGE_ID_PARAMETER), fields.get("client_reference")
                ),
            )
        ]


def _inbound(fields: Mapping[str, object]) -> InboundEvent:
    return reply_event(
        sender=fields.get("from"),
        recipient=fields.get("to"),
        text=fields.get("body"),
        gateway_message_id=payload.identifier(fields.get("id")),
        received_at=payload.moment(fields.get("received_at")),
    )
