"""Import folders in the admin: what is watched, what became of the files, what a person must mend."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from smsmarketing.contacts.models import ImportFolder
from smsmarketing.contacts.selectors import folders_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor


@admin.register(ImportFolder)
class ImportFolderAdmin(OperationAdmin):
    """Import folders of the person's teams."""

    view_permission = "contacts.import_view"
    icon = "folder_open"
    list_operations = (
        OperationButton(key="import_folders.save", label="Watch a folder", icon="add"),
    )
    empty_hint = "A watched folder brings in the files that another system puts there. Begin with Watch a folder."
    list_display = (
        "name",
        "brand",
        "folder",
        "pattern",
        "active",
        "looked_at",
        "newest",
        "problem",
    )
    list_filter = ("active",)
    search_fields = ("name", "folder")
    ordering = ("name",)

    def visible(self, actor: Actor) -> Any:
        """Import folders of the person's teams."""
        return folders_visible(actor).select_related("brand")

    @admin.display(description="Newest file")
    def newest(self, row: ImportFolder) -> str:
        """Name, outcome and why."""
        found = row.files.order_by("-id").first()
        if found is None:
            return "none yet"
        return f"{found.file_name}: {found.outcome.replace('_', ' ')} {found.note}".strip()
