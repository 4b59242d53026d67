"""How many a tree finds, and each of its conditions alone: what the builder shows while one types."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from smsmarketing.contacts.criteria.bounds import nodes_walk, rows_bounded
from smsmarketing.contacts.criteria.compilation import node_compile
from smsmarketing.contacts.criteria.nodes import Criteria, Node
from smsmarketing.contacts.criteria.words import node_words
from smsmarketing.operations.errors import InvalidInput

_COUNT = """
SELECT count(*), count(*) FILTER (WHERE s.marketing_reason IS NULL
    AND (s.consent_expires_at IS NULL OR s.consent_expires_at > %s))
FROM {source} WHERE s.brand_id = %s AND ({where})
"""


@dataclass(frozen=True, kw_only=True)
class NodeCount:
    """One node: where it stands, what it means, how many match it alone (None: not counted)."""

    path: str
    words: str
    matched: int | None
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class SegmentCount:
    """The whole tree, and those of its nodes that were asked for."""

    matched: int
    consented: int
    nodes: list[NodeCount]


def segment_count(
    criteria: Criteria,
    *,
    now: datetime,
    paths: Collection[str] = (),
    seconds: float,
) -> SegmentCount:
    """Count the tree, then the nodes at `paths`, until the time is up.

    Raises InvalidInput when the whole cannot be counted within its bounds. A node that cannot be
    is left uncounted, and says why when it is too costly.
    """
    until = monotonic() + seconds
    matched, consented = _counted(criteria.root, criteria, now, seconds)
    known: dict[Node, int] = {criteria.root: matched}
    found: list[NodeCount] = []
    for path, node, _ in nodes_walk(criteria.root):
        if path not in paths:
            continue
        count, refused = known.get(node), ""
        left = until - monotonic()
        if count is None and left > 0:
            try:
                count = known[node] = _counted(node, criteria, now, left)[0]
            except InvalidInput as exc:
                refused = exc.message
        found.append(NodeCount(path=path, words=node_words(node), matched=count, refused=refused))
    return SegmentCount(matched=matched, consented=consented, nodes=found)


def _counted(node: Node, criteria: Criteria, now: datetime, seconds: float) -> tuple[int, int]:
    compiled = node_compile(node, criteria, now=now)
    sql = _COUNT.format(source=compiled.source(), where=compiled.where)
    params = (now, *compiled.source_params, criteria.brand_id, *compiled.params)
    row = rows_bounded(sql, params, seconds=seconds)[0]
    return int(row[0]), int(row[1])
