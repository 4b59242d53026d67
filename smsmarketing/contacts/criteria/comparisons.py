"""A typed comparison of one named value: a custom field, or a property of an event. Pure reading,
SQL and words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args
from zoneinfo import ZoneInfo

from smsmarketing.contacts.criteria.nodes import Comparison, Operator, Value, ValueType
from smsmarketing.contacts.criteria.pieces import SIGNS, Piece
from smsmarketing.contacts.criteria.values import (
    ORDER,
    TEXT_MAX,
    VALUES_MAX,
    Refusal,
    date_read,
    number_read,
    object_read,
    operator_read,
    text_read,
    whole_read,
)
from smsmarketing.contacts.criteria.windows import days_of_year, days_words, zone_read

_DAYS: tuple[Operator, ...] = ("last_days", "next_days", "anniversary")
_OPERATORS: dict[str, tuple[Operator, ...]] = {
    "text": ("eq", "ne", "in", "contains", "exists", "missing"),
    "number": (*ORDER, "in", "exists", "missing"),
    "date": (*ORDER, *_DAYS, "exists", "missing"),
    "boolean": ("eq", "ne", "exists", "missing"),
}
_NUMERIC = r"'^\s*-?[0-9]{1,20}(\.[0-9]{1,10})?\s*$'"
_DATE = r"'^[0-9]{4}-[0-9]{2}-[0-9]{2}'"
TRUE_WORDS = ("true", "yes", "y", "1", "on")
FALSE_WORDS = ("false", "no", "n", "0", "off")


def comparison_read(content: Any, path: str) -> Comparison:
    """`{"name", "type", "op", "value"}`: type is text unless said, op is eq unless said.

    A date also knows `last_days`, `next_days` (a number of days before or after today, today
    included) and `anniversary` (the day comes round within so many days, whatever the year).
    """
    found = object_read(content, path, required={"name"}, optional={"type", "op", "value", "zone"})
    name = text_read(found["name"], f"{path}.name", 60)
    kind = found.get("type", "text")
    if kind not in get_args(ValueType):
        raise Refusal(f"{path}.type", "Give one of: text, number, date, boolean.")
    operator = operator_read(found.get("op", "eq"), f"{path}.op", _OPERATORS[kind])
    where = f"{path}.value"
    if operator in ("exists", "missing"):
        if "value" in found:
            raise Refusal(where, f"{operator} takes no value.")
        return Comparison(name, kind, operator, None)
    if "value" not in found:
        raise Refusal(where, "This is needed.")
    zone = zone_read(found.get("zone"), f"{path}.zone") if operator in _DAYS else ""
    value = _value_read(found["value"], where, kind, operator)
    return Comparison(name, kind, operator, value, zone)


def _value_read(content: Any, path: str, kind: str, operator: Operator) -> Value:
    if operator in _DAYS:
        return whole_read(content, path, least=0, most=366 if operator == "anniversary" else 3660)
    if operator == "in":
        if not isinstance(content, list) or not 1 <= len(content) <= VALUES_MAX:
            raise Refusal(path, f"Give a list of 1 to {VALUES_MAX} values.")
        if kind == "number":
            return tuple(
                number_read(item, f"{path}[{index}]") for index, item in enumerate(content)
            )
        return tuple(
            text_read(item, f"{path}[{index}]", TEXT_MAX) for index, item in enumerate(content)
        )
    if kind == "number":
        return number_read(content, path)
    if kind == "boolean":
        if not isinstance(content, bool):
            raise Refusal(path, "Give true or false.")
        return content
    return date_read(content, path) if kind == "date" else text_read(content, path, TEXT_MAX)


def comparison_sql(node: Comparison, column: str, now: datetime) -> Piece:
    """A typed look into a JSON object. A value of another type never matches, and never fails: no
    cast is tried before the text has the form of the type. Never NULL.
    """
    held, name = f"({column} ->> %s)", node.name
    if node.operator in ("exists", "missing"):
        found = f"COALESCE({held}, '') <> ''"
        return Piece(found if node.operator == "exists" else f"NOT ({found})", (name,))
    if node.operator == "contains":
        return Piece(f"COALESCE(strpos(lower({held}), lower(%s)) > 0, FALSE)", (name, node.value))
    if node.type == "number":
        return _number_sql(node, held)
    if node.type == "date":
        return _date_sql(node, held, now)
    return _text_sql(node, held)


def _number_sql(node: Comparison, held: str) -> Piece:
    test, value = f"{held}::numeric {SIGNS.get(node.operator)} %s", node.value
    if isinstance(value, tuple):
        return Piece(
            f"CASE WHEN {held} ~ {_NUMERIC} THEN {held}::numeric = ANY(%s::numeric[]) ELSE FALSE END",
            (node.name, node.name, list(value)),
        )
    return Piece(
        f"CASE WHEN {held} ~ {_NUMERIC} THEN {test} ELSE FALSE END", (node.name, node.name, value)
    )


def _date_sql(node: Comparison, held: str, now: datetime) -> Piece:
    day = f'left({held}, 10) COLLATE "C"'
    name = node.name
    if node.operator not in _DAYS:
        test = f"{day} {SIGNS[node.operator]} %s"
        return Piece(
            f"CASE WHEN {held} ~ {_DATE} THEN {test} ELSE FALSE END", (name, name, node.value)
        )
    today = now.astimezone(ZoneInfo(node.zone) if node.zone else UTC).date()
    days = int(node.value)  # type: ignore[arg-type]
    if node.operator == "anniversary":
        return Piece(
            f"CASE WHEN {held} ~ {_DATE} THEN substr({held}, 6, 5) = ANY(%s) ELSE FALSE END",
            (name, name, days_of_year(today, days)),
        )
    ahead = node.operator == "next_days"
    first = today if ahead else today - timedelta(days=days)
    last = today + timedelta(days=days) if ahead else today
    return Piece(
        f"CASE WHEN {held} ~ {_DATE} THEN {day} BETWEEN %s AND %s ELSE FALSE END",
        (name, name, first.isoformat(), last.isoformat()),
    )


def _text_sql(node: Comparison, held: str) -> Piece:
    if isinstance(node.value, tuple):
        return Piece(f"COALESCE({held} = ANY(%s), FALSE)", (node.name, list(node.value)))
    if isinstance(node.value, bool):
        words, other = (TRUE_WORDS, FALSE_WORDS) if node.value else (FALSE_WORDS, TRUE_WORDS)
        wanted = words if node.operator == "eq" else other
        return Piece(f"COALESCE(lower(btrim{held}) = ANY(%s), FALSE)", (node.name, list(wanted)))
    return Piece(f"COALESCE({held} {SIGNS[node.operator]} %s, FALSE)", (node.name, node.value))


_WORDS = {
    "eq": "is",
    "ne": "is not",
    "lt": "is below",
    "le": "is at most",
    "gt": "is above",
    "ge": "is at least",
    "in": "is one of",
    "contains": "contains",
    "exists": "is filled in",
    "missing": "is empty",
}
_DATE_WORDS = {"lt": "is before", "le": "is on or before", "gt": "is after", "ge": "is on or after"}


def comparison_words(node: Comparison) -> str:
    """`"points" is at least 100`, `"birthday" is today or within 7 days, whatever the year`."""
    if node.operator in _DAYS:
        return f'"{node.name}" {_days_words(node.operator, int(node.value))}'  # type: ignore[arg-type]
    sign = (_DATE_WORDS if node.type == "date" else {}).get(node.operator, _WORDS[node.operator])
    text = f'"{node.name}" {sign}'
    if node.value is None:
        return text
    if isinstance(node.value, tuple):
        return f"{text} {listed([_shown(item) for item in node.value], quoted=False)}"
    return f"{text} {_shown(node.value)}"


def _days_words(operator: str, days: int) -> str:
    if days == 0:
        return "comes round today, whatever the year" if operator == "anniversary" else "is today"
    if operator == "anniversary":
        return f"comes round today or in the next {days_words(days)}, whatever the year"
    span = "next" if operator == "next_days" else "last"
    return f"is today or in the {span} {days_words(days)}"


def _shown(value: str | Decimal | bool | int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, "f") if isinstance(value, Decimal) else f'"{value}"'


def listed(items: Sequence[str], *, quoted: bool = True, joiner: str = "or") -> str:
    """`"a" or "b"`."""
    return f" {joiner} ".join(f'"{item}"' if quoted else item for item in items)
