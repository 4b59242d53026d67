"""Keeping what is derived from the events of contacts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
_FIGURES = """count(*) AS count, min(e.occurred_at) AS first_at, max(e.occurred_at) AS last_at,
            sum({amount}) AS amount_sum,
            left((array_agg(COALESCE(e.properties ->> 'state', '') ORDER BY e.occurred_at DESC,
                e.updated_at DESC, e.external_id DESC, e.source DESC))[1], 40) AS last_state
""".replace("{amount}", _AMOUNT.strip())
_GAP = """CASE WHEN d.count > 1
            THEN extract(epoch FROM d.last_at - d.first_at) / 86400.0 / (d.count - 1) END"""
# LATERAL, and only the contact may lead into an index: on fresh tables the planner takes the one by
# team and kind and reads every event of the team for each contact.
SUMMARIES_DERIVED: Final = f"""
    UPDATE contacts_eventsummary s SET count = d.count, first_at = d.first_at,
        last_at = d.last_at, last_state = COALESCE(d.last_state, ''),
        amount_sum = COALESCE(d.amount_sum, 0), mean_gap_days = {_GAP}
    FROM contacts_eventsummary o
    JOIN accounts_team t ON t.id = o.team_id
    CROSS JOIN LATERAL (
        SELECT {_FIGURES}
        FROM contacts_contactevent e
        WHERE e.contact_id = o.contact_id AND e.kind || '' = o.kind AND e.team_id + 0 = o.team_id
    ) d
    WHERE o.id = ANY(%(ids)s) AND s.id = o.id
"""  # noqa: S608 - fixed words only
_MADE: Final = f"""
    WITH made AS (
        INSERT INTO contacts_eventsummary (team_id, contact_id, kind, count, first_at, last_at,
            last_state, amount_sum, mean_gap_days)
        SELECT t.id, d.contact_id, d.kind, d.count, d.first_at, d.last_at, d.last_state,
            d.amount_sum, {_GAP}
        FROM (SELECT e.contact_id, e.kind, {_FIGURES}
            FROM ({{events}}) e JOIN accounts_team t ON t.id = %(team)s
            GROUP BY e.contact_id, e.kind) d
        JOIN accounts_team t ON t.id = %(team)s
        ORDER BY d.contact_id, d.kind
        ON CONFLICT (team_id, contact_id, kind) DO NOTHING
        RETURNING contact_id, kind
    )
    SELECT k.contact_id, k.kind FROM (SELECT DISTINCT contact_id, kind FROM ({{events}}) e) k
    EXCEPT SELECT contact_id, kind FROM made
"""  # noqa: S608 - fixed words only
SUMMARIES_EMPTIED: Final = (
    "DELETE FROM contacts_eventsummary s WHERE s.id = ANY(%(ids)s) AND s.count = 0"
)

SUMMARY_KEYS: Final = """
    SELECT DISTINCT %(team)s::bigint AS team_id, g.contact_id, g.kind
    FROM unnest(%(contacts)s::bigint[], %(kinds)s::text[]) AS g(contact_id, kind)
"""
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
        summaries_derive(summaries_lock(_OF_CONTACTS, params))


def summaries_lock(keys: str, params: Mapping[str, Any]) -> list[int]:
    """Make and lock the summaries that `keys` (a query of team_id, contact_id, kind) selects; their ids.

    Whoever records events of the same contact and kind at the same moment waits here, so each
    derives from what the other committed. A row that somebody removed meanwhile is made again.
    """
    with connection.cursor() as cursor:
        for _ in range(_TRIES):
            cursor.execute(SUMMARIES_OPENED.replace("{keys}", keys), params)
            cursor.execute(SUMMARIES_LOCKED.replace("{keys}", keys), params)
            locked = [row[0] for row in cursor.fetchall()]
            cursor.execute(f"SELECT count(*) FROM ({keys}) k", params)  # noqa: S608
            if cursor.fetchone() == (len(locked),):
                return locked
    raise RuntimeError("event summaries keep vanishing under the lock")


def summaries_make(team_id: int, events: str, params: Mapping[str, Any]) -> list[int]:
    """Make and lock the summaries of events that are about to be written, which `events` selects
    (contact_id, kind and what figures are made of); the ids of those that wait for summaries_derive.

    A summary that did not exist is written with its figures at once: where there is none there is no
    event, and whoever writes one meanwhile meets this row.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MADE.replace("{events}", events), {**params, "team": team_id})
        known = cursor.fetchall()
    if not known:
        return []
    keys = {"team": team_id, "contacts": [row[0] for row in known], "kinds": [r[1] for r in known]}
    return summaries_lock(SUMMARY_KEYS, keys)


def summaries_derive(ids: Sequence[int]) -> None:
    """Write the locked summaries anew from the events; one without any event is removed."""
    with connection.cursor() as cursor:
        cursor.execute(SUMMARIES_DERIVED, {"ids": list(ids)})
        cursor.execute(SUMMARIES_EMPTIED, {"ids": list(ids)})
