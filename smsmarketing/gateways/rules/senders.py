"""Syntax of sender ids [R-5.1]-[R-5.4]: what every sender must be, and what single countries ask."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

KINDS: Final = ("alphanumeric", "msisdn", "shortcode", "tollfree")
KIND_WORDS: Final[Mapping[str, str]] = {
    "alphanumeric": "name",
    "msisdn": "long number",
    "shortcode": "short code",
    "tollfree": "toll-free number",
}
RESERVED_WORDS: dict[str, frozenset[str]] = {
    "PH": frozenset({"TEST", "MESSAGE", "SMS", "SMART", "SUN"}),
}
PLAIN_CHARACTERS: Final = " ."
"""Besides letters and digits: what every alphanumeric sender may hold [R-5.1]."""
GATEWAY_CHARACTERS: Final[Mapping[str, str]] = {"vertexsms": " .-_&#!"}
"""Transport → what a name may hold there when it is registered; the provider warns of - _ & # !."""
_WARNED: Final = "-_&#!"
_MSISDN = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORTCODE = re.compile(r"[0-9]{3,8}")
_TOLLFREE = re.compile(r"\+1(?:800|833|844|855|866|877|888)[0-9]{7}")
_HEADER = re.compile(r"[A-Za-z]{6}")


class CountrySyntax(NamedTuple):
    """What one country asks of a name. `prefix` and `suffix` are imposed on promotional names and
    count in the eleven [R-5.2]; `only` is all that a name may be.
    """

    refused: str = ""
    only: re.Pattern[str] | None = None
    prefix: str = ""
    suffix: str = ""
    said: str = ""


COUNTRY_SYNTAX: Final[Mapping[str, CountrySyntax]] = {
    "AE": CountrySyntax(prefix="AD-", said="A promotional name in AE begins with AD-: 8 are left."),
    "SA": CountrySyntax(suffix="-AD", said="A promotional name in SA ends with -AD: 8 are left."),
    "GR": CountrySyntax(refused=",", said="A name in GR has no comma."),
    "HR": CountrySyntax(refused=" .-&#!", said="A name in HR has no space and no sign; use _."),
    "TH": CountrySyntax(refused=" ", said="A name in TH has no space."),
    "CY": CountrySyntax(refused=".-_&#!", said="A name in CY has no signs."),
    "IN": CountrySyntax(
        only=_HEADER, said="A header in IN is exactly 6 letters, without a suffix."
    ),
}
_AFFIXED = re.compile(r"(?:#|AD-)?(?P<name>.*?)(?:-AD)?")


def sender_problem(value: str, kind: str, *, characters: str = PLAIN_CHARACTERS) -> str:
    """Why `value` cannot be a sender of this kind, as a sentence; empty when it can.

    alphanumeric: 3 to 11 of A-Z a-z 0-9 and `characters` with at least one letter [R-5.1]; a # or
    AD- in front and an -AD behind, which countries impose, are always understood [R-5.2]. msisdn:
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
        return _alphanumeric_problem(value, characters)
    return "The kind of a sender is alphanumeric, msisdn, shortcode or tollfree."


def sender_country_problem(value: str, kind: str, country: str, *, purpose: str = "") -> str:
    """Why a well-formed sender cannot be one in `country`; empty when it can.

    Looks at reserved words and imposed forms [R-5.1], [R-5.2]. A prefix or suffix for promotional
    names is asked for only with `purpose` marketing.
    """
    if kind != "alphanumeric":
        return ""
    if sender_reserved(value, country):
        return f"{value} is reserved in {country}."
    if value.startswith("#") and country != "HK":
        return "Only registered names in HK begin with #."
    syntax = COUNTRY_SYNTAX.get(country)
    if syntax is None:
        return ""
    promotional = purpose == "marketing"
    wrong = (
        any(sign in value for sign in syntax.refused)
        or (syntax.only is not None and not syntax.only.fullmatch(value))
        or (promotional and not value.startswith(syntax.prefix))
        or (promotional and not value.endswith(syntax.suffix))
    )
    return syntax.said if wrong else ""


def sender_warning(value: str, transport: str) -> str:
    """What a gateway takes only with a warning; empty when there is nothing to say [R-5.1]."""
    found = sorted({sign for sign in value if sign in _WARNED})
    if transport != "vertexsms" or not found:
        return ""
    return f"VertexSMS registers {' '.join(found)} in a name, but not every operator shows it."


def sender_reserved(value: str, country: str) -> bool:
    """Whether the country reserves this word [R-5.1]."""
    return value.upper() in RESERVED_WORDS.get(country, frozenset())


def _alphanumeric_problem(value: str, characters: str) -> str:
    if not value.isascii():
        return "Use Latin letters, digits, spaces and dots only; look-alikes are refused."
    if value != value.strip() or "  " in value:
        return "A sender has no space at its ends and no two spaces in a row."
    found = _AFFIXED.fullmatch(value)
    name = found["name"] if found else value
    known = all(sign.isalnum() or sign in characters for sign in name)
    if not known or not 3 <= len(value) <= 11:
        return "Use 3 to 11 letters, digits, spaces or dots."
    if not any(character.isalpha() for character in name):
        return "A sender needs at least one letter; register a number as msisdn instead."
    return ""
