"""Conditions of a policy on facts. All conditions of a policy must hold for it to match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from smsmarketing.approvals.rules.facts import FACTS, FactKind

_ORDER_OPS = frozenset({">", ">=", "<", "<="})
_EQUAL_OPS = frozenset({"==", "!="})
OPS = (">", ">=", "<", "<=", "==", "!=", "in", "contains")
_OPS_BY_KIND: dict[FactKind, frozenset[str]] = {
    "number": _ORDER_OPS | _EQUAL_OPS,
    "flag": _EQUAL_OPS,
    "word": _EQUAL_OPS | {"in"},
    "words": _EQUAL_OPS | {"contains"},
}
_SPOKEN = {
    ">": "more than",
    ">=": "at least",
    "<": "less than",
    "<=": "at most",
    "==": "is",
    "!=": "is not",
    "in": "is one of",
    "contains": "include",
}


@dataclass(frozen=True)
class MatchedPolicy:
    """A policy revision that watches a call, and the sentences that say why it matched."""

    key: str
    revision: int
    name: str
    roles: tuple[str, ...]
    approvers: int
    why: str = ""
    because: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The form in which a request freezes it."""
        return {
            "key": self.key,
            "revision": self.revision,
            "name": self.name,
            "roles": list(self.roles),
            "approvers": self.approvers,
            "why": self.why,
            "because": list(self.because),
        }


def conditions_match(
    conditions: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> tuple[str, ...] | None:
    """One sentence for each condition when all hold, else None.

    A fact that the operation did not give counts as holding: a policy may ask too often, never too
    seldom. No conditions always match, with no sentence.
    """
    because = []
    for condition in conditions:
        sentence = _sentence(condition, facts)
        if sentence is None:
            return None
        because.append(sentence)
    return tuple(because)


def condition_problem(condition: Mapping[str, Any]) -> str | None:
    """What is wrong with a condition somebody wrote, or None."""
    fact = FACTS.get(str(condition.get("fact")))
    if fact is None:
        return f"There is no fact {condition.get('fact')!r}. Known: {', '.join(sorted(FACTS))}."
    op, value = condition.get("op"), condition.get("value")
    if op not in _OPS_BY_KIND[fact.kind]:
        allowed = ", ".join(o for o in OPS if o in _OPS_BY_KIND[fact.kind])
        return f"A fact of kind {fact.kind} can be compared with {allowed}."
    wanted: dict[str, bool] = {
        "number": _number(value) is not None,
        "flag": isinstance(value, bool),
        "word": _is_words(value) if op == "in" else isinstance(value, str),
        "words": isinstance(value, str) if op == "contains" else _is_words(value),
    }
    if not wanted[fact.kind]:
        return f"The value does not fit a fact of kind {fact.kind} compared with {op}."
    return None


def condition_words(condition: Mapping[str, Any]) -> str:
    """A condition as people read it, e.g. "recipients more than 1,000"."""
    name, value = str(condition["fact"]), condition["value"]
    label = FACTS[name].label if name in FACTS else name
    if isinstance(value, bool):
        negative = value is (condition["op"] == "!=")
        return f"not: {label}" if negative else label
    if value == [] and condition["op"] == "!=":
        return f"any {label}"
    return f"{label} {_SPOKEN[condition['op']]} {value_words(value)}"


def value_words(value: Any) -> str:
    """A fact's value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "none"
    number = _number(value)
    return f"{number:,f}" if number is not None else str(value)


def _sentence(condition: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
    """Why the condition holds, or None when it does not."""
    name = str(condition["fact"])
    label = FACTS[name].label if name in FACTS else name
    if name not in facts or facts[name] is None:
        return f"{label}: not known, so counted as yes"
    found = facts[name]
    if not _holds(str(condition["op"]), found, condition["value"]):
        return None
    if isinstance(found, bool):
        return condition_words(condition)
    return f"{condition_words(condition)}: {value_words(found)}"


def _holds(op: str, found: Any, value: Any) -> bool:
    if op in _ORDER_OPS:
        return _ordered(op, found, value)
    if op == "in":
        return found in value
    if op == "contains":
        return value in found
    left, right = _comparable(found), _comparable(value)
    return bool(left == right) if op == "==" else bool(left != right)


def _ordered(op: str, found: Any, value: Any) -> bool:
    left, right = _number(found), _number(value)
    if left is None or right is None:
        return True  # a fact that is no number cannot clear a limit
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[op]


def _comparable(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return sorted(str(item) for item in value)
    number = _number(value)
    return value if number is None else number


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _is_words(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
