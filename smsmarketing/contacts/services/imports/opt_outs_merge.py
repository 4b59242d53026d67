"""The SQL that brings a file of opt-outs in: numbers known and unknown, all of them suppressed."""

from __future__ import annotations

from typing import Any

from django.db import connection

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.phones import hash_key_id
from smsmarketing.contacts.services.consent_end import REVOKING_REASONS, consents_end
from smsmarketing.contacts.services.imports.staging import Stage
from smsmarketing.contacts.services.states import STATES_EXISTING


def opt_out_params(job: ImportJob, *, now: Any) -> dict[str, Any]:
    """Values that every statement of the import may name."""
    scope = job.options.get("scope", "brand")
    return {
        "job": job.pk,
        "now": now,
        "scope": scope,
        "brand": None if scope == "global" else job.brand_id,
        "state_brand": job.brand_id,
        "hash_key": hash_key_id(),
        "reason": job.options.get("reason", "opt_out"),
        "file": job.file_name,
    }


def _field(stage: Stage, name: str) -> str:
    return f"s.{name}" if name in stage.fields else "NULL"


def _reason(stage: Stage) -> str:
    return f"COALESCE({_field(stage, 'reason')}, %(reason)s)"


def _purposes(stage: Stage) -> str:
    """What the reason blocks, like rules.suppressions.purposes_default [R-2.14]."""
    return (
        f"CASE {_reason(stage)} WHEN 'opt_out' THEN CASE WHEN s.phone LIKE '+1%%'"
        " THEN ARRAY['marketing', 'notification', 'transactional']"
        " ELSE ARRAY['marketing', 'notification'] END"
        " WHEN 'registry' THEN ARRAY['marketing'] WHEN 'unreachable' THEN ARRAY['marketing'] ELSE ARRAY[]::text[] END"
    )


def _covered(stage: Stage) -> str:
    return f"""EXISTS (SELECT 1 FROM contacts_suppression x
        WHERE x.phone_hash = COALESCE(c.phone_hash, s.phone_hash) AND x.lifted_at IS NULL
            AND x.expires_at IS NULL AND x.scope = %(scope)s AND x.reason = {_reason(stage)}
            AND x.brand_id IS NOT DISTINCT FROM %(brand)s AND x.sender = ''
            AND (x.purposes = '{{}}' OR (cardinality({_purposes(stage)}) > 0
                AND x.purposes @> {_purposes(stage)}::varchar[])))"""  # noqa: S608


def compare_sql(stage: Stage) -> str:
    """Fill the todo table: `create` for each number that is not suppressed in this way yet."""
    return f"""
        INSERT INTO {stage.todo} (seq, line, action)
        SELECT row_number() OVER (PARTITION BY a.action = 'unchanged'
            ORDER BY a.phone COLLATE "C"), a.line, a.action
        FROM (
            SELECT s.phone, s.line,
                CASE WHEN {_covered(stage)} THEN 'unchanged' ELSE 'create' END AS action
            FROM (SELECT DISTINCT ON (phone COLLATE "C") * FROM {stage.table}
                ORDER BY phone COLLATE "C", line DESC) s
            LEFT JOIN contacts_contact c ON c.phone = s.phone
        ) a
    """  # noqa: S608


def _lock_sql(stage: Stage) -> str:
    return f"""
        UPDATE contacts_contact c SET version = c.version + 1, updated_at = %(now)s
        FROM {stage.todo} t JOIN {stage.table} s ON s.line = t.line
        WHERE t.action = 'create' AND t.seq > %(after)s AND t.seq <= %(upto)s AND c.phone = s.phone
        RETURNING c.id
    """  # noqa: S608


def _insert_sql(stage: Stage) -> str:
    return f"""
        INSERT INTO contacts_suppression (phone_hash, hash_key, phone, contact_id, scope, brand_id,
            sender, purposes, reason, source, language, evidence, sync_state, created_at,
            import_job_id)
        SELECT COALESCE(c.phone_hash, s.phone_hash), COALESCE(c.hash_key, %(hash_key)s), s.phone,
            c.id, %(scope)s, %(brand)s, '', {_purposes(stage)}, {_reason(stage)}, 'import',
            COALESCE({_field(stage, "language")}, ''),
            jsonb_strip_nulls(jsonb_build_object('file', %(file)s::text, 'row', s.line,
                'import_id', %(job)s::bigint, 'text', {_field(stage, "message")}::text,
                'opted_out_at', {_field(stage, "opted_out_at")}::text)),
            'local_only', %(now)s, %(job)s
        FROM {stage.todo} t JOIN {stage.table} s ON s.line = t.line
        LEFT JOIN contacts_contact c ON c.phone = s.phone
        WHERE t.action = 'create' AND t.seq > %(after)s AND t.seq <= %(upto)s
            AND NOT {_covered(stage)}
        ORDER BY t.seq
    """  # noqa: S608


def _consents_end(cursor: Any, contacts: list[int], params: dict[str, Any]) -> None:
    """A "no" that the file brings ends what these people had agreed to (docs/adr/0033)."""
    cursor.execute(
        "SELECT DISTINCT contact_id FROM contacts_suppression WHERE import_job_id = %(job)s"
        " AND contact_id = ANY(%(contacts)s) AND reason = ANY(%(ends)s)",
        {"job": params["job"], "contacts": contacts, "ends": list(REVOKING_REASONS)},
    )
    consents_end(
        [row[0] for row in cursor.fetchall()],
        at=params["now"],
        captured_by="import",
        brand_id=params["brand"],
        purposes=("marketing", "notification"),
        source="import",
        evidence_file=f"import:{params['job']}",
        import_job_id=params["job"],
    )


def opt_outs_chunk(stage: Stage, params: dict[str, Any]) -> dict[str, int]:
    """Suppress the numbers of one chunk in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_lock_sql(stage), params)
        contacts = sorted(row[0] for row in cursor.fetchall())
        cursor.execute(_insert_sql(stage), params)
        created = int(cursor.rowcount)
        _consents_end(cursor, contacts, params)
        # Existing states only: an opt-out makes nobody visible to a brand.
        cursor.execute(STATES_EXISTING, {**params, "contacts": contacts})
    return {"create": created, "contacts_suppressed": len(contacts)}
