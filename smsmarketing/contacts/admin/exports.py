"""Files one asked for: what became of them, and the way to fetch them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html

from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.selectors import exports_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin
from smsmarketing.operations.types import Actor

KIND_WORDS = {
    "consent_proof": "Proof pack",
    "evidence": "Document of a consent",
    "person": "Everything about a person",
    "contacts": "List of contacts",
    "opt_outs": "List of opt-outs",
    "registration": "Document of a registration",
}
STATE_WORDS = {
    "making": "being made",
    "ready": "ready",
    "failed": "failed",
    "expired": "expired, deleted",
}


@admin.register(ExportFile)
class ExportFileAdmin(OperationAdmin):
    """The person's own files."""

    view_permission = "contacts.export_view"
    icon = "download"
    list_display = ("file_name", "what", "fetch", "size", "rows", "created_at", "expires_at")
    list_filter = ("state",)
    ordering = ("-created_at", "-id")
    fields = (
        "file_name",
        "what",
        "fetch",
        "size",
        "rows",
        "sha256",
        "reason",
        "full_numbers",
        "downloads",
        "downloaded_at",
        "created_at",
        "expires_at",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """What the person asked for."""
        return exports_visible(actor)

    @admin.display(description="What it is")
    def what(self, row: ExportFile) -> str:
        """In words."""
        return KIND_WORDS.get(row.kind, row.kind)

    @admin.display(description="File")
    def fetch(self, row: ExportFile) -> str:
        """The way to it while it is there; otherwise why not."""
        if row.state == "ready":
            address = reverse("export-file", args=[row.pk])
            return format_html('<a class="op-link" href="{}" download>Download</a>', address)
        return f"{STATE_WORDS[row.state]}{f': {row.problem}' if row.problem else ''}"

    @admin.display(description="Size")
    def size(self, row: ExportFile) -> str:
        """Human size."""
        return filesizeformat(row.size_bytes) if row.size_bytes else "—"
