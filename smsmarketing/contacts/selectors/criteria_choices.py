"""What a team can choose from while it builds a segment: bounded looks at what its contacts have."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection

from smsmarketing.contacts.models import CustomField

_NEWEST = 5000
_MOST = 200
# Of the newest contacts: a full list of a million people's tags is not worth a second of waiting.
_SAMPLE = """
WITH newest AS (
    SELECT s.contact_id FROM contacts_sendstate s
    WHERE s.brand_id = ANY(%(brands)s) ORDER BY s.id DESC LIMIT %(newest)s
), people AS (
    SELECT c.tags, c.customer_group, c.language, c.source FROM newest n
    JOIN contacts_contact c ON c.id = n.contact_id WHERE c.trashed_at IS NULL
)
(SELECT 'tag', t.value, count(*) FROM people p, unnest(p.tags) AS t(value)
    GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT %(most)s)
UNION ALL (SELECT 'group', customer_group, count(*) FROM people WHERE customer_group <> ''
    GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT %(most)s)
UNION ALL (SELECT 'language', language, count(*) FROM people WHERE language <> ''
    GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT %(most)s)
UNION ALL (SELECT 'source', source, count(*) FROM people WHERE source NOT LIKE 'import:%%'
    AND source <> '' GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT %(most)s)
"""
# Jumps from one kind and state to the next in the index instead of reading every summary.
_STATES = """
WITH RECURSIVE seen AS (
    (SELECT kind, last_state, 1 AS n FROM contacts_eventsummary WHERE team_id = %(team)s
        ORDER BY kind, last_state LIMIT 1)
    UNION ALL
    SELECT next.kind, next.last_state, seen.n + 1 FROM seen CROSS JOIN LATERAL (
        SELECT e.kind, e.last_state FROM contacts_eventsummary e
        WHERE e.team_id = %(team)s AND (e.kind, e.last_state) > (seen.kind, seen.last_state)
        ORDER BY e.kind, e.last_state LIMIT 1
    ) next WHERE seen.n < %(most)s
)
SELECT kind, last_state FROM seen
"""


def sampled_values(brand_ids: Collection[int]) -> dict[str, list[str]]:
    """tag, group, language, source → values that the newest contacts have, most frequent first."""
    found: dict[str, list[str]] = {"tag": [], "group": [], "language": [], "source": []}
    params: dict[str, Any] = {"brands": sorted(brand_ids), "newest": _NEWEST, "most": _MOST}
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE, params)
        for what, value, _ in cursor.fetchall():
            found[what].append(value)
    return found


def event_states(team_ids: Collection[int]) -> dict[str, list[str]]:
    """Kind → states that the newest events of it are in."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        for team_id in sorted(team_ids):
            cursor.execute(_STATES, {"team": team_id, "most": _MOST})
            for kind, state in cursor.fetchall():
                states = found.setdefault(kind, [])
                if state and state not in states:
                    states.append(state)
    return found


def declared_fields(team_ids: Collection[int]) -> list[dict[str, Any]]:
    """Declared fields in use, of contacts and of events."""
    rows = CustomField.objects.filter(team_id__in=team_ids, archived_at=None).order_by("label")
    return [
        {
            "of": row.applies_to,
            "name": row.name,
            "label": row.label,
            "type": row.type,
            "choices": list(row.choices),
        }
        for row in rows[:_MOST]
    ]
