"""Criteria as rows of a form: groups of conditions, joined by all or any, each one possibly turned round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from smsmarketing.campaigns.admin.copy_form import whole

GROUPS_MAX, ROWS_MAX = 5, 10
NODES_SHOWN = max(GROUPS_MAX, ROWS_MAX)
KINDS: dict[str, str] = {
    "audience": "is on the list",
    "tag": "has a tag",
    "country": "lives in the country",
    "region": "lives in the region",
    "language": "reads the language",
    "consent_age": "gave consent",
    "last_sent": "got the last text",
    "never_sent": "was never texted",
    "custom": "has a field value",
    "event": "had an event",
    "customer_key": "is a known customer",
    "everyone": "is any contact of the brand",
}
OPERATORS = {
    "eq": "is",
    "ne": "is not",
    "lt": "is below / before",
    "le": "is at most / until",
    "gt": "is above / after",
    "ge": "is at least / since",
    "contains": "contains",
    "in": "is one of",
    "exists": "is filled in",
    "missing": "is empty",
}
AGES = {"le": "at most", "ge": "at least", "lt": "less than", "gt": "more than"}
TYPES = {"text": "text", "number": "number", "date": "date", "boolean": "yes or no"}
_LISTS = frozenset({"tag", "country", "region", "language"})
_TRUE = frozenset({"everyone", "never_sent"})


@dataclass
class Row:
    """One condition, as typed."""

    kind: str = ""
    negated: bool = False
    value: str = ""
    audiences: list[str] = field(default_factory=list)
    op: str = ""
    days: str = ""
    name: str = ""
    type: str = "text"
    count: str = ""
    path: str = ""
    error: str = ""


@dataclass
class Group:
    """Conditions that hold all together, or any of them."""

    joiner: str = "all"
    negated: bool = False
    rows: list[Row] = field(default_factory=list)


def groups_read(data: QueryDict) -> list[Group]:
    """The groups of a sent form; rows without a kind are left out."""
    groups = []
    for g in range(GROUPS_MAX):
        if f"g{g}-joiner" not in data:
            continue
        group = Group(joiner=data.get(f"g{g}-joiner", "all"), negated=data.get(f"g{g}-not") == "on")
        for r in range(ROWS_MAX):
            row = _row_read(data, f"g{g}-r{r}-")
            if row.kind:
                group.rows.append(row)
        groups.append(group)
    return groups


def _row_read(data: QueryDict, prefix: str) -> Row:
    def text(name: str) -> str:
        return data.get(prefix + name, "").strip()

    return Row(
        kind=text("kind"),
        negated=text("not") == "not",
        value=text("value"),
        audiences=data.getlist(f"{prefix}audience"),
        op=text("op"),
        days=text("days"),
        name=text("name"),
        type=text("type") or "text",
        count=text("count"),
    )


def tree_build(groups: list[Group], joiner: str) -> dict[str, Any]:
    """The criteria tree of the form; notes in each row where it stands in the tree."""
    filled = [group for group in groups if group.rows]
    if not filled:
        return {}
    top = "any" if joiner == "any" else "all"
    if len(filled) == 1 and not filled[0].negated:
        return _group_tree(filled[0], "criteria")
    nodes = []
    for index, group in enumerate(filled):
        path = f"criteria.{top}[{index}]"
        if group.negated:
            nodes.append({"not": _group_tree(group, f"{path}.not")})
        else:
            nodes.append(_group_tree(group, path))
    return {top: nodes}


def _group_tree(group: Group, path: str) -> dict[str, Any]:
    joiner = "any" if group.joiner == "any" else "all"
    leaves = []
    for index, row in enumerate(group.rows):
        row.path = f"{path}.{joiner}[{index}]"
        leaf = {row.kind: _leaf(row)}
        leaves.append({"not": leaf} if row.negated else leaf)
    return {joiner: leaves}


def _leaf(row: Row) -> Any:
    """The content of one condition; what cannot be read is passed on, so that the operation says what is wrong."""
    if row.kind in _TRUE:
        return True
    if row.kind == "customer_key":
        return True
    if row.kind == "audience":
        return [whole(pk) for pk in row.audiences]
    if row.kind in _LISTS:
        return _several(row.value, upper=row.kind in {"country", "region"})
    if row.kind in {"consent_age", "last_sent"}:
        return {"op": row.op or "le", "days": whole(row.days)}
    if row.kind == "event":
        return _event(row)
    return _custom(row)


def _several(text: str, *, upper: bool = False) -> list[str]:
    parts = [part.strip() for part in text.replace("\n", ",").split(",")]
    return [part.upper() if upper else part for part in parts if part]


def _event(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": row.name}
    if row.days:
        found["within_days"] = whole(row.days)
    if row.count:
        found["count"] = {"op": row.op or "ge", "value": whole(row.count)}
    return found


def _custom(row: Row) -> dict[str, Any]:
    op = row.op or "eq"
    found: dict[str, Any] = {"name": row.name, "type": row.type, "op": op}
    if op in {"exists", "missing"}:
        return found
    value: Any = row.value
    if op == "in":
        value = _several(row.value)
    elif row.type == "boolean":
        value = {"true": True, "yes": True, "false": False, "no": False}.get(
            row.value.lower(), row.value
        )
    return {**found, "value": value}


def groups_of(tree: Mapping[str, Any]) -> tuple[list[Group], str] | None:
    """The rows of a tree, or None when the form cannot show it (deeper, or with event properties)."""
    if set(tree) - {"all", "any"} or len(tree) != 1:
        return _single(tree)
    ((joiner, nodes),) = tree.items()
    if not isinstance(nodes, list) or not nodes or len(nodes) > NODES_SHOWN:
        return None
    if len(nodes) <= ROWS_MAX and all(_row_of(node) is not None for node in nodes):
        return [Group(joiner=joiner, rows=[_row_known(node) for node in nodes])], "all"
    groups = []
    for node in nodes:
        group = _group_of(node)
        if group is None:
            return None
        groups.append(group)
    return (groups, joiner) if len(groups) <= GROUPS_MAX else None


def _single(tree: Mapping[str, Any]) -> tuple[list[Group], str] | None:
    row = _row_of(tree)
    return ([Group(rows=[row])], "all") if row is not None else None


def _group_of(node: Any) -> Group | None:
    negated = isinstance(node, dict) and set(node) == {"not"}
    inner = node["not"] if negated else node
    if not isinstance(inner, dict) or len(inner) != 1:
        return None
    ((joiner, nodes),) = inner.items()
    if joiner not in {"all", "any"}:
        row = _row_of(node)
        return Group(rows=[row]) if row is not None else None
    if not isinstance(nodes, list):
        return None
    rows = [_row_of(item) for item in nodes]
    if any(row is None for row in rows) or len(rows) > ROWS_MAX:
        return None
    return Group(joiner=joiner, negated=negated, rows=[row for row in rows if row is not None])


def _row_known(node: Any) -> Row:
    row = _row_of(node)
    return row if row is not None else Row()


def _row_of(node: Any) -> Row | None:
    """The row of a leaf, or None when there is no row that says the same."""
    if not isinstance(node, dict) or len(node) != 1:
        return None
    ((kind, content),) = node.items()
    if kind == "not":
        row = _row_of(content)
        if row is None or row.negated:
            return None
        row.negated = True
        return row
    if kind not in KINDS:
        return None
    row = Row(kind=kind)
    if kind in _TRUE or (kind == "customer_key" and content is True):
        return row
    if kind == "audience":
        row.audiences = [str(pk) for pk in (content if isinstance(content, list) else [content])]
        return row
    if kind in _LISTS:
        several = content if isinstance(content, list) else [content]
        row.value = ", ".join(str(item) for item in several)
        return row
    return _row_compared(row, content) if isinstance(content, dict) else None


def _row_compared(row: Row, content: dict[str, Any]) -> Row | None:
    if row.kind in {"consent_age", "last_sent"}:
        row.op, row.days = str(content.get("op", "")), str(content.get("days", ""))
        return row
    if row.kind == "event":
        if set(content) - {"kind", "within_days", "count"}:
            return None
        row.name, row.days = str(content.get("kind", "")), str(content.get("within_days", "") or "")
        count = content.get("count") or {}
        if not isinstance(count, dict):
            return None
        row.op, row.count = str(count.get("op", "")), str(count.get("value", ""))
        return row
    value = content.get("value", "")
    row.name, row.type = str(content.get("name", "")), str(content.get("type", "text"))
    row.op = str(content.get("op", "eq"))
    row.value = ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
    return row


def _plain(text: str) -> str:
    """Operators in words instead of their codes."""
    if not text.startswith("Give one of: "):
        return text
    codes = text.removeprefix("Give one of: ").rstrip(".").split(", ")
    return f"Choose one of: {', '.join(OPERATORS.get(code, code) for code in codes)}."


def errors_place(groups: list[Group], errors: Mapping[str, str]) -> list[str]:
    """Put refusals at the row whose path they name; returns the texts that belong to no row."""
    rows = [row for group in groups for row in group.rows if row.path]
    left = []
    for path, text in errors.items():
        at = [row for row in rows if path.startswith((row.path + ".", row.path + "["))]
        if at:
            max(at, key=lambda row: len(row.path)).error = _plain(text)
        else:
            left.append(text)
    return left
