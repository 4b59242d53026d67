"""The generic inbound endpoint: what a person wrote to one of our numbers, in a form any carrier or
relay can post.

VertexSMS documents no inbound messages (providers.md A1), so replies come through here: `POST` of
JSON or of a URL-encoded form with `from`, `to`, `text`, and optionally `id` and `received_at` (ISO
8601; without an offset it is taken as UTC). Only `from` and `text` are required: a STOP is not lost
over a malformed optional field.
"""

import re
from collections.abc import Mapping

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.base import InboundEvent, TransportDataError, WebhookAck

MAX_TEXT_CHARACTERS = 10_000
_PUNCTUATION = re.compile(r"[\s().\-\u2010-\u2015\u00a0]+")
_INTERNATIONAL = re.compile(r"(?:\+|00)?([1-9][0-9]{6,14})")
_ADDRESS = re.compile(r"[\x20-\x7e]{1,40}")


def inbound_events(
    body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
) -> list[InboundEvent]:
    """The one message in the body. `headers` have lower-case names. Raises TransportDataError."""
    is_form = (
        headers.get("content-type", "").partition(";")[0].strip().lower()
        == "application/x-www-form-urlencoded"
    )
    fields = payload.form_fields(body) if is_form else payload.json_object(body)
    sender = address_normal(fields.get("from"))
    if sender is None:
        raise TransportDataError("no_sender", "The field from is missing or is not an address.")
    text = fields.get("text")
    if not isinstance(text, str):
        raise TransportDataError("no_text", "The field text is missing or is not a string.")
    # A longer text is cut, not refused: a refusal is repeated for ever, and the "no" in it with it.
    text = text[:MAX_TEXT_CHARACTERS]
    return [
        InboundEvent(
            gateway_message_id=payload.identifier(fields.get("id")),
            sender=sender,
            recipient=address_normal(fields.get("to")) or "",
            text=payload.text_clean(text),
            received_at=payload.moment(fields.get("received_at")),
        )
    ]


def inbound_ack() -> WebhookAck:
    return WebhookAck(200, "text/plain; charset=utf-8", b"OK")


def address_normal(value: object) -> str | None:
    """E.164 with plus for 7 to 15 international digits; a short code or alphanumeric sender stays
    as it is; else None.

    A form posts a literal plus as a space, so leading spaces are accepted.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15:
        value = str(value)
    if not isinstance(value, str):
        return None
    compact = _PUNCTUATION.sub("", value)
    international = _INTERNATIONAL.fullmatch(compact) if compact.isascii() else None
    if international:
        return f"+{international[1]}"
    stripped = value.strip()
    return stripped if _ADDRESS.fullmatch(stripped) else None
