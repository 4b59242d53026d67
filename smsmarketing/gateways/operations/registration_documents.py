"""sender_registrations.document_add, .document_remove and .document: papers of a registration [R-5.9]."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta

from pydantic import Field

from smsmarketing.contacts.operations.exports import ExportRow, export_row
from smsmarketing.contacts.services.exports import Wanted, export_now
from smsmarketing.gateways.models import Registration, RegistrationDocument
from smsmarketing.gateways.operations.registrations import REGISTRATION_TARGET
from smsmarketing.gateways.operations.registrations_save import application_check
from smsmarketing.gateways.services.registration_documents import (
    document_add,
    document_read,
    document_remove,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)

DOCUMENT = "sender_registrations.document"
_KEPT = timedelta(hours=1)


class DocumentAddIn(Input):
    """Input of sender_registrations.document_add."""

    registration_id: int = Field(ge=1, le=2**63 - 1, description="Draft, or one that was refused.")
    kind: str = Field(
        max_length=40, description="Which paper: a key from sender_registries.list, or other."
    )
    file_name: str = Field(min_length=1, max_length=200, description="Name of the file.")
    content_base64: str = Field(
        min_length=4,
        max_length=14_000_000,
        description=(
            "The file in base64: PDF, PNG or JPEG, up to 10 MiB. A call over REST or MCP holds about"
            " 3 MiB; larger files go through the page in the admin."
        ),
    )


class DocumentOut(Output):
    """Output of sender_registrations.document_add and .document_remove."""

    registration_id: int = Field(description="Id of the registration.")
    document_id: int = Field(description="Id of the document.")
    sha256: str = Field(description="SHA-256 of what was uploaded, hexadecimal.")
    size_bytes: int = Field(description="Size in bytes.")


def run_add(context: Context, data: DocumentAddIn) -> DocumentOut:
    """Seal and keep it."""
    row: Registration = context.target
    application_check(row)
    try:
        content = base64.b64decode(data.content_base64, validate=True)
    except (binascii.Error, ValueError):
        message = "This is no base64. Send the bytes of the file in base64."
        raise InvalidInput(message, field_errors={"content_base64": message}) from None
    document = document_add(
        row,
        kind=data.kind,
        file_name=data.file_name,
        content=content,
        uploaded_by=context.actor.user,
        now=context.now,
    )
    context.audit_facts = {
        "document_id": document.pk,
        "size_bytes": document.size_bytes,
        "sha256": document.sha256,
    }
    return _out(document)


class DocumentIn(Input):
    """Input of sender_registrations.document and .document_remove."""

    registration_id: int = Field(ge=1, le=2**63 - 1, description="Registration.")
    document_id: int = Field(
        ge=1, le=2**63 - 1, description="Document, from sender_registrations.get."
    )


def run_remove(context: Context, data: DocumentIn) -> DocumentOut:
    """Take it out of a draft; its name and hash stay."""
    application_check(context.target)
    document = _document(context, data)
    document_remove(document, now=context.now)
    context.audit_facts = {"document_id": document.pk, "sha256": document.sha256}
    return _out(document)


def run_fetch(context: Context, data: DocumentIn) -> ExportRow:
    """Make a file of it for the caller, for an hour."""
    document = _document(context, data)
    row: Registration = context.target
    made = export_now(
        Wanted(
            operation=DOCUMENT,
            kind="registration",
            file_name=document.file_name,
            content_type=document.media_type,
            team_ids=[row.team_id],
            kept=_KEPT,
        ),
        [document_read(document)],
        actor=context.actor,
        rows=1,
        now=context.now,
    )
    context.audit_facts = {"document_id": document.pk, "sha256": document.sha256}
    return export_row(made)


def _document(context: Context, data: DocumentIn) -> RegistrationDocument:
    row: Registration = context.target
    found = row.documents.filter(pk=data.document_id, removed_at=None).first()
    if found is None:
        raise NotFound(
            "There is no such document in this registration.",
            field_errors={"document_id": "Not found."},
        )
    return found


def _out(document: RegistrationDocument) -> DocumentOut:
    return DocumentOut(
        registration_id=document.registration_id,
        document_id=document.pk,
        sha256=document.sha256,
        size_bytes=document.size_bytes,
    )


registry.add(
    Operation(
        key="sender_registrations.document_add",
        summary="Add a document to a registration that is not submitted yet.",
        description="It is kept encrypted; who opens it is written down.",
        kind=Kind.WRITE,
        input=DocumentAddIn,
        output=DocumentOut,
        run=run_add,
        permission="gateways.registration_edit",
        scope="sms:sender",
        target=REGISTRATION_TARGET,
        requires=("sender_registrations.get",),
        rest=RestRoute("POST", "/sender_registrations/{registration_id}/documents"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="sender_registrations.document_remove",
        summary="Remove a document from a registration that is not submitted yet.",
        description="It cannot be read any more at once; its name and hash stay.",
        kind=Kind.WRITE,
        input=DocumentIn,
        output=DocumentOut,
        run=run_remove,
        permission="gateways.registration_edit",
        scope="sms:sender",
        destructive=True,
        target=REGISTRATION_TARGET,
        requires=("sender_registrations.get",),
        rest=RestRoute("DELETE", "/sender_registrations/{registration_id}/documents/{document_id}"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key=DOCUMENT,
        summary="Open a document of a registration: makes a file for you, for an hour.",
        description="Fetch it with exports.get. Asking and fetching are audited.",
        kind=Kind.WRITE,
        input=DocumentIn,
        output=ExportRow,
        run=run_fetch,
        permission="gateways.registration_documents",
        scope="sms:sender",
        target=REGISTRATION_TARGET,
        requires=("sender_registrations.get",),
        rest=RestRoute(
            "POST", "/sender_registrations/{registration_id}/documents/{document_id}/open"
        ),
        group="gateways",
    )
)
