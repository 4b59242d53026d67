"""Vonage SMS API (`/sms/json`; its OpenAPI document; providers.md A6).

The answer is always HTTP 200: each part has a status of its own. Webhooks come as GET, form or JSON
and may carry `sig`, a hash over the sorted parameters; without a signature secret the secret path
alone decides. Long replies arrive in parts and are kept as they come.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from smsmarketing.gateways.rules.encoding import text_is_gsm
from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    coded_refusal,
    credential,
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
    error_code,
    our_id,
    receipt_event,
    reply_event,
)
from smsmarketing.gateways.transports.signatures import fresh, hmac_hex, refused, same

LABEL: Final = "Vonage"
VALIDITY_S: Final = (20, 604_800)
_CURRENCY: Final = "EUR"
_METHODS: Final = ("md5", "sha1", "sha256", "sha512")
_HEADERS: Final = (
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Accept", "application/json"),
)
_SLOW_DOWN = re.compile(rb"please wait \[ *([0-9]{1,6}) *\]")

_STATUSES: Mapping[str, ReceiptStatus] = {
    "accepted": "accepted",
    "buffered": "accepted",
    "delivered": "delivered",
    "expired": "expired",
    "failed": "failed",
    "rejected": "rejected",
}

# The same numbers mean other things in answers and in receipts, so those of answers get a prefix.
SUBMIT_ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    "submit-1": ErrorMeaning("throttle", "Vonage asks to slow down."),
    "submit-2": ErrorMeaning("content", "A parameter is missing."),
    "submit-3": ErrorMeaning("content", "A parameter is not valid."),
    "submit-4": ErrorMeaning("auth", "Vonage did not accept the key and secret."),
    "submit-5": ErrorMeaning("soft", "Vonage had a fault and did not take the message."),
    "submit-6": ErrorMeaning("hard", "The number cannot be reached.", number="invalid"),
    "submit-7": ErrorMeaning("hard", "The number is barred at Vonage.", number="invalid"),
    "submit-8": ErrorMeaning("auth", "The account is barred."),
    "submit-9": ErrorMeaning("account", "Not enough credit: top up the account."),
    "submit-10": ErrorMeaning("throttle", "Too many binds or connections."),
    "submit-11": ErrorMeaning("auth", "The account may not use this API."),
    "submit-12": ErrorMeaning("content", "The text is too long."),
    "submit-14": ErrorMeaning("auth", "The signature is not valid."),
    "submit-15": ErrorMeaning("sender", "The sender is not allowed for this account or country."),
    "submit-22": ErrorMeaning("content", "The network code is not valid."),
    "submit-23": ErrorMeaning("content", "The callback address is not valid: set PUBLIC_BASE_URL."),
    "submit-29": ErrorMeaning("account", "A test account sends to its listed numbers only."),
    "submit-32": ErrorMeaning("auth", "The signature and the secret were both sent."),
    "submit-33": ErrorMeaning("hard", "The number was de-activated.", number="unknown_subscriber"),
}

ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    "1": ErrorMeaning("soft", "Unknown reason.", "undelivered"),
    "2": ErrorMeaning("soft", "The subscriber is absent.", "undelivered", "unreachable"),
    "3": ErrorMeaning("hard", "The subscriber is unknown.", "undelivered", "unknown_subscriber"),
    "4": ErrorMeaning("content", "The call was barred by the subscriber.", "rejected"),
    "5": ErrorMeaning("soft", "A fault of the number's portability.", "undelivered"),
    "6": ErrorMeaning("content", "The carrier's spam filter refused it.", "rejected"),
    "7": ErrorMeaning("soft", "The handset is busy.", "undelivered", "unreachable"),
    "8": ErrorMeaning("soft", "A fault of the network.", "undelivered"),
    # The old table says "illegal number", accounts with Opt-Out Assist get it for opt-outs: it
    # counts as a "no", which is the side on which nobody is harmed.
    "9": ErrorMeaning("optout", "An illegal number, or the person opted out.", "rejected"),
    "10": ErrorMeaning("content", "The message is not valid.", "rejected"),
    "11": ErrorMeaning("hard", "No route to the number.", "undelivered", "unknown_subscriber"),
    "12": ErrorMeaning("hard", "The destination cannot be reached.", "undelivered", "invalid"),
    "13": ErrorMeaning("content", "The subscriber's age is restricted.", "rejected"),
    "14": ErrorMeaning("content", "The number is blocked by the carrier.", "rejected"),
    "15": ErrorMeaning("soft", "Not enough prepaid balance of the subscriber.", "undelivered"),
    "16": ErrorMeaning("soft", "The carrier's limit is reached.", "undelivered"),
    "50": ErrorMeaning("sender", "The entity of the message is not registered.", "rejected"),
    "51": ErrorMeaning("sender", "The header is not registered.", "rejected"),
    "52": ErrorMeaning("content", "The template is not registered.", "rejected"),
    "53": ErrorMeaning("content", "The time of day is not allowed.", "rejected"),
    "54": ErrorMeaning("content", "The content is not allowed.", "rejected"),
    "99": ErrorMeaning("soft", "A general error.", "undelivered"),
}


class Vonage(Provider):
    """Transport of the Vonage SMS API. Base URL `https://rest.nexmo.com`."""

    name = "vonage"
    label = "Vonage SMS"
    credential_fields: tuple[CredentialField, ...] = (
        CredentialField("api_key", "API key"),
        CredentialField("api_secret", "API secret"),
        CredentialField("signature_secret", "Signature secret of its webhooks", False),
        CredentialField(
            "signature_method", "md5, sha1, sha256 or sha512 (an HMAC); empty = MD5 hash", False
        ),
    )
    webhook_methods = frozenset({"GET", "POST"})
    errors: Mapping[str, ErrorMeaning] = MappingProxyType({**ERRORS, **SUBMIT_ERRORS})
    capabilities = Capabilities(
        dlr=True,
        inbound=True,
        balance=True,
        client_reference=True,
        webhook_signature=True,
        rates=True,
        hlr=True,
        validity_range_s=VALIDITY_S,
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """One message; `unicode` is asked for when GSM-7 cannot hold the text."""
        secrets = config.credentials
        fields = {
            "api_key": credential(secrets.get("api_key", ""), "API key", LABEL),
            "api_secret": credential(secrets.get("api_secret", ""), "API secret", LABEL),
            "to": recipient_digits(message),
            "from": message.sender.removeprefix("+"),
            "text": message.body,
            "type": "text" if text_is_gsm(message.body) else "unicode",
            "client-ref": str(message.message_id),
        }
        if message.dlr_url:
            fields |= {"callback": message.dlr_url, "status-report-req": "1"}
        validity_s = validity_within(message, VALIDITY_S, LABEL)
        if validity_s is not None:
            fields["ttl"] = str(validity_s * 1000)
        return SubmitRequest(
            "POST",
            config.base_url.rstrip("/") + "/sms/json",
            _HEADERS,
            urlencode(fields).encode("ascii"),
            config.timeout,
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """One entry a part. A single accepted part means that something went out: never repeated."""
        try:
            entries = payload.json_object(body).get("messages")
        except TransportDataError:
            wait = _SLOW_DOWN.search(body[:500])
            waiting = {"retry-after": wait[1].decode()} if wait else headers
            return http_refusal(LABEL, status, waiting, body)
        parts = [payload.mapping(each) for each in entries] if isinstance(entries, list) else []
        accepted = [part for part in parts if payload.code_word(part.get("status")) == "0"]
        gateway_message_id = payload.identifier(accepted[0].get("message-id")) if accepted else None
        if gateway_message_id is not None and 200 <= status < 300:
            prices = [price_of(part.get("message-price")) for part in accepted]
            return SubmitResult(
                outcome="accepted",
                definitely_not_accepted=False,
                gateway_message_id=gateway_message_id,
                parts_billed=len(accepted),
                price=sum((each for each in prices if each is not None), Decimal(0))
                if all(each is not None for each in prices)
                else None,
                currency=_CURRENCY,
                raw=body,
            )
        code = payload.code_word(parts[0].get("status")) if parts and not accepted else None
        if code is None:
            return http_refusal(LABEL, status, headers, body)
        return coded_refusal(
            SUBMIT_ERRORS, f"submit-{code}", label=LABEL, raw=body, headers=headers
        )

    def webhook_check(self, call: WebhookCall, config: TransportConfig) -> None:
        """`sig` over the sorted parameters: an HMAC by the chosen method, or the MD5 of all and the
        secret.
        """
        secret = config.credentials.get("signature_secret", "")
        if not secret:
            return
        fields = {name: str(value) for name, value in _fields(call.body, call.headers).items()}
        given = fields.pop("sig", "")
        if not given:
            raise refused("The call carries no signature.")
        fresh(fields.get("timestamp", ""), call.now)
        signed = "".join(f"&{name}={re.sub('[&=]', '_', fields[name])}" for name in sorted(fields))
        method = config.credentials.get("signature_method", "")
        if method in _METHODS:
            expected = hmac_hex(secret, signed.encode(), method)
        else:
            expected = hashlib.md5((signed + secret).encode(), usedforsecurity=False).hexdigest()
        if not same(given.lower(), expected):
            raise refused()

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """A receipt has a status; a reply has a text."""
        fields = _fields(body, headers)
        gateway_message_id = payload.identifier(fields.get("messageId"))
        if gateway_message_id is None:
            raise TransportDataError("no_id", "The call carries no messageId.")
        raw_status = payload.code_word(fields.get("status"))
        if raw_status is None:
            return [_inbound(gateway_message_id, fields)]
        code = error_code(fields.get("err-code"))
        meaning = ERRORS.get(code) if code else None
        network = payload.code_word(fields.get("network-code")) or ""
        return [
            receipt_event(
                meaning,
                status=_STATUSES.get(raw_status, "unknown"),
                sharpen=("failed", "rejected"),
                gateway_message_id=gateway_message_id,
                raw_status=raw_status,
                error_code=code,
                mcc=network[:3] or None,
                mnc=network[3:6] or None,
                price=price_of(fields.get("price")),
                currency=_CURRENCY,
                our_message_id=our_id(query.get(MESSAGE_ID_PARAMETER), fields.get("client-ref")),
            )
        ]


def _fields(body: bytes, headers: Mapping[str, str]) -> Mapping[str, object]:
    if headers.get("content-type", "").startswith("application/json"):
        return payload.json_object(body)
    return payload.form_fields(body)


def _inbound(gateway_message_id: str, fields: Mapping[str, object]) -> InboundEvent:
    return reply_event(
        sender=fields.get("msisdn"),
        recipient=fields.get("to"),
        text=fields.get("text"),
        gateway_message_id=gateway_message_id,
        received_at=payload.moment(fields.get("message-timestamp")),
    )
