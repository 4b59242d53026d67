"""Tags of the contacts somebody may see."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from smsmarketing.contacts.models import Segment

_COUNTS = """
SELECT t.tag, count(*) FROM contacts_contact c, unnest(c.tags) AS t(tag)
WHERE c.trashed_at IS NULL AND c.phone IS NOT NULL AND t.tag > %(after)s
    AND EXISTS (SELECT 1 FROM contacts_sendstate s
        WHERE s.contact_id = c.id AND s.brand_id = ANY(%(brands)s))
GROUP BY t.tag ORDER BY t.tag LIMIT %(limit)s
"""


def tag_counts(brand_ids: Collection[int], *, after: str = "", limit: int) -> list[tuple[str, int]]:
    """(tag, contacts in use that have it) by name, behind the tag `after`."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"brands": sorted(brand_ids), "after": after, "limit": limit})
        return [(str(tag), int(count)) for tag, count in cursor.fetchall()]


def segments_with_tag(team_ids: Collection[int], tag: str) -> list[str]:
    """Names of the saved segments in use whose criteria name the tag; at most 20."""
    rows = Segment.objects.filter(team_id__in=team_ids, archived_at=None).order_by("name")
    found = [row.name for row in rows.iterator() if _names(row.criteria, tag)]
    return found[:20]


def _names(node: object, tag: str) -> bool:
    if isinstance(node, dict):
        for word in ("tag", "all_tags"):
            named = node.get(word)
            if named == tag or (isinstance(named, list) and tag in named):
                return True
        return any(_names(value, tag) for value in node.values())
    return isinstance(node, list) and any(_names(item, tag) for item in node)
