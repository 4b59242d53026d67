"""Noting, while a chunk is merged, what an undo must know about contacts that existed before.

Set-based, and nothing at all for new contacts: their source names the import.
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS
from smsmarketing.contacts.rules.import_undo import ZONE_SOURCE
from smsmarketing.contacts.services.imports.staging import Stage

UNDO_SOURCE = "import_undo:"
"""Source of a contact that an undo took to the trash: an import may bring it back."""
WAS_UNDONE = f"(c.trashed_at IS NOT NULL AND c.source LIKE '{UNDO_SOURCE}%%')"

_TEXTS = (*TEXT_FIELDS, ZONE_SOURCE)
_TABLE = f"""
    CREATE TEMP TABLE IF NOT EXISTS contacts_import_before (
        contact_id bigint, stated boolean, undone boolean, {" text, ".join(_TEXTS)} text,
        tags varchar[], custom jsonb, crm_keys jsonb
    ) ON COMMIT DELETE ROWS;
    DELETE FROM contacts_import_before
"""  # noqa: S608 - fixed words only


def before_note(stage: Stage, params: dict[str, Any]) -> int:
    """Lock the contacts of a chunk that exist already and keep their values; how many they are."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)
        cursor.execute(
            f"""
            INSERT INTO contacts_import_before
            SELECT c.id, EXISTS (SELECT 1 FROM contacts_sendstate st
                    WHERE st.brand_id = %(brand)s AND st.contact_id = c.id),
                {WAS_UNDONE}, c.{", c.".join(_TEXTS)},
                c.tags, c.custom, c.crm_keys
            FROM {stage.todo} t JOIN {stage.table} s ON s.line = t.line
            JOIN contacts_contact c ON c.phone = s.phone
            WHERE t.action IN ('change', 'attach') AND t.seq > %(after)s AND t.seq <= %(upto)s
            ORDER BY t.seq FOR NO KEY UPDATE OF c
            """,  # noqa: S608 - names of ours
            params,
        )
        return int(cursor.rowcount)


def _text_changes() -> list[str]:
    parts = [
        f"CASE WHEN b.{name} <> c.{name} THEN jsonb_build_object('{name}',"
        f" jsonb_build_array(b.{name}, c.{name})) ELSE '{{}}' END"
        for name in TEXT_FIELDS
    ]
    parts.append(
        "CASE WHEN b.time_zone <> c.time_zone THEN"
        " jsonb_build_object('time_zone_source', b.time_zone_source) ELSE '{}' END"
    )
    return parts


def _object_changes() -> list[str]:
    return [
        f"""CASE WHEN b.{name} <> c.{name} THEN jsonb_build_object('{name}',
            (SELECT jsonb_object_agg(n.key, jsonb_build_array(b.{name} -> n.key, n.value))
                FROM jsonb_each(c.{name}) n WHERE b.{name} -> n.key IS DISTINCT FROM n.value))
            ELSE '{{}}' END"""  # noqa: S608 - fixed words only
        for name in OBJECT_FIELDS
    ]


_NOTES = [
    *_text_changes(),
    *_object_changes(),
    """CASE WHEN cardinality(b.tags) <> cardinality(c.tags) THEN jsonb_build_object('tags',
        ARRAY(SELECT unnest(c.tags) EXCEPT SELECT unnest(b.tags))) ELSE '{}' END""",
    "CASE WHEN b.undone THEN jsonb_build_object('trashed', c.version) ELSE '{}' END",
]
_CHANGES = (
    "CASE WHEN b.contact_id IS NULL THEN jsonb_build_object('unknown', true) ELSE "
    + " || ".join(f"({note})" for note in _NOTES)
    + " END"
)
_NOTE_SQL = f"""
    WITH written AS (
        INSERT INTO contacts_importundo (job_id, contact_id, changes, state_made)
        SELECT %(job)s, n.contact_id, n.changes, n.made FROM (
            SELECT k.contact_id, COALESCE(NOT b.stated, FALSE) AS made, {_CHANGES} AS changes
            FROM contacts_import_chunk k
            LEFT JOIN contacts_import_before b ON b.contact_id = k.contact_id
            JOIN contacts_contact c ON c.id = k.contact_id
            WHERE NOT k.created AND (k.touched OR b.contact_id IS NOT NULL)
        ) n WHERE n.made OR n.changes <> '{{}}'
        RETURNING id
    )
    SELECT min(id), max(id) FROM written
"""  # noqa: S608 - fixed words only


def changes_note(params: dict[str, Any]) -> tuple[int, int] | None:
    """Write the undo rows of the chunk that was just merged; the lowest and highest id."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_SQL, params)
        first, last = cursor.fetchone()
    return None if first is None else (int(first), int(last))
