"""The SQL of an undo. Opt-outs are not in it: no statement here touches a suppression [R-2.16]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS
from smsmarketing.contacts.rules.import_undo import ZONE_SOURCE
from smsmarketing.contacts.services.imports.undo_capture import UNDO_SOURCE

message_test: Callable[[str], str] | None = None
"""Set by gateways at ready(), which lies above: SQL that is true when a message was made for the
contact whose id the given expression is."""


def undo_params(job: ImportJob) -> dict[str, Any]:
    """Values that every statement of an undo may name."""
    return {
        "job": job.pk,
        "team": job.team_id,
        "brand": job.brand_id,
        "audience": job.audience_id,
        "source": f"import:{job.pk}",
        "undone": f"{UNDO_SOURCE}{job.pk}",
        "note": f"import undo {job.pk}",
        "by": f"user:{job.undo_by_id}" if job.undo_by_id else "",
    }


_ELSEWHERE = """
    e.direction = 'granted' AND (e.import_job_id IS NULL OR e.import_job_id NOT IN (
        SELECT j.id FROM contacts_importjob j
        WHERE j.id = %(job)s OR j.state IN ('undoing', 'undone')))
"""
"""A consent that this import did not bring, nor one that was undone."""


def _messaged(contact: str) -> str:
    return f"({message_test(contact)})" if message_test else "FALSE"


CREATED = """
    SELECT c.id AS contact_id, 1 AS version FROM contacts_contact c
    WHERE c.id > %(after)s AND c.id <= %(upto)s AND c.source = %(source)s
"""
BROUGHT_BACK = """
    SELECT u.contact_id, (u.changes ->> 'trashed')::int AS version FROM contacts_importundo u
    WHERE u.id > %(after)s AND u.id <= %(upto)s AND u.job_id = %(job)s AND u.changes ? 'trashed'
"""
"""Contacts that an earlier undo had taken to the trash and this import brought back."""


def fates_sql(rows_sql: str) -> str:
    """(contact, fate) of each contact that exists because of the import: `trash`, or why it stays."""
    return f"""
        SELECT c.id AS contact_id, CASE
            WHEN c.erased_at IS NOT NULL THEN 'gone'
            WHEN c.trashed_at IS NOT NULL THEN 'gone'
            WHEN {_messaged("c.id")} OR EXISTS (SELECT 1 FROM contacts_sendstate st
                WHERE st.contact_id = c.id AND st.brand_id = %(brand)s AND st.recent <> '{{}}')
                THEN 'messaged'
            WHEN EXISTS (SELECT 1 FROM contacts_eventsummary o WHERE o.contact_id = c.id)
                THEN 'events'
            WHEN EXISTS (SELECT 1 FROM contacts_consentevent e
                WHERE e.contact_id = c.id AND {_ELSEWHERE}) THEN 'consent'
            WHEN EXISTS (SELECT 1 FROM contacts_audiencemember m WHERE m.contact_id = c.id
                AND m.import_job_id IS DISTINCT FROM %(job)s) THEN 'listed'
            WHEN EXISTS (SELECT 1 FROM contacts_sendstate st WHERE st.contact_id = c.id
                AND st.brand_id IN (SELECT id FROM accounts_brand WHERE id <> %(brand)s))
                THEN 'other_brand'
            WHEN c.version <> p.version THEN 'edited'
            ELSE 'trash' END AS fate
        FROM ({rows_sql}) p JOIN contacts_contact c ON c.id = p.contact_id
    """  # noqa: S608 - fixed words only


def fates_count_sql(rows_sql: str) -> str:
    """How many contacts have each fate."""
    return f"SELECT f.fate, count(*) FROM ({fates_sql(rows_sql)}) f GROUP BY f.fate"  # noqa: S608


def lock_sql(rows_sql: str) -> str:
    """Lock the contacts of a slice in the order of their ids."""
    return f"""
        SELECT 1 FROM contacts_contact WHERE id IN (SELECT contact_id FROM ({rows_sql}) p)
        ORDER BY id FOR NO KEY UPDATE
    """  # noqa: S608


def trash_sql(rows_sql: str) -> str:
    """Take the contacts of a slice to the trash that nothing else happened to; every fate's rows."""
    return f"""
        WITH fates AS MATERIALIZED ({fates_sql(rows_sql)}), gone AS (
            UPDATE contacts_contact c SET trashed_at = %(now)s, updated_at = %(now)s,
                version = c.version + 1, source = %(undone)s
            FROM fates f WHERE f.contact_id = c.id AND f.fate = 'trash'
        )
        SELECT contact_id, fate FROM fates
    """  # noqa: S608


_MINE = """
    SELECT e.* FROM contacts_consentevent e
    WHERE e.id > %(after)s AND e.id <= %(upto)s AND e.import_job_id = %(job)s
        AND e.direction = 'granted'
"""
CONSENT_CONTACTS = f"SELECT m.contact_id FROM ({_MINE}) m"  # noqa: S608
_PRIOR = """
    JOIN LATERAL (
        SELECT x.* FROM contacts_consentevent x
        WHERE x.contact_id = m.contact_id AND x.brand_id = m.brand_id AND x.purpose = m.purpose
            AND x.phone_hash = m.phone_hash AND x.import_job_id IS DISTINCT FROM %(job)s
        ORDER BY x.captured_at DESC, (x.direction IN ('granted', 'expired')), x.id DESC LIMIT 1
    ) p ON p.direction = 'granted' AND (p.captured_at, p.id) < (m.captured_at, m.id)
"""
"""The consent that held before the import's: it holds again once that one is void."""

CONSENT_COUNT = f"""
    SELECT (SELECT count(*) FROM ({_MINE}) m),
        (SELECT count(*) FROM ({_MINE}) m {_PRIOR})
"""  # noqa: S608
_COLUMNS = """contact_id, phone_hash, brand_id, direction, purpose, basis, method, source_url,
    form_version, disclosure_text, disclosure_hash, language, checkbox_default, captured_at,
    captured_by, ip, user_agent, evidence_file, evidence_sha256, country, expires_at,
    import_job_id, recorded_at"""
CONSENT_AGAIN = f"""
    INSERT INTO contacts_consentevent ({_COLUMNS})
    SELECT p.contact_id, p.phone_hash, p.brand_id, 'granted', p.purpose, p.basis, p.method,
        p.source_url, p.form_version, p.disclosure_text, p.disclosure_hash, p.language,
        p.checkbox_default, m.captured_at, %(note)s, '', '',
        CASE WHEN p.evidence_file = '' THEN 'consent_event:' || p.id ELSE p.evidence_file END,
        p.evidence_sha256, p.country, p.expires_at, p.import_job_id, %(now)s
    FROM ({_MINE}) m {_PRIOR}
    RETURNING id, import_job_id
"""  # noqa: S608
"""Restates the earlier consent behind the void one, with the earlier event's number as its source.
Its place in the order of the ledger is that of the event it replaces; its expiry stays its own, and
the import that brought it can still be undone."""
CONSENT_VOID = f"""
    INSERT INTO contacts_consentevent ({_COLUMNS})
    SELECT m.contact_id, m.phone_hash, m.brand_id, 'expired', m.purpose, m.basis, m.method, '', '',
        '', '', '', FALSE, m.captured_at, %(note)s, '', '', 'consent_event:' || m.id, '',
        m.country, NULL, m.import_job_id, %(now)s
    FROM ({_MINE}) m ORDER BY m.id
    RETURNING id
"""  # noqa: S608
"""Ends each consent at the very moment it claims: a later one of the person's own still counts, and
so does the same evidence when it is imported again, rightly this time."""

MEMBERS_COUNT = """
    SELECT count(*) FROM contacts_audiencemember
    WHERE audience_id = %(audience)s AND import_job_id = %(job)s
"""
MEMBERS_REMOVE = """
    WITH gone AS (
        DELETE FROM contacts_audiencemember m USING (
            SELECT id FROM contacts_audiencemember
            WHERE audience_id = %(audience)s AND import_job_id = %(job)s
            ORDER BY contact_id LIMIT %(rows)s FOR UPDATE
        ) d WHERE m.id = d.id RETURNING m.*
    )
    INSERT INTO contacts_formermember (member_id, contact_id, audience_id, added_at, added_by,
        import_job_id, left_at, left_by, undone)
    SELECT id, contact_id, audience_id, added_at, added_by, import_job_id, %(now)s, %(by)s, TRUE
    FROM gone
"""


def states_rows() -> str:
    """States of contacts that only the import made known to the brand, and nothing else holds."""
    return f"""
        SELECT st.id, u.contact_id FROM contacts_importundo u
        JOIN contacts_sendstate st ON st.brand_id = %(brand)s AND st.contact_id = u.contact_id
        WHERE u.id > %(after)s AND u.id <= %(upto)s AND u.job_id = %(job)s AND u.state_made
            AND st.recent = '{{}}' AND NOT {_messaged("u.contact_id")}
            AND NOT EXISTS (SELECT 1 FROM contacts_eventsummary o
                WHERE o.contact_id = u.contact_id AND o.team_id = %(team)s)
            AND NOT EXISTS (SELECT 1 FROM contacts_consentevent e
                WHERE e.contact_id = u.contact_id AND e.brand_id = %(brand)s AND {_ELSEWHERE})
            AND NOT EXISTS (SELECT 1 FROM contacts_audiencemember m
                JOIN contacts_audience a ON a.id = m.audience_id AND a.brand_id = %(brand)s
                WHERE m.contact_id = u.contact_id AND m.import_job_id IS DISTINCT FROM %(job)s)
    """  # noqa: S608


def states_remove() -> str:
    """Delete those states: the contact is not the brand's any more."""
    return f"""
        DELETE FROM contacts_sendstate st USING ({states_rows()}) d WHERE st.id = d.id
    """  # noqa: S608


_WRITTEN = {
    **dict.fromkeys((*TEXT_FIELDS, ZONE_SOURCE), "text"),
    "tags": "varchar[]",
    **dict.fromkeys(OBJECT_FIELDS, "jsonb"),
}
FIELDS_WRITE = f"""
    UPDATE contacts_contact c SET version = c.version + 1, updated_at = %(now)s,
        {", ".join(f"{name} = COALESCE(v.{name}, c.{name})" for name in _WRITTEN)}
    FROM jsonb_to_recordset(%(values)s::jsonb) AS v(contact_id bigint,
        {", ".join(f"{name} {kind}" for name, kind in _WRITTEN.items())})
    WHERE c.id = v.contact_id
"""  # noqa: S608 - fixed words only
