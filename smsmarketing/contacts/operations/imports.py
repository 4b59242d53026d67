"""imports.preview, imports.start and imports.status: CSV files with contacts or opt-outs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Audience, ImportFile, ImportJob
from smsmarketing.contacts.operations.import_shapes import (
    FileIn,
    ImportOut,
    StartIn,
    StatusIn,
    import_out,
)
from smsmarketing.contacts.selectors import audiences_visible, evidence_visible, imports_visible
from smsmarketing.contacts.services import imports
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    PUBLIC_SURFACES,
    Approval,
    Context,
    Kind,
    Operation,
    RestRoute,
    Surface,
    Target,
)

_NOW_BYTES = 200_000
"""Files up to this size are checked within the call; larger ones by a worker."""


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
    if not imports.import_path(upload.stored_path).exists():
        raise imports.file_changed()
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
            consent=_consent(context, data),
            date_order=data.date_order,
            scope=data.scope,
            reason=data.reason,
            until=_until(context, data),
            event_kind=data.event_kind,
            event_source=data.event_source,
        ),
        audience=audience,
        encoding=data.encoding or "",
        delimiter=data.delimiter or "",
        now=context.now,
    )


def _until(context: Context, data: FileIn) -> datetime | None:
    if data.until is not None and data.until <= context.now:
        raise InvalidInput(
            "A block that is over before it begins blocks nothing.",
            field_errors={"until": "Give a time in the future, or leave it out."},
        )
    return data.until


def _consent(context: Context, data: FileIn) -> dict[str, Any] | None:
    """The evidence of the whole file, with its document by id and hash."""
    if data.consent is None:
        return None
    content = data.consent.model_dump(exclude={"evidence_id"})
    if data.consent.evidence_id is None:
        return content
    found = evidence_visible(context.actor).filter(pk=data.consent.evidence_id).first()
    if found is None:
        raise NotFound(
            "There is no such document of yours. Upload it to POST /api/v1/imports/evidence.",
            field_errors={"consent.evidence_id": "Not a document of yours."},
        )
    return {**content, "evidence_file": found.reference, "evidence_sha256": found.sha256}


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
    # A held call comes back with every field, each at its default: that is as good as left out.
    extra = sorted(
        name
        for name in data.model_fields_set - {"import_id"}
        if getattr(data, name) != StartIn.model_fields[name].get_default(call_default_factory=True)
    )
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
        found = _facts_of(job, imports.file_lines(job.upload))
        transaction.set_rollback(True)
    if data.csv_text is not None:
        imports.upload_remove(job.stored_path)
    return found


def _facts_of(job: ImportJob, rows: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"content_sha256": imports.import_fingerprint(job)}
    if job.kind in ("opt_outs", "events"):  # neither makes a contact or a consent
        return {**facts, "contacts": 0, "consents": 0}
    evidence = job.options.get("consent") or any(
        name.startswith("consent.") for name in job.mapping.values()
    )
    return {**facts, "contacts": rows, "consents": rows if evidence else 0}


def _start_shown(context: Context, data: StartIn) -> dict[str, Any]:
    """The file behind the import id and what the dry run found, for the approver."""
    if data.import_id is None:
        upload = ImportFile.objects.filter(pk=data.upload_id).first() if data.upload_id else None
        return {"file": upload.file_name, "sha256": upload.sha256} if upload else {}
    job = _found(context, data.import_id)
    consent = job.options.get("consent") or {}
    return {
        "file": job.file_name,
        "sha256": job.sha256,
        "kind": job.kind.replace("_", "-"),
        "columns": job.mapping,
        "dry_run": job.counts,
        "consent_text": consent.get("disclosure_text") or "from the rows, or none",
        "consent_source": consent.get("source_url", ""),
        "audience": job.audience.name if job.audience else "none",
    }


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
        shown=_start_shown,
        permission="contacts.import_start",
        scope="sms:contacts.write",
        requires=("imports.preview",),
        approval=Approval.POLICY,
        surfaces=PUBLIC_SURFACES | {Surface.SYSTEM},  # import folders, in a person's name
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
