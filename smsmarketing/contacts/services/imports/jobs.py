"""An import from upload to end: created, read, compared, started, merged, finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import Audience, ImportFile, ImportJob, ImportMapping
from smsmarketing.contacts.rules.consent import ConsentEvidence, consent_faults
from smsmarketing.contacts.rules.events import EventRefused, kind_check
from smsmarketing.contacts.rules.import_dates import ORDERS, time_read
from smsmarketing.contacts.rules.import_fields import KINDS, mapping_faults, mapping_guess
from smsmarketing.contacts.rules.import_files import DELIMITERS, ENCODINGS
from smsmarketing.contacts.rules.import_rows import Plan
from smsmarketing.contacts.rules.source_urls import source_fault
from smsmarketing.contacts.selectors.events import event_fields_declared, fields_declared
from smsmarketing.contacts.services.imports.files import (
    FileLook,
    file_changed,
    file_intact,
    file_look,
)
from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import (
    ConsentIncomplete,
    ConsentSourcePersonal,
    InvalidInput,
)
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.states import row_lock, transition_apply

_EVIDENCE = (
    "disclosure_text",
    "method",
    "basis",
    "source_url",
    "form_version",
    "language",
    "checkbox_default",
    "captured_at",
    "expires_at",
    "ip",
    "evidence_file",
    "evidence_sha256",
)
_IMPORT_MOMENT = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What holds for every row of a file. `consent` is the evidence, as plain JSON."""

    default_region: str = ""
    tags: list[str] = field(default_factory=list)
    consent: Mapping[str, Any] | None = None
    scope: str = "brand"
    reason: str = "opt_out"
    until: datetime | None = None
    date_order: str = ""
    event_kind: str = "order"
    event_source: str = "import"


def import_create(
    upload: ImportFile,
    *,
    kind: str,
    brand: Brand,
    created_by: User,
    mapping: Mapping[str, str] | None = None,
    options: ImportOptions | None = None,
    audience: Audience | None = None,
    encoding: str = "",
    delimiter: str = "",
    now: datetime | None = None,
) -> ImportJob:
    """Look at the file and keep how it is to be read. Nothing of it is in the database yet.

    Without `mapping` the columns are recognised by their names. Raises InvalidInput, naming the
    field, for a file that cannot be read, a mapping that does not fit it, or no phone column;
    ConsentIncomplete for evidence of the whole file that proves nothing [R-4.1], [R-4.2].
    """
    now = now or timezone.now()
    options = options or ImportOptions()
    if kind not in KINDS:
        raise InvalidInput("Unknown kind.", field_errors={"kind": f"Give {' or '.join(KINDS)}."})
    if kind == "events":
        _event_kind_check(options.event_kind)
    _choice_check(encoding, ENCODINGS, "encoding")
    _choice_check(delimiter, DELIMITERS, "delimiter")
    _choice_check(options.date_order, dict.fromkeys(ORDERS, ""), "date_order")
    look = file_look(upload, encoding=encoding, delimiter=DELIMITERS.get(delimiter, ""))
    chosen = _mapping_check(mapping, look, kind)
    _audience_check(audience, brand)
    consent = _consent_check(options.consent, chosen, now=now) if kind == "contacts" else None
    return ImportJob.objects.create(
        kind=kind,
        team_id=brand.team_id,
        brand=brand,
        audience=audience,
        created_by=created_by,
        upload=upload,
        file_name=upload.file_name,
        stored_path=upload.stored_path,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        encoding=look.encoding,
        delimiter=look.delimiter,
        headers=look.headers,
        mapping=chosen,
        options={
            "default_region": options.default_region,
            "tags": options.tags,
            "consent": consent,
            "scope": options.scope,
            "reason": options.reason,
            "until": options.until.isoformat() if options.until else None,
            "date_order": options.date_order,
            "event_kind": options.event_kind,
            "event_source": options.event_source,
        },
        created_at=now,
    )


def _mapping_check(mapping: Mapping[str, str] | None, look: FileLook, kind: str) -> dict[str, str]:
    """The given mapping, or the one that the column names suggest."""
    chosen = dict(mapping) if mapping else mapping_guess(look.headers, kind)
    faults = mapping_faults(chosen, look.headers, kind)
    if faults:
        raise InvalidInput(
            "The columns do not fit. " + next(iter(faults.values())), field_errors=faults
        )
    return chosen


def _audience_check(audience: Audience | None, brand: Brand) -> None:
    if audience is not None and audience.brand_id != brand.pk:
        raise InvalidInput(
            "The audience belongs to another brand.",
            field_errors={"audience_id": "Choose an audience of the brand."},
        )


def _event_kind_check(kind: str) -> None:
    try:
        kind_check(kind)
    except EventRefused as exc:
        raise InvalidInput(exc.message, field_errors={"event_kind": exc.message}) from None


def _choice_check(value: str, known: Mapping[str, str], name: str) -> None:
    if value and value not in known:
        raise InvalidInput(
            f"Unknown {name}.", field_errors={name: f"Give one of: {', '.join(known)}."}
        )


def _consent_check(
    raw: Mapping[str, Any] | None, mapping: Mapping[str, str], *, now: datetime
) -> dict[str, Any] | None:
    """The evidence of the whole file, as plain JSON. What each row must bring itself is checked
    with the row.
    """
    if not raw:
        return None
    content = {name: raw[name] for name in _EVIDENCE if raw.get(name)}
    by_row = {name.removeprefix("consent.") for name in mapping.values()}
    faults: dict[str, str] = {}
    try:
        evidence = _evidence(content)
    except ValueError as exc:
        raise ConsentIncomplete(str(exc), field_errors={"consent.captured_at": str(exc)}) from None
    found = consent_faults(evidence, country="", plus_one=False, now=now)
    faults = {f"consent.{name}": text for name, text in found.items() if name not in by_row}
    at = evidence.captured_at
    if at is not None and "consent.captured_at" not in faults and _is_now(at, content, now):
        faults["consent.captured_at"] = (
            "This is the time of the import. Give the time when the people agreed."
        )
    if faults:
        raise ConsentIncomplete(
            "The consent evidence for this file does not prove that these people agreed. Mend the"
            " fields, or import without consent; the contacts are then not texted.",
            field_errors=faults,
        )
    if text := source_fault(evidence.source_url):  # a row's own number is compared with the row
        raise ConsentSourcePersonal(
            "The address of the form names a person. Mend it and start the import again.",
            field_errors={"consent.source_url": text},
        )
    return content


def _is_now(at: datetime, content: Mapping[str, Any], now: datetime) -> bool:
    """Whether "when" is nothing but the moment of the import [R-4.2]: a bare date of today says no
    more than that.
    """
    bare = len(str(content["captured_at"])) == len("2026-03-31")
    return at > now - _IMPORT_MOMENT or (bare and at.date() >= now.date())


def _evidence(content: Mapping[str, Any]) -> ConsentEvidence:
    values = dict(content)
    for name in ("captured_at", "expires_at"):
        if name in values:
            values[name] = time_read(str(values[name]))
    values.setdefault("method", "import")
    values.setdefault("basis", "express")
    return ConsentEvidence(**values)


def import_plan(job: ImportJob) -> Plan:
    """How the rows of a job are read."""
    fields = {header: name for header, name in job.mapping.items() if name}
    consent = job.options.get("consent")
    return Plan(
        kind=job.kind,
        columns=tuple(
            (index, fields[header], header)
            for index, header in enumerate(job.headers)
            if header in fields
        ),
        width=len(job.headers),
        default_region=job.options.get("default_region") or None,
        uploaded_at=job.created_at,
        evidence=_evidence(consent) if consent else None,
        date_order=job.options.get("date_order", ""),
        row_evidence=any(name.startswith("consent.") for name in fields.values()),
        headers={name: header for header, name in fields.items()},
        declared=fields_declared(job.team_id) if job.kind == "contacts" else {},
        declared_events=event_fields_declared(job.team_id) if job.kind == "events" else {},
        event_kind=job.options.get("event_kind") or "order",
        event_source=job.options.get("event_source") or "import",
    )


def import_look(job: ImportJob) -> FileLook:
    """The first rows of a job's file, for the mapping page."""
    names = {mark: name for name, mark in DELIMITERS.items()}
    return file_look(
        job.upload, encoding=job.encoding, delimiter=DELIMITERS[names.get(job.delimiter, "comma")]
    )


def import_check_request(job: ImportJob) -> None:
    """Let a worker make the dry run."""
    enqueue("contacts.import_work", job_id=job.pk)


def import_start(job: ImportJob, *, now: datetime | None = None) -> ImportJob:
    """Let a worker bring the file in. In the caller's transaction. Raises Conflict unless the job
    is uploaded or previewed.
    """
    job = row_lock(ImportJob, job.pk)
    job.started_at = now or timezone.now()
    job.version += 1
    transition_apply(job, "start", save=("started_at", "version"))
    enqueue("contacts.import_work", job_id=job.pk)
    return job


def import_fingerprint(job: ImportJob) -> str:
    """Hash of the file and of all that decides how it is read: what an approval covers.

    Raises Conflict when the stored file is not the one that was uploaded.
    """
    if not file_intact(job.upload):
        raise file_changed()
    return sha256_hex(
        {
            "sha256": job.sha256,
            "kind": job.kind,
            "brand": job.brand_id,
            "audience": job.audience_id,
            "encoding": job.encoding,
            "delimiter": job.delimiter,
            "headers": job.headers,
            "mapping": job.mapping,
            "options": job.options,
        }
    )


def import_fail(job_id: int, *, code: str, message: str) -> None:
    """End a job that cannot go on; what was merged before stays."""
    with transaction.atomic():
        job = row_lock(ImportJob, job_id)
        if job.state not in ("uploaded", "previewed", "running", "undoing"):
            return
        job.error_code = code
        job.error_message = message[:300]
        job.finished_at = timezone.now()
        job.phase = ""
        job.lease_owner = ""
        job.version += 1
        transition_apply(
            job,
            "fail",
            save=("error_code", "error_message", "finished_at", "phase", "lease_owner", "version"),
        )


def mapping_save(
    *, team_id: int, kind: str, name: str, mapping: Mapping[str, str]
) -> ImportMapping:
    """Keep a mapping under a name for the team; the same name again replaces it. Raises InvalidInput
    for fields that do not exist, or no phone.
    """
    faults = mapping_faults(mapping, list(mapping), kind)
    if faults:
        raise InvalidInput(
            "The columns do not fit. " + next(iter(faults.values())), field_errors=faults
        )
    row, _ = ImportMapping.objects.update_or_create(
        team_id=team_id, kind=kind, name=name[:80], defaults={"mapping": dict(mapping)}
    )
    return row


def mapping_for(job_headers: list[str], *, team_id: int, kind: str) -> ImportMapping | None:
    """The saved mapping whose columns are all in the file; the one with the most columns."""
    fitting = [
        row
        for row in ImportMapping.objects.filter(team_id=team_id, kind=kind).order_by("id")
        if set(row.mapping) <= set(job_headers)
    ]
    return max(fitting, key=lambda row: len(row.mapping), default=None)


def import_before(job: ImportJob) -> ImportJob | None:
    """An earlier import of the very same file for the same brand, if there is one [R-10.11]."""
    if job.state not in ("uploaded", "previewed"):
        return None
    return (
        ImportJob.objects.filter(
            sha256=job.sha256, brand_id=job.brand_id, kind=job.kind, state__in=("running", "done")
        )
        .exclude(pk=job.pk)
        .order_by("-id")
        .first()
    )
