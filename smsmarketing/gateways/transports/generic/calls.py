"""Receipts and replies by a definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import currency_of, parts_of, price_of
from smsmarketing.gateways.transports.base import (
    MESSAGE_ID_PARAMETER,
    ErrorMeaning,
    ReceiptEvent,
    TransportDataError,
    WebhookAck,
    WebhookEvent,
)
from smsmarketing.gateways.transports.generic.definition import (
    Definition,
    ReceiptMap,
    ReplyMap,
    Webhook,
)
from smsmarketing.gateways.transports.generic.reading import (
    Said,
    call_read,
    moment_of,
    pointed,
)
from smsmarketing.gateways.transports.provider import error_code, our_id, reply_event

_MOST_EVENTS: Final = 500


def call_events(
    definition: Definition,
    errors: Mapping[str, ErrorMeaning],
    body: bytes,
    headers: Mapping[str, str],
    query: Mapping[str, str],
) -> list[WebhookEvent]:
    """What a call says. Raises TransportDataError for everything that fits neither map."""
    webhook = definition.webhook
    if webhook is None:
        raise TransportDataError("no_webhook", "The definition of this gateway reads no calls.")
    said = call_read(webhook.read, webhook.charset, headers, body)
    events = []
    for each in _each(webhook, said):
        if webhook.reply is not None and _is_reply(webhook.reply, webhook.receipt, each):
            events.append(_reply(webhook, webhook.reply, each))
            continue
        if _is_receipt(webhook.receipt, each) and webhook.receipt is not None:
            events.append(_receipt(definition, webhook, webhook.receipt, errors, each, query))
            continue
        raise TransportDataError("no_event", "The call is neither a receipt nor a reply.")
    return events


def _each(webhook: Webhook, said: Said) -> list[Said]:
    if not webhook.many_at or said.form != "json":
        return [said]
    found = pointed(said.content, webhook.many_at)
    if not isinstance(found, list) or not found:
        raise TransportDataError("no_list", "The call has no list of events.")
    if len(found) > _MOST_EVENTS:
        raise TransportDataError("too_many", f"The call has more than {_MOST_EVENTS} events.")
    return [Said(said.form, "", each, said.headers) for each in found]


def _is_reply(reply: ReplyMap, receipt: ReceiptMap | None, said: Said) -> bool:
    """Its tests fit; without tests, whatever is no receipt."""
    if not reply.when:
        return not _is_receipt(receipt, said)
    return all(said.fits(test) for test in reply.when)


def _is_receipt(receipt: ReceiptMap | None, said: Said) -> bool:
    return (
        receipt is not None
        and all(said.fits(test) for test in receipt.when)
        and bool(said.find(receipt.status))
    )


def _receipt(
    definition: Definition,
    webhook: Webhook,
    receipt: ReceiptMap,
    errors: Mapping[str, ErrorMeaning],
    said: Said,
    query: Mapping[str, str],
) -> ReceiptEvent:
    raw_status = payload.code_word(said.find(receipt.status)) or ""
    if not raw_status:
        raise TransportDataError("no_status", "The receipt has no status.")
    ours = our_id(query.get(MESSAGE_ID_PARAMETER), said.find(receipt.our_id))
    found = payload.identifier(said.find(receipt.id)) or ""
    if ours is None and not found:
        raise TransportDataError("no_id", "The receipt has no message id.")
    word = next((each for each in receipt.words if each.word == raw_status), None)
    code = error_code(said.find(receipt.code))
    meaning = errors.get(code) if code else None
    price = price_of(said.find(receipt.price))
    return ReceiptEvent(
        gateway_message_id=found,
        status=word.status if word is not None else "unknown",
        raw_status=raw_status,
        error_code=code or (raw_status if word is not None and word.error_class else None),
        error_class=meaning.error_class if meaning else word.error_class if word else None,
        error_text=meaning.meaning if meaning else word.meaning if word else "",
        occurred_at=moment_of(said.find(receipt.at), webhook.time_format, webhook.time_zone),
        parts=parts_of(said.find(receipt.parts)),
        price=price,
        currency=currency_of(definition.answer.currency) if price is not None else None,
        our_message_id=ours,
        recipient=(said.find(receipt.recipient) or "")[:40],
    )


def _reply(webhook: Webhook, reply: ReplyMap, said: Said) -> WebhookEvent:
    text = said.find(reply.text)
    if text is not None and reply.text_encoding == "ucs2hex":
        try:
            text = bytes.fromhex(text).decode("utf-16-be")
        except ValueError:
            raise TransportDataError("not_hex", "The text is not hexadecimal UCS-2.") from None
    if text is None and not reply.when:
        raise TransportDataError("no_text", "The call has no text.")
    return reply_event(
        sender=said.find(reply.sender),
        recipient=said.find(reply.recipient) or reply.recipient_is,
        text=text,
        gateway_message_id=payload.identifier(said.find(reply.id)),
        received_at=moment_of(said.find(reply.at), webhook.time_format, webhook.time_zone),
    )


def call_ack(definition: Definition, events: Sequence[WebhookEvent]) -> WebhookAck:
    """The answer; `{id}` is the id of the first event."""
    webhook = definition.webhook
    if webhook is None:
        return WebhookAck(200, "text/plain; charset=utf-8", b"")
    found = events[0].gateway_message_id if events else None
    body = webhook.ack.body.replace("{id}", found or "")
    return WebhookAck(webhook.ack.status, webhook.ack.content_type, body.encode())
