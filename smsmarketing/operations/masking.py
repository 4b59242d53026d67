"""Makes values fit for the audit log: plain JSON, and nothing in it that names a person
[R-8.15].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from smsmarketing.operations.canonical import canonical_json, decimal_text

_INTERNATIONAL = re.compile(r"\+\d[\d ().\-/]{5,18}\d")
# A bare run of 9 to 15 digits is taken for a number unless it is part of a word, a UUID, a time or
# an amount.
_BARE = re.compile(r"(?<![\w.:+-])\d{9,15}(?![\w.:-])")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL text and jsonb refuse these


def text_masked(text: str) -> str:
    """The text with phone numbers and e-mail addresses replaced by a word."""
    text = _NOT_STORABLE.sub("", text)
    text = _EMAIL.sub("[address]", text)
    return _BARE.sub("[number]", _INTERNATIONAL.sub("[number]", text))


def facts_plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as plain JSON: decimals, times, enums and ids become text, texts are masked, floats
    become text.

    Floats are kept as text, because a number that passes through jsonb may come back in another
    notation.
    """
    return {text_masked(str(key)): value_plain(value) for key, value in facts.items()}


def value_plain(value: Any) -> Any:
    """One value as plain JSON; see `facts_plain`. What has no plain form becomes the name of its
    type.
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return text_masked(value)
    if isinstance(value, Mapping):
        return facts_plain(value)
    if isinstance(value, list | tuple | set | frozenset):
        items = [value_plain(item) for item in value]
        return sorted(items, key=canonical_json) if isinstance(value, set | frozenset) else items
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return decimal_text(value) if value.is_finite() else str(value)
    if isinstance(value, UUID | datetime | date):
        return str(value) if isinstance(value, UUID) else value.isoformat()
    return type(value).__name__
