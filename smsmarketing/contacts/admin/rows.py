"""Audiences and the consent ledger: to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.admin.lists import ArchivedFilter, CappedPaginator
from smsmarketing.contacts.models import Audience, ConsentEvent
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.contacts.selectors import audiences_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor
from smsmarketing.operations.versions import version_token


@admin.register(Audience)
class AudienceAdmin(OperationAdmin):
    """Lists of the person's teams."""

    view_permission = "contacts.audience_view"
    icon = "groups"
    list_display = ("name", "brand", "members", "source", "synced_at", "created_at")
    list_filter = (ArchivedFilter, "brand")
    search_fields = ("name", "description", "source")
    ordering = ("name", "id")
    fields = (
        "name",
        "description",
        "team",
        "brand",
        "members",
        "source",
        "sync_source",
        "synced_at",
        "created_at",
        "archived_at",
    )
    list_operations = (OperationButton(key="audiences.save", label="New audience", icon="add"),)
    operation_buttons = (
        OperationButton(
            key="audiences.save",
            label="Change",
            icon="edit",
            initial=lambda row, actor: {
                "audience_id": row.pk,
                "base_version_token": version_token(row, actor),
                "name": row.name,
                "description": row.description,
                "source": row.source,
            },
        ),
        OperationButton(
            key="audiences.add_contacts",
            label="Add contacts",
            icon="person_add",
            when=lambda row: row.archived_at is None,
        ),
        OperationButton(
            key="audiences.remove_contacts", label="Take contacts off", icon="person_remove"
        ),
        OperationButton(
            key="audiences.archive",
            label="Archive",
            icon="archive",
            when=lambda row: row.archived_at is None,
            initial=lambda row, actor: {"archived": True},
        ),
        OperationButton(
            key="audiences.archive",
            label="Fetch back",
            icon="unarchive",
            when=lambda row: row.archived_at is not None,
            initial=lambda row, actor: {"archived": False},
        ),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Lists of the person's teams, with how many contacts they hold."""
        rows = audiences_visible(actor).select_related("brand", "team")
        in_use = Q(members__contact__trashed_at=None)
        return rows.annotate(member_count=Count("members", filter=in_use))

    @admin.display(description="Contacts")
    def members(self, row: Audience) -> str:
        """How many, with the way to them."""
        address = reverse("admin:contacts_contact_changelist")
        count = f"{getattr(row, 'member_count', 0):,}"
        return format_html(
            '<a class="op-link" href="{}?audience={}">{}</a>', address, row.pk, count
        )


@admin.register(ConsentEvent)
class ConsentEventAdmin(OperationAdmin):
    """The consent ledger: append-only."""

    view_permission = "contacts.contact_view"
    icon = "fact_check"
    paginator = CappedPaginator
    list_display = (
        "person",
        "brand",
        "direction",
        "purpose",
        "method",
        "captured_at",
        "expires_at",
    )
    list_filter = ("direction", "purpose")
    ordering = ("-id",)
    fields = (
        "person",
        "brand",
        "direction",
        "purpose",
        "basis",
        "method",
        "words",
        "source_url",
        "form_version",
        "language",
        "checkbox_default",
        "captured_at",
        "captured_by",
        "evidence_file",
        "expires_at",
        "recorded_at",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Events for the person's brands."""
        rows = ConsentEvent.objects.filter(brand__in=brands_visible(actor))
        return rows.select_related("brand", "contact")

    @admin.display(description="Contact")
    def person(self, row: ConsentEvent) -> str:
        """The masked number, with the way to the contact."""
        address = reverse("admin:contacts_contact_change", args=[row.contact_id])
        shown = phone_mask(row.contact.phone) if row.contact.phone else "erased"
        return format_html('<a class="op-link" href="{}">{}</a>', address, shown)

    @admin.display(description="What the person saw")
    def words(self, row: ConsentEvent) -> str:
        """The exact text."""
        return row.disclosure_text
