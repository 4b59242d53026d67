"""Custom fields: what a team has declared."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from smsmarketing.contacts.models import CustomField
from smsmarketing.contacts.selectors.events import fields_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import Actor
from smsmarketing.operations.versions import version_token


def _save_fields(row: CustomField, actor: Actor) -> dict[str, Any]:
    return {
        "field_id": row.pk,
        "base_version_token": version_token(row, actor),
        "applies_to": row.applies_to,
        "name": row.name,
        "label": row.label,
        "type": row.type,
        "choices": list(row.choices) or None,
        "description": row.description,
        "archived": row.archived_at is not None,
    }


@admin.register(CustomField)
class CustomFieldAdmin(OperationAdmin):
    """Declared fields of contacts and of events."""

    view_permission = "contacts.contact_view"
    icon = "tune"
    list_display = ("shown_label", "name", "place", "type", "choice_words", "used", "team")
    list_filter = ("applies_to", "type")
    search_fields = ("name", "label")
    ordering = ("applies_to", "name", "id")
    fields = (
        "shown_label",
        "name",
        "place",
        "type",
        "choice_words",
        "description",
        "used",
        "team",
        "created_at",
        "updated_at",
    )
    empty_hint = "A declared field has a type that every value is checked against. Begin with Declare a field."
    list_operations = (
        OperationButton(key="contacts.custom_fields.save", label="Declare a field", icon="add"),
    )
    operation_buttons = (
        OperationButton(
            key="contacts.custom_fields.save", label="Change", icon="edit", initial=_save_fields
        ),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Fields of the person's teams."""
        return fields_visible(actor).select_related("team")

    @admin.display(description="Label")
    def shown_label(self, row: CustomField) -> str:
        """What people read."""
        return untrusted_clean(row.label)

    @admin.display(description="Belongs to")
    def place(self, row: CustomField) -> str:
        """Contacts, or events of a kind."""
        if row.applies_to == "contact":
            return "contacts"
        kind = row.applies_to.removeprefix("custom:").replace("_", " ")
        return f"events: {kind}"

    @admin.display(description="Choices")
    def choice_words(self, row: CustomField) -> str:
        """All of them."""
        return untrusted_clean(", ".join(row.choices)) or "—"

    @admin.display(description="State")
    def used(self, row: CustomField) -> str:
        """Whether it takes new values."""
        return "archived" if row.archived_at else "in use"
