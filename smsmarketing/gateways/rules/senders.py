"""Syntax of sender ids [R-5.1], [R-5.3]."""

from __future__ import annotations

import re

RESERVED_WORDS: dict[str, frozenset[str]] = {
    "PH": frozenset({"TEST", "MESSAGE", "SMS", "SMART", "SUN"}),
}
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9 .]{3,11}")
_MSISDN = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORTCODE = re.compile(r"[0-9]{3,8}")
_TOLLFREE = re.compile(r"\+1(?:800|833|844|855|866|877|888)[0-9]{7}")


def sender_problem(value: str, kind: str) -> str:
    """Why `value` cannot be a sender of this kind, as a sentence; empty when it can.

    alphanumeric: 3 to 11 of A-Z a-z 0-9, space and dot with at least one letter [R-5.1]. msisdn:
    E.164 [R-5.3]. shortcode: 3 to 8 digits. tollfree: +1 and a toll-free prefix.
    """
    if kind == "msisdn":
        ok = _MSISDN.fullmatch(value) is not None
        return "" if ok else "A number as sender must be E.164, for example +37061234567."
    if kind == "shortcode":
        return "" if _SHORTCODE.fullmatch(value) else "A short code has 3 to 8 digits."
    if kind == "tollfree":
        ok = _TOLLFREE.fullmatch(value) is not None
        return "" if ok else "A toll-free sender is +1, a toll-free prefix and 7 digits."
    if kind == "alphanumeric":
        return _alphanumeric_problem(value)
    return "The kind of a sender is alphanumeric, msisdn, shortcode or tollfree."


def sender_reserved(value: str, country: str) -> bool:
    """Whether the country reserves this word [R-5.1]."""
    return value.upper() in RESERVED_WORDS.get(country, frozenset())


def _alphanumeric_problem(value: str) -> str:
    if not value.isascii():
        return "Use Latin letters, digits, spaces and dots only; look-alikes are refused."
    if value != value.strip() or "  " in value:
        return "A sender has no space at its ends and no two spaces in a row."
    if not _ALPHANUMERIC.fullmatch(value):
        return "Use 3 to 11 letters, digits, spaces or dots."
    if not any(character.isalpha() for character in value):
        return "A sender needs at least one letter; register a number as msisdn instead."
    return ""
