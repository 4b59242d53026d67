"""Bringing a file of events in: contacts found at once, facts recorded in chunks, sums derived."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from django.db import connection

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.rules.events import Fact
from smsmarketing.contacts.rules.import_rows import Plan, Reject
from smsmarketing.contacts.services.events import Given, Key, events_record
from smsmarketing.contacts.services.imports.staging import Stage, rejects_copy

MERGE_EVENTS: Final = 5_000
"""Events a transaction: erasing or merging one of their contacts waits that long; a STOP does not."""

_OF_TEAM = (
    "c.erased_at IS NULL AND EXISTS (SELECT 1 FROM contacts_sendstate t"
    " JOIN accounts_brand b ON b.id = t.brand_id"
    " WHERE t.contact_id = c.id AND b.team_id = %(team)s)"
)
_FOUND = f"""
    SELECT s.line, COALESCE(p.id, k.id) AS contact_id, COALESCE(k.several, FALSE) AS several
    FROM {{stage}} s
    LEFT JOIN LATERAL (SELECT c.id FROM contacts_contact c
        WHERE s.phone <> '' AND c.phone = s.phone AND {_OF_TEAM}) p ON TRUE
    LEFT JOIN LATERAL (SELECT min(c.id) AS id, count(*) > 1 AS several FROM contacts_contact c
        WHERE s.phone = '' AND c.customer_key = s.customer_key AND c.customer_key <> ''
            AND c.merged_into_id IS NULL
            AND {_OF_TEAM}) k ON TRUE
"""  # noqa: S608 - fixed words only
_TODO = """
    INSERT INTO {todo} (seq, line, action, contact_id)
    SELECT row_number() OVER (PARTITION BY a.action = 'unchanged' ORDER BY a.contact_id, a.line),
        a.line, a.action, a.contact_id
    FROM (
        SELECT s.line, f.contact_id, CASE WHEN e.id IS NULL THEN 'create'
            WHEN e.contact_id = f.contact_id AND e.facts = '[]' AND e.updated_at = s.updated_at
                AND e.occurred_at = s.occurred_at AND e.properties = s.properties
                THEN 'unchanged' ELSE 'change' END AS action
        FROM ({found}) f JOIN {stage} s ON s.line = f.line
        LEFT JOIN contacts_contactevent e ON e.team_id = %(team)s AND e.source = s.source
            AND e.kind = s.kind AND e.external_id = s.external_id
        WHERE f.contact_id IS NOT NULL AND NOT f.several
    ) a
"""
_REJECTS = """
    INSERT INTO contacts_importreject (job_id, row_number, field, code, message, row)
    SELECT %(job)s, f.line, CASE WHEN s.phone <> '' THEN %(phone)s ELSE %(customer)s END,
        CASE WHEN f.several THEN 'CONTACT_AMBIGUOUS' ELSE 'CONTACT_UNKNOWN' END,
        CASE WHEN f.several THEN 'Several contacts have this customer id. Give the phone number.'
            ELSE 'The team has no such contact. Import the contacts first.' END, '[]'
    FROM ({found}) f JOIN {stage} s ON s.line = f.line
    WHERE f.contact_id IS NULL OR f.several
"""
_CHUNK = """
    SELECT s.line, t.contact_id, s.kind, s.external_id, s.source, s.occurred_at, s.updated_at,
        s.properties::text
    FROM {todo} t JOIN {stage} s ON s.line = t.line
    WHERE t.action <> 'unchanged' AND t.seq > %(after)s AND t.seq <= %(upto)s ORDER BY t.seq
"""


def _sql(statement: str, stage: Stage) -> str:
    found = _FOUND.replace("{stage}", stage.table)
    return (
        statement.replace("{found}", found)
        .replace("{stage}", stage.table)
        .replace("{todo}", stage.todo)
    )


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
    cursor.execute(_sql(_REJECTS, stage), params)
    cursor.execute(_sql(_TODO, stage), params)
    return int(cursor.rowcount)


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
        "create": actions.get("create", 0),
        "change": actions.get("change", 0),
        "unchanged": actions.get("unchanged", 0),
        "rejected": rows - todo,
        "duplicates": 0,
        "suppressed": 0,
    }


def events_chunk(
    stage: Stage, job: ImportJob, plan: Plan, *, after: int, upto: int, now: datetime
) -> dict[str, int]:
    """Record the events of one chunk in the caller's transaction."""
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
