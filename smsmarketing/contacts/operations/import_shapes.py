"""What imports take and return on every surface."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.rules.import_files import DELIMITERS
from smsmarketing.contacts.services import imports
from smsmarketing.operations.types import Input, Moment, Output

_TEXT_MAX = 200_000
_REJECTS_SHOWN = 50

ImportKind = Literal["contacts", "opt_outs", "events"]
DateOrder = Literal["", "day_first", "month_first"]
OptOutReason = Literal[
    "opt_out",
    "complaint",
    "blocked",
    "legal",
    "registry",
    "invalid",
    "landline",
    "reassigned",
    "carrier_block",
    "unreachable",
    "manual",
]
Tags = list[Annotated[str, Field(max_length=60)]]
_Encoding = Literal["utf-8", "utf-8-bom", "utf-16-le", "utf-16-be", "latin-1", "big5", "gb18030"]


class FileConsentIn(Input):
    """Evidence that holds for every row of the file; columns of the file go before it [R-4.1]."""

    disclosure_text: str = Field(
        default="", max_length=4000, description="The exact text the people saw."
    )
    method: str = Field(
        default="",
        max_length=20,
        description="web_form, paper, verbal, keyword_reply, qr, import, api or double_opt_in.",
    )
    basis: str = Field(
        default="express",
        max_length=20,
        description="express, written, soft_opt_in, implied_purchase or implied_inquiry.",
    )
    source_url: str = Field(default="", max_length=500, description="Address of the form.")
    captured_at: str = Field(
        default="",
        max_length=40,
        description="When they agreed, ISO 8601; never the moment of the import [R-4.2].",
    )
    form_version: str = Field(default="", max_length=80, description="Version of the form.")
    language: str = Field(default="", max_length=12, description="Language of the text.")
    expires_at: str = Field(
        default="", max_length=40, description="Until when it holds, ISO 8601; empty: no end."
    )
    ip: str = Field(default="", max_length=45, description="IP address; better given by row.")
    evidence_id: UUID | None = Field(
        default=None,
        description="Document that shows it (scan of the form), from POST /api/v1/imports/evidence.",
    )
    checkbox_default: bool = Field(
        default=False, description="True when the box was ticked beforehand [R-4.4]."
    )


class FileIn(Input):
    """A file and how to read it."""

    upload_id: UUID | None = Field(
        default=None, description="From POST /api/v1/imports/files (at most 50 MiB)."
    )
    csv_text: str | None = Field(
        default=None,
        max_length=_TEXT_MAX,
        description="The CSV itself, header first, instead of an upload; at most 200 kB.",
    )
    file_name: str = Field(default="inline.csv", max_length=200, description="Name to show.")
    kind: ImportKind = Field(default="contacts", description="What the rows are.")
    event_kind: str = Field(
        default="order",
        max_length=40,
        description="With kind events: what rows are whose kind is blank, e.g. order.",
    )
    event_source: str = Field(
        default="import",
        min_length=1,
        max_length=80,
        description="With kind events: the system they come from; ids count within it.",
    )
    brand_id: int | None = Field(default=None, ge=1, description="Brand of the rows. Required.")
    audience_id: int | None = Field(
        default=None, ge=1, description="Audience that the contacts join."
    )
    mapping: dict[str, str] | None = Field(
        default=None,
        max_length=200,
        description=(
            "Column name → field (phone, first_name, tags, custom:<name>, consent.captured_at, ...; of"
            " events external_id, occurred_at, property:<name>, ...)."
            " Leave out to recognise the columns by their names."
        ),
    )
    encoding: _Encoding | None = Field(default=None, description="Leave out to detect it.")
    delimiter: Literal["comma", "semicolon", "tab", "pipe"] | None = Field(
        default=None, description="Leave out to detect it."
    )
    default_region: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country of numbers written without one, e.g. GB; without it they are rejected.",
    )
    date_order: DateOrder = Field(
        default="",
        description="How 04/05/2026 is meant in date columns; without it such a row is rejected.",
    )
    tags: Tags = Field(default=[], max_length=20, description="Tags for every contact.")
    consent: FileConsentIn | None = Field(
        default=None,
        description="Evidence for the whole file. Without any the contacts are not texted.",
    )
    scope: Literal["brand", "global"] = Field(
        default="brand", description="What opt-outs hold for: this brand, or every brand."
    )
    reason: OptOutReason = Field(
        default="opt_out", description="Reason of opt-outs whose row names none."
    )
    until: Moment | None = Field(
        default=None,
        description=(
            "When blocks, registers and facts about a line end by themselves, where the row says"
            " nothing. What a person or their carrier said never ends."
        ),
    )


class StartIn(FileIn):
    import_id: int | None = Field(
        default=None,
        ge=1,
        description="An import that imports.preview checked; then leave the other fields out.",
    )


class StatusIn(Input):
    import_id: int = Field(ge=1, description="From imports.preview or imports.start.")


class RejectRow(Output):
    row_number: int = Field(description="Row in the file; the header is row 1.")
    field: str = Field(description="Column it is about; empty when about the whole row.")
    code: str = Field(description="Stable word for the reason.")
    message: str = Field(description="What is wrong and what to do.")


class ImportCounts(Output):
    """Counts of the dry run, and of the run once it has begun."""

    rows: int = Field(default=0, description="Rows with content.")
    create: int = Field(default=0, description="New contacts, or numbers newly suppressed.")
    change: int = Field(default=0, description="Contacts that change, or join list or brand.")
    unchanged: int = Field(default=0, description="Rows that change nothing.")
    rejected: int = Field(default=0, description="Rows left out, each with its reason.")
    duplicates: int = Field(default=0, description="Rows whose number stands again further down.")
    suppressed: int = Field(default=0, description="Numbers that stay suppressed all the same.")
    repeated: int = Field(
        default=0, description="Of the unchanged: numbers whose opt-out was said again since."
    )
    consent_recorded: int = Field(default=0, description="Consent events written.")
    members_added: int = Field(default=0, description="Contacts that joined the audience.")


class ImportOut(Output):
    import_id: int = Field(description="Id of the import.")
    kind: str = Field(description="contacts, opt_outs or events.")
    state: str = Field(
        description="uploaded (being checked), previewed, running, done, failed, undoing or undone."
    )
    phase: str = Field(
        description="reading, comparing, checked, merging; of an undo trashing, returned, consents,"
        " fields, members, states; or empty."
    )
    percent: int = Field(description="Progress of the present step, 0 to 100.")
    brand_id: int = Field(description="Brand.")
    audience_id: int | None = Field(description="Audience the contacts join.")
    file_name: str = Field(description="Name of the file.")
    encoding: str = Field(description="Encoding it is read in.")
    delimiter: str = Field(description="comma, semicolon, tab or pipe.")
    headers: list[str] = Field(description="Columns of the file.")
    mapping: dict[str, str] = Field(description="Column → field.")
    counts: ImportCounts = Field(description="What the dry run found, or the run has done.")
    undo: dict[str, int] = Field(
        description="What the undo has done so far, by word as in imports.undo_preview."
    )
    rejects: list[RejectRow] = Field(description="The first 50 rejected rows.")
    rejects_total: int = Field(description="All rejected rows; the admin offers them as a file.")
    error_code: str = Field(description="Why it failed; empty otherwise.")
    error_message: str = Field(description="The same as a sentence.")
    imported_before: int | None = Field(
        description="Earlier import of the very same file for this brand, if any."
    )
    started_at: datetime | None = Field(description="When the run began.")
    finished_at: datetime | None = Field(description="When it ended.")
    undo_until: datetime | None = Field(
        description="Until when it can be undone; null when it cannot."
    )
    undone_at: datetime | None = Field(description="When the undo was complete.")


_DELIMITERS = {mark: name for name, mark in DELIMITERS.items()}


def percent_of(job: ImportJob) -> int:
    """How far the present step is. Reading is judged by size, since the rows are not counted yet."""
    if job.state in ("done", "previewed", "undone"):
        return 100
    if job.state == "undoing":
        return undo_percent(job)
    if job.phase == "merging":
        work = int(job.counts.get("work", 0))
        return min(100, 100 * job.rows_done // max(work, 1))
    if job.phase == "reading":
        # A row of a contact list has some 60 bytes; close enough for a bar that only grows.
        return min(95, 100 * 60 * job.rows_read // max(job.size_bytes, 1))
    return 95 if job.phase in ("comparing", "checked") else 0


def undo_percent(job: ImportJob) -> int:
    """How far an undo is: its phases count alike."""
    phases = imports.UNDO_PHASES
    return 100 * phases.index(job.phase) // len(phases) if job.phase in phases else 99


def import_out(job: ImportJob) -> ImportOut:
    """The import as every surface shows it."""
    known = ImportCounts.model_fields
    rejects = job.rejects.order_by("row_number", "id")
    before = imports.import_before(job)
    return ImportOut(
        import_id=job.pk,
        kind=job.kind,
        state=str(job.state),
        phase=job.phase,
        percent=percent_of(job),
        brand_id=job.brand_id,
        audience_id=job.audience_id,
        file_name=job.file_name,
        encoding=job.encoding,
        delimiter=_DELIMITERS.get(job.delimiter, job.delimiter),
        headers=list(job.headers),
        mapping=dict(job.mapping),
        counts=ImportCounts(**{k: v for k, v in job.counts.items() if k in known}),
        undo={word: int(count) for word, count in job.undo_counts.items()},
        rejects=[
            RejectRow(
                row_number=row.row_number, field=row.field, code=row.code, message=row.message
            )
            for row in rejects[:_REJECTS_SHOWN]
        ],
        rejects_total=rejects.count(),
        error_code=job.error_code,
        error_message=job.error_message,
        imported_before=before.pk if before else None,
        started_at=job.started_at,
        finished_at=job.finished_at,
        undo_until=imports.undo_until(job),
        undone_at=job.undone_at,
    )
