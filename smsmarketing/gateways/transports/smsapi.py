"""SMSAPI (`/sms.do`; facts in providers.md A2 and its OpenAPI document).

Success and error both come with HTTP 200. Every message carries `idx` with `check_idx=1`: within 24
hours the same idx is refused with error 53 and not sent again, so a person who repeats an unclear
message does no harm. Receipts are GET calls with one to five reports, comma separated. Nothing is signed: the
secret path decides. Prices come in points, which are no currency, so they are not read as money.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    coded_refusal,
    credential,
    http_refusal,
    parts_of,
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
    WebhookEvent,
)
from smsmarketing.gateways.transports.doubts import contradiction
from smsmarketing.gateways.transports.provider import (
    Provider,
    headers_for,
    reply_event,
)
from smsmarketing.gateways.transports.smsapi_codes import ERRORS

LABEL: Final = "SMSAPI"
VALIDITY_S: Final = (900, 259_200)
"""15 minutes to 72 hours after the send."""
MOST_PARTS: Final = 6
_MOST_REPORTS: Final = 5

_STATUSES: Mapping[str, tuple[ReceiptStatus, str]] = {
    "401": ("unknown", "SMSAPI does not know the message."),
    "402": ("expired", "The validity ended before delivery."),
    "403": ("accepted", ""),
    "404": ("delivered", ""),
    "405": ("undelivered", "The carrier could not deliver it."),
    "406": ("failed", "The message failed."),
    "407": ("rejected", "The carrier refused the message."),
    "408": ("unknown", "SMSAPI has no status."),
    "409": ("accepted", ""),
    "410": ("accepted", ""),
    "411": ("accepted", ""),
}


class SmsApi(Provider):
    """Transport of SMSAPI. Base URL `https://api.smsapi.com` (or its .pl, .bg, .se hosts)."""

    name = "smsapi"
    label = LABEL
    credential_fields: tuple[CredentialField, ...] = (CredentialField("token", "API token"),)
    webhook_methods = frozenset({"GET", "POST"})
    errors: Mapping[str, ErrorMeaning] = MappingProxyType(dict(ERRORS))
    capabilities = Capabilities(
        dlr=True,
        inbound=True,
        scheduled=True,
        balance=True,
        idempotency_key=True,
        client_reference=True,
        rates=True,
        hlr=True,
        sender_registration=True,
        suppression_sync=True,
        test_mode=True,
        validity_range_s=VALIDITY_S,
        max_body_characters=918,
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """One message. Raises TransportDataError for a number that is none or more than six parts."""
        if message.parts > MOST_PARTS:
            raise TransportDataError("too_long", f"SMSAPI takes at most {MOST_PARTS} parts.")
        idx = str(message.message_id)
        fields = {
            "to": recipient_digits(message),
            "from": message.sender.removeprefix("+"),
            "message": message.body,
            "format": "json",
            "encoding": "utf-8",
            "max_parts": str(MOST_PARTS),
            "idx": idx,
            "check_idx": "1",
        }
        if message.dlr_url:
            fields["notify_url"] = message.dlr_url
        validity_s = validity_within(message, VALIDITY_S, LABEL)
        if validity_s is not None and message.expires_at is not None:
            late = message.validity_s or validity_s
            moment = message.expires_at.timestamp() - (late - validity_s)
            fields["expiration_date"] = str(int(moment))
        if message.test_mode is not None:
            fields["test"] = "1"
        token = credential(config.credentials.get("token", ""), "token", LABEL)
        return SubmitRequest(
            "POST",
            config.base_url.rstrip("/") + "/sms.do",
            headers_for("application/x-www-form-urlencoded", f"Bearer {token}"),
            urlencode(fields).encode("ascii"),
            config.timeout,
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """The body decides, whatever the status says; a list with an id is accepted."""
        try:
            fields = payload.json_object(body)
        except TransportDataError:
            return http_refusal(LABEL, status, headers, body)
        entries = fields.get("list")
        first = payload.mapping(entries[0]) if isinstance(entries, list) and entries else {}
        gateway_message_id = payload.identifier(first.get("id"))
        code = payload.code_word(fields.get("error"))
        if code is not None and gateway_message_id is not None:
            return contradiction(LABEL, body)
        if code is not None:
            return coded_refusal(
                ERRORS, _sharper(code, fields), label=LABEL, raw=body, headers=headers
            )
        if not 200 <= status < 300 or gateway_message_id is None:
            return http_refusal(LABEL, status, headers, body)
        return SubmitResult(
            outcome="accepted",
            definitely_not_accepted=False,
            gateway_message_id=gateway_message_id,
            parts_billed=parts_of(first.get("parts")),
            raw=body,
        )

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """One to five reports, or one reply."""
        fields = payload.form_fields(body)
        if "sms_from" in fields or "sms_text" in fields:
            return [_inbound(fields)]
        columns = {
            name: _column(fields.get(name)) for name in ("MsgId", "status", "idx", "donedate")
        }
        ids, statuses = columns["MsgId"], columns["status"]
        if not ids or len(ids) != len(statuses) or len(ids) > _MOST_REPORTS:
            raise TransportDataError(
                "no_id", "MsgId and status must be one to five values, as many of each."
            )
        ours = query.get(MESSAGE_ID_PARAMETER) if len(ids) == 1 else None
        return [
            _receipt(
                ids[position],
                statuses[position],
                idx=_at(columns["idx"], position, len(ids)) or ours,
                done=_at(columns["donedate"], position, len(ids)),
            )
            for position in range(len(ids))
        ]

    def webhook_ack(self) -> WebhookAck:
        """`OK`, or SMSAPI repeats the call."""
        return WebhookAck(200, "text/plain; charset=utf-8", b"OK")


def _sharper(code: str, fields: Mapping[str, object]) -> str:
    """Error 13 hides why the only number was refused in `invalid_numbers`; that reason counts."""
    refused = fields.get("invalid_numbers")
    if code == "13" and isinstance(refused, list) and len(refused) == 1:
        inner = payload.code_word(payload.mapping(refused[0]).get("error_code"))
        return inner if inner is not None and inner in ERRORS else code
    return code


def _column(value: object) -> list[str]:
    return [each.strip() for each in value.split(",")] if isinstance(value, str) and value else []


def _at(column: list[str], position: int, length: int) -> str | None:
    """The value beside a report; None when the column is absent or of another length."""
    return column[position] or None if len(column) == length else None


def _receipt(msg_id: str, status: str, *, idx: str | None, done: str | None) -> ReceiptEvent:
    gateway_message_id = payload.identifier(msg_id)
    raw_status = payload.code_word(status)
    if gateway_message_id is None or raw_status is None:
        raise TransportDataError("no_id", "A report has no usable id or status.")
    ours, meaning = _STATUSES.get(raw_status, ("unknown", ""))
    return ReceiptEvent(
        gateway_message_id=gateway_message_id,
        status=ours,
        raw_status=raw_status,
        error_text=meaning,
        occurred_at=_unix(done),
        our_message_id=payload.our_message_id(idx),
    )


def _unix(value: object) -> datetime | None:
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()):
        return None
    return datetime.fromtimestamp(int(value), UTC) if 0 < int(value[:12]) < 2**33 else None


def _inbound(fields: Mapping[str, object]) -> InboundEvent:
    return reply_event(
        sender=fields.get("sms_from"),
        recipient=fields.get("sms_to"),
        text=fields.get("sms_text"),
        gateway_message_id=payload.identifier(fields.get("MsgId")),
        received_at=_unix(fields.get("sms_date")),
    )
