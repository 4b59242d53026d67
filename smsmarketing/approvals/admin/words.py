"""How states, times, numbers and frozen content read on the pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

TONES = {
    "pending": "wait",
    "approved": "good",
    "executing": "good",
    "succeeded": "good",
    "partially_succeeded": "wait",
    "rejected": "bad",
    "failed": "bad",
    "changes_requested": "wait",
    "superseded": "quiet",
    "expired": "quiet",
    "cancelled": "quiet",
}
"""State -> colour class of its badge."""

LABELS = {
    "encoding": "Encoding",
    "held_by_quiet_hours_now": "Held by quiet hours, were it sent now",
    "kind": "Kind of sender",
    "matched": "In the segment",
    "overlap_removed": "Counted once although found twice",
    "parts": "Parts (SMS) at most",
    "parts_best": "Parts (SMS) at least",
    "price_per_part": "Price per part",
    "rates_from": "Prices as of",
    "receives_replies": "Can be replied to",
    "units": "Characters at most",
}
"""Names of fields that the plain words of the key do not tell."""
_ORDER = (
    "name",
    "goal",
    "brand",
    "owner",
    "country",
    "matched",
    "recipients",
    "encoding",
    "parts",
    "parts_best",
    "units",
    "price_per_part",
    "expected",
    "worst",
)
"""PostgreSQL does not keep the order of keys; these come first, in this order."""
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|\+00:00)")
_PHONE_NAMES = ("phone", "msisdn", "e164")
_HIDDEN_ENDS = ("_id", "_ids", "_token", "_hash", "_version", "_revision")


@dataclass(frozen=True)
class Part:
    """One row of a definition list, or, with `rows`, a table."""

    label: str
    value: str = ""
    headers: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def state_words(state: str) -> str:
    """A state as people read it."""
    return state.replace("_", " ").capitalize()


def label_words(name: str) -> str:
    """A field's name as people read it."""
    words = LABELS.get(name) or name.replace("_", " ")
    return words[:1].upper() + words[1:]


def ordered(names: Iterable[str]) -> list[str]:
    """Field names in a sensible order: known ones first, the rest by alphabet."""
    return sorted(names, key=lambda name: (_place(name), name))


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def ago(then: datetime, now: datetime) -> str:
    """How long ago, or how long from now, in one unit."""
    gap = now - then
    text = span_words(abs(gap))
    return f"{text} ago" if gap >= timedelta(0) else f"in {text}"


def span_words(span: timedelta) -> str:
    """A time span, rounded, in the largest unit that fits it."""
    minutes = span.total_seconds() / 60
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        count = round(minutes / size)
        if minutes >= size * 0.95 and count:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "less than a minute"


def money_words(amount: Any, currency: str) -> str:
    """An amount with at least two and no needless further decimals, and its currency."""
    if amount is None or amount == "":
        return "—"
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        return str(amount)
    places = max(2, -int(number.normalize().as_tuple().exponent))
    return f"{number:,.{places}f} {currency}".strip()


def number_words(value: Any) -> str:
    """A number with thousands separators; other values as they are."""
    if isinstance(value, bool) or value is None:
        return {None: "—", True: "Yes", False: "No"}[value]
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return f"{number:,f}" if number.is_finite() else str(value)


def value_words(value: Any) -> str:
    """Any JSON value on one line or several."""
    if value is None or value == "" or value == [] or value == {}:
        return "—"
    if isinstance(value, bool | int):
        return number_words(value)
    if isinstance(value, list):
        return ", ".join(value_words(item) for item in value)
    if isinstance(value, dict):
        if all(not isinstance(item, dict | list) for item in value.values()):
            return "; ".join(f"{label_words(k)}: {value_words(value[k])}" for k in ordered(value))
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    time = _TIME.fullmatch(str(value))
    return f"{time[1]} {time[2]} UTC" if time else str(value)


def phones_masked(value: Any, *, name: str = "") -> Any:
    """The value with phone numbers hidden but for their start and end [R-4.12].

    What is a phone number is told by the name of its field: a number inside a message text is part
    of what people approve, and stays.
    """
    if isinstance(value, dict):
        return {key: phones_masked(item, name=key) for key, item in value.items()}
    if isinstance(value, list):
        return [phones_masked(item, name=name) for item in value]
    if isinstance(value, str) and any(word in name for word in _PHONE_NAMES) and len(value) > 6:
        return f"{value[:3]}•••••••{value[-2:]}"
    return value


def parts_of(values: Mapping[str, Any]) -> list[Part]:
    """A mapping as rows; lists of like mappings as tables. Ids and tokens are left to the data view."""
    parts = []
    for name in ordered(values):
        value = values[name]
        if name.endswith(_HIDDEN_ENDS):
            continue
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            headers = ordered({key for item in value for key in item})
            rows = [[value_words(item.get(key)) for key in headers] for item in value]
            parts.append(
                Part(label_words(name), headers=[label_words(h) for h in headers], rows=rows)
            )
        else:
            parts.append(Part(label_words(name), value_words(value)))
    return parts
