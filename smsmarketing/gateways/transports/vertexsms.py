"""VertexSMS REST API (documentation of the provider as given in seed 002; facts in providers.md
A1).

Submit is `POST /sms` with JSON and the token header; the answer is an array of message ids and the
header `X-VertexSMS-Amount-Sent` with the billed parts. A receipt is a JSON POST to `dlrUrl`; it is
repeated until the answer is 200 with the body `OK`. There is no client reference and no idempotency
key: our message id travels in `dlrUrl`, and a submit whose answer was lost stays ambiguous. Inbound
messages, balance and rate limits are not documented, so the capabilities say no.
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    MOVED,
    Verdict,
    credential,
    parts_of,
    recipient_digits,
    refusal,
    retry_after,
    validity_within,
    verdict_of,
)
from smsmarketing.gateways.transports.base import (
    MESSAGE_ID_PARAMETER,
    Capabilities,
    CredentialField,
    ErrorClass,
    ErrorMeaning,
    OutboundMessage,
    ReceiptEvent,
    ReceiptStatus,
    SubmitRequest,
    SubmitResult,
    TransportConfig,
    TransportDataError,
    WebhookAck,
    WebhookEvent,
)
from smsmarketing.gateways.transports.provider import (
    Provider,
    headers_for,
)

MIN_VALIDITY_S = 360
MAX_VALIDITY_S = 432_000
_REFUSED_FIELD = re.compile(r"field '([A-Za-z]{1,20})'")


_HTTP: Mapping[int, Verdict] = {
    301: verdict_of("auth", MOVED),
    307: verdict_of("auth", MOVED),
    308: verdict_of("auth", MOVED),
    400: Verdict("rejected", "content", "VertexSMS refused the request as invalid."),
    401: Verdict(
        "rejected",
        "auth",
        "VertexSMS did not accept the API token. Enter a valid token on the gateway.",
    ),
    403: Verdict(
        "rejected",
        "auth",
        "VertexSMS refuses this account or token. Check its rights with the provider.",
    ),
    404: Verdict(
        "rejected", "auth", "There is no submit address there. Correct the base URL of the gateway."
    ),
    405: Verdict(
        "rejected", "auth", "The address takes no submits. Correct the base URL of the gateway."
    ),
    409: Verdict(
        "retryable", "soft", "VertexSMS reports a conflict and did not complete the request."
    ),
    429: Verdict("throttled", "throttle", "VertexSMS asks to slow down."),
    # 503 is documented as "unable to handle the request"; 500 and 501 only as "server error", which
    # may come after the message was queued, so they are never resent blindly whatever "please try
    # again" invites to.
    500: Verdict(
        "ambiguous",
        "ambiguous",
        "VertexSMS had a server error; the message may or may not be queued.",
    ),
    501: Verdict(
        "ambiguous",
        "ambiguous",
        "VertexSMS had a server error; the message may or may not be queued.",
    ),
    503: Verdict(
        "throttled",
        "throttle",
        "VertexSMS is overloaded or in maintenance and did not take the message.",
    ),
}
_OTHER_REFUSAL = Verdict("rejected", "content", "VertexSMS refused the request.")
_UNCLEAR = Verdict(
    "ambiguous", "ambiguous", "The answer of VertexSMS cannot be read; the message may be queued."
)
# A request timeout may be told by a proxy after the request was passed on.
_MAY_HAVE_PASSED = frozenset({408, 499})

_FIELDS: Mapping[str, tuple[ErrorClass, str]] = {
    "from": (
        "sender",
        "VertexSMS refused the sender. Use an approved number or 11 letters, digits, spaces, dots.",
    ),
    "to": ("hard", "VertexSMS refused the recipient's number as invalid."),
    "message": ("content", "VertexSMS refused the text of the message."),
}

_ERRORS: Mapping[str, ErrorMeaning] = {
    "1": ErrorMeaning("hard", "Illegal subscriber.", "undelivered", "invalid"),
    "2": ErrorMeaning(
        "soft", "The validity period ended before delivery.", "expired", "unreachable"
    ),
    "20": ErrorMeaning(
        "account", "The country or operator is not configured for the account.", "rejected"
    ),
    "21": ErrorMeaning(
        "content", "Blocked by the provider's filter, for example a block list.", "rejected"
    ),
    "22": ErrorMeaning("duplicate", "The provider takes it for a duplicate.", "rejected"),
    "23": ErrorMeaning("throttle", "The limit of messages to this number is reached.", "rejected"),
    "24": ErrorMeaning("account", "The account's balance limit is reached.", "rejected"),
    "40": ErrorMeaning(
        "soft",
        "Subscriber unknown; if it persists the number is likely retired.",
        "undelivered",
        "unknown_subscriber",
    ),
    "41": ErrorMeaning(
        "hard", "The operator bars SMS for the subscriber.", "undelivered", "invalid"
    ),
    "43": ErrorMeaning("soft", "The phone is off or out of range.", "undelivered", "unreachable"),
    "51": ErrorMeaning("soft", "Unknown error of the number lookup.", "undelivered"),
    "53": ErrorMeaning("hard", "The number is invalid.", "undelivered", "invalid"),
    "999": ErrorMeaning("soft", "Unknown error of the provider.", "failed"),
}


class VertexSms(Provider):
    """Transport of VertexSMS. Credentials: `token`. The base URL is `https://api.vertexsms.com`."""

    name = "vertexsms"
    label = "VertexSMS"
    credential_fields: tuple[CredentialField, ...] = (CredentialField("token", "API token"),)
    errors: Mapping[str, ErrorMeaning] = MappingProxyType(dict(_ERRORS))
    capabilities = Capabilities(
        dlr=True,
        scheduled=True,
        rates=True,
        hlr=True,
        sender_registration=True,
        test_mode=True,
        priority=True,
        validity_range_s=(MIN_VALIDITY_S, MAX_VALIDITY_S),
        webhook_networks=("178.33.133.192/28", "178.32.167.92/32"),
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """Describe `POST /sms` for one recipient. `coding` and `udh` are left out, so the provider
        splits long texts.

        A validity above the provider's longest is cut to it. Raises TransportDataError for a number
        that is not E.164 and for a validity below 360 s: rounding it up could deliver after the
        quiet hours began.
        """
        fields = {
            "to": recipient_digits(message),
            "from": message.sender.removeprefix("+"),
            "message": message.body,
        }
        if message.dlr_url:
            fields["dlrUrl"] = message.dlr_url
        if message.priority != "normal":
            fields["priority"] = message.priority
        if message.test_mode is not None:
            fields["testMode"] = message.test_mode
        document: dict[str, str | int] = {**fields}
        validity_s = validity_within(message, (MIN_VALIDITY_S, MAX_VALIDITY_S), self.label)
        if validity_s is not None:
            document["expireIn"] = validity_s
        token = credential(config.credentials.get("token", ""), "token", self.label)
        return SubmitRequest(
            "POST",
            config.base_url.rstrip("/") + "/sms",
            headers_for("application/json", token, "X-VertexSMS-Token"),
            json.dumps(document).encode("ascii"),
            config.timeout,
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """Read the answer to a submit. 2xx without a readable array of ids is ambiguous: it may
        well be queued.
        """
        if 200 <= status < 300:
            return _accepted(headers, body) or refusal(_UNCLEAR, code=f"http_{status}", raw=body)
        verdict = _HTTP.get(status)
        if verdict is None:
            refused = 400 <= status < 500 and status not in _MAY_HAVE_PASSED
            verdict = _OTHER_REFUSAL if refused else _UNCLEAR
        if status == 400:
            return _invalid(body)
        return refusal(verdict, code=f"http_{status}", raw=body, retry_after_s=retry_after(headers))

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """Read one receipt. Status and error come as numbers or strings; what the tables lack is
        kept raw [R-10.4].
        """
        fields = payload.json_object(body)
        gateway_message_id = payload.identifier(fields.get("id"))
        if gateway_message_id is None:
            raise TransportDataError("no_id", "The receipt has no usable id.")
        raw_status = payload.code_word(fields.get("status"))
        if raw_status is None:
            raise TransportDataError("no_status", "The receipt has no usable status.")
        error = fields.get("error")
        code = payload.code_word(error)
        if code is None and error not in (None, ""):
            raise TransportDataError("bad_error", "The receipt's error is neither number nor text.")
        code = None if code == "0" else code
        meaning = _ERRORS.get(code) if code else None
        return [
            ReceiptEvent(
                gateway_message_id=gateway_message_id,
                status=_receipt_status(raw_status, meaning),
                raw_status=raw_status,
                error_code=code,
                error_class=meaning.error_class if meaning else None,
                error_text=meaning.meaning if meaning else "",
                mcc=_network_code(fields.get("mcc")),
                mnc=_network_code(fields.get("mnc")),
                our_message_id=payload.our_message_id(query.get(MESSAGE_ID_PARAMETER)),
            )
        ]

    def webhook_ack(self) -> WebhookAck:
        """`OK` and nothing else, or the provider repeats the receipt until it gets that."""
        return WebhookAck(200, "text/plain; charset=utf-8", b"OK")


def _accepted(headers: Mapping[str, str], body: bytes) -> SubmitResult | None:
    try:
        value = payload.json_value(body)
    except TransportDataError:
        return None
    first = payload.identifier(value[0]) if isinstance(value, list) and value else None
    if first is None:
        return None
    return SubmitResult(
        outcome="accepted",
        definitely_not_accepted=False,
        gateway_message_id=first,
        parts_billed=parts_of(headers.get("x-vertexsms-amount-sent", "").strip()),
        raw=body,
    )


def _invalid(body: bytes) -> SubmitResult:
    """A 400 names the field in its sentence; the sentence itself is not passed on, it may quote the
    number or text.
    """
    verdict = _HTTP[400]
    try:
        sentence = payload.json_object(body).get("message")
    except TransportDataError:
        sentence = None
    field = _REFUSED_FIELD.search(sentence[:500]) if isinstance(sentence, str) else None
    if field is None:
        return refusal(verdict, code="http_400", raw=body)
    error_class, meaning = _FIELDS.get(
        field[1], (verdict.error_class, f"VertexSMS refused the field {field[1]}.")
    )
    return refusal(Verdict("rejected", error_class, meaning), code=f"http_400_{field[1]}", raw=body)


def _receipt_status(raw_status: str, meaning: ErrorMeaning | None) -> ReceiptStatus:
    if raw_status == "1":
        return "delivered"
    if raw_status == "16":
        return "expired"
    if raw_status == "2":
        # "Not delivered" is certain even when the code is new; only its reason is not.
        return meaning.status if meaning and meaning.status else "undelivered"
    return "unknown"


def _network_code(value: object) -> str | None:
    """MCC or MNC of up to three digits, as it came (leading zeros count); anything else is as good
    as not sent.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 999:
        value = str(value)
    return (
        value
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 3
        else None
    )
