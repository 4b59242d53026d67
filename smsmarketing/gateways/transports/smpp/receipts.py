"""Delivery receipts: by optional parameters where they are, else by the text of Appendix B.

Appendix B of SMPP v3.4 is an example that every carrier follows in its own way, so nothing but the
words before the colons is relied on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smsmarketing.gateways.transports.base import (
    ErrorClass,
    ReceiptEvent,
    ReceiptStatus,
    TransportDataError,
)
from smsmarketing.gateways.transports.smpp.messages import RECEIPT_BITS, ShortMessage
from smsmarketing.gateways.transports.smpp.pdu import (
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    RECEIPTED_MESSAGE_ID,
)

STATES: Final[Mapping[int, ReceiptStatus]] = MappingProxyType(
    {
        0: "accepted",  # SCHEDULED, SMPP 5
        1: "accepted",  # ENROUTE
        2: "delivered",
        3: "expired",
        4: "rejected",  # DELETED
        5: "undelivered",
        6: "accepted",
        7: "unknown",
        8: "rejected",
        9: "rejected",  # SKIPPED, SMPP 5
    }
)
WORDS: Final[Mapping[str, ReceiptStatus]] = MappingProxyType(
    {
        "ENROUTE": "accepted",
        "SCHEDUL": "accepted",
        "BUFFRED": "accepted",
        "ACCEPTD": "accepted",
        "DELIVRD": "delivered",
        "EXPIRED": "expired",
        "DELETED": "rejected",
        "UNDELIV": "undelivered",
        "REJECTD": "rejected",
        "SKIPPED": "rejected",
        "FAILED": "failed",
        "UNKNOWN": "unknown",
    }
)
_MEANINGS: Final[Mapping[ReceiptStatus, str]] = MappingProxyType(
    {
        "undelivered": "The carrier could not deliver it.",
        "expired": "It was not delivered before its validity ran out.",
        "rejected": "The carrier refused it after it was handed over.",
        "failed": "The carrier could not deliver it.",
    }
)
_LONGEST = 1000
_ID = re.compile(r"(?:^|\s)id\s*:\s*([!-~]{1,64})", re.IGNORECASE)
_STATE = re.compile(r"(?:^|\s)stat(?:us)?\s*:\s*([A-Za-z]{2,12})", re.IGNORECASE)
_ERROR = re.compile(r"(?:^|\s)err(?:or)?\s*:\s*([0-9A-Za-z]{1,16})", re.IGNORECASE)
_TEXT = re.compile(r"(?:^|\s)text\s*:", re.IGNORECASE)


def is_receipt(message: ShortMessage) -> bool:
    """Whether it reports about a message of ours. Only the carrier can set either mark; the words of
    Appendix B in a person's text are a person's text.
    """
    return bool(message.esm_class & RECEIPT_BITS) or RECEIPTED_MESSAGE_ID in message.optional


def receipt_read(message: ShortMessage) -> ReceiptEvent:
    """What a receipt says. Raises TransportDataError when it names no message or no state."""
    text = message.text[:_LONGEST].decode("latin-1")
    own = _TEXT.search(text)
    head = text[: own.start()] if own else text  # what follows is our own text, whatever it holds
    told = message.optional.get(RECEIPTED_MESSAGE_ID, b"").split(b"\0")[0].decode("latin-1").strip()
    message_id = told or _first(_ID, head)
    if not message_id or len(message_id) > 64 or not message_id.isprintable():
        raise TransportDataError("no_id", "The receipt names no message.")
    state, word = message.optional.get(MESSAGE_STATE, b""), _first(_STATE, head).upper()
    if state:
        status, raw_status = STATES.get(state[0], "unknown"), word or str(state[0])
    elif word:
        status, raw_status = _word_status(word), word
    else:
        raise TransportDataError("no_status", "The receipt names no state.")
    failed = status in _MEANINGS
    error_class: ErrorClass | None = "soft" if failed else None
    return ReceiptEvent(
        gateway_message_id=message_id,
        status=status,
        raw_status=raw_status[:12],
        error_code=_error(message, head) if status != "delivered" else None,
        error_class=error_class,
        error_text=_MEANINGS.get(status, ""),
        recipient=message.source.value,
    )


def _word_status(word: str) -> ReceiptStatus:
    """By the first seven letters: carriers write DELIVERED for DELIVRD, too."""
    if word.startswith("DELIV"):
        return "delivered"
    if word.startswith(("REJECT", "UNDELIV", "ACCEPT", "EXPIRE", "DELETE")):
        word = {"REJECT": "REJECTD", "UNDELI": "UNDELIV", "ACCEPT": "ACCEPTD"}.get(
            word[:6], word[:6] + "D"
        )
    return WORDS.get(word, "unknown")


def _error(message: ShortMessage, head: str) -> str | None:
    """The network's code; 0 in any spelling is none. A number is told without leading zeros: one
    carrier may pad it in a text and not in a parameter, and it is one code to whoever counts them.
    """
    told = message.optional.get(NETWORK_ERROR_CODE, b"")
    if len(told) == 3 and any(told[1:]):
        return str(int.from_bytes(told[1:], "big"))
    word = _first(_ERROR, head)
    if word.isdecimal():
        word = word.lstrip("0")
    return word or None


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
