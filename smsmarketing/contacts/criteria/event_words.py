"""Conditions on events as words."""

from __future__ import annotations

from functools import singledispatch
from typing import Any, Final

from smsmarketing.contacts.criteria import nodes
from smsmarketing.contacts.criteria.comparisons import comparison_words, listed
from smsmarketing.contacts.criteria.event_leaves import CLICK, REPLY
from smsmarketing.contacts.criteria.windows import days_words, window_words

_COUNTS: Final = {
    "eq": "exactly",
    "ne": "not exactly",
    "lt": "fewer than",
    "le": "at most",
    "gt": "more than",
    "ge": "at least",
}
_AMOUNTS: Final = {
    "eq": "exactly",
    "ne": "not exactly",
    "lt": "less than",
    "le": "at most",
    "gt": "more than",
    "ge": "at least",
}
_NOUNS: Final = {
    REPLY: ("reply", "replies"),
    CLICK: ("click", "clicks"),
    **{
        kind: (kind, f"{kind}s")
        for kind in ("order", "payment", "shipment", "appointment", "pickup", "offer")
    },
}


@singledispatch
def event_words(node: Any) -> str:
    """What a condition on events means."""
    raise TypeError(f"no words for {type(node).__name__}")


def _events(kind: str, count: int) -> str:
    one, several = _NOUNS.get(kind, (f'"{kind}" event', f'"{kind}" events'))
    return f"{count} {one if count == 1 else several}"


@event_words.register
def _had(node: nodes.HadEvent) -> str:
    text = f"{_COUNTS[node.operator]} {_events(node.kind, node.count)}"
    if node.properties:
        text += " where " + " and ".join(comparison_words(item) for item in node.properties)
    return text + (f" {window_words(node.window)}" if node.window else "")


@event_words.register
def _newest(node: nodes.NewestEvent) -> str:
    text = f"newest {node.kind.removeprefix('custom:')} is {listed(node.states)}"
    return text + (f", {window_words(node.window)}" if node.window else "")


@event_words.register
def _purchases(node: nodes.Purchases) -> str:
    parts = []
    if node.count is not None:
        parts.append(f"{_COUNTS[node.count[0]]} {_events(node.kind, node.count[1])}")
    if node.total is not None:
        what = "" if node.kind == "order" else f' in "{node.kind}" events'
        parts.append(f"spent {_AMOUNTS[node.total[0]]} {node.total[1]:f}{what} in all")
    for name, window in (("first", node.first), ("last", node.last)):
        if window is not None:
            parts.append(f"{name} {node.kind} {window_words(window)}")
    return ", ".join(parts)


@event_words.register
def _repurchase(node: nodes.Repurchase) -> str:
    text = f"due for the next {node.kind}: the last one "
    if node.days is not None:
        text += f"at least {days_words(node.days)} ago"
    else:
        text += f"longer ago than {node.factor:f} times the person's own mean gap"
    return text + (f", but at most {days_words(node.lapsed_days)} ago" if node.lapsed_days else "")
