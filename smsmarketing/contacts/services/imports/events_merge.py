"""Bringing a file of events in: contacts found at once, facts recorded in chunks, sums derived."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from django.db import connection

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.rules.events import Fact
from smsmarketing.contacts.rules.import_rows import Plan, Reject
from smsmarketing.contacts.services.events import (
    Given,
    Key,
    events_record,
    events_record_fresh,
)
from smsmarketing.contacts.services.imports.staging import Stage, rejects_copy

MERGE_EVENTS: Final = 5_000
"""Events a transaction of those that are put together here: erasing or merging one of their contacts
waits that long; a STOP does not."""

_OF_TEAM = (
    "c.erased_at IS NULL AND EXISTS (SELECT 1 FROM contacts_sendstate t"
    " JOIN accounts_brand b ON b.id = t.brand_id"
    " WHERE t.contact_id = c.id AND b.team_id = %(team)s)"
)
_PEOPLE = f"""
    people AS MATERIALIZED (
        SELECT c.phone, c.id FROM (SELECT DISTINCT phone FROM {{stage}} WHERE phone <> '') d
        JOIN contacts_contact c ON c.phone = d.phone WHERE {_OF_TEAM}
    ), customers AS MATERIALIZED (
        SELECT c.customer_key, min(c.id) AS id, count(*) > 1 AS several
        FROM (SELECT DISTINCT customer_key FROM {{stage}} WHERE phone = '') d
        JOIN contacts_contact c ON c.customer_key = d.customer_key AND c.customer_key <> ''
            AND c.merged_into_id IS NULL
        WHERE {_OF_TEAM} GROUP BY c.customer_key
    ), repeated AS MATERIALIZED (
        SELECT source, kind, external_id FROM {{stage}} GROUP BY source, kind, external_id
        HAVING count(*) > 1
    )
"""  # noqa: S608 - fixed words only
# `create` stands first: events that nobody knows and that stand in the file once, so that they can be
# written as a set; `build` are made from several rows.
_TODO = f"""
    INSERT INTO {{todo}} (seq, line, action, contact_id)
    WITH {_PEOPLE}
    SELECT row_number() OVER (PARTITION BY a.action IN ('unchanged', 'unknown', 'ambiguous')
            ORDER BY a.action <> 'create', a.contact_id, a.line),
        a.line, a.action, a.contact_id
    FROM (
        SELECT s.line, COALESCE(p.id, k.id) AS contact_id, CASE
            WHEN k.several THEN 'ambiguous'
            WHEN COALESCE(p.id, k.id) IS NULL THEN 'unknown'
            WHEN e.id IS NULL AND r.kind IS NULL THEN 'create'
            WHEN e.id IS NULL THEN 'build'
            WHEN e.contact_id = COALESCE(p.id, k.id) AND e.facts = '[]'
                AND e.updated_at = s.updated_at AND e.occurred_at = s.occurred_at
                AND e.properties = s.properties THEN 'unchanged' ELSE 'change' END AS action
        FROM {{stage}} s
        LEFT JOIN people p ON p.phone = s.phone
        LEFT JOIN customers k ON s.phone = '' AND k.customer_key = s.customer_key
        LEFT JOIN repeated r ON r.source = s.source AND r.kind = s.kind
            AND r.external_id = s.external_id
        LEFT JOIN contacts_contactevent e ON e.team_id = %(team)s AND e.source = s.source
            AND e.kind = s.kind AND e.external_id = s.external_id
    ) a
"""  # noqa: S608 - fixed words only
_REJECTS = """
    INSERT INTO contacts_importreject (job_id, row_number, field, code, message, row)
    SELECT %(job)s, t.line, CASE WHEN s.phone <> '' THEN %(phone)s ELSE %(customer)s END,
        CASE t.action WHEN 'ambiguous' THEN 'CONTACT_AMBIGUOUS' ELSE 'CONTACT_UNKNOWN' END,
        CASE t.action WHEN 'ambiguous'
            THEN 'Several contacts have this customer id. Give the phone number.'
            ELSE 'The team has no such contact. Import the contacts first.' END, '[]'
    FROM {todo} t JOIN {stage} s ON s.line = t.line
    WHERE t.action IN ('unknown', 'ambiguous')
"""
_NOT_TODO = "DELETE FROM {todo} WHERE action IN ('unknown', 'ambiguous')"
_CHUNK = """
    SELECT s.line, t.contact_id, s.kind, s.external_id, s.source, s.occurred_at, s.updated_at,
        s.properties::text
    FROM {todo} t JOIN {stage} s ON s.line = t.line
    WHERE t.action <> 'unchanged' AND t.seq > %(after)s AND t.seq <= %(upto)s ORDER BY t.seq
"""
_FRESH = """
    SELECT t.contact_id, s.kind, s.external_id, s.source, s.occurred_at, s.updated_at, s.properties
    FROM {todo} t JOIN {stage} s ON s.line = t.line
    WHERE t.action <> 'unchanged' AND t.seq > %(after)s AND t.seq <= %(upto)s
"""


def _sql(statement: str, stage: Stage) -> str:
    return statement.replace("{stage}", stage.table).replace("{todo}", stage.todo)


def events_compare(cursor: Any, stage: Stage, job: ImportJob, plan: Plan) -> int:
    """Fill the todo table, and reject the rows that name no contact of the team; returns rows to do."""
    params = {
        "team": job.team_id,
        "job": job.pk,
        "phone": plan.headers.get("phone", ""),
        "customer": plan.headers.get("customer_key", ""),
    }
    job.rejects.filter(code__in=("CONTACT_UNKNOWN", "CONTACT_AMBIGUOUS")).delete()
    cursor.execute(f"ALTER TABLE {stage.todo} ADD COLUMN contact_id bigint")
    cursor.execute(_sql(_TODO, stage), params)
    todo = int(cursor.rowcount)
    cursor.execute(_sql(_REJECTS, stage), params)
    cursor.execute(_sql(_NOT_TODO, stage))
    return todo - int(cursor.rowcount)


def events_counted(cursor: Any, stage: Stage, job: ImportJob, todo: int) -> dict[str, int]:
    """What the dry run shows. `numbers` are the rows that can be brought in."""
    cursor.execute(f"SELECT action, count(*) FROM {stage.todo} GROUP BY action")  # noqa: S608
    actions = dict(cursor.fetchall())
    rows, staged = job.counts["rows"], job.counts["staged"]
    return {
        "rows": rows,
        "staged": staged,
        "numbers": todo,
        "work": todo - actions.get("unchanged", 0),
        "create": actions.get("create", 0) + actions.get("build", 0),
        "change": actions.get("change", 0),
        "unchanged": actions.get("unchanged", 0),
        "rejected": rows - todo,
        "duplicates": 0,
        "suppressed": 0,
    }


def events_chunk(
    stage: Stage, job: ImportJob, plan: Plan, *, after: int, upto: int, now: datetime, fresh: bool
) -> dict[str, int]:
    """Record the events of one chunk in the caller's transaction; `fresh`: nobody knew them when
    the file was compared.
    """
    if fresh:
        span = {"after": after, "upto": upto}
        made = events_record_fresh(job.team_id, _sql(_FRESH, stage), span, now=now)
        if made is not None:
            return {"create": made}
    with connection.cursor() as cursor:
        cursor.execute(_sql(_CHUNK, stage), {"after": after, "upto": upto})
        rows = cursor.fetchall()
    given = [
        Given(
            contact_id=contact_id,
            key=Key(source, kind, external_id),
            fact=Fact(updated_at, occurred_at, now, json.loads(properties)),
        )
        for _, contact_id, kind, external_id, source, occurred_at, updated_at, properties in rows
    ]
    answers = events_record(job.team_id, given, now=now)
    refused = [
        Reject(row[0], plan.headers.get("external_id", ""), answer.code, answer.message)
        for row, answer in zip(rows, answers, strict=True)
        if answer.status == "refused"
    ]
    rejects_copy(job.pk, refused)
    statuses = [answer.status for answer in answers]
    return {
        "create": statuses.count("recorded"),
        "change": statuses.count("updated"),
        "unchanged": statuses.count("duplicate"),
        "rejected": len(refused),
    }
