"""SQL of the conditions on events.

Where the roll-up (one narrow row per contact and kind) can answer, it does: joined once per kind,
however many conditions look at it and however they are nested. Only properties, and counts inside a
span of time, read single events, as EXISTS, which the planner turns into one join over the segment
instead of a look per contact. Only the events of the brand's own team: what another team knows of
the person is not ours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import singledispatch
from typing import Any

from smsmarketing.contacts.criteria import nodes
from smsmarketing.contacts.criteria.comparisons import comparison_sql
from smsmarketing.contacts.criteria.pieces import (
    NEGATED,
    SIGNS,
    Piece,
    Setting,
    holds,
    span_sql,
)
from smsmarketing.contacts.criteria.windows import Window, window_bounds


@singledispatch
def event_piece(node: Any, setting: Setting) -> Piece:
    """The SQL of one condition on events."""
    raise TypeError(f"no SQL for {type(node).__name__}")


def reads_single_events(node: nodes.HadEvent) -> bool:
    """Whether the roll-up cannot answer it."""
    if node.properties:
        return True
    if node.window is None:
        return False
    return not _at_least_one(node) or not _one_sided(node.window)


def _one_sided(window: Window) -> bool:
    return (
        window.calendar == ""
        and not (window.since and window.until)
        and (window.newest is None or window.oldest is None)
    )


def _at_least_one(node: nodes.HadEvent) -> bool:
    return (node.operator, node.count) in (("ge", 1), ("gt", 0), ("ne", 0))


def _summary(setting: Setting, conditions: list[str], params: list[Any]) -> Piece:
    return Piece(setting.truth(" AND ".join(conditions)), tuple(params))


@event_piece.register
def _had(node: nodes.HadEvent, setting: Setting) -> Piece:
    if reads_single_events(node):
        return _single(node, setting)
    if node.window is not None:
        start, before = window_bounds(node.window, setting.now)
        alias = setting.summary(node.kind)
        # One of them in the span: the newest is not too old, or the oldest is old enough.
        if start is not None:
            return _summary(setting, [f"{alias}.last_at >= %s"], [start])
        return _summary(setting, [f"{alias}.first_at < %s"], [before])
    return _counted(setting, node.kind, [("count", node.operator, node.count)])


def _single(node: nodes.HadEvent, setting: Setting) -> Piece:
    conditions = ["v.team_id = %s", "v.kind = %s"]
    params: list[Any] = [setting.team_id, node.kind]
    if node.window is not None:
        more, values = span_sql("v.occurred_at", window_bounds(node.window, setting.now))
        conditions += more
        params += values
    for comparison in node.properties:
        piece = comparison_sql(comparison, "v.properties", setting.now)
        conditions.append(piece.sql)
        params += piece.params
    where = " AND ".join(conditions)
    rows = f"FROM contacts_contactevent v WHERE {where}"
    if _at_least_one(node):
        return Piece(f"EXISTS (SELECT 1 {rows} AND v.contact_id = s.contact_id)", tuple(params))
    none_fits = holds(node.operator, 0, node.count)
    sign = SIGNS[NEGATED[node.operator] if none_fits else node.operator]
    sql = (
        f"EXISTS (SELECT 1 FROM (SELECT v.contact_id {rows} GROUP BY v.contact_id"  # noqa: S608
        f" HAVING count(*) {sign} %s) n WHERE n.contact_id = s.contact_id)"
    )
    return Piece(f"NOT {sql}" if none_fits else sql, (*params, node.count))


def _counted(
    setting: Setting,
    kind: str,
    tests: list[tuple[str, str, Any]],
    spans: list[tuple[str, tuple[datetime | None, datetime | None]]] | None = None,
) -> Piece:
    """Comparisons of the roll-up's figures; who has no row has 0 of each."""
    alias = setting.summary(kind)
    zero = not spans and all(holds(operator, 0, value) for _, operator, value in tests)
    figure = f"COALESCE({alias}.{{}}, 0)" if zero else f"{alias}.{{}}"
    conditions = [f"{figure.format(column)} {SIGNS[operator]} %s" for column, operator, _ in tests]
    params = [value for _, _, value in tests]
    for column, bounds in spans or []:
        more, values = span_sql(f"{alias}.{column}", bounds)
        conditions += more
        params += values
    return _summary(setting, conditions, params)


@event_piece.register
def _newest(node: nodes.NewestEvent, setting: Setting) -> Piece:
    alias = setting.summary(node.kind)
    conditions, params = [f"{alias}.last_state = ANY(%s)"], [list(node.states)]
    if node.window is not None:
        more, values = span_sql(f"{alias}.last_at", window_bounds(node.window, setting.now))
        conditions += more
        params += values
    return _summary(setting, conditions, params)


@event_piece.register
def _purchases(node: nodes.Purchases, setting: Setting) -> Piece:
    tests = [
        (column, *test)
        for column, test in (("count", node.count), ("amount_sum", node.total))
        if test is not None
    ]
    spans = [
        (column, window_bounds(window, setting.now))
        for column, window in (("first_at", node.first), ("last_at", node.last))
        if window is not None
    ]
    return _counted(setting, node.kind, tests, spans)


@event_piece.register
def _repurchase(node: nodes.Repurchase, setting: Setting) -> Piece:
    alias = setting.summary(node.kind)
    params: list[Any]
    if node.days is not None:
        conditions, params = [f"{alias}.last_at < %s"], [setting.now - timedelta(days=node.days)]
    else:
        # Two orders within a minute are one basket: a gap counts as a day at least.
        conditions = [
            f"{alias}.mean_gap_days IS NOT NULL",
            f"{alias}.last_at + GREATEST({alias}.mean_gap_days, 1) * %s * interval '1 day' <= %s",
        ]
        params = [float(node.factor or 1), setting.now]
    if node.lapsed_days is not None:
        conditions.append(f"{alias}.last_at >= %s")
        params.append(setting.now - timedelta(days=node.lapsed_days))
    return _summary(setting, conditions, params)
