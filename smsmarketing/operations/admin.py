"""The audit log in the admin: to read and to verify, never to change."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet

from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor


@admin.register(AuditEntry)
class AuditEntryAdmin(OperationAdmin):
    """Entries are for people with the permission of the audit log; they hold ids and hashes
    only [R-8.15].
    """

    view_permission = "operations.audit_view"
    icon = "receipt_long"
    list_display = (
        "seq",
        "at",
        "operation",
        "outcome",
        "surface",
        "actor_type",
        "actor_id",
        "object_type",
        "object_id",
    )
    list_filter = ("outcome", "surface", "actor_type", "operation")
    search_fields = ("=operation", "=object_id", "=request_id", "=actor_id")
    ordering = ("-seq",)
    list_operations = (
        OperationButton(key="audit.verify", label="Verify the chain", icon="verified"),
    )

    def visible(self, actor: Actor) -> QuerySet[AuditEntry]:
        entries = AuditEntry.objects.all()
        return entries if actor.may(self.view_permission) else entries.none()
