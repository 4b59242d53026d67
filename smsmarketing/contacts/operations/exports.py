"""exports.get and exports.list: the files one asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.conf import settings
from pydantic import Field

from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.selectors import exports_visible
from smsmarketing.operations import registry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)


class ExportRow(Output):
    """A file that somebody asked for."""

    export_id: UUID = Field(description="Id of the file.")
    kind: str = Field(description="consent_proof, person, contacts or opt_outs.")
    state: str = Field(
        description="making (a worker is at it), ready, failed (see problem) or expired."
    )
    problem: str = Field(description="Why it could not be made; empty otherwise.")
    file_name: str = Field(description="Name of the file.")
    content_type: str = Field(description="Media type.")
    size_bytes: int = Field(description="Size in bytes; 0 while it is made.")
    rows: int = Field(description="Rows or documents in it.")
    sha256: str = Field(description="SHA-256 of the file, hexadecimal; empty while it is made.")
    full_numbers: bool = Field(description="True when full phone numbers are in it.")
    downloads: int = Field(description="How often it was fetched.")
    created_at: datetime = Field(description="Asked for, UTC.")
    expires_at: datetime = Field(description="When the file is deleted, UTC.")
    download_url: str = Field(
        description=(
            "Where to fetch it (GET) while it is ready: by who asked, with a browser session or an "
            "API token. Full numbers of more than 50 people are given to a browser session only."
        )
    )


def export_row(row: ExportFile) -> ExportRow:
    """The file as operations show it."""
    return ExportRow(
        export_id=row.pk,
        kind=row.kind,
        state=row.state,
        problem=row.problem,
        file_name=row.file_name,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        rows=row.rows,
        sha256=row.sha256,
        full_numbers=row.full_numbers,
        downloads=row.downloads,
        created_at=row.created_at,
        expires_at=row.expires_at,
        download_url=f"{settings.PUBLIC_BASE_URL.rstrip('/')}/api/v1/exports/{row.pk}/file",
    )


class ExportGetIn(Input):
    export_id: UUID = Field(description="Id that the operation returned that makes the file.")


def _get(context: Context, data: ExportGetIn) -> ExportRow:
    return export_row(context.target)


class ExportListIn(PageInput):
    kind: Literal["consent_proof", "person", "contacts", "opt_outs"] | None = Field(
        default=None, description="Only files of this kind."
    )
    state: Literal["making", "ready", "failed", "expired"] | None = Field(
        default=None, description="Only files in this state."
    )


class ExportPage(Page[ExportRow]):
    """Files the caller asked for, newest first. Expired ones stay in the list without their content."""


def _list(context: Context, data: ExportListIn) -> ExportPage:
    rows = exports_visible(context.actor).order_by("-created_at", "-id")
    if data.kind is not None:
        rows = rows.filter(kind=data.kind)
    if data.state is not None:
        rows = rows.filter(state=data.state)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return ExportPage(items=[export_row(row) for row in page], next_cursor=cursor)


registry.add(
    Operation(
        key="exports.get",
        summary="How far a file is that one asked for, its SHA-256, and where to fetch it.",
        kind=Kind.STATUS,
        input=ExportGetIn,
        output=ExportRow,
        run=_get,
        permission="contacts.export_view",
        scope="sms:contacts.read",
        target=Target(argument="export_id", visible=exports_visible, label="file"),
        rest=RestRoute("GET", "/exports/{export_id}"),
        group="contacts",
    ),
    Operation(
        key="exports.list",
        summary="List the files one asked for: proof packs, exports of a person or of a list.",
        kind=Kind.READ,
        input=ExportListIn,
        output=ExportPage,
        run=_list,
        permission="contacts.export_view",
        scope="sms:contacts.read",
        rest=RestRoute("GET", "/exports"),
        group="contacts",
    ),
)
