"""An operation's output as a tree that a template can show."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

CELLS_SHOWN = 200
_WHOLE_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True)
class Node:
    """A scalar (`text`), a table (`headers`, `rows`), a list or an object (`items` with labels)."""

    kind: str
    text: str = ""
    items: list[tuple[str, Node]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    rows: list[list[Node]] = field(default_factory=list)
    more: int = 0
    copy: bool = False
    """A whole number, as contacts.reveal gives it: shown with a button that copies it."""


def node_build(value: Any) -> Node:
    """The tree of a JSON value. Marked third-party text is shown as its text."""
    if isinstance(value, dict):
        if value.get("untrusted") is True:
            return Node("scalar", text=str(value.get("text", "")))
        if set(value) == {"amount", "currency"}:
            return Node("scalar", text=f"{value['amount']} {value['currency']}")
        return Node(
            "object", items=[(_words(name), node_build(item)) for name, item in value.items()]
        )
    if isinstance(value, list):
        return _list_node(value)
    text = _scalar(value)
    return Node("scalar", text=text, copy=bool(_WHOLE_NUMBER.fullmatch(text)))


def _list_node(values: list[Any]) -> Node:
    shown, more = values[:CELLS_SHOWN], max(0, len(values) - CELLS_SHOWN)
    if shown and all(isinstance(item, dict) for item in shown):
        names = list(dict.fromkeys(name for item in shown for name in item))
        if len(names) <= 8:
            return Node(
                "table",
                headers=[_words(name) for name in names],
                rows=[[node_build(item.get(name)) for name in names] for item in shown],
                more=more,
            )
    return Node("list", items=[("", node_build(item)) for item in shown], more=more)


def _words(name: str) -> str:
    words = str(name).replace("_", " ")
    return words[:1].upper() + words[1:]


def _scalar(value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value)
