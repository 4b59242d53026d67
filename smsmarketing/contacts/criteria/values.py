"""Reading the values inside a criteria node, with bounds. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, cast, get_args

from smsmarketing.contacts.criteria.nodes import Comparison, Operator, Value, ValueType

VALUES_MAX = 200
TEXT_MAX = 200
DAYS_MAX = 36_600

_ORDER: tuple[Operator, ...] = ("eq", "ne", "lt", "le", "gt", "ge")
_OPERATORS: dict[str, tuple[Operator, ...]] = {
    "text": ("eq", "ne", "in", "contains", "exists", "missing"),
    "number": (*_ORDER, "in", "exists", "missing"),
    "date": (*_ORDER, "exists", "missing"),
    "boolean": ("eq", "ne", "exists", "missing"),
}


class Refusal(Exception):
    """A value that cannot be used; `path` says where it stands."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def true_read(content: Any, path: str) -> None:
    if content is not True:
        raise Refusal(path, "Give true. Use not for the opposite.")


def object_read(
    content: Any, path: str, *, required: set[str], optional: set[str]
) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise Refusal(path, f"Give an object with {', '.join(sorted(required))}.")
    for name in sorted(required - set(content)):
        raise Refusal(f"{path}.{name}", "This is needed.")
    for name in sorted(str(key) for key in set(content) - required - optional):
        known = ", ".join(sorted(required | optional))
        raise Refusal(f"{path}.{name[:40]}", f"Unknown. Known are: {known}.")
    return content


def whole_read(content: Any, path: str, *, least: int, most: int) -> int:
    if isinstance(content, bool) or not isinstance(content, int) or not least <= content <= most:
        raise Refusal(path, f"Give a whole number from {least} to {most}.")
    return content


def _clean(content: Any, path: str, longest: int) -> str:
    if (
        not isinstance(content, str)
        or not content.strip()
        or len(content) > longest
        or not all(character.isprintable() for character in content)
    ):
        raise Refusal(path, f"Give a text of 1 to {longest} printable characters.")
    return content


def name_read(content: Any, path: str, *, longest: int) -> str:
    return _clean(content, path, longest)


def texts_read(
    content: Any, path: str, *, pattern: str | None = None, hint: str = "", longest: int = TEXT_MAX
) -> tuple[str, ...]:
    """One text or a list of them, without repeats."""
    several = content if isinstance(content, list) else [content]
    if not several or len(several) > VALUES_MAX:
        raise Refusal(path, f"Give 1 to {VALUES_MAX} values.")
    found: dict[str, None] = {}
    for index, item in enumerate(several):
        where = f"{path}[{index}]" if isinstance(content, list) else path
        text = _clean(item, where, longest)
        if pattern is not None and not re.fullmatch(pattern, text):
            raise Refusal(where, f"Give {hint}.")
        found[text] = None
    return tuple(found)


def ids_read(content: Any, path: str) -> tuple[int, ...]:
    several = content if isinstance(content, list) else [content]
    if not several or len(several) > VALUES_MAX:
        raise Refusal(path, f"Give 1 to {VALUES_MAX} ids.")
    found: dict[int, None] = {}
    for index, item in enumerate(several):
        where = f"{path}[{index}]" if isinstance(content, list) else path
        found[whole_read(item, where, least=1, most=2**63 - 1)] = None
    return tuple(found)


def _operator_read(content: Any, path: str, allowed: tuple[Operator, ...]) -> Operator:
    if content not in allowed:
        raise Refusal(path, f"Give one of: {', '.join(allowed)}.")
    return cast(Operator, content)


def days_read(content: Any, path: str) -> tuple[Operator, int]:
    """`{"op": "le", "days": 30}`: at most 30 days ago. lt, le, gt or ge."""
    found = object_read(content, path, required={"op", "days"}, optional=set())
    operator = _operator_read(found["op"], f"{path}.op", ("lt", "le", "gt", "ge"))
    return operator, whole_read(found["days"], f"{path}.days", least=0, most=DAYS_MAX)


def count_read(content: Any, path: str) -> tuple[Operator, int]:
    """How many events; at least one when nothing is said."""
    if content is None:
        return "ge", 1
    found = object_read(content, path, required={"op", "value"}, optional=set())
    operator = _operator_read(found["op"], f"{path}.op", _ORDER)
    return operator, whole_read(found["value"], f"{path}.value", least=0, most=1_000_000)


def comparison_read(content: Any, path: str) -> Comparison:
    """`{"name", "type", "op", "value"}`: type is text unless said, op is eq unless said."""
    found = object_read(content, path, required={"name"}, optional={"type", "op", "value"})
    name = _clean(found["name"], f"{path}.name", 60)
    kind = found.get("type", "text")
    if kind not in get_args(ValueType):
        raise Refusal(f"{path}.type", "Give one of: text, number, date, boolean.")
    operator = _operator_read(found.get("op", "eq"), f"{path}.op", _OPERATORS[kind])
    where = f"{path}.value"
    if operator in ("exists", "missing"):
        if "value" in found:
            raise Refusal(where, f"{operator} takes no value.")
        return Comparison(name, kind, operator, None)
    if "value" not in found:
        raise Refusal(where, "This is needed.")
    return Comparison(name, kind, operator, _value_read(found["value"], where, kind, operator))


def _value_read(content: Any, path: str, kind: str, operator: Operator) -> Value:
    if operator == "in":
        if not isinstance(content, list) or not 1 <= len(content) <= VALUES_MAX:
            raise Refusal(path, f"Give a list of 1 to {VALUES_MAX} values.")
        if kind == "number":
            return tuple(_number(item, f"{path}[{index}]") for index, item in enumerate(content))
        return tuple(
            _clean(item, f"{path}[{index}]", TEXT_MAX) for index, item in enumerate(content)
        )
    if kind == "number":
        return _number(content, path)
    if kind == "boolean":
        if not isinstance(content, bool):
            raise Refusal(path, "Give true or false.")
        return content
    if kind == "date":
        return _date(content, path)
    return _clean(content, path, TEXT_MAX)


def _number(content: Any, path: str) -> Decimal:
    if isinstance(content, bool) or not isinstance(content, int | float | str | Decimal):
        raise Refusal(path, "Give a number.")
    try:
        number = Decimal(str(content))
    except InvalidOperation:
        raise Refusal(path, "Give a number.") from None
    if not number.is_finite() or abs(number) >= 10**20 or int(number.as_tuple().exponent) < -10:
        raise Refusal(path, "Give a number of at most 20 digits and 10 decimal places.")
    return number


def _date(content: Any, path: str) -> str:
    if isinstance(content, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", content):
        try:
            return date.fromisoformat(content).isoformat()
        except ValueError:
            pass
    raise Refusal(path, "Give a calendar date, such as 2026-03-31.")
