"""Criteria as a sentence, for the approval page."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import singledispatch
from typing import Any

from smsmarketing.contacts.criteria import nodes
from smsmarketing.contacts.criteria.nodes import Criteria

_SIGNS = {
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
_DATE_SIGNS = {"lt": "is before", "le": "is on or before", "gt": "is after", "ge": "is on or after"}
_COUNTS = {
    "eq": "exactly",
    "ne": "not exactly",
    "lt": "fewer than",
    "le": "at most",
    "gt": "more than",
    "ge": "at least",
}
_AGES = {"lt": "less than", "le": "at most", "gt": "more than", "ge": "at least"}


def criteria_words(criteria: Criteria) -> str:
    """What the tree means, e.g. `on the list "Spring" and not (tagged "staff")`."""
    return _words(criteria.root)


@singledispatch
def _words(node: Any) -> str:
    raise TypeError(f"no words for {type(node).__name__}")


@_words.register
def _group(node: nodes.Group) -> str:
    joiner = " and " if node.joiner == "all" else " or "
    return joiner.join(
        f"({_words(item)})"
        if isinstance(item, nodes.Group) and item.joiner != node.joiner and len(item.nodes) > 1
        else _words(item)
        for item in node.nodes
    )


@_words.register
def _not(node: nodes.Not) -> str:
    return f"not ({_words(node.node)})"


@_words.register
def _everyone(node: nodes.Everyone) -> str:
    return "everyone of the brand"


@_words.register
def _audience(node: nodes.InAudience) -> str:
    return f"on the list {_listed(node.names)}"


@_words.register
def _tag(node: nodes.HasTag) -> str:
    return f"tagged {_listed(node.tags)}"


@_words.register
def _country(node: nodes.InCountry) -> str:
    return f"country {_listed(node.countries, quoted=False)}"


@_words.register
def _language(node: nodes.SpeaksLanguage) -> str:
    return f"language {_listed(node.languages, quoted=False)}"


@_words.register
def _region(node: nodes.InRegion) -> str:
    return f"region {_listed(node.regions, quoted=False)}"


@_words.register
def _custom(node: nodes.Comparison) -> str:
    return f"field {_compared(node)}"


@_words.register
def _consent_age(node: nodes.ConsentAge) -> str:
    return f"consent given {_AGES[node.operator]} {_days(node.days)} ago"


@_words.register
def _last_sent(node: nodes.LastSent) -> str:
    return f"last text {_AGES[node.operator]} {_days(node.days)} ago"


@_words.register
def _never_sent(node: nodes.NeverSent) -> str:
    return "never texted"


@_words.register
def _customer_key(node: nodes.HasCustomerKey) -> str:
    return "has a customer id" if node.present else "has no customer id"


@_words.register
def _event(node: nodes.HadEvent) -> str:
    text = f'{_COUNTS[node.operator]} {node.count} "{node.kind}" event{_s(node.count)}'
    if node.properties:
        text += " where " + " and ".join(_compared(item) for item in node.properties)
    return text + (f" in the last {_days(node.within_days)}" if node.within_days else "")


def _compared(node: nodes.Comparison) -> str:
    sign = (_DATE_SIGNS if node.type == "date" else {}).get(node.operator, _SIGNS[node.operator])
    text = f'"{node.name}" {sign}'
    if node.value is None:
        return text
    if isinstance(node.value, tuple):
        return f"{text} {_listed([_shown(item) for item in node.value], quoted=False)}"
    return f"{text} {_shown(node.value)}"


def _shown(value: str | Decimal | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, "f") if isinstance(value, Decimal) else f'"{value}"'


def _listed(items: Sequence[str], *, quoted: bool = True) -> str:
    return " or ".join(f'"{item}"' if quoted else item for item in items)


def _days(days: int) -> str:
    return f"{days} day{_s(days)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
