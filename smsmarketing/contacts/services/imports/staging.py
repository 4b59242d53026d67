"""Reading a file into a table of its own: clean rows in, rejected rows beside it.

The table is UNLOGGED: after a crash of PostgreSQL it is empty, and the file is read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import connection

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.phones import phone_hasher
from smsmarketing.contacts.rules.import_rows import Plan, Reject, Row, RowReader
from smsmarketing.contacts.services.imports.plain_events import PlainEvents
from smsmarketing.contacts.services.imports.plain_rows import ESCAPES, PlainRows, text_write

READ_ROWS = 20_000
_WRITE_ROWS = 500

_BASE = {
    "line": "integer NOT NULL",
    "phone": "text NOT NULL",
    "phone_hash": "bytea NOT NULL",
    "country": "text NOT NULL",
    "line_type": "text NOT NULL",
}
_FIELD_TYPES = {
    "tags": "text[]",
    "opted_out_at": "timestamptz",
    "until": "timestamptz",
    "occurred_at": "timestamptz",
    "updated_at": "timestamptz",
    "properties": "jsonb",
}
_EVENT_FIELDS = (
    "customer_key",
    "external_id",
    "kind",
    "occurred_at",
    "properties",
    "source",
    "updated_at",
)
"""What every event has, whatever the file's columns are."""
_EVIDENCE = {
    "consent_at": "timestamptz",
    "consent_text": "text",
    "consent_url": "text",
    "consent_method": "text",
    "consent_basis": "text",
    "consent_form": "text",
    "consent_expires": "timestamptz",
    "consent_language": "text",
    "consent_ip": "text",
}


@dataclass(frozen=True)
class Stage:
    """Names and columns of the tables of one import."""

    job_id: int
    fields: tuple[str, ...]
    """Mapped fields with a column of their own, without custom: and crm: ones."""
    custom: bool
    crm: bool
    row_evidence: bool
    tags: tuple[str, ...] = ()
    """Tags of the whole file; added to those of a row that has some."""

    @property
    def table(self) -> str:
        return f"contacts_import_stage_{int(self.job_id)}"

    @property
    def todo(self) -> str:
        return f"contacts_import_todo_{int(self.job_id)}"

    def columns(self) -> dict[str, str]:
        """Column → type, in the order of the COPY."""
        columns = dict(_BASE)
        columns.update({name: _FIELD_TYPES.get(name, "text") for name in self.fields})
        if self.custom:
            columns["custom"] = "jsonb"
        if self.crm:
            columns["crm_keys"] = "jsonb"
        if self.row_evidence:
            columns.update(_EVIDENCE)
        return columns


def stage_of(job: ImportJob, plan: Plan) -> Stage:
    """The tables that a job's mapping needs."""
    if job.kind == "events":
        return Stage(
            job_id=job.pk, fields=_EVENT_FIELDS, custom=False, crm=False, row_evidence=False
        )
    names = [name for _, name, _ in plan.columns]
    own = [
        name
        for name in names
        if name not in _BASE and ":" not in name and not name.startswith("consent.")
    ]
    return Stage(
        job_id=job.pk,
        fields=tuple(sorted(own)),
        custom=any(name.startswith("custom:") for name in names),
        crm=any(name.startswith("crm:") for name in names),
        row_evidence=plan.row_evidence,
        tags=tuple(job.options.get("tags", ())),
    )


def stage_create(stage: Stage) -> None:
    """Make the table empty and new."""
    stage_drop(stage.job_id)
    columns = ", ".join(f"{name} {kind}" for name, kind in stage.columns().items())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE UNLOGGED TABLE {stage.table} ({columns})")


def stage_drop(job_id: int) -> None:
    """Remove the tables of a job, if they exist."""
    with connection.cursor() as cursor:
        for kind in ("stage", "todo"):
            cursor.execute(f"DROP TABLE IF EXISTS contacts_import_{kind}_{int(job_id)}")


def stage_size(table: str) -> int | None:
    """Rows of a table; None when it does not exist."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of ours
        return int(cursor.fetchone()[0])


@dataclass(frozen=True, kw_only=True)
class ChunkRead:
    """How far one chunk of reading came."""

    last_row: int
    rows: int
    staged: int
    rejected: int


def chunk_stage(
    rows: Iterator[tuple[int, list[str]]], reader: RowReader, stage: Stage
) -> ChunkRead | None:
    """Clean the next rows and COPY them; None at the end of the file. In the caller's transaction.

    PostgreSQL takes the rows in while the next ones are being cleaned.
    """
    rejects: list[Reject] = []
    encode = row_encoder(stage)
    plain = _plain(reader, stage)
    number = seen = 0
    names = ", ".join(stage.columns())
    rows = islice(rows, READ_ROWS)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {stage.table} ({names}) FROM STDIN") as copy,
    ):
        while block := list(islice(rows, _WRITE_ROWS)):
            seen += len(block)
            texts = plain.texts(block)
            for place, text in enumerate(texts):
                if text is not None:
                    continue
                number, cells = block[place]
                answer = reader.read(cells, number)
                if isinstance(answer, Reject):
                    rejects.append(answer)
                    texts[place] = ""
                else:
                    texts[place] = encode(answer)
            number = block[-1][0]
            copy.write("".join(text for text in texts if text))
    if not seen:
        return None
    rejects_copy(stage.job_id, rejects)
    return ChunkRead(last_row=number, rows=seen, staged=seen - len(rejects), rejected=len(rejects))


def _plain(reader: RowReader, stage: Stage) -> PlainRows | PlainEvents:
    if reader.plan.kind == "events":
        return PlainEvents(reader)
    return PlainRows(reader, cell_writers(stage), custom=stage.custom, crm=stage.crm)


def rejects_copy(job_id: int, rejects: list[Reject]) -> None:
    """Keep why rows were left out. Their cells stay in the file and are read from there."""
    if not rejects:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY contacts_importreject (job_id, row_number, field, code, message, row) FROM STDIN"
        ) as copy,
    ):
        for reject in rejects:
            copy.write_row(
                (
                    job_id,
                    reject.row_number,
                    reject.field[:80],
                    reject.code[:40],
                    reject.message[:300],
                    "[]",
                )
            )


def cell_writers(stage: Stage) -> dict[str, Callable[[Any], str]]:
    """How the values of the stage's own columns are written, in the order of the COPY."""
    writers = {name: _WRITERS.get(name, text_write) for name in stage.fields}
    if stage.tags and "tags" in writers:
        extra = stage.tags
        writers["tags"] = lambda tags: _array(list(dict.fromkeys([*tags, *extra])))
    return writers


def row_encoder(stage: Stage) -> Callable[[Row], str]:
    """A function that writes a row in the text form of COPY."""
    fields = list(cell_writers(stage).items())
    hashed = phone_hasher()

    def encode(row: Row) -> str:
        phone, values = row.phone, row.values
        parts = [
            str(row.row_number),
            phone.e164,
            "\\\\x" + hashed(phone.e164).hex(),
            phone.country,
            phone.line_type,
        ]
        for name, write in fields:
            value = values.get(name)
            parts.append("\\N" if value is None else write(value))
        if stage.custom:
            parts.append(_object(values, "custom:"))
        if stage.crm:
            parts.append(_object(values, "crm:"))
        if stage.row_evidence:
            parts += _evidence(row)
        return "\t".join(parts) + "\n"

    return encode


def _array(values: list[str]) -> str:
    if len(values) == 1 and values[0].isalnum() and values[0].upper() != "NULL":
        return "{" + values[0] + "}"
    quoted = ",".join(
        '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values
    )
    return ("{" + quoted + "}").translate(ESCAPES)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False).translate(ESCAPES)


_WRITERS: dict[str, Callable[[Any], str]] = {"tags": _array, "properties": _json}


def _object(values: dict[str, Any], prefix: str) -> str:
    found = {name[len(prefix) :]: text for name, text in values.items() if name.startswith(prefix)}
    return json.dumps(found, ensure_ascii=False).translate(ESCAPES) if found else "\\N"


def _evidence(row: Row) -> list[str]:
    proof = row.evidence
    if proof is None:
        return ["\\N"] * len(_EVIDENCE)
    expires = proof.expires_at.isoformat() if proof.expires_at else "\\N"
    return [
        str(proof.captured_at),
        text_write(proof.disclosure_text),
        text_write(proof.source_url),
        text_write(proof.method),
        text_write(proof.basis),
        text_write(proof.form_version),
        expires,
        text_write(proof.language),
        text_write(proof.ip),
    ]
