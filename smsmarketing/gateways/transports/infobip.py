"""Infobip SMS API v3 (its OpenAPI document 3.210; providers.md A7).

Every message carries our id as `messageId`: a second one with the same id ends as
REJECTED_DUPLICATE_MESSAGE_ID, so a person who repeats an unclear message does no harm. Receipts and replies
are lists named `results`. How its webhooks are signed is not documented in what was read: the
secret path decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
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
    refusal,
    unknown_code,
    validity_within,
)
from smsmarketing.gateways.transports.base import (
    MESSAGE_ID_PARAMETER,
    Capabilities,
    CredentialField,
    ErrorClass,
    ErrorMeaning,
    InboundEvent,
    OutboundMessage,
    ReceiptEvent,
    ReceiptStatus,
    SubmitRequest,
    SubmitResult,
    TransportConfig,
    TransportDataError,
    WebhookEvent,
)
from smsmarketing.gateways.transports.provider import (
    Provider,
    error_code,
    headers_for,
    our_id,
    reply_event,
)

LABEL: Final = "Infobip"
VALIDITY_S: Final = (60, 172_800)
_MOST_EVENTS: Final = 1000
_ZONE = re.compile(r"([+-][0-9]{2})([0-9]{2})$")
_AT_OPERATOR: Final = "2"

_GROUPS: Mapping[str, ReceiptStatus] = {
    "PENDING": "accepted",
    "ACCEPTED": "accepted",
    "DELIVERED": "delivered",
    "EXPIRED": "expired",
    "REJECTED": "rejected",
    "UNDELIVERABLE": "undelivered",
}

ERRORS: Final[Mapping[str, ErrorMeaning]] = {
    "1": ErrorMeaning("hard", "The subscriber is unknown.", "undelivered", "unknown_subscriber"),
    "9": ErrorMeaning("hard", "The subscriber is illegal.", "undelivered", "invalid"),
    "10": ErrorMeaning("optout", "The number is on a do-not-disturb register.", "rejected"),
    "11": ErrorMeaning("sender", "The sender is not allowed.", "rejected"),
    "12": ErrorMeaning("account", "Not enough credit: top up the account.", "rejected"),
    "13": ErrorMeaning("sender", "The sender is blocked.", "rejected"),
    "14": ErrorMeaning("optout", "The number is on Infobip's block list.", "rejected"),
    "17": ErrorMeaning("account", "The prepaid package has expired.", "rejected"),
    "18": ErrorMeaning("optout", "The number is on the account's block list.", "rejected"),
    "20": ErrorMeaning("throttle", "The flooding filter stopped it.", "rejected"),
    "23": ErrorMeaning("duplicate", "Infobip already has a message with this id.", "rejected"),
    "24": ErrorMeaning("content", "The text is not valid.", "rejected"),
    "25": ErrorMeaning("content", "The content is not allowed.", "rejected"),
    "51": ErrorMeaning("hard", "The recipient's number is missing.", "rejected", "invalid"),
    "52": ErrorMeaning("hard", "The recipient's number is not valid.", "rejected", "invalid"),
    "355": ErrorMeaning("content", "The content is not allowed.", "rejected"),
    "541": ErrorMeaning("throttle", "Infobip asks to slow down.", "rejected"),
    "542": ErrorMeaning("throttle", "Infobip asks to slow down.", "rejected"),
    "565": ErrorMeaning("hard", "The number cannot get SMS.", "undelivered", "landline"),
    "603": ErrorMeaning("content", "The carrier's filter refused it.", "rejected"),
    "629": ErrorMeaning("hard", "The number is not valid.", "undelivered", "invalid"),
    "3041": ErrorMeaning("hard", "The number is not valid.", "undelivered", "invalid"),
}


class Infobip(Provider):
    """Transport of Infobip. Base URL: the account's own, `https://….api.infobip.com`."""

    name = "infobip"
    label = LABEL
    credential_fields: tuple[CredentialField, ...] = (CredentialField("api_key", "API key"),)
    errors: Mapping[str, ErrorMeaning] = MappingProxyType(dict(ERRORS))
    capabilities = Capabilities(
        dlr=True,
        inbound=True,
        scheduled=True,
        balance=True,
        idempotency_key=True,
        client_reference=True,
        hlr=True,
        validity_range_s=VALIDITY_S,
    )

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """One message with our id. Raises TransportDataError for a number that is none."""
        ours = str(message.message_id)
        entry: dict[str, object] = {
            "sender": message.sender.removeprefix("+"),
            "destinations": [{"to": recipient_digits(message), "messageId": ours}],
            "content": {"text": message.body},
        }
        if message.dlr_url:
            entry["webhooks"] = {
                "delivery": {"url": message.dlr_url},
                "contentType": "application/json",
                "callbackData": ours,
            }
        validity_s = validity_within(message, VALIDITY_S, LABEL)
        if validity_s is not None:
            entry["options"] = {"validityPeriod": {"amount": validity_s, "timeUnit": "SECONDS"}}
        key = credential(config.credentials.get("api_key", ""), "API key", LABEL)
        return SubmitRequest(
            "POST",
            config.base_url.rstrip("/") + "/sms/3/messages",
            headers_for("application/json", f"App {key}"),
            json.dumps(
                {"messages": [entry], "options": {"includeSmsCountInResponse": True}}
            ).encode("ascii"),
            config.timeout,
        )

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """2xx may carry a refusal: the group of the message's status decides."""
        try:
            entries = payload.json_object(body).get("messages")
        except TransportDataError:
            return http_refusal(LABEL, status, headers, body)
        first = payload.mapping(entries[0]) if isinstance(entries, list) and entries else {}
        state = payload.mapping(first.get("status"))
        group, code = payload.code_word(state.get("groupName")), payload.code_word(state.get("id"))
        gateway_message_id = payload.identifier(first.get("messageId"))
        if not 200 <= status < 300 or group is None:
            return http_refusal(LABEL, status, headers, body)
        if group in {"REJECTED", "UNDELIVERABLE", "EXPIRED"}:
            if code is None:
                return refusal(unknown_code(LABEL, group), code=group, raw=body)
            return coded_refusal(ERRORS, code, label=LABEL, raw=body, headers=headers)
        if gateway_message_id is None:
            return http_refusal(LABEL, status, headers, body)
        return SubmitResult(
            outcome="accepted",
            definitely_not_accepted=False,
            gateway_message_id=gateway_message_id,
            parts_billed=parts_of(
                payload.mapping(first.get("details")).get("messageCount")
                or first.get("messageCount")
            ),
            raw=body,
        )

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """The results in their order: with a status they are receipts, without one replies."""
        results = payload.json_object(body).get("results")
        if not isinstance(results, list) or not 1 <= len(results) <= _MOST_EVENTS:
            raise TransportDataError("not_a_list", "The field results is not a list of events.")
        ours = query.get(MESSAGE_ID_PARAMETER) if len(results) == 1 else None
        return [_event(payload.mapping(each), ours) for each in results]


def _event(event: Mapping[str, object], ours: str | None) -> WebhookEvent:
    gateway_message_id = payload.identifier(event.get("messageId"))
    if gateway_message_id is None:
        raise TransportDataError("no_id", "A result has no messageId.")
    if "status" not in event:
        return _inbound(gateway_message_id, event)
    state = payload.mapping(event.get("status"))
    group = payload.code_word(state.get("groupName"))
    if group is None:
        raise TransportDataError("no_status", "A result has no status group.")
    status_id = payload.code_word(state.get("id"))
    error = payload.mapping(event.get("error"))
    code = error_code(error.get("id"))
    meaning = ERRORS.get(code) if code else None
    status = _GROUPS.get(group, "unknown")
    if group == "DELIVERED" and status_id == _AT_OPERATOR:
        status = "accepted"  # delivered to the operator only
    price = payload.mapping(event.get("price"))
    billed = parts_of(event.get("messageCount"))
    each = price_of(price.get("pricePerMessage"))
    return ReceiptEvent(
        gateway_message_id=gateway_message_id,
        status=status,
        raw_status=group if status_id is None else f"{group}/{status_id}",
        error_code=code,
        error_class=meaning.error_class if meaning else _class_of(error, code),
        error_text=meaning.meaning if meaning else "",
        occurred_at=_moment(event.get("doneAt")),
        parts=billed,
        price=each * billed if each is not None and billed is not None else None,
        currency=currency_of(price.get("currency")),
        our_message_id=our_id(event.get("callbackData"), ours, gateway_message_id),
    )


def _class_of(error: Mapping[str, object], code: str | None) -> ErrorClass | None:
    """Infobip says of every error whether it is permanent; that is all that is known of a new code."""
    return None if code is None else ("hard" if error.get("permanent") is True else "soft")


def _moment(value: object) -> datetime | None:
    """Infobip writes offsets without a colon (+0000)."""
    return payload.moment(_ZONE.sub(r"\1:\2", value)) if isinstance(value, str) else None


def _inbound(gateway_message_id: str, event: Mapping[str, object]) -> InboundEvent:
    return reply_event(
        sender=event.get("from"),
        recipient=event.get("to"),
        text=event.get("text"),
        gateway_message_id=gateway_message_id,
        received_at=_moment(event.get("receivedAt")),
    )
