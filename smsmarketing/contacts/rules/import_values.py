"""Reading single cells of an import. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from zoneinfo import available_timezones

from smsmarketing.contacts.rules.import_fields import OPT_OUT_REASONS

TAGS_MAX, TAG_MAX = 50, 60

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
_REGION = re.compile(r"[A-Z0-9]{1,3}")
_SIGNED = re.compile(r"[+-][0-9\s().,/-]*")
_SPACE = re.compile(r"[\t\r\n\v\f]+")


class BadValue(Exception):
    """A cell that cannot be used; the text says what to do."""


def cell_clean(raw: str) -> str:
    """A cell without the text mark that spreadsheets and our own exports put before it."""
    text = raw.strip()
    if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@"):
        return text[1:].strip()
    return text


def cell_formula(raw: str) -> bool:
    """Whether a spreadsheet would compute the cell: it is refused, never stored ([1.2.10])."""
    text = raw.strip()
    if text[:1] in ("=", "@", "\uff1d", "\uff20"):
        return True
    return text[:1] in ("+", "-", "\uff0b", "\uff0d") and not _SIGNED.fullmatch(text)


def text_read(text: str) -> str:
    """A text on one line."""
    return text if text.isalnum() else _SPACE.sub(" ", text)


def _language(text: str) -> str:
    if not _LANGUAGE.fullmatch(text):
        raise BadValue("Give a language tag, such as en or zh-TW.")
    return text


def _region(text: str) -> str:
    code = text.upper().rpartition("-")[2]
    if not _REGION.fullmatch(code):
        raise BadValue("Give the code of the state or province, such as FL.")
    return code


def _time_zone(text: str) -> str:
    if text not in _zones():
        raise BadValue("Give an IANA time zone, such as Europe/Vilnius.")
    return text


_ZONES: set[str] = set()


def _zones() -> set[str]:
    if not _ZONES:
        _ZONES.update(available_timezones())
    return _ZONES


def _tags(text: str) -> list[str]:
    if text.isalnum() and len(text) <= TAG_MAX:
        return [text]
    tags = list(dict.fromkeys(tag.strip() for tag in re.split(r"[;|,\n]", text) if tag.strip()))
    if len(tags) > TAGS_MAX or any(len(tag) > TAG_MAX for tag in tags):
        raise BadValue(f"At most {TAGS_MAX} tags of at most {TAG_MAX} characters.")
    return tags


_REASON_WORDS: Final = {
    "stop": "opt_out",
    "unsubscribe": "opt_out",
    "unsubscribed": "opt_out",
    "optout": "opt_out",
    "spam": "complaint",
    "block": "blocked",
    "blacklist": "blocked",
    "fixed_line": "landline",
    "dead": "invalid",
    "do_not_call": "registry",
    "dnc": "registry",
}


def _reason(text: str) -> str:
    word = text.casefold().replace(" ", "_").replace("-", "_")
    word = _REASON_WORDS.get(word, word)
    if word not in OPT_OUT_REASONS:
        raise BadValue(f"Give one of: {', '.join(OPT_OUT_REASONS)}.")
    return word


READERS: Final[dict[str, Callable[[str], Any]]] = {
    "language": _language,
    "region": _region,
    "time_zone": _time_zone,
    "tags": _tags,
    "reason": _reason,
}
