"""What public pages say, by topic and language: texts of people, in data/public_words/.

One JSON file a topic: {language: {key: text}}. English is complete; a language that lacks a key, or
is missing, falls back to its parent (pt-BR to pt) and then to English.
"""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER = Path(__file__).resolve().parent.parent / "data" / "public_words"
FALLBACK: Final = "en"
# Regions that write Chinese in the traditional script; "zh" alone is the simplified one.
_TRADITIONAL: Final = ("zh-TW", "zh-HK", "zh-MO", "zh-Hant")
_RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur", "ps", "sd", "yi", "dv", "ckb"})
_SAME: Final = {"no": "nb", "nn": "nb", "iw": "he", "in": "id"}


@cache
def public_table(topic: str) -> Mapping[str, Mapping[str, str]]:
    """All texts of a topic. Raises FileNotFoundError for a topic that has no file."""
    table: dict[str, dict[str, str]] = json.loads(
        (_FOLDER / f"{topic}.json").read_text(encoding="utf-8")
    )
    return table


def public_words(topic: str, language: str) -> Mapping[str, str]:
    """The texts of a topic in the language, else in what comes nearest to it."""
    table = public_table(topic)
    return ChainMap(*(dict(table[code]) for code in _chain(language) if code in table))


def language_known(topic: str, language: str) -> str:
    """The language in which `public_words` answers: what a page's `lang` must say."""
    table = public_table(topic)
    return next(code for code in _chain(language) if code in table)


def language_direction(language: str) -> str:
    """rtl or ltr, for `dir`."""
    return "rtl" if language.split("-")[0] in _RIGHT_TO_LEFT else "ltr"


def _chain(language: str) -> list[str]:
    if language.startswith(_TRADITIONAL):
        return ["zh-TW", "zh", FALLBACK]
    parent = language.split("-")[0].lower()
    parent = _SAME.get(parent, parent)
    return [language, parent, FALLBACK]
