"""Vonage Messages API v1, channel `sms` (providers.md A6).

Submit is `POST /v1/messages` with HTTP Basic; the answer is 202 with a `message_uuid`. Webhooks carry
a JWT (HS256) of the account's signature secret with the SHA-256 of the body: both are checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import jwt

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    coded_refusal,
    credential,
    currency_of,
    http_refusal,
    price_of,
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
    basic_login,
    headers_for,
    our_id,
    receipt_event,
    reply_event,
)
from smsmarketing.gateways.transports.signatures import fresh, refused, same, sha256_hex

LABEL: Final = "Vonage"
VALIDITY_S: Final = (20, 604_800)
MOST_CHARACTERS: Final = 3200

_STATUSES: Mapping[str, ReceiptStatus] = {
    "submitted": "accepted",
    "delivered": "delivered",
    "read": "delivered",
    "rejected": "rejected",
    "undeliverable": "undelivered",
}
ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    "1000": ErrorMeaning("throttle", "Vonage asks to slow down.", "rejected"),
    "1020": ErrorMeaning("content", "A parameter is not valid.", "rejected"),
    "1030": ErrorMeaning("soft", "Vonage had an internal error.", "failed"),
    "1040": ErrorMeaning("content", "The carrier refused the message.", "rejected"),
    "1050": ErrorMeaning("hard", "The number is barred.", "rejected", "invalid"),
    "1060": ErrorMeaning("account", "The account is barred.", "rejected"),
    "1070": ErrorMeaning("account", "Not enough credit: top up the account.", "rejected"),
    "1080": ErrorMeaning("throttle", "Too many requests at once.", "rejected"),
    "1120": ErrorMeaning("sender", "The sender is not allowed.", "rejected"),
    "1190": ErrorMeaning("content", "The message was blocked by a filter.", "rejected"),
    "1210": ErrorMeaning("content", "The carrier's spam filter refused it.", "rejected"),
    "1240": ErrorMeaning("hard", "The number is not valid.", "undelivered", "invalid"),
    "1250": ErrorMeaning("hard", "No route to the number.", "undelivered", "unknown_subscriber"),
    "1260": ErrorMeaning("hard", "The destination cannot be reached.", "undelivered", "invalid"),
    "1290": ErrorMeaning("soft", "The phone is absent.", "undelivered", "unreachable"),
    "1300": ErrorMeaning("hard", "The subscriber is unknown.", "undelivered", "unknown_subscriber"),
    "1310": ErrorMeaning("content", "The subscriber bars such messages.", "rejected"),
    "1330": ErrorMeaning("soft", "An unknown error of the carrier.", "undelivered"),
}


class VonageMessages(Provider):
    """Transport of the Vonage Messages API. Base URL `https://api.nexmo.com`."""

    name = "vonage_messages"
    label = "Vonage Messages"
    credential_fields: tuple[CredentialField, ...] = (
        CredentialField("api_key", "API key"),
        CredentialField("api_secret", "API secret"),
        CredentialField("signature_secret", "Signature secret of its webhooks", False),
    )
    errors: Mapping[str, ErrorMeaning] = MappingProxyType(dict(ERRORS))
    capabilities = Capabilities(
        dlr=True,
        inbound=True,
        mms=True,
        balance=True,
        client_reference=True,
        webhook_signature=True,
        rates=True,
        validity_range_s=VALIDITY_S,
        max_body_characters=MOST_CHARACTERS,
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """One message. Raises TransportDataError for a number that is none or a text too long."""
        if len(message.body) > MOST_CHARACTERS:
            raise TransportDataError(
                "too_long", f"Vonage takes at most {MOST_CHARACTERS} characters."
            )
        document: dict[str, object] = {
            "message_type": "text",
            "channel": "sms",
            "to": recipient_digits(message),
            "from": message.sender.removeprefix("+"),
            "text": message.body,
            "client_ref": str(message.message_id),
        }
        if message.dlr_url:
            document["webhook_url"] = message.dlr_url
        validity_s = validity_within(message, VALIDITY_S, LABEL)
        if validity_s is not None:
            document["ttl"] = validity_s
        secrets = config.credentials
        return SubmitRequest(
            "POST",
            config.base_url.rstrip("/") + "/v1/messages",
            headers_for(
                "application/json",
                basic_login(
                    credential(secrets.get("api_key", ""), "API key", LABEL),
                    credential(secrets.get("api_secret", ""), "API secret", LABEL),
                ),
            ),
            json.dumps(document).encode("ascii"),
            config.timeout,
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """202 with a uuid is accepted; a refusal is problem+json whose `type` ends with its code."""
        try:
            fields = payload.json_object(body)
        except TransportDataError:
            return http_refusal(LABEL, status, headers, body)
        gateway_message_id = payload.identifier(fields.get("message_uuid"))
        if 200 <= status < 300 and gateway_message_id is not None:
            return SubmitResult(
                outcome="accepted",
                definitely_not_accepted=False,
                gateway_message_id=gateway_message_id,
                raw=body,
            )
        code = _code(fields)
        if code is None or code not in ERRORS or not 400 <= status < 500:
            return http_refusal(LABEL, status, headers, body)
        return coded_refusal(ERRORS, code, label=LABEL, raw=body, headers=headers)

    def webhook_check(self, call: WebhookCall, config: TransportConfig) -> None:
        """The JWT must be signed, fresh, and speak of this very body."""
        secret = config.credentials.get("signature_secret", "")
        if not secret:
            return
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise refused("The call carries no signature.")
        try:
            claims = jwt.decode(
                token,
                secret,
                algorithms=["HS256"],
                options={"verify_iat": False, "verify_exp": False, "verify_aud": False},
            )
        except jwt.InvalidTokenError:
            raise refused() from None
        fresh(str(claims.get("iat", "")), call.now)
        if not same(str(claims.get("payload_hash", "")), sha256_hex(call.body)):
            raise refused()

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """A status has `status`; a reply has `text`."""
        fields = payload.json_object(body)
        gateway_message_id = payload.identifier(fields.get("message_uuid"))
        if gateway_message_id is None:
            raise TransportDataError("no_id", "The call carries no message_uuid.")
        raw_status = payload.code_word(fields.get("status"))
        if raw_status is None:
            return [_inbound(gateway_message_id, fields)]
        error = payload.mapping(fields.get("error"))
        code = _code(error) or payload.code_word(error.get("code"))
        meaning = ERRORS.get(code) if code else None
        usage = payload.mapping(fields.get("usage"))
        return [
            receipt_event(
                meaning,
                status=_STATUSES.get(raw_status, "unknown"),
                sharpen=("rejected", "undelivered"),
                gateway_message_id=gateway_message_id,
                raw_status=raw_status,
                error_code=code,
                occurred_at=payload.moment(fields.get("timestamp")),
                price=price_of(usage.get("price")),
                currency=currency_of(usage.get("currency")),
                our_message_id=our_id(query.get(MESSAGE_ID_PARAMETER), fields.get("client_ref")),
            )
        ]


def _code(fields: Mapping[str, object]) -> str | None:
    """The number at the end of the problem's type, `…/api-errors/messages#1120`."""
    kind = fields.get("type")
    code = kind.rpartition("#")[2] if isinstance(kind, str) and "#" in kind else ""
    return code if code.isascii() and code.isdecimal() and len(code) < 6 else None


def _inbound(gateway_message_id: str, fields: Mapping[str, object]) -> InboundEvent:
    return reply_event(
        sender=fields.get("from"),
        recipient=fields.get("to"),
        text=fields.get("text"),
        gateway_message_id=gateway_message_id,
        received_at=payload.moment(fields.get("timestamp")),
    )
