"""Renaming a tag everywhere, in small steps: a STOP never waits for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from smsmarketing.contacts.services.states import send_state_refresh

RENAMED_AT_ONCE = 500
_RENAME = """
WITH chosen AS (
    SELECT c.id, c.tags @> ARRAY[%(new)s]::varchar[] AS has_new FROM contacts_contact c
    WHERE c.tags @> ARRAY[%(old)s]::varchar[] AND EXISTS (SELECT 1 FROM contacts_sendstate s
        WHERE s.contact_id = c.id AND s.brand_id = ANY(%(brands)s))
    ORDER BY c.id LIMIT %(limit)s FOR NO KEY UPDATE OF c
), noted AS (
    INSERT INTO contacts_contactchange
        (contact_id, at, by, act, made, fields, tags_added, tags_removed)
    SELECT id, %(now)s, %(by)s, 'rename', FALSE, '{}',
        CASE WHEN has_new THEN '{}' ELSE ARRAY[%(new)s]::varchar[] END, ARRAY[%(old)s]::varchar[]
    FROM chosen
)
UPDATE contacts_contact c SET version = c.version + 1, updated_at = %(now)s, tags = CASE
    WHEN c.tags @> ARRAY[%(new)s]::varchar[] THEN array_remove(c.tags, %(old)s)
    ELSE array_replace(c.tags, %(old)s, %(new)s) END
FROM chosen WHERE c.id = chosen.id RETURNING c.id
"""
_LEFT = """
SELECT count(*) FROM contacts_contact c
WHERE c.tags @> ARRAY[%(old)s]::varchar[] AND EXISTS (SELECT 1 FROM contacts_sendstate s
    WHERE s.contact_id = c.id AND s.brand_id = ANY(%(brands)s))
"""


def tag_rename(
    old: str, new: str, *, brand_ids: Collection[int], by: str = "", now: datetime | None = None
) -> int:
    """Rename the tag of some contacts of these brands (at most 500), in the caller's transaction.
    `by` is who asks, for the story of each.

    Who has both keeps one. Returns how many were changed; call again until it is none.
    """
    params: dict[str, Any] = {
        "old": old,
        "new": new,
        "brands": sorted(brand_ids),
        "by": by[:80],
        "now": now or timezone.now(),
        "limit": RENAMED_AT_ONCE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RENAME, params)
        changed = [row[0] for row in cursor.fetchall()]
    send_state_refresh(changed, now=now)
    return len(changed)


def tag_holders(tag: str, *, brand_ids: Collection[int]) -> int:
    """How many contacts of these brands have the tag, those in the trash too."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, {"old": tag, "brands": sorted(brand_ids)})
        row = cursor.fetchone()
    return int(row[0])
