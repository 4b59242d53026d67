"""What a criteria tree may cost: refused with a reason before it runs, or stopped while it does.

Three nets, each with a code of its own:

- CRITERIA_UNBOUNDED, from the tree alone: single events are read only inside a span of at most
  EVENT_DAYS_MAX days; a text is searched for inside fields only together with a list, tag, group or
  event condition once the brand has more contacts than SEGMENT_SEARCH_CONTACTS.
- CRITERIA_COSTLY, from the planner: a statement whose estimated cost is above
  SEGMENT_COST_MAX is not run.
- CRITERIA_SLOW, from the clock: a statement that takes longer than its time is cancelled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import OperationalError, connection, transaction

from smsmarketing.contacts.criteria import nodes
from smsmarketing.contacts.criteria.event_sql import reads_single_events
from smsmarketing.contacts.criteria.nodes import Criteria, Node
from smsmarketing.contacts.criteria.windows import window_bounds
from smsmarketing.operations.errors import (
    CriteriaCostly,
    CriteriaSlow,
    CriteriaUnbounded,
    InvalidInput,
)

EVENT_DAYS_MAX: Final = 1100
LIMITS: Final = {
    "SEGMENT_COST_MAX": 20_000_000,
    "SEGMENT_SECONDS": 30,
    "SEGMENT_COUNT_SECONDS": 8,
    "SEGMENT_SEARCH_CONTACTS": 1_000_000,
}
"""Planner cost (100,000 is about a second), seconds of a preview, seconds of a live count with all
its conditions, and contacts of a brand above which texts are not searched without more. Settings of
the same names replace them.
"""
WORK_MEM: Final = "64MB"
"""For the ids of a million contacts in memory; with PostgreSQL's 4 MB every join of them goes
through files.
"""

_QUERY_CANCELED = "57014"
_NARROW: Final = (
    nodes.InAudience,
    nodes.HasTag,
    nodes.HadEvent,
    nodes.NewestEvent,
    nodes.Purchases,
    nodes.Repurchase,
)
_NARROWER = (
    "Add a condition that all of them meet and that an index knows: a list, a tag, a customer group,"
    " or an event in the last days."
)


def limit_of(name: str) -> float:
    """The limit in force."""
    return float(getattr(settings, name, LIMITS[name]))


def bounds_check(criteria: Criteria, *, now: datetime) -> None:
    """Refuse a tree that would read without bound. Raises CriteriaUnbounded."""
    for path, node, narrowed in nodes_walk(criteria.root):
        if isinstance(node, nodes.HadEvent):
            _event_check(node, path, now)
        if isinstance(node, nodes.Comparison) and node.operator == "contains" and not narrowed:
            _search_check(criteria, path)


def nodes_walk(
    node: Node, path: str = "criteria", *, narrowed: bool = False
) -> Iterator[tuple[str, Node, bool]]:
    """(path, node, whether another condition that an index knows holds for all it is asked of)."""
    yield path, node, narrowed
    if isinstance(node, nodes.Not):
        yield from nodes_walk(node.node, f"{path}.not", narrowed=narrowed)
    elif isinstance(node, nodes.Group):
        for index, item in enumerate(node.nodes):
            others = node.nodes[:index] + node.nodes[index + 1 :]
            inside = node.joiner == "all" and any(_narrow(other) for other in others)
            yield from nodes_walk(
                item, f"{path}.{node.joiner}[{index}]", narrowed=narrowed or inside
            )


def _narrow(node: Node) -> bool:
    if isinstance(node, nodes.Group):
        test = any if node.joiner == "all" else all
        return test(_narrow(item) for item in node.nodes)
    if isinstance(node, nodes.OneOf):
        return node.column == "customer_group"
    return isinstance(node, _NARROW)


def _event_check(node: nodes.HadEvent, path: str, now: datetime) -> None:
    if not reads_single_events(node):
        return
    start = window_bounds(node.window, now)[0] if node.window else None
    if start is None or start < now - timedelta(days=EVENT_DAYS_MAX):
        what = "the properties of events" if node.properties else "events inside a span of time"
        raise _refusal(
            CriteriaUnbounded,
            f"{path}.event.within_days",
            f"To look at {what}, say how far back: at most {EVENT_DAYS_MAX} days, for example within_days 365.",
        )


def _search_check(criteria: Criteria, path: str) -> None:
    most = int(limit_of("SEGMENT_SEARCH_CONTACTS"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM contacts_sendstate WHERE brand_id = %s LIMIT %s) b",
            [criteria.brand_id, most + 1],
        )
        contacts = int(cursor.fetchone()[0])
    if contacts > most:
        raise _refusal(
            CriteriaUnbounded,
            f"{path}.custom.op",
            f"The brand has more than {most:,} contacts, too many to search all their texts. {_NARROWER}",
        )


def _refusal(kind: type[InvalidInput], path: str, message: str) -> InvalidInput:
    return kind(message, field_errors={path: message}, details={"limit": kind.code})


def rows_bounded(
    sql: str, params: list[Any] | tuple[Any, ...], *, seconds: float
) -> list[tuple[Any, ...]]:
    """The rows of a statement over a segment, inside its cost and its time.

    Raises CriteriaCostly or CriteriaSlow; the caller's transaction goes on.
    """
    with _time_limit(seconds), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('work_mem', %s, true)",
            [_milliseconds(seconds), WORK_MEM],
        )
        cost_check(sql, params)  # planning waits for locks too
        cursor.execute(sql, params)
        found = list(cursor.fetchall())
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL work_mem TO DEFAULT")
    return found


def cost_check(sql: str, params: list[Any] | tuple[Any, ...]) -> None:
    """Ask the planner first. Raises CriteriaCostly."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
    plan = json.loads(found) if isinstance(found, str) else found
    if float(plan[0]["Plan"]["Total Cost"]) > limit_of("SEGMENT_COST_MAX"):
        raise _refusal(
            CriteriaCostly,
            "criteria",
            "These conditions together would look at far too many rows. Use fewer conditions joined by"
            f" any, or put the people on a list first. {_NARROWER}",
        )


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Turn the cancelling of what takes longer into a refusal that says what to do about it."""
    try:
        yield
    except OperationalError as exc:
        if getattr(exc.__cause__, "sqlstate", "") != _QUERY_CANCELED:
            raise
        raise _refusal(
            CriteriaSlow,
            "criteria",
            f"Counting took longer than {seconds:.2g} seconds and was stopped; nothing was changed. {_NARROWER}",
        ) from None
