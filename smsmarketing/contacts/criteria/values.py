"""Reading the values inside a criteria node, with bounds. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from smsmarketing.contacts.criteria.nodes import Operator

VALUES_MAX = 200
TEXT_MAX = 200
DAYS_MAX = 36_600

ORDER: tuple[Operator, ...] = ("eq", "ne", "lt", "le", "gt", "ge")


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
    content: Any, path: str, *, required: set[str], optional: set[str] | frozenset[str]
) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise Refusal(path, f"Give an object with {', '.join(sorted(required or optional))}.")
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


def days_whole(content: Any, path: str, *, least: int = 0) -> int:
    """A number of days."""
    return whole_read(content, path, least=least, most=DAYS_MAX)


def text_read(content: Any, path: str, longest: int) -> str:
    if (
        not isinstance(content, str)
        or not content.strip()
        or len(content) > longest
        or not all(character.isprintable() for character in content)
    ):
        raise Refusal(path, f"Give a text of 1 to {longest} printable characters.")
    return content


def texts_read(
    content: Any,
    path: str,
    *,
    pattern: str | None = None,
    hint: str = "",
    longest: int = TEXT_MAX,
    among: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """One text or a list of them, without repeats."""
    several = content if isinstance(content, list) else [content]
    if not several or len(several) > VALUES_MAX:
        raise Refusal(path, f"Give 1 to {VALUES_MAX} values.")
    found: dict[str, None] = {}
    for index, item in enumerate(several):
        where = f"{path}[{index}]" if isinstance(content, list) else path
        text = text_read(item, where, longest)
        if pattern is not None and not re.fullmatch(pattern, text):
            raise Refusal(where, f"Give {hint}.")
        if among is not None and text not in among:
            raise Refusal(where, f"Give one of: {', '.join(among)}.")
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


def operator_read(content: Any, path: str, allowed: tuple[Operator, ...]) -> Operator:
    if content not in allowed:
        raise Refusal(path, f"Give one of: {', '.join(allowed)}.")
    return cast("Operator", content)


def days_read(content: Any, path: str) -> tuple[Operator, int]:
    """`{"op": "le", "days": 30}`: at most 30 days ago. lt, le, gt or ge."""
    found = object_read(content, path, required={"op", "days"}, optional=set())
    operator = operator_read(found["op"], f"{path}.op", ("lt", "le", "gt", "ge"))
    return operator, days_whole(found["days"], f"{path}.days")


def count_read(content: Any, path: str, *, most: int = 1_000_000) -> tuple[Operator, int]:
    """How many; at least one when nothing is said."""
    if content is None:
        return "ge", 1
    found = object_read(content, path, required={"op", "value"}, optional=set())
    operator = operator_read(found["op"], f"{path}.op", ORDER)
    return operator, whole_read(found["value"], f"{path}.value", least=0, most=most)


def amount_read(content: Any, path: str) -> tuple[Operator, Decimal]:
    """`{"op": "ge", "value": 100}`: a comparison with an amount of money."""
    found = object_read(content, path, required={"op", "value"}, optional=set())
    operator = operator_read(found["op"], f"{path}.op", ORDER)
    return operator, number_read(found["value"], f"{path}.value")


def number_read(content: Any, path: str) -> Decimal:
    if isinstance(content, bool) or not isinstance(content, int | float | str | Decimal):
        raise Refusal(path, "Give a number.")
    try:
        number = Decimal(str(content))
    except InvalidOperation:
        raise Refusal(path, "Give a number.") from None
    if (
        not number.is_finite()
        or number.copy_abs() >= 10**20  # abs() would overflow where the exponent is beyond bounds
        or int(number.as_tuple().exponent) < -10
    ):
        raise Refusal(path, "Give a number of at most 20 digits and 10 decimal places.")
    return number


def date_read(content: Any, path: str) -> str:
    if isinstance(content, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", content):
        try:
            found = date.fromisoformat(content)
        except ValueError:
            found = None
        if found is not None and 1900 <= found.year <= 2199:
            return found.isoformat()
    raise Refusal(path, "Give a calendar date, such as 2026-03-31.")
