"""Cleaning text that third parties wrote, before an agent reads it [R-9.27], [R-9.28]."""

from __future__ import annotations

import re
import unicodedata

from smsmarketing.operations.types import UntrustedText

UNTRUSTED_LIMIT = 500
"""Characters of untrusted text that are shown [R-9.28]."""

_INPUT_LIMIT = (
    20_000  # cleaning is linear, but nobody needs to clean megabytes to show 500 characters
)
_VISIBLE_FORMAT_CHARACTERS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")
_REMOVED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BLANK_LETTERS = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u034f")
_SELECTOR_RUN = re.compile("[\ufe00-\ufe0f]{2,}")
_SUPPLEMENTARY_SELECTORS = re.compile("[\U000e0100-\U000e01ef]+")
_IMAGE = re.compile(r"!\[([^\[\]]{0,200})\]\([^()]{0,2000}\)")
_LINK = re.compile(r"\[([^\[\]]{0,200})\]\(([^()\s]{0,2000})[^()]{0,200}\)")
_REFERENCE = re.compile(r"\]\s?(?=[\[(:])")
_TAG = re.compile(r"<[/!?a-zA-Z][^<>]{0,2000}>")
_SPACES = re.compile(r"\s+")
_ANGLES = str.maketrans(
    {
        "<": "\u2039",
        ">": "\u203a",
        "\uff1c": "\u2039",
        "\uff1e": "\u203a",
        "\ufe64": "\u2039",
        "\ufe65": "\u203a",
    }
)


def untrusted(text: str, source: str) -> UntrustedText:
    """Third-party text, cleaned and marked. `source` is a word such as inbound_sms, contact_field,
    gateway_error.
    """
    return UntrustedText(source=source, text=untrusted_clean(text))


def untrusted_clean(text: str) -> str:
    """The text without what hides or acts, cut at 500 characters.

    Removes C0 and C1 controls, bidi controls, zero-width and tag characters, runs of variation
    selectors and lone surrogates; turns Markdown images into their label, Markdown links into
    "label (address)", and takes the angle brackets out of HTML, so that no marker can be closed
    from inside. Two passes, since taking one thing out can build another.
    """
    cleaned = text[:_INPUT_LIMIT]
    for _ in range(2):
        cleaned = _markup_removed(_invisible_removed(cleaned))
    cleaned = _REFERENCE.sub("] ", cleaned.translate(_ANGLES)).replace("![", "! [")
    cleaned = _SPACES.sub(" ", cleaned).strip()
    if len(cleaned) > UNTRUSTED_LIMIT:
        cleaned = cleaned[: UNTRUSTED_LIMIT - 1].rstrip() + "\u2026"
    return cleaned


def _invisible_removed(text: str) -> str:
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if character in "\t\n\r\x0b\x0c\x85" or category in {"Zl", "Zp"}:
            kept.append(" ")
        elif character in _VISIBLE_FORMAT_CHARACTERS or not (
            category in _REMOVED_CATEGORIES or character in _BLANK_LETTERS
        ):
            kept.append(character)
    return _SUPPLEMENTARY_SELECTORS.sub("", _SELECTOR_RUN.sub("", "".join(kept)))


def _markup_removed(text: str) -> str:
    text = _IMAGE.sub(r"\1", text)
    text = _LINK.sub(r"\1 (\2)", text)
    return _TAG.sub("", text)
