"""Keeping what is derived from the events of contacts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from django.db import connection

VOID_STATES: Final = ("cancelled", "canceled", "refunded", "returned", "failed", "voided")
"""States whose amount is not counted as spent."""

_VOID = ", ".join(f"'{state}'" for state in VOID_STATES)
_AMOUNT = rf"""
    CASE WHEN e.properties ->> 'amount' ~ '^-?[0-9]{{1,15}}(\.[0-9]{{1,6}})?$'
        AND COALESCE(upper(NULLIF(e.properties ->> 'currency', '')), t.currency) = t.currency
        AND lower(COALESCE(e.properties ->> 'state', '')) NOT IN ({_VOID})
    THEN (e.properties ->> 'amount')::numeric ELSE 0 END
"""
SUMMARIES_LOCKED: Final = """
    SELECT s.id FROM contacts_eventsummary s
    JOIN ({keys}) k USING (team_id, contact_id, kind)
    ORDER BY s.team_id, s.contact_id, s.kind FOR UPDATE OF s
"""
SUMMARIES_OPENED: Final = """
    INSERT INTO contacts_eventsummary (team_id, contact_id, kind, count, last_state, amount_sum)
    SELECT k.team_id, k.contact_id, k.kind, 0, '', 0 FROM ({keys}) k
    ORDER BY k.team_id, k.contact_id, k.kind
    ON CONFLICT (team_id, contact_id, kind) DO NOTHING
"""
# The newest event of all: by when it happened, then by when its state became true; the last two
# only so that the answer never depends on the order of arrival.
SUMMARIES_DERIVED: Final = """
    UPDATE contacts_eventsummary s SET count = d.count, first_at = d.first_at,
        last_at = d.last_at, last_state = d.last_state, amount_sum = d.amount_sum,
        mean_gap_days = CASE WHEN d.count > 1 THEN
            extract(epoch FROM d.last_at - d.first_at) / 86400.0 / (d.count - 1) END
    FROM (
        SELECT e.team_id, e.contact_id, e.kind, count(*) AS count, min(e.occurred_at) AS first_at,
            max(e.occurred_at) AS last_at, sum({amount}) AS amount_sum,
            left((array_agg(COALESCE(e.properties ->> 'state', '') ORDER BY e.occurred_at DESC,
                e.updated_at DESC, e.external_id DESC, e.source DESC))[1], 40) AS last_state
        FROM ({keys}) k
        JOIN contacts_contactevent e USING (team_id, contact_id, kind)
        JOIN accounts_team t ON t.id = e.team_id
        GROUP BY 1, 2, 3
    ) d
    WHERE s.team_id = d.team_id AND s.contact_id = d.contact_id AND s.kind = d.kind
""".replace("{amount}", _AMOUNT.strip())
SUMMARIES_EMPTIED: Final = """
    DELETE FROM contacts_eventsummary s USING ({keys}) k
    WHERE s.team_id = k.team_id AND s.contact_id = k.contact_id AND s.kind = k.kind
        AND NOT EXISTS (SELECT 1 FROM contacts_contactevent e WHERE e.team_id = k.team_id
            AND e.contact_id = k.contact_id AND e.kind = k.kind)
"""
"""The four statements of a summary, over `keys`: a query of (team_id, contact_id, kind)."""

_OF_CONTACTS = """
    SELECT team_id, contact_id, kind FROM contacts_contactevent
        WHERE contact_id = ANY(%(contacts)s)
    UNION SELECT team_id, contact_id, kind FROM contacts_eventsummary
        WHERE contact_id = ANY(%(contacts)s)
"""
_TRIES = 10


def event_summaries_refresh(contact_ids: Collection[int]) -> None:
    """Derive all summaries of these contacts again from their events, in the caller's transaction.

    For whoever moves or removes events (merging two contacts, erasing one).
    """
    if contact_ids:
        params = {"contacts": sorted(contact_ids)}
        summaries_lock(_OF_CONTACTS, params)
        summaries_derive(_OF_CONTACTS, params)


def summaries_lock(keys: str, params: Mapping[str, Any]) -> None:
    """Make and lock the summaries that `keys` (a query of team_id, contact_id, kind) selects.

    Whoever records events of the same contact and kind at the same moment waits here, so each
    derives from what the other committed. A row that somebody removed meanwhile is made again.
    """
    with connection.cursor() as cursor:
        for _ in range(_TRIES):
            cursor.execute(SUMMARIES_OPENED.replace("{keys}", keys), params)
            cursor.execute(SUMMARIES_LOCKED.replace("{keys}", keys), params)
            locked, wanted = cursor.rowcount, f"SELECT count(*) FROM ({keys}) k"  # noqa: S608
            cursor.execute(wanted, params)
            if cursor.fetchone() == (locked,):
                return
    raise RuntimeError("event summaries keep vanishing under the lock")


def summaries_derive(keys: str, params: Mapping[str, Any]) -> None:
    """Write the locked summaries anew from the events; one without any event is removed."""
    with connection.cursor() as cursor:
        cursor.execute(SUMMARIES_DERIVED.replace("{keys}", keys), params)
        cursor.execute(SUMMARIES_EMPTIED.replace("{keys}", keys), params)
