"""Twilio Programmable Messaging (API 2010-04-01; facts in providers.md A3).

Submit is a form `POST …/Accounts/{SID}/Messages.json`, one recipient a request; the answer is 201
with the message's `sid`. Receipts and replies are signed forms; both may come to one address. There
is no idempotency key: a submit whose answer was lost stays ambiguous.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    coded_refusal,
    credential,
    currency_of,
    http_refusal,
    parts_of,
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
from smsmarketing.gateways.transports.provider import (
    Provider,
    basic_login,
    error_code,
    headers_for,
    our_id,
    receipt_event,
    reply_event,
)
from smsmarketing.gateways.transports.signatures import hmac_base64, refused, same
from smsmarketing.gateways.transports.twilio_codes import ERRORS

LABEL: Final = "Twilio"
VALIDITY_S: Final = (1, 36_000)
MOST_CHARACTERS: Final = 1600

_STATUSES: Mapping[str, ReceiptStatus] = {
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "partially_delivered": "accepted",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "rejected",
}
_ACTIONS: Mapping[str, Literal["stop", "start", "help"]] = {
    "STOP": "stop",
    "START": "start",
    "HELP": "help",
}


class Twilio(Provider):
    """Transport of Twilio. Base URL `https://api.twilio.com`.

    A Messaging Service, when its SID is entered, gets the message together with the sender.
    """

    name = "twilio"
    label = LABEL
    credential_fields: tuple[CredentialField, ...] = (
        CredentialField("account_sid", "Account SID (AC…)"),
        CredentialField("auth_token", "Auth token (also signs its webhooks)"),
        CredentialField("api_key_sid", "API key SID (SK…), to send without the auth token", False),
        CredentialField("api_key_secret", "API key secret", False),
        CredentialField("messaging_service_sid", "Messaging Service SID (MG…)", False),
    )
    errors: Mapping[str, ErrorMeaning] = MappingProxyType(dict(ERRORS))
    capabilities = Capabilities(
        dlr=True,
        inbound=True,
        mms=True,
        scheduled=True,
        balance=True,
        rates=True,
        webhook_signature=True,
        validity_range_s=VALIDITY_S,
        max_body_characters=MOST_CHARACTERS,
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """One message. Raises TransportDataError for a number that is none or a text too long."""
        recipient_digits(message)
        if len(message.body) > MOST_CHARACTERS:
            raise TransportDataError(
                "too_long", f"Twilio takes at most {MOST_CHARACTERS} characters."
            )
        secrets = config.credentials
        account = credential(secrets.get("account_sid", ""), "account SID", LABEL)
        fields = {"To": message.to, "From": message.sender, "Body": message.body}
        if secrets.get("messaging_service_sid"):
            fields["MessagingServiceSid"] = secrets["messaging_service_sid"]
        if message.dlr_url:
            fields["StatusCallback"] = message.dlr_url
        validity_s = validity_within(message, VALIDITY_S, LABEL)
        if validity_s is not None:
            fields["ValidityPeriod"] = str(validity_s)
        user = secrets.get("api_key_sid") or account
        password = secrets.get("api_key_secret" if "api_key_sid" in secrets else "auth_token", "")
        return SubmitRequest(
            "POST",
            f"{config.base_url.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json",
            headers_for(
                "application/x-www-form-urlencoded",
                basic_login(user, credential(password, "auth token", LABEL)),
            ),
            urlencode(fields).encode("ascii"),
            config.timeout,
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """2xx with a sid is accepted; a refusal has its code in the body."""
        try:
            fields = payload.json_object(body)
        except TransportDataError:
            return http_refusal(LABEL, status, headers, body)
        sid = payload.identifier(fields.get("sid"))
        if 200 <= status < 300 and sid is not None:
            return SubmitResult(
                outcome="accepted",
                definitely_not_accepted=False,
                gateway_message_id=sid,
                parts_billed=parts_of(fields.get("num_segments")),
                price=price_of(fields.get("price")),
                currency=currency_of(fields.get("price_unit")),
                raw=body,
            )
        code = payload.code_word(fields.get("code"))
        if code is None or not 400 <= status < 500:
            return http_refusal(LABEL, status, headers, body)
        return coded_refusal(ERRORS, code, label=LABEL, raw=body, headers=headers)

    def webhook_check(self, call: WebhookCall, config: TransportConfig) -> None:
        """HMAC-SHA1 over the public URL and the sorted fields, with or without the default port."""
        token = config.credentials.get("auth_token", "")
        given = call.headers.get("x-twilio-signature", "")
        if not token or not given:
            raise refused("The call carries no signature, or the gateway has no auth token.")
        signed = _signed_fields(call.body)
        expected = [
            hmac_base64(token, (url + signed).encode(), "sha1") for url in _spellings(call.url)
        ]
        if not any([same(given, each) for each in expected]):  # noqa: C419 - no early end
            raise refused()

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """A receipt has MessageStatus; a reply has a Body and the status `received`."""
        fields = payload.form_fields(body)
        sid = payload.identifier(fields.get("MessageSid") or fields.get("SmsSid"))
        if sid is None:
            raise TransportDataError("no_id", "The call carries no message SID.")
        status = payload.code_word(fields.get("MessageStatus") or fields.get("SmsStatus"))
        if status in {None, "received", "receiving"}:
            return [_inbound(sid, fields)]
        return [_receipt(sid, str(status), fields, query)]

    def webhook_ack(self) -> WebhookAck:
        """An empty TwiML document, so that Twilio answers the person nothing."""
        return WebhookAck(
            200, "text/xml; charset=utf-8", b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
        )


def _signed_fields(body: bytes) -> str:
    """Names and values one after the other, names sorted, the distinct values of one name sorted."""
    values: dict[str, set[str]] = defaultdict(set)
    try:
        for name, value in parse_qsl(
            payload.body_text(body), keep_blank_values=True, max_num_fields=200
        ):
            values[name].add(value)
    except ValueError:
        raise refused("The body is not a form.") from None
    return "".join(name + value for name in sorted(values) for value in sorted(values[name]))


def _spellings(url: str) -> list[str]:
    """The URL without and with its port: Twilio signs either (its SDK tolerates both)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [
        urlunsplit(parts._replace(netloc=host)),
        urlunsplit(parts._replace(netloc=f"{host}:{port}")),
    ]


def _receipt(
    sid: str, status: str, fields: Mapping[str, object], query: Mapping[str, str]
) -> ReceiptEvent:
    code = error_code(fields.get("ErrorCode"))
    meaning = ERRORS.get(code) if code else None
    return receipt_event(
        meaning,
        status=_STATUSES.get(status, "unknown"),
        sharpen=("undelivered", "failed"),
        gateway_message_id=sid,
        raw_status=status,
        error_code=code,
        price=price_of(fields.get("Price")),
        our_message_id=our_id(query.get(MESSAGE_ID_PARAMETER)),
    )


def _inbound(sid: str, fields: Mapping[str, object]) -> InboundEvent:
    action = fields.get("OptOutType")
    return reply_event(
        sender=fields.get("From"),
        recipient=fields.get("To"),
        text=fields.get("Body"),
        gateway_message_id=sid,
        provider_action=_ACTIONS.get(action.upper(), "") if isinstance(action, str) else "",
    )
