"""Values of custom fields and event properties: declared types, and what fits them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from smsmarketing.contacts.rules.import_values import BadValue

TYPES: Final = ("text", "number", "boolean", "date", "choice")
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,59}")
TEXT_MAX: Final = 500

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")
_TRUE: Final = frozenset({"true", "yes", "y", "1", "on"})
_FALSE: Final = frozenset({"false", "no", "n", "0", "off"})
# SQL over a text `v` that is not NULL: whether a stored value fits. Mirrors `value_read`; `choices`
# are casefolded.
FITS_SQL: Final[Mapping[str, str]] = {
    "text": "TRUE",
    "number": r"v ~ '^\s*-?[0-9]{1,15}(\.[0-9]{1,6})?\s*$'",
    "boolean": "lower(btrim(v)) IN ('true', 'yes', 'y', '1', 'on', 'false', 'no', 'n', '0', 'off')",
    "date": (
        r"CASE WHEN v ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN pg_input_is_valid(v, 'date')"
        r" WHEN v ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]' THEN pg_input_is_valid(v, 'timestamptz')"
        " ELSE FALSE END"
    ),
    "choice": "lower(btrim(v)) = ANY(%(choices)s)",
}


class ValueRefused(BadValue):
    """A value that does not fit its declaration; the text says what to give. `name`: the field."""

    name = ""


@dataclass(frozen=True)
class Declared:
    """One declared field."""

    name: str
    type: str
    choices: tuple[str, ...] = ()
    archived: bool = False


def value_read(declared: Declared, value: Any) -> Any:
    """The value as it is stored: text, int, float, bool, or a date as ISO 8601 text.

    A blank text of a type other than text is None (nothing is known). Raises ValueRefused.
    """
    if declared.archived:
        raise ValueRefused(
            f'The field "{declared.name}" is archived. Take it back into use first, or leave it out.'
        )
    if value is None or (isinstance(value, str) and not value.strip() and declared.type != "text"):
        return None
    return _READERS[declared.type](declared, value)


def value_plain(value: Any) -> Any:
    """A value of no declared field: kept as it is, within bounds."""
    if isinstance(value, str):
        return _text_bounded(value)
    if isinstance(value, float) and (value != value or abs(value) >= 1e15):
        raise ValueRefused("Give a number below 1,000,000,000,000,000.")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**15:
        raise ValueRefused("Give a number below 1,000,000,000,000,000, or write an id as text.")
    return value


def _text_bounded(value: str) -> str:
    if len(value) > TEXT_MAX:
        raise ValueRefused(f"Longer than {TEXT_MAX} characters. Shorten it.")
    if "\x00" in value:
        raise ValueRefused("It holds a character that cannot be stored. Take it out.")
    return value


def _text(declared: Declared, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text_bounded(str(value))


def _number(declared: Declared, value: Any) -> int | float:
    text = str(value).strip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise ValueRefused(
            "Give a number such as 49.90: a point for decimals, no thousands separator, no currency."
        )
    return float(text) if "." in text else int(text)


def _boolean(declared: Declared, value: Any) -> bool:
    word = str(value).strip().casefold()
    if word not in _TRUE | _FALSE:
        raise ValueRefused("Give yes or no (true or false).")
    return word in _TRUE


def _date(declared: Declared, value: Any) -> str:
    text = str(value).strip()
    try:
        if len(text) == len("2026-03-31"):
            return date.fromisoformat(text).isoformat()
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueRefused(
            "Give a date such as 2026-03-31, or with a time 2026-03-31T14:05:00+02:00."
        ) from None


def _choice(declared: Declared, value: Any) -> str:
    text = str(value).strip()
    for choice in declared.choices:
        if text == choice:
            return choice
    folded = [choice for choice in declared.choices if choice.casefold() == text.casefold()]
    if len(folded) == 1:
        return folded[0]
    raise ValueRefused(f"Give one of: {', '.join(declared.choices)}.")


_READERS: Final = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "choice": _choice,
}


def values_read(declared: Mapping[str, Declared], values: Mapping[str, Any]) -> dict[str, Any]:
    """All values, declared ones by their type; others as they are. None stays: it removes.

    Raises ValueRefused whose text begins with the name of the first field that does not fit.
    """
    read: dict[str, Any] = {}
    for name, value in values.items():
        if not NAME.fullmatch(name):
            raise ValueRefused(
                f'"{name[:60]}" cannot be a field name: letters, digits, and _ . - or a space, at'
                " most 60."
            )
        found = declared.get(name)
        try:
            read[name] = value_read(found, value) if found else value_plain(value)
        except ValueRefused as exc:
            refusal = ValueRefused(f"{name}: {exc}")
            refusal.name = name
            raise refusal from None
    return read


def amount_read(value: Any) -> str:
    """An amount of money as decimal text. Raises ValueRefused."""
    text = str(value).strip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise ValueRefused("amount: Give a number such as 49.90, without currency or separators.")
    try:
        return format(Decimal(text), "f")
    except InvalidOperation:  # pragma: no cover - the pattern lets no such text through
        raise ValueRefused("amount: Give a number such as 49.90.") from None
