"""A text on the wire: alphabet, data_coding, and how a long one is cut.

The cuts are those of `rules.encoding`, so that what was counted and paid is what is sent. GSM-7 is
sent unpacked, one septet an octet, as SMPP does it; the carrier packs it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from smsmarketing.gateways.rules.encoding import (
    GSM_BASIC,
    GSM_EXTENSION,
    text_is_gsm,
    text_slices,
)
from smsmarketing.gateways.transports.base import TransportDataError
from smsmarketing.gateways.transports.smpp.pdu import (
    MESSAGE_PAYLOAD,
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
)

Alphabet = Literal["gsm7", "latin1", "latin1_default"]
LongText = Literal["udh", "sar", "payload"]

ALPHABETS: Final = ("gsm7", "latin1", "latin1_default")
LONG_TEXTS: Final = ("udh", "sar", "payload")
LATIN1: Final = 3
UCS2: Final = 8
_ESC: Final = 0x1B

# TS 23.038 §6.2.1: septet by character. The basic table leaves out ESC (0x1B).
_BASIC: Final = {
    character: index if index < _ESC else index + 1 for index, character in enumerate(GSM_BASIC)
}
_EXTENSION: Final = dict(
    zip(GSM_EXTENSION, (0x0A, 0x14, 0x28, 0x29, 0x2F, 0x3C, 0x3D, 0x3E, 0x40, 0x65), strict=True)
)
_ESCAPED: Final = re.compile(f"[{re.escape(GSM_EXTENSION)}]")
_CHARACTERS: Final = {code: character for character, code in _BASIC.items()}
_EXTENDED: Final = {code: character for character, code in _EXTENSION.items()}
_ENCODING: Final = codecs.charmap_build(
    "".join(_CHARACTERS.get(code, "\ufffe") for code in range(128)) + "\ufffe" * 128
)


@dataclass(frozen=True, slots=True)
class Segment:
    """One PDU's share of a text."""

    short_message: bytes = field(repr=False)
    data_coding: int
    header: bool = False
    """Whether the short message begins with a user data header."""
    optional: Mapping[int, bytes] = field(default_factory=dict, repr=False)


def text_segments(
    text: str, *, reference: int, alphabet: Alphabet, long_text: LongText, planned: int
) -> list[Segment]:
    """The text as PDUs. Raises TransportDataError when it would take more parts than planned or does
    not fit the gateway's alphabet: a text is never changed here.
    """
    slices = text_slices(text)
    if len(slices) > planned:
        raise TransportDataError("parts", "The text needs more parts than were planned for it.")
    coding, encode = _coding(text, alphabet)
    if len(slices) == 1:
        return [Segment(encode(text), coding)]
    if long_text == "payload":
        return [Segment(b"", coding, optional={MESSAGE_PAYLOAD: encode(text)})]
    total = len(slices)
    segments = []
    for number, piece in enumerate(slices, start=1):
        if long_text == "udh":
            head = bytes((5, 0, 3, reference & 0xFF, total, number))
            segments.append(Segment(head + encode(piece), coding, header=True))
        else:
            sar = {
                SAR_MSG_REF_NUM: (reference & 0xFFFF).to_bytes(2, "big"),
                SAR_TOTAL_SEGMENTS: bytes((total,)),
                SAR_SEGMENT_SEQNUM: bytes((number,)),
            }
            segments.append(Segment(encode(piece), coding, optional=sar))
    return segments


def _coding(text: str, alphabet: Alphabet) -> tuple[int, Callable[[str], bytes]]:
    if not text_is_gsm(text):
        return UCS2, ucs2_encode
    if alphabet == "gsm7":
        return 0, gsm7_encode
    return (LATIN1 if alphabet == "latin1" else 0), _latin1_encode


def ucs2_encode(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _latin1_encode(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise TransportDataError(
            "alphabet",
            "The text holds a character that this gateway's alphabet (Latin-1) has not.",
        ) from None


def gsm7_encode(text: str) -> bytes:
    """One octet a septet. The text must be GSM-7 (`text_is_gsm`)."""
    if _ESCAPED.search(text) is None:
        return codecs.charmap_encode(text, "strict", _ENCODING)[0]
    septets = bytearray()
    for character in text:
        code = _BASIC.get(character)
        if code is None:
            septets += bytes((_ESC, _EXTENSION[character]))
        else:
            septets.append(code)
    return bytes(septets)


def gsm7_decode(septets: bytes) -> str:
    """Text of unpacked septets; what the table has not is shown as U+FFFD (TS 23.038: a space for
    unknown extensions).
    """
    out: list[str] = []
    escaped = False
    for code in septets:
        if escaped:
            out.append(_EXTENDED.get(code, _CHARACTERS.get(code, "\ufffd")))
            escaped = False
        elif code == _ESC:
            escaped = True
        else:
            out.append(_CHARACTERS.get(code, "\ufffd"))
    return "".join(out)


def text_decode(data: bytes, data_coding: int) -> str:
    """What a person wrote, by data_coding (SMPP v3.4 §5.2.19, TS 23.038 §4); never raises.

    0 is "the carrier's default": septets when no octet has its high bit, else Latin-1.
    """
    if data_coding & 0xF0 == 0xF0:  # message class: bit 2 says 8-bit
        data_coding = 4 if data_coding & 0x04 else 0
    elif 0x10 <= data_coding <= 0x3F:  # general group: bits 3 and 2 say the alphabet
        data_coding = (0, 4, 8, 0)[data_coding >> 2 & 3]
    if data_coding == UCS2:
        return data.decode("utf-16-be", "replace")
    if data_coding == 1:
        return data.decode("latin-1")
    if data_coding == 0 and not any(octet & 0x80 for octet in data):
        return gsm7_decode(data)
    return data.decode("latin-1")
