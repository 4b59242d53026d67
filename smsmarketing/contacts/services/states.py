"""Keeping the send states: one narrow row per contact and brand, always derived from the truth."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from smsmarketing.contacts.rules.phone import TEXTABLE_LINE_TYPES
from smsmarketing.contacts.selectors.consent import CONSENT_NEWEST
from smsmarketing.contacts.selectors.suppressions import (
    SUPPRESSION_RANK,
    suppression_covers,
    suppression_word,
)

_TEXTABLE = ", ".join(f"'{name}'" for name in sorted({*TEXTABLE_LINE_TYPES, "unknown"}))
_LINE = (
    f"CASE WHEN p.line_type IN ({_TEXTABLE}) THEN NULL"
    " WHEN p.line_type = 'fixed_line' THEN 'landline' ELSE 'invalid' END"
)
_TRASH = "CASE WHEN p.dead THEN 'trashed' END"
"""Who is in the trash or erased is out of every list, count and plan; see `IN_TRASH`."""
CONTACT_COLUMNS = (
    "c.id AS contact_id, c.phone_hash, c.country, c.line_type,"
    " (c.phone IS NULL OR c.trashed_at IS NOT NULL) AS dead"
)
"""What `state_statement` must know of a contact, over the alias c."""


_FOLLOW = """
        ON CONFLICT (brand_id, contact_id) DO UPDATE SET country = excluded.country,
            marketing_reason = excluded.marketing_reason,
            transactional_reason = excluded.transactional_reason,
            consent_expires_at = excluded.consent_expires_at, consent_id = excluded.consent_id,
            consent_at = excluded.consent_at, consent_basis = excluded.consent_basis,
            consent_method = excluded.consent_method
        WHERE (s.country, s.marketing_reason, s.transactional_reason, s.consent_expires_at, s.consent_id)
            IS DISTINCT FROM (excluded.country, excluded.marketing_reason,
                excluded.transactional_reason, excluded.consent_expires_at, excluded.consent_id)
"""


def state_statement(rows_sql: str, *, fresh: bool = False) -> str:
    """The statement that writes the states of the rows that `rows_sql` selects: CONTACT_COLUMNS and
    brand_id.

    Parameters: those of `rows_sql`, and `now`. The trash first, then suppressions, then the newest consent event
    of the number the contact has now [R-4.1], [R-4.3], then the line. Rows that stay as they are
    are not written. The caller must hold the locks of the contact rows: a STOP locks them too, so
    it is either seen here or comes after. `fresh`: the contacts were made in this very transaction,
    so nobody can have written a state of theirs.
    """
    return f"""
        INSERT INTO contacts_sendstate AS s (brand_id, contact_id, country, marketing_reason,
            transactional_reason, consent_expires_at, consent_id, consent_at, consent_basis,
            consent_method, recent)
        SELECT p.brand_id, p.contact_id, p.country,
            COALESCE({_TRASH}, {suppression_word("x.marketing")}, CASE
                WHEN e.id IS NULL OR e.direction <> 'granted' THEN 'no_consent'
                WHEN e.expires_at <= %(now)s THEN 'consent_expired'
                WHEN e.disclosure_text = '' OR e.method = ''
                    OR (e.source_url = '' AND e.evidence_file = '') THEN 'consent_incomplete'
                END, {_LINE}),
            COALESCE({_TRASH}, {suppression_word("x.transactional")}, {_LINE}),
            g.expires_at, g.id, g.captured_at, g.basis, g.method,
            '{{}}'
        FROM ({rows_sql}) p
        LEFT JOIN LATERAL (
            SELECT min({SUPPRESSION_RANK}) FILTER (WHERE {suppression_covers("'marketing'")})
                    AS marketing,
                min({SUPPRESSION_RANK}) FILTER (WHERE {suppression_covers("'transactional'")})
                    AS transactional
            FROM contacts_suppression x
            WHERE x.phone_hash = p.phone_hash AND x.lifted_at IS NULL AND x.scope <> 'sender'
                AND (x.expires_at IS NULL OR x.expires_at > %(now)s)
                AND (x.brand_id IS NULL OR x.brand_id = p.brand_id)
        ) x ON TRUE
        LEFT JOIN LATERAL (
            SELECT e.* FROM contacts_consentevent e
            WHERE e.contact_id = p.contact_id AND e.brand_id = p.brand_id
                AND e.purpose = 'marketing' AND e.phone_hash = p.phone_hash
            ORDER BY {CONSENT_NEWEST} LIMIT 1
        ) e ON TRUE
        LEFT JOIN LATERAL (SELECT e.* WHERE e.direction = 'granted') g ON TRUE
        ORDER BY p.brand_id, p.contact_id
        {"" if fresh else _FOLLOW}
    """  # noqa: S608 - fixed words only


STATES_EXISTING = state_statement(
    f"SELECT {CONTACT_COLUMNS}, h.brand_id FROM contacts_sendstate h"  # noqa: S608
    " JOIN contacts_contact c ON c.id = h.contact_id"
    " WHERE h.brand_id IN (SELECT id FROM accounts_brand) AND h.contact_id = ANY(%(contacts)s)"
)
"""Derives the states again that the contacts in the parameter `contacts` have."""
_GIVEN = state_statement(
    f"SELECT {CONTACT_COLUMNS}, b.brand_id FROM contacts_contact c,"  # noqa: S608
    " unnest(%(brands)s::bigint[]) b(brand_id) WHERE c.id = ANY(%(contacts)s)"
)


def send_state_refresh(
    contact_ids: Collection[int],
    brand_ids: Collection[int] | None = None,
    *,
    now: datetime | None = None,
) -> int:
    """Derive the send states of these contacts again from the truth; returns how many changed.

    With `brand_ids`, states that are missing for these brands are made; without, only existing
    states are looked at. Must run in the caller's transaction, the one that changed the fact.
    Locks the contacts in the order of their ids.
    """
    if not contact_ids:
        return 0
    params: dict[str, Any] = {"contacts": sorted(contact_ids), "now": now or timezone.now()}
    statement = STATES_EXISTING
    if brand_ids is not None:
        statement, params["brands"] = _GIVEN, sorted(brand_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM contacts_contact WHERE id = ANY(%(contacts)s)"
            " ORDER BY id FOR NO KEY UPDATE",
            params,
        )
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def send_states_settle(phone_hashes: Collection[bytes]) -> int:
    """Look once more after a commit: a "no" and a new contact of the same number, written at the
    same moment by two transactions, do not see each other. Whoever commits last finds the other.
    """
    sql = """
        SELECT DISTINCT s.contact_id FROM contacts_suppression x
        JOIN contacts_contact c ON c.phone_hash = x.phone_hash
        JOIN contacts_sendstate s ON s.contact_id = c.id
            AND s.brand_id IN (SELECT id FROM accounts_brand)
        WHERE x.lifted_at IS NULL AND x.scope <> 'sender' AND s.marketing_reason IS NULL
            AND x.phone_hash = ANY(%(hashes)s)
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {"hashes": list(phone_hashes)})
        found = [row[0] for row in cursor.fetchall()]
    return send_state_refresh(found)


def send_states_expire(*, now: datetime | None = None, limit: int = 5000) -> int:
    """Refresh the states that time has changed: a suppression or a consent that ran out [R-4.7].

    Consent is also compared with the clock by the planner; this keeps the shown state true.
    """
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            (SELECT s.contact_id FROM contacts_sendstate s
                WHERE s.marketing_reason IS NULL AND s.consent_expires_at <= %(now)s
                LIMIT %(limit)s)
            UNION
            (SELECT c.id FROM contacts_suppression x
                JOIN contacts_contact c ON c.phone_hash = x.phone_hash
                WHERE x.lifted_at IS NULL AND x.expires_at <= %(now)s
                    AND x.expires_at > %(now)s - interval '2 days'
                LIMIT %(limit)s)
            """,
            {"now": now, "limit": limit},
        )
        found = [row[0] for row in cursor.fetchall()]
    return send_state_refresh(found, now=now)
