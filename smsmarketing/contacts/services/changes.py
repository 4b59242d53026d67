"""Noting what an act changed of a contact, for its story; in the transaction of the act."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from smsmarketing.contacts.models import Contact, ContactChange
from smsmarketing.contacts.rules.changes import Difference, difference
from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS

# `unknown` and what is kept only for the undo itself name no field of the contact.
_KEEP = """
WITH gone AS (
    DELETE FROM contacts_importundo u WHERE u.job_id = %(job)s AND u.id >= %(first)s AND u.id <= %(last)s
    RETURNING u.contact_id, u.changes
)
INSERT INTO contacts_contactchange
    (contact_id, at, by, act, made, fields, tags_added, tags_removed, import_job_id)
SELECT g.contact_id, j.started_at, 'import:' || j.id, 'import', FALSE,
    ARRAY(SELECT left(k.name, 120) FROM (
        SELECT o.key || '.' || p.key AS name FROM jsonb_each(g.changes) o,
            jsonb_each(CASE WHEN o.key = ANY(%(objects)s) THEN o.value ELSE '{}' END) p
        UNION ALL SELECT o.key FROM jsonb_each(g.changes) o WHERE o.key = ANY(%(texts)s)) k
        ORDER BY k.name),
    ARRAY(SELECT jsonb_array_elements_text(g.changes -> 'tags')), '{}', j.id
FROM gone g JOIN contacts_importjob j ON j.id = %(job)s WHERE j.started_at IS NOT NULL
"""


def profile_of(contact: Contact) -> dict[str, Any]:
    """The values that an act may change, as they are now."""
    objects = {name: dict(getattr(contact, name)) for name in OBJECT_FIELDS}
    texts = {name: getattr(contact, name) for name in TEXT_FIELDS}
    return {**texts, **objects, "tags": list(contact.tags)}


def change_note(
    contact: Contact,
    before: dict[str, Any],
    *,
    by: str,
    act: str,
    at: datetime,
    made: bool = False,
    restored: bool = False,
) -> None:
    """Write down what differs from `before`; nothing when nothing does."""
    found = difference(before, profile_of(contact))
    if not (found or made or restored):
        return
    row = change_row(contact.pk, found, by=by, act=act, at=at)
    row.made = made
    if restored:
        row.fields = [*row.fields, "restored"]
    row.save()


def change_row(
    contact_id: int,
    found: Difference,
    *,
    by: str,
    act: str,
    at: datetime,
    import_job_id: int | None = None,
) -> ContactChange:
    """An unsaved row."""
    return ContactChange(
        contact_id=contact_id,
        at=at,
        by=by[:80],
        act=act,
        fields=list(found.fields),
        tags_added=list(found.tags_added),
        tags_removed=list(found.tags_removed),
        import_job_id=import_job_id,
    )


def import_changes_keep(job_id: int, *, first: int, last: int) -> None:
    """Forget the values that an import changed (rows of its undo by id); that it did stays told."""
    params: dict[str, Any] = {
        "job": job_id,
        "first": first,
        "last": last,
        "texts": list(TEXT_FIELDS),
        "objects": list(OBJECT_FIELDS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, params)
