"""Showing kept bytes of a gateway to people."""

from __future__ import annotations

from typing import Final

_WORDS: Final = frozenset("\t\r\n")


def answer_text(raw: bytes) -> str:
    """Text where it is text, else hexadecimal in groups of four bytes."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    strange = sum(not (each.isprintable() or each in _WORDS) for each in text)
    return raw.hex(" ", 4) if strange * 10 > len(text) else text
