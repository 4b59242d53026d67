"""Recording many events at once of which nothing is known yet: statements over whole sets of rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from smsmarketing.contacts.services.events.summaries import summaries_derive, summaries_make

# KEY SHARE as in recording.py: erasing and merging wait, or come first.
_CONTACTS: Final = """
    WITH wanted AS MATERIALIZED (SELECT DISTINCT contact_id FROM ({events}) e),
    held AS (
        SELECT c.id FROM contacts_contact c JOIN wanted w ON w.contact_id = c.id
        WHERE c.erased_at IS NULL AND c.merged_into_id IS NULL
        ORDER BY c.id FOR KEY SHARE OF c
    )
    SELECT (SELECT count(*) FROM held) = (SELECT count(*) FROM wanted)
"""
_INSERT: Final = """
    INSERT INTO contacts_contactevent (team_id, contact_id, source, kind, external_id, occurred_at,
        updated_at, properties, facts, recorded_at)
    SELECT %(team)s, e.contact_id, e.source, e.kind, e.external_id, e.occurred_at, e.updated_at,
        e.properties, '[]', %(now)s
    FROM ({events}) e ORDER BY e.contact_id, e.kind, e.external_id
"""


def events_record_fresh(
    team_id: int, events: str, params: Mapping[str, Any], *, now: datetime
) -> int | None:
    """Record the events that the query `events` selects: contact_id, source, kind, external_id,
    occurred_at, updated_at and properties, already checked by rules.events, each key once. How many;
    None, and nothing done, when one is known already or its contact is gone or was merged: then
    `events_record` has the answers. Locks in the same order as it does.
    """
    params = {**params, "team": team_id, "now": now}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_CONTACTS.replace("{events}", events), params)
            if not cursor.fetchone()[0]:
                return None
            waiting = summaries_make(team_id, events, params)
            cursor.execute(_INSERT.replace("{events}", events), params)
            recorded = int(cursor.rowcount)
            if waiting:
                summaries_derive(waiting)
            return recorded
    except IntegrityError:
        return None
