"""The SQL that compares staged contacts with the stored ones and merges them, chunk by chunk.

A blank cell leaves a value as it is; tags and custom fields are added to. No statement here touches
a suppression, and what may be sent is derived from consent and suppressions afterwards [R-2.16].
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.phones import hash_key_id
from smsmarketing.contacts.rules.consent import ConsentEvidence, consent_expiry
from smsmarketing.contacts.rules.contact_fields import TEXT_FIELDS
from smsmarketing.contacts.rules.import_rows import Plan
from smsmarketing.contacts.services.imports.staging import Stage
from smsmarketing.contacts.services.imports.undo_capture import (
    WAS_UNDONE,
    before_note,
    changes_note,
)
from smsmarketing.contacts.services.key_change import suppressions_take_over
from smsmarketing.contacts.services.outbound import consents_emit_of_import
from smsmarketing.contacts.services.states import CONTACT_COLUMNS, state_statement

_DISCLOSURE_HASH = "encode(sha256(convert_to({text}, 'UTF8')), 'hex')"


def merge_params(job: ImportJob, plan: Plan, *, now: Any) -> dict[str, Any]:
    """Values that every statement of the import may name."""
    proof = plan.evidence or ConsentEvidence()
    return {
        "job": job.pk,
        "team": job.team_id,
        "brand": job.brand_id,
        "audience": job.audience_id,
        "now": now,
        "hash_key": hash_key_id(),
        "source": f"import:{job.pk}",
        "tags": list(job.options.get("tags", [])),
        "consent_at": proof.captured_at,
        "consent_text": proof.disclosure_text,
        "consent_url": proof.source_url,
        "consent_method": proof.method,
        "consent_basis": proof.basis,
        "consent_form": proof.form_version,
        "consent_expires": consent_expiry(proof),
        "consent_language": proof.language,
        "consent_ip": proof.ip,
        "evidence_file": proof.evidence_file,
        "evidence_sha256": proof.evidence_sha256,
        "checkbox": proof.checkbox_default,
        "by": f"user:{job.created_by_id}",
    }


def compare_sql(stage: Stage, plan: Plan, job: ImportJob) -> str:
    """Fill the todo table: one row per number of the file, with what the merge must do.

    The last row of a number wins. What is new comes first: nobody waits for a lock of it, so that
    it can be merged in larger chunks than what is there. `attach` is an unchanged contact that lacks the list, the send
    state or the consent event.
    """
    differs = [f"s.{name} <> c.{name}" for name in TEXT_FIELDS if name in stage.fields]
    if "tags" in stage.fields:
        differs.append("NOT c.tags @> s.tags::varchar[]")
    if job.options.get("tags"):  # those of a row with tags of its own are in s.tags
        differs.append("NOT c.tags @> %(tags)s::varchar[]")
    differs += [f"NOT c.{name} @> s.{name}" for name in _objects(stage)]
    lacks = ["st.contact_id IS NULL"]
    joins = ["LEFT JOIN contacts_sendstate st ON st.brand_id = %(brand)s AND st.contact_id = c.id"]
    if job.audience_id:
        lacks.append("am.contact_id IS NULL")
        joins.append(
            "LEFT JOIN contacts_audiencemember am"
            " ON am.audience_id = %(audience)s AND am.contact_id = c.id"
        )
    proof = _proof(stage, plan)
    if proof:
        lacks.append(f"({proof['consent_at']} IS NOT NULL AND ce.contact_id IS NULL)")
        joins.append(_same_consent(stage, proof, job.brand_id))
    differs.append(WAS_UNDONE)
    changed = " OR ".join(f"({test})" for test in differs)
    return f"""
        INSERT INTO {stage.todo} (seq, line, action)
        SELECT row_number() OVER (PARTITION BY a.action = 'unchanged'
            ORDER BY a.action <> 'create', a.phone COLLATE "C"), a.line, a.action
        FROM (
            SELECT s.phone, s.line, CASE WHEN c.id IS NULL THEN 'create'
                WHEN {changed} THEN 'change'
                WHEN {" OR ".join(lacks)} THEN 'attach' ELSE 'unchanged' END AS action
            FROM (SELECT DISTINCT ON (phone COLLATE "C") * FROM {stage.table}
                ORDER BY phone COLLATE "C", line DESC) s
            LEFT JOIN contacts_contact c ON c.phone = s.phone
            {" ".join(joins)}
        ) a
    """  # noqa: S608 - names and fixed words only


def _not_void(event: str, brand_id: int) -> str:
    """Pass over what an undo made void; asked only where an import of the brand was undone."""
    undone = ImportJob.objects.filter(brand_id=brand_id, state__in=("undoing", "undone", "failed"))
    if not undone.exclude(undo_by=None).exists():
        return ""
    return f"""
        AND NOT EXISTS (SELECT 1 FROM contacts_consentevent v
            WHERE v.contact_id = {event}.contact_id AND v.brand_id = {event}.brand_id
                AND v.purpose = {event}.purpose AND v.captured_at = {event}.captured_at
                AND v.id > {event}.id AND v.direction = 'expired')
    """  # noqa: S608 - fixed words only


def _same_consent(stage: Stage, proof: dict[str, str], brand_id: int) -> str:
    """Join the event `ce` that the ledger holds already, at most one for a contact and number."""
    at, digest = proof["consent_at"], _DISCLOSURE_HASH.format(text=proof["consent_text"])
    of_file = (
        "" if stage.row_evidence else f" AND captured_at = {at} AND disclosure_hash = {digest}"
    )
    of_row = f" AND ce.captured_at = {at} AND ce.disclosure_hash = {digest}"
    columns = ", captured_at, disclosure_hash" if stage.row_evidence else ""
    return f"""
        LEFT JOIN (SELECT DISTINCT contact_id, phone_hash{columns} FROM contacts_consentevent
            WHERE brand_id = %(brand)s AND purpose = 'marketing' AND direction = 'granted'{of_file}
                {_not_void("contacts_consentevent", brand_id)}
        ) ce ON ce.contact_id = c.id AND ce.phone_hash = c.phone_hash
            {of_row if stage.row_evidence else ""}
    """  # noqa: S608 - names and fixed words only


def insert_sql(stage: Stage) -> str:
    """Create the contacts of a chunk that no other transaction has made since they were compared,
    and note each in the chunk table. A number that somebody did make meanwhile fails it.
    """
    return _written(stage, "", "TRUE")


def upsert_sql(stage: Stage) -> str:
    """Create or change the contacts of a chunk, and note each in the chunk table."""
    sets, tests = _changes(stage)
    follow = f"ON CONFLICT (phone) DO UPDATE SET {', '.join(sets)} WHERE {' OR '.join(tests)}"
    return _written(stage, follow, "(c.xmax = 0)")


def _written(stage: Stage, follow: str, created: str) -> str:
    given = {
        "phone": "s.phone",
        "phone_hash": "s.phone_hash",
        "hash_key": "%(hash_key)s",
        "country": "s.country",
        "line_type": "s.line_type",
        **{
            name: f"COALESCE(s.{name}, '')" if name in stage.fields else "''"
            for name in TEXT_FIELDS
        },
        "time_zone_source": "'import'" if "time_zone" in stage.fields else "'number'",
        # The tags of the whole file were added to those of the rows when they were read.
        "tags": "COALESCE(s.tags::varchar[], %(tags)s::varchar[])"
        if "tags" in stage.fields
        else "%(tags)s::varchar[]",
        "custom": "COALESCE(s.custom, '{}')" if stage.custom else "'{}'",
        "crm_keys": "COALESCE(s.crm_keys, '{}')" if stage.crm else "'{}'",
        "source": "%(source)s",
        "version": "1",
        "created_at": "%(now)s",
        "updated_at": "%(now)s",
    }
    return f"""
        WITH merged AS (
            INSERT INTO contacts_contact AS c ({", ".join(given)})
            SELECT {", ".join(given.values())}
            FROM {stage.todo} t JOIN {stage.table} s ON s.line = t.line
            WHERE t.action <> 'unchanged' AND t.seq > %(after)s AND t.seq <= %(upto)s
                AND t.action = ANY(%(actions)s)
            ORDER BY t.seq
            {follow}
            RETURNING {CONTACT_COLUMNS}, c.phone, {created} AS created
        )
        INSERT INTO contacts_import_chunk
            (contact_id, phone_hash, country, line_type, dead, phone, touched, created)
        SELECT contact_id, phone_hash, country, line_type, dead, phone, TRUE, created FROM merged
    """  # noqa: S608 - names and fixed words only


def _objects(stage: Stage) -> list[str]:
    return [*(["custom"] if stage.custom else []), *(["crm_keys"] if stage.crm else [])]


def _changes(stage: Stage) -> tuple[list[str], list[str]]:
    sets, tests = ["version = c.version + 1", "updated_at = excluded.updated_at"], [WAS_UNDONE]
    # What an earlier undo took to the trash comes back; what a person put there stays there.
    sets.append(f"trashed_at = CASE WHEN {WAS_UNDONE} THEN NULL ELSE c.trashed_at END")
    sets.append(f"source = CASE WHEN {WAS_UNDONE} THEN excluded.source ELSE c.source END")
    for name in TEXT_FIELDS:
        if name in stage.fields:
            sets.append(
                f"{name} = CASE WHEN excluded.{name} = '' THEN c.{name} ELSE excluded.{name} END"
            )
            tests.append(f"(excluded.{name} <> '' AND excluded.{name} <> c.{name})")
    if "time_zone" in stage.fields:
        sets.append(
            "time_zone_source = CASE WHEN excluded.time_zone = '' THEN c.time_zone_source"
            " ELSE 'import' END"
        )
    sets.append("tags = c.tags || ARRAY(SELECT unnest(excluded.tags) EXCEPT SELECT unnest(c.tags))")
    tests.append("NOT c.tags @> excluded.tags")
    for name in _objects(stage):
        sets.append(f"{name} = c.{name} || excluded.{name}")
        tests.append(f"NOT c.{name} @> excluded.{name}")
    return sets, tests


def attach_sql(stage: Stage) -> str:
    """Note the contacts of a chunk that need no change themselves, and lock them."""
    return f"""
        INSERT INTO contacts_import_chunk
            (contact_id, phone_hash, country, line_type, dead, phone, touched, created)
        SELECT {CONTACT_COLUMNS}, c.phone, FALSE, FALSE
        FROM {stage.todo} t JOIN {stage.table} s ON s.line = t.line
        JOIN contacts_contact c ON c.phone = s.phone
        WHERE t.action <> 'unchanged' AND t.seq > %(after)s AND t.seq <= %(upto)s
            AND NOT EXISTS (SELECT 1 FROM contacts_import_chunk k WHERE k.contact_id = c.id)
        FOR NO KEY UPDATE OF c
    """  # noqa: S608


def _proof(stage: Stage, plan: Plan) -> dict[str, str]:
    """SQL of each part of the consent evidence: the row's columns or the file's values."""
    if not stage.row_evidence and plan.evidence is None:
        return {}
    names = ("at", "text", "url", "method", "basis", "form", "expires", "language", "ip")
    types = {"at": "::timestamptz", "expires": "::timestamptz"}
    return {
        f"consent_{name}": f"s.consent_{name}"
        if stage.row_evidence
        else f"%(consent_{name})s{types.get(name, '::text')}"
        for name in names
    }


def consent_sql(stage: Stage, plan: Plan, brand_id: int) -> str:
    """Append the consent events that are not in the ledger yet; "" when the file brings none."""
    proof = _proof(stage, plan)
    if not proof:
        return ""
    digest = _DISCLOSURE_HASH.format(text=proof["consent_text"])
    rows = ""
    if stage.row_evidence:
        rows = (
            f"JOIN {stage.table} s ON s.phone = k.phone JOIN {stage.todo} t ON t.line = s.line"
            " AND t.action <> 'unchanged' AND t.seq > %(after)s AND t.seq <= %(upto)s"
        )
    return f"""
        WITH written AS (
            INSERT INTO contacts_consentevent (contact_id, phone_hash, brand_id, direction, purpose,
                basis, method, source_url, form_version, disclosure_text, disclosure_hash, language,
                checkbox_default, captured_at, captured_by, ip, user_agent, evidence_file,
                evidence_sha256, country, expires_at, import_job_id, recorded_at)
            SELECT k.contact_id, k.phone_hash, %(brand)s, 'granted', 'marketing',
                {proof["consent_basis"]}, {proof["consent_method"]}, {proof["consent_url"]},
                {proof["consent_form"]}, {proof["consent_text"]}, {digest},
                {proof["consent_language"]}, %(checkbox)s, {proof["consent_at"]}, %(by)s,
                {proof["consent_ip"]}, '', %(evidence_file)s, %(evidence_sha256)s,
                k.country, {proof["consent_expires"]}, %(job)s, %(now)s
            FROM contacts_import_chunk k {rows}
            WHERE {proof["consent_at"]} IS NOT NULL
                AND (k.created OR NOT EXISTS (SELECT 1 FROM contacts_consentevent e
                    WHERE e.contact_id = k.contact_id AND e.brand_id = %(brand)s
                        AND e.purpose = 'marketing' AND e.direction = 'granted'
                        AND e.captured_at = {proof["consent_at"]} AND e.disclosure_hash = {digest}
                        AND e.phone_hash = k.phone_hash {_not_void("e", brand_id)}))
            RETURNING id, contact_id
        ), grown AS (
            UPDATE contacts_contact c SET version = c.version + 1, updated_at = %(now)s
            FROM written w JOIN contacts_import_chunk k ON k.contact_id = w.contact_id
            WHERE c.id = w.contact_id AND NOT k.touched
        )
        SELECT count(*), min(id), max(id) FROM written
    """  # noqa: S608 - names and fixed words only


# Of contacts made in this transaction nobody else can have written a membership or a state, and to
# look for one first costs a third of the insert.
_MEMBERS = """
    INSERT INTO contacts_audiencemember (audience_id, contact_id, added_at, import_job_id)
    SELECT %(audience)s, contact_id, %(now)s, %(job)s FROM contacts_import_chunk
"""
MEMBERS_FRESH_SQL = f"{_MEMBERS} WHERE created ORDER BY contact_id"
MEMBERS_SQL = f"""
    {_MEMBERS} WHERE NOT created ORDER BY contact_id
    ON CONFLICT (audience_id, contact_id) DO NOTHING
"""
_STATED = "SELECT k.*, %(brand)s::bigint AS brand_id FROM contacts_import_chunk k WHERE"
STATES_FRESH_SQL = state_statement(f"{_STATED} k.created", fresh=True)
STATES_SQL = state_statement(f"{_STATED} NOT k.created")
CHUNK_TABLE_SQL = """
    CREATE TEMP TABLE IF NOT EXISTS contacts_import_chunk (
        contact_id bigint, phone_hash bytea, country text, line_type text, dead boolean,
        phone text, touched boolean, created boolean
    ) ON COMMIT DELETE ROWS;
    DELETE FROM contacts_import_chunk
"""


def _contacts_write(cursor: Any, stage: Stage, params: dict[str, Any]) -> None:
    """Lock, create and change the contacts of a chunk; the chunk table names them afterwards."""
    before_note(stage, params)
    cursor.execute(
        f"SELECT action, count(*) FROM {stage.todo} WHERE action <> 'unchanged'"  # noqa: S608
        " AND seq > %(after)s AND seq <= %(upto)s GROUP BY action",
        params,
    )
    todo = dict(cursor.fetchall())
    if "create" in todo:
        try:
            with transaction.atomic():
                cursor.execute(insert_sql(stage), {**params, "actions": ["create"]})
            del todo["create"]
        except IntegrityError:  # somebody made one of them since they were compared
            pass
    if todo:
        cursor.execute(upsert_sql(stage), {**params, "actions": list(todo)})
        if cursor.rowcount < sum(todo.values()):
            cursor.execute(attach_sql(stage), params)


def contacts_chunk(
    stage: Stage, plan: Plan, params: dict[str, Any], *, audience: bool
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Merge one chunk in the caller's transaction: what it did by word, and the lowest and highest
    id of what it wrote by kind.
    """
    bounds: dict[str, tuple[int, int]] = {}
    with connection.cursor() as cursor:
        # The chunk's rows are in memory: looking them up beats reading the whole stage each time.
        cursor.execute("SET LOCAL work_mem = '32MB'; SET LOCAL random_page_cost = 1.1")
        cursor.execute(CHUNK_TABLE_SQL)
        _contacts_write(cursor, stage, params)
        cursor.execute(
            "SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE touched AND NOT created),"
            " count(*) FILTER (WHERE NOT touched), min(contact_id) FILTER (WHERE created),"
            " max(contact_id) FILTER (WHERE created) FROM contacts_import_chunk"
        )
        created, changed, rest, *ids = cursor.fetchone()
        if created:
            bounds["contacts"] = (ids[0], ids[1])
        if (changed or rest) and (noted := changes_note(params)):
            bounds["changes"] = noted
        consent = members = 0
        sql = consent_sql(stage, plan, params["brand"])
        if sql:
            cursor.execute(sql, params)
            consent, *ids = cursor.fetchone()
            if consent:
                bounds["consents"] = (ids[0], ids[1])
                consents_emit_of_import(params["job"], bounds["consents"], at=params["now"])
        fresh, known = created > 0, changed + rest > 0
        for sql, wanted in ((MEMBERS_FRESH_SQL, fresh), (MEMBERS_SQL, known)):
            if audience and wanted:
                cursor.execute(sql, params)
                members += cursor.rowcount
        if created and len(settings.PHONE_HASH_KEYS) > 1:
            cursor.execute("SELECT phone FROM contacts_import_chunk WHERE created")
            suppressions_take_over([row[0] for row in cursor.fetchall()])
        for sql, wanted in ((STATES_FRESH_SQL, fresh), (STATES_SQL, known)):
            if wanted:
                cursor.execute(sql, params)
    done = {
        "create": created,
        "change": changed,
        "attach": rest,
        "consent_recorded": consent,
        "members_added": members,
    }
    return done, bounds
