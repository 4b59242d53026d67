"""Templates: plain text with placeholders from a fixed list and a few filters. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from smsmarketing.gateways.rules.encoding import GSM_BASIC
from smsmarketing.gateways.transports.base import TransportDataError

PLACEHOLDERS: Final[Mapping[str, str]] = {
    "to": "the recipient, in the number format of the definition",
    "from": "the sender",
    "from_digits": "the sender without a leading plus",
    "text": "the text",
    "message_id": "our message id",
    "parts": "planned parts",
    "dlr_url": "where receipts go; empty when the provider sends none",
    "validity_s": "seconds the provider may try; empty when not limited",
    "validity_min": "the same in whole minutes",
    "expires_at": "the same as a moment, in the time format",
}
PERSONAL: Final = frozenset({"to", "text"})
CREDENTIAL: Final = "credential."
FILTERS: Final[Mapping[str, str]] = {
    "urlencode": "escaped for a URL",
    "xml": "escaped for XML",
    "hex": "bytes in the definition's charset, as hexadecimal",
    "ucs2hex": "UCS-2 big-endian, as hexadecimal",
    "gsmhex": "GSM-7 octets, one a character, as hexadecimal",
    "int": "a number, in JSON",
}
ESCAPES: Final = frozenset({"urlencode", "xml", "hex", "ucs2hex", "gsmhex"})
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_INSIDE = re.compile(r"([a-z_]+(?:\.[a-z][a-z0-9_]{0,29})?)((?:\|[a-z0-9]+)*)")
_ESCAPE: Final = 0x1B
_GSM_EXTENDED: Final = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E,
    "|": 0x40, "€": 0x65,
}  # fmt: skip


class TemplateRefused(ValueError):
    """The template cannot be read; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Literal text, or a placeholder with its filters."""

    literal: str = ""
    name: str = ""
    filters: tuple[str, ...] = ()


@lru_cache(maxsize=2048)
def template_of(text: str) -> tuple[Piece, ...]:
    """The pieces of a template. Raises TemplateRefused."""
    pieces: list[Piece] = []
    end = 0
    for found in _TOKEN.finditer(text):
        if found.start() > end:
            pieces.append(Piece(literal=text[end : found.start()]))
        end = found.end()
        if found[0] in ("{{", "}}"):
            pieces.append(Piece(literal=found[0][0]))
        elif found[1] is None:
            raise TemplateRefused("A brace stands alone. Write {{ or }} for a brace itself.")
        else:
            pieces.append(_placeholder(found[1]))
    if end < len(text):
        pieces.append(Piece(literal=text[end:]))
    return tuple(pieces)


def _placeholder(inside: str) -> Piece:
    found = _INSIDE.fullmatch(inside)
    name = found[1] if found else inside[:30]
    if found is None or not (name in PLACEHOLDERS or name.startswith(CREDENTIAL)):
        raise TemplateRefused(
            f"There is no placeholder {{{name}}}. Known: {', '.join(PLACEHOLDERS)}, credential.<name>."
        )
    filters = tuple(found[2].split("|")[1:])
    unknown = [each for each in filters if each not in FILTERS]
    if unknown:
        raise TemplateRefused(f"There is no filter {unknown[0]}. Known: {', '.join(FILTERS)}.")
    return Piece(name=name, filters=filters)


def template_names(text: str) -> frozenset[str]:
    """Placeholders that the template uses. Raises TemplateRefused."""
    return frozenset(piece.name for piece in template_of(text) if piece.name)


def template_fill(text: str, values: Mapping[str, str], charset: str) -> str | None:
    """The text with its placeholders filled; None when one of them has no value.

    Raises TransportDataError for a character that the charset does not have.
    """
    filled = []
    for piece in template_of(text):
        if not piece.name:
            filled.append(piece.literal)
            continue
        value = values.get(piece.name, "")
        if not value:
            return None
        for name in piece.filters:
            value = _filtered(name, value, charset)
        filled.append(value)
    return "".join(filled)


def _filtered(name: str, value: str, charset: str) -> str:
    if name == "urlencode":
        return quote(encoded(value, charset), safe="")
    if name == "xml":
        return escape(value, {'"': "&quot;", "'": "&apos;"})
    if name == "hex":
        return encoded(value, charset).hex()
    if name == "ucs2hex":
        return encoded(value, "utf-16-be").hex()
    if name == "gsmhex":
        return _gsm_octets(value).hex()
    return value


def encoded(value: str, charset: str) -> bytes:
    """The bytes of a text. Raises TransportDataError: nothing is replaced, since a person would read
    something else than was approved.
    """
    try:
        return value.encode(charset)
    except UnicodeEncodeError:
        raise TransportDataError(
            "charset", f"The text has a character that {charset} does not have."
        ) from None


def _gsm_octets(value: str) -> bytes:
    octets = bytearray()
    for character in value:
        if character in _GSM_EXTENDED:
            octets += bytes((_ESCAPE, _GSM_EXTENDED[character]))
        elif (position := GSM_BASIC.find(character)) >= 0:
            octets.append(position if position < _ESCAPE else position + 1)
        else:
            raise TransportDataError(
                "charset", "The text has a character that GSM-7 does not have."
            )
    return bytes(octets)
