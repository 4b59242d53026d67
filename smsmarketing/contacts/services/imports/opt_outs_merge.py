"""The SQL that brings a file of opt-outs in: numbers known and unknown, all of them suppressed."""

from __future__ import annotations

from typing import Any

from django.db import connection

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.phones import hash_key_id
from smsmarketing.contacts.rules.suppressions import EXPIRING_REASONS
from smsmarketing.contacts.services.consent_end import consents_end_of
from smsmarketing.contacts.services.imports.staging import Stage
from smsmarketing.contacts.services.outbound import suppressions_emit
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
        "until": job.options.get("until") or None,
        "expiring": list(EXPIRING_REASONS),
        "uploaded_at": job.created_at,
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


def _until(stage: Stage) -> str:
    """When it ends by itself; what a person or their carrier said never does."""
    given = f"COALESCE({_field(stage, 'until')}, %(until)s::timestamptz)"
    return f"CASE WHEN {_reason(stage)} = ANY(%(expiring)s) THEN {given} END"


def _said(stage: Stage) -> str:
    """When the file says it was said: the row's own time, else when the file was given to us."""
    return f"COALESCE({_field(stage, 'opted_out_at')}, %(uploaded_at)s::timestamptz)"


def _covers(stage: Stage) -> str:
    """Whether the suppression x already is what the row s asks for, like suppressions_many."""
    return f"""x.phone_hash = COALESCE(c.phone_hash, s.phone_hash) AND x.lifted_at IS NULL
            AND (x.expires_at IS NULL
                OR (x.expires_at > %(now)s AND {_until(stage)} <= x.expires_at))
            AND x.scope = %(scope)s AND x.reason = {_reason(stage)}
            AND x.brand_id IS NOT DISTINCT FROM %(brand)s AND x.sender = ''
            AND (x.purposes = '{{}}' OR (cardinality({_purposes(stage)}) > 0
                AND x.purposes @> {_purposes(stage)}::varchar[]))"""


def _covered(stage: Stage, more: str = "") -> str:
    return f"EXISTS (SELECT 1 FROM contacts_suppression x WHERE {_covers(stage)}{more})"  # noqa: S608


_NEWER = " AND {said} > GREATEST(x.created_at, x.repeated_at)"


def compare_sql(stage: Stage) -> str:
    """Fill the todo table: `create` for each number that is not suppressed in this way yet, `repeat`
    for one that is and whose "no" was said again since.
    """
    newer = _NEWER.format(said=_said(stage))
    return f"""
        INSERT INTO {stage.todo} (seq, line, action)
        SELECT row_number() OVER (PARTITION BY a.action = 'unchanged'
            ORDER BY a.phone COLLATE "C"), a.line, a.action
        FROM (
            SELECT s.phone, s.line, CASE WHEN NOT {_covered(stage)} THEN 'create'
                WHEN {_covered(stage, newer)} THEN 'repeat' ELSE 'unchanged' END AS action
            FROM (SELECT DISTINCT ON (phone COLLATE "C") * FROM {stage.table}
                ORDER BY phone COLLATE "C", line DESC) s
            LEFT JOIN contacts_contact c ON c.phone = s.phone
        ) a
    """  # noqa: S608


def _chunk_of(stage: Stage) -> str:
    return f"""{stage.todo} t JOIN {stage.table} s ON s.line = t.line
            AND t.action <> 'unchanged' AND t.seq > %(after)s AND t.seq <= %(upto)s"""


def _lock_sql(stage: Stage) -> str:
    return f"""
        SELECT c.id FROM {_chunk_of(stage)} JOIN contacts_contact c ON c.phone = s.phone
        ORDER BY c.id FOR NO KEY UPDATE OF c
    """  # noqa: S608


def _repeat_sql(stage: Stage) -> str:
    return f"""
        UPDATE contacts_suppression u SET version = u.version + 1,
            repeated_at = GREATEST(u.repeated_at, q.said)
        FROM (SELECT x.id, {_said(stage)} AS said FROM {_chunk_of(stage)}
            LEFT JOIN contacts_contact c ON c.phone = s.phone
            JOIN contacts_suppression x ON {_covers(stage)}{_NEWER.format(said=_said(stage))}
            ORDER BY x.id FOR UPDATE OF x) q
        WHERE u.id = q.id AND u.lifted_at IS NULL
        RETURNING u.id
    """  # noqa: S608


def _insert_sql(stage: Stage) -> str:
    return f"""
        INSERT INTO contacts_suppression (phone_hash, hash_key, phone, contact_id, scope, brand_id,
            sender, purposes, reason, source, language, evidence, sync_state, created_at,
            expires_at, import_job_id)
        SELECT COALESCE(c.phone_hash, s.phone_hash), COALESCE(c.hash_key, %(hash_key)s), s.phone,
            c.id, %(scope)s, %(brand)s, '', {_purposes(stage)}, {_reason(stage)}, 'import',
            COALESCE({_field(stage, "language")}, ''),
            jsonb_strip_nulls(jsonb_build_object('file', %(file)s::text, 'row', s.line,
                'import_id', %(job)s::bigint, 'text', {_field(stage, "message")}::text,
                'opted_out_at', {_field(stage, "opted_out_at")}::text)),
            'local_only', %(now)s, {_until(stage)}, %(job)s
        FROM {_chunk_of(stage)}
        LEFT JOIN contacts_contact c ON c.phone = s.phone
        WHERE NOT {_covered(stage)}
        ORDER BY t.seq
        RETURNING id, contact_id
    """  # noqa: S608


_BUMP = """
    UPDATE contacts_contact SET version = version + 1, updated_at = %(now)s WHERE id = ANY(%(ids)s)
"""


def opt_outs_chunk(stage: Stage, params: dict[str, Any]) -> dict[str, int]:
    """Suppress the numbers of one chunk in the caller's transaction, as suppression_add would.

    What was said again makes a lift that waits stale, a consent that the "no" ends is revoked
    (docs/adr/0033), and the team's systems are told, a hundred numbers to an event.
    """
    now = params["now"]
    with connection.cursor() as cursor:
        cursor.execute(_lock_sql(stage), params)
        contacts = sorted(row[0] for row in cursor.fetchall())
        cursor.execute(_repeat_sql(stage), params)
        again = [int(row[0]) for row in cursor.fetchall()]
        cursor.execute(_insert_sql(stage), params)  # sees the lifts that the repeats waited for
        made = cursor.fetchall()
        known = {int(row[1]) for row in made if row[1] is not None}
        ended = consents_end_of(
            [*again, *(row[0] for row in made)],
            now=now,
            evidence_file=f"import:{params['job']}",
            import_job_id=params["job"],
        )
        cursor.execute(_BUMP, {"ids": sorted({*known, *ended}), "now": now})
        # Existing states only: an opt-out makes nobody visible to a brand.
        cursor.execute(STATES_EXISTING, {**params, "contacts": contacts})
    suppressions_emit([row[0] for row in made], kind="opt_out.created", at=now)
    return {"create": len(made), "repeated": len(again), "contacts_suppressed": len(known)}
