"""consent.document: the stored scan or picture that proves how a person agreed."""

from __future__ import annotations

import hashlib

from pydantic import Field

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import ConsentEvent, EvidenceFile
from smsmarketing.contacts.operations.exports import ExportRow, export_row
from smsmarketing.contacts.services.exports import Wanted, export_now
from smsmarketing.contacts.services.imports import EVIDENCE_TYPES, evidence_path
from smsmarketing.contacts.services.reveals import (
    REASON_LEAST,
    may_see_phones,
    reason_read,
    reveals_take,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import Conflict, NotFound, NotPermitted
from smsmarketing.operations.types import Context, Input, Kind, Operation, RestRoute

KEY = "consent.document"


class DocumentIn(Input):
    consent_event_id: int = Field(
        ge=1, le=2**63 - 1, description="Number of the row in the ledger; a proof pack lists them."
    )
    reason: str = Field(
        min_length=REASON_LEAST, max_length=300, description="What it is for; kept with the file."
    )


def _run(context: Context, data: DocumentIn) -> ExportRow:
    if not may_see_phones(context.actor):
        raise NotPermitted(
            "A scan shows names and numbers, and you may not see full numbers. Ask compliance."
        )
    reason = reason_read(data.reason, message="Say what it is for.", hint="Write a few words.")
    event = (
        ConsentEvent.objects.filter(
            pk=data.consent_event_id, brand__in=brands_visible(context.actor)
        )
        .select_related("brand")
        .first()
    )
    if event is None:
        raise NotFound("There is no such consent event, or it is not for you.")
    named = event.evidence_file_id
    document = EvidenceFile.objects.filter(pk=named).first() if named is not None else None
    if document is None:
        raise NotFound(
            "No document is stored for this consent. Its text and source are in the proof pack."
        )
    content = _content(document)
    reveals_take(
        context.actor,
        [("contacts.consentevent", str(event.pk))],
        reason=reason,
        now=context.now,
        operation=KEY,
    )
    row = export_now(
        Wanted(
            operation=KEY,
            kind="evidence",
            # The uploader's name of it may be the person's, and the row outlives an erasure.
            file_name=f"consent-{event.pk}.{EVIDENCE_TYPES[document.media_type][1]}",
            content_type=document.media_type,
            team_ids=[event.brand.team_id],
            full_numbers=True,
            reason=reason,
            params={"contact_id": event.contact_id},
        ),
        [content],
        actor=context.actor,
        rows=1,
        now=context.now,
    )
    context.audit_object = ("contacts.consentevent", str(event.pk))
    context.audit_reason = reason
    context.audit_facts = {"sha256": row.sha256, "size_bytes": row.size_bytes}
    return export_row(row)


def _content(document: EvidenceFile) -> bytes:
    """The bytes, when they still are those that were stored: a changed proof proves nothing."""
    try:
        content = evidence_path(document.stored_path).read_bytes()
    except FileNotFoundError:
        raise Conflict(
            "The document is gone: the person was erased, or the folder was changed. The ledger keeps"
            " its name and SHA-256."
        ) from None
    if hashlib.sha256(content).hexdigest() != document.sha256:
        raise Conflict(
            "The stored document is not the one that was uploaded: its SHA-256 differs. Restore it"
            " from a backup, and have somebody look at who can write to the folder."
        )
    return content


registry.add(
    Operation(
        key=KEY,
        summary="Fetch the stored document (scan, picture) that proves a consent event.",
        description=(
            "Makes a file for you, checked against the SHA-256 of the upload; fetch it with"
            " exports.get. It counts in the day's budget of contacts.reveal, is kept for seven days,"
            " and asking and fetching are audited."
        ),
        kind=Kind.WRITE,
        input=DocumentIn,
        output=ExportRow,
        run=_run,
        permission="contacts.person_export",
        scope="sms:contacts.pii",
        requires=("contacts.consent_proof",),
        rest=RestRoute("POST", "/consent/{consent_event_id}/document"),
        group="contacts",
    )
)
