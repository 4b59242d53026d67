"""Reading bytes that strangers sent: size, encoding, nesting and types are checked here once for
every transport.

Every function raises TransportDataError and nothing else, and never quotes the data in its
sentence.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from smsmarketing.gateways.transports.base import MAX_WEBHOOK_BYTES, TransportDataError

_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,64}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_OUR_ID = re.compile(r"[1-9][0-9]{0,17}")
_MAX_FORM_FIELDS = 50
_MAX_WORD = 32


def body_text(body: bytes, *, limit: int = MAX_WEBHOOK_BYTES) -> str:
    """The body as text. Refuses more than `limit` bytes, an empty body, and what is not UTF-8."""
    if len(body) > limit:
        raise TransportDataError("too_large", f"The body has more than {limit} bytes.")
    if not body.strip():
        raise TransportDataError("empty", "The body is empty.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TransportDataError("not_utf8", "The body is not UTF-8.") from None


def json_value(body: bytes, *, limit: int = MAX_WEBHOOK_BYTES) -> object:
    """The JSON value in the body. Truncated, too deeply nested and overlong numbers are refused
    alike.
    """
    text = body_text(body, limit=limit)
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise TransportDataError("not_json", "The body is not one JSON value.") from None
    return value


def json_object(body: bytes, *, limit: int = MAX_WEBHOOK_BYTES) -> Mapping[str, object]:
    value = json_value(body, limit=limit)
    if not isinstance(value, dict):
        raise TransportDataError("not_an_object", "The body is JSON but not one object.")
    return value


def form_fields(body: bytes, *, limit: int = MAX_WEBHOOK_BYTES) -> Mapping[str, object]:
    """The fields of an application/x-www-form-urlencoded body; the first of a repeated field
    counts.
    """
    text = body_text(body, limit=limit)
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_FORM_FIELDS,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise TransportDataError(
            "not_a_form", "The body is not a URL-encoded UTF-8 form."
        ) from None
    fields: dict[str, object] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def mapping(value: object) -> Mapping[str, object]:
    """The value when it is an object, else an empty one: what strangers nest is never trusted."""
    return value if isinstance(value, dict) else {}


def moment(value: object) -> datetime | None:
    """An ISO 8601 time as aware UTC (without an offset it is taken as UTC); else None."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def identifier(value: object) -> str | None:
    """A provider's message id: printable text of 1 to 64 characters, or a whole number of that
    length; else None.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < 10**20:
            return None
        value = str(value)
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def code_word(value: object) -> str | None:
    """A status or error code as text, whether it came as number or string; else None."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    # Turning a number of a million digits into text is an attack, not a code.
    if isinstance(value, int) and abs(value) >= 10**18:
        return None
    word = "".join(character for character in str(value).strip() if " " <= character <= "~")[
        :_MAX_WORD
    ]
    if word.isdigit():
        return word.lstrip("0") or "0"
    return word or None


def text_clean(value: str) -> str:
    """Text that PostgreSQL and UTF-8 can hold: NUL and lone surrogates become U+FFFD, nothing else
    changes.
    """
    return _SURROGATE.sub("\ufffd", value).replace("\x00", "\ufffd")


def our_message_id(value: str | None) -> int | None:
    """The message id that we put in the callback URL, when it still is one."""
    return int(value) if value is not None and _OUR_ID.fullmatch(value) else None
