"""imports.preview, imports.start and imports.status: CSV files with contacts or opt-outs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Audience, ImportFile, ImportJob
from smsmarketing.contacts.selectors import audiences_visible, imports_visible
from smsmarketing.contacts.services import imports
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)

_TEXT_MAX = 200_000
_NOW_BYTES = 200_000
"""Files up to this size are checked within the call; larger ones by a worker."""
_REJECTS_SHOWN = 50

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
    kind: Literal["contacts", "opt_outs"] = Field(
        default="contacts", description="What the rows are."
    )
    brand_id: int | None = Field(default=None, ge=1, description="Brand of the rows. Required.")
    audience_id: int | None = Field(
        default=None, ge=1, description="Audience that the contacts join."
    )
    mapping: dict[str, str] | None = Field(
        default=None,
        max_length=200,
        description=(
            "Column name → field (phone, first_name, tags, custom:<name>, consent.captured_at, ...)."
            " Leave out to recognise the columns by their names."
        ),
    )
    encoding: _Encoding | None = Field(default=None, description="Leave out to detect it.")
    delimiter: Literal["comma", "semicolon", "tab"] | None = Field(
        default=None, description="Leave out to detect it."
    )
    default_region: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country of numbers written without one, e.g. GB; without it they are rejected.",
    )
    tags: list[str] = Field(default=[], max_length=20, description="Tags for every contact.")
    consent: FileConsentIn | None = Field(
        default=None,
        description="Evidence for the whole file. Without any the contacts are not texted.",
    )
    scope: Literal["brand", "global"] = Field(
        default="brand", description="What opt-outs hold for: this brand, or every brand."
    )
    reason: Literal["opt_out", "complaint", "blocked", "legal", "registry", "invalid"] = Field(
        default="opt_out", description="Reason of opt-outs whose row names none."
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
    consent_recorded: int = Field(default=0, description="Consent events written.")
    members_added: int = Field(default=0, description="Contacts that joined the audience.")


class ImportOut(Output):
    import_id: int = Field(description="Id of the import.")
    kind: str = Field(description="contacts or opt_outs.")
    state: str = Field(description="uploaded (being checked), previewed, running, done or failed.")
    phase: str = Field(description="reading, comparing, checked, merging, or empty.")
    percent: int = Field(description="Progress of the present step, 0 to 100.")
    brand_id: int = Field(description="Brand.")
    audience_id: int | None = Field(description="Audience the contacts join.")
    file_name: str = Field(description="Name of the file.")
    encoding: str = Field(description="Encoding it is read in.")
    delimiter: str = Field(description="comma, semicolon or tab.")
    headers: list[str] = Field(description="Columns of the file.")
    mapping: dict[str, str] = Field(description="Column → field.")
    counts: ImportCounts = Field(description="What the dry run found, or the run has done.")
    rejects: list[RejectRow] = Field(description="The first 50 rejected rows.")
    rejects_total: int = Field(description="All rejected rows; the admin offers them as a file.")
    error_code: str = Field(description="Why it failed; empty otherwise.")
    error_message: str = Field(description="The same as a sentence.")
    imported_before: int | None = Field(
        description="Earlier import of the very same file for this brand, if any."
    )
    started_at: datetime | None = Field(description="When the run began.")
    finished_at: datetime | None = Field(description="When it ended.")


_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}


def percent_of(job: ImportJob) -> int:
    """How far the present step is. Reading is judged by size, since the rows are not counted yet."""
    if job.state in ("done", "previewed"):
        return 100
    if job.phase == "merging":
        work = int(job.counts.get("work", 0))
        return min(100, 100 * job.rows_done // max(work, 1))
    if job.phase == "reading":
        # A row of a contact list has some 60 bytes; close enough for a bar that only grows.
        return min(95, 100 * 60 * job.rows_read // max(job.size_bytes, 1))
    return 95 if job.phase in ("comparing", "checked") else 0


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
    )


def _upload(context: Context, data: FileIn) -> ImportFile:
    if (data.upload_id is None) == (data.csv_text is None):
        raise InvalidInput(
            "Give the file once: an upload_id, or the text itself.",
            field_errors={"upload_id": "Give either upload_id or csv_text."},
        )
    if data.csv_text is not None:
        return imports.upload_store(
            [data.csv_text.encode()], file_name=data.file_name, user=context.actor.user
        )
    upload_id = str(data.upload_id)
    upload = ImportFile.objects.filter(pk=upload_id, uploaded_by=context.actor.user).first()
    if upload is None:
        raise NotFound(
            "There is no such upload of yours. Upload the file to POST /api/v1/imports/files.",
            field_errors={"upload_id": "Not an upload of yours."},
        )
    return upload


def _create(context: Context, data: FileIn) -> ImportJob:
    brand, audience = _brand(context, data), _audience(context, data)
    upload = _upload(context, data)
    return imports.import_create(
        upload,
        kind=data.kind,
        brand=brand,
        created_by=context.actor.user,
        mapping=data.mapping,
        options=imports.ImportOptions(
            default_region=data.default_region or "",
            tags=list(dict.fromkeys(data.tags)),
            consent=data.consent.model_dump() if data.consent else None,
            scope=data.scope,
            reason=data.reason,
        ),
        audience=audience,
        encoding=data.encoding or "",
        delimiter=data.delimiter or "",
        now=context.now,
    )


def _brand(context: Context, data: FileIn) -> Brand:
    if data.brand_id is None:
        raise InvalidInput(
            "Say for which brand the file is.",
            field_errors={"brand_id": "Take one from config.get."},
        )
    brand = brands_visible(context.actor).filter(pk=data.brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    return brand


def _audience(context: Context, data: FileIn) -> Audience | None:
    if data.audience_id is None:
        return None
    audience = audiences_visible(context.actor).filter(pk=data.audience_id).first()
    if audience is None:
        raise NotFound(
            "There is no such audience.", field_errors={"audience_id": "Not one of yours."}
        )
    return audience


def _preview(context: Context, data: FileIn) -> ImportOut:
    job = _create(context, data)
    if job.size_bytes <= _NOW_BYTES:
        imports.import_work(job.pk)
        job.refresh_from_db()
    else:
        imports.import_check_request(job)
    return import_out(job)


def _found(context: Context, import_id: int) -> ImportJob:
    job = imports_visible(context.actor).filter(pk=import_id).first()
    if job is None:
        raise NotFound("There is no such import.", field_errors={"import_id": "Not one of yours."})
    return job


def _start(context: Context, data: StartIn) -> ImportOut:
    if data.import_id is not None:
        _alone(data)
        job = _found(context, data.import_id)
    else:
        job = _create(context, data)
    job = imports.import_start(job, now=context.now)
    context.audit_object = ("contacts.importjob", str(job.pk))
    context.audit_facts = {"kind": job.kind, "size_bytes": job.size_bytes, "sha256": job.sha256}
    return import_out(job)


def _alone(data: StartIn) -> None:
    extra = sorted(data.model_fields_set - {"import_id"})
    if extra:
        raise InvalidInput(
            "A checked import starts as it was checked; check it again to change how it is read.",
            field_errors=dict.fromkeys(extra, "Leave out together with import_id."),
        )


def _start_facts(context: Context, data: StartIn) -> dict[str, Any]:
    """What policies look at. Opt-outs are never held: they only take away [R-2.8]."""
    if data.import_id is not None:
        _alone(data)
        job = _found(context, data.import_id)
        return _facts_of(job, job.counts.get("numbers", 0))
    # A file that was not checked before: create the import, look, and take it back. So a file that
    # cannot be read is refused here, before anyone is asked to agree to it.
    with transaction.atomic():
        job = _create(context, data)
        rows = imports.file_lines(job.upload)
        transaction.set_rollback(True)
    if data.csv_text is not None:
        imports.upload_remove(job.stored_path)
    return _facts_of(job, rows)


def _facts_of(job: ImportJob, rows: int) -> dict[str, Any]:
    if job.kind == "opt_outs":
        return {"contacts": 0, "consents": 0}
    evidence = job.options.get("consent") or any(
        name.startswith("consent.") for name in job.mapping.values()
    )
    return {"contacts": rows, "consents": rows if evidence else 0}


def _status(context: Context, data: StatusIn) -> ImportOut:
    return import_out(context.target or _found(context, data.import_id))


_IMPORT_TARGET = Target(argument="import_id", visible=imports_visible, label="import")

registry.add(
    Operation(
        key="imports.preview",
        summary="Dry run of a CSV: create, change, unchanged and rejected rows, with reasons.",
        description=(
            "Brings nothing in. Files up to 200 kB are answered at once; larger ones are checked by a"
            " worker: ask imports.status until the state is previewed. Then call imports.start with"
            " the import_id."
        ),
        kind=Kind.PREVIEW,
        input=FileIn,
        output=ImportOut,
        run=_preview,
        permission="contacts.import_start",
        scope="sms:contacts.write",
        requires=("config.get",),
        rest=RestRoute("POST", "/imports/preview"),
        group="contacts",
    ),
    Operation(
        key="imports.start",
        summary="Bring a CSV of contacts or opt-outs in; a worker does it, imports.status follows it.",
        description=(
            "Opt-outs always stand: no import removes one, and no number becomes sendable without"
            " consent evidence in the file or for the file."
        ),
        kind=Kind.WRITE,
        input=StartIn,
        output=ImportOut,
        run=_start,
        facts=_start_facts,
        permission="contacts.import_start",
        scope="sms:contacts.write",
        requires=("imports.preview",),
        approval=Approval.POLICY,
        rest=RestRoute("POST", "/imports"),
        group="contacts",
    ),
    Operation(
        key="imports.status",
        summary="Progress, counts and rejected rows of an import.",
        kind=Kind.STATUS,
        input=StatusIn,
        output=ImportOut,
        run=_status,
        target=_IMPORT_TARGET,
        permission="contacts.import_view",
        scope="sms:contacts.read",
        requires=("imports.start",),
        rest=RestRoute("GET", "/imports/{import_id}"),
        group="contacts",
    ),
)
