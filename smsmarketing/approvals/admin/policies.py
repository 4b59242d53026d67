"""Policies to read, with a button that proposes a change; and a person's own notes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from smsmarketing.approvals.models import ApprovalPolicy, OwnerNotification
from smsmarketing.approvals.rules.conditions import condition_words
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor


def _policy_initial(row: ApprovalPolicy, actor: Actor) -> Mapping[str, Any]:
    """The form opens with the policy as it is."""
    return {
        "key": row.key,
        "name": row.name,
        "operations": "\n".join(row.operations),
        "conditions": json.dumps(row.conditions),
        "roles": "\n".join(row.roles),
        "approvers": row.approvers,
        "enabled": "true" if row.enabled else "false",
        "why": row.why,
        "base_revision": row.revision,
    }


@admin.register(ApprovalPolicy)
class ApprovalPolicyAdmin(OperationAdmin):
    """What asks for a second person. Every revision is kept."""

    view_permission = "approvals.policy_view"
    icon = "policy"
    list_operations = ("approval_policies.save",)
    operation_buttons = (
        OperationButton(
            key="approval_policies.save",
            label="Propose a change",
            icon="edit",
            when=lambda row: row.superseded_at is None,
            initial=_policy_initial,
        ),
    )
    list_display = ("name", "in_words", "people", "enabled", "revision", "current")
    list_filter = ("enabled",)
    search_fields = ("name", "key", "why")
    ordering = ("key", "-revision")
    fields = (
        "name",
        "key",
        "revision",
        "in_words",
        "watched",
        "people",
        "enabled",
        "why",
        "created_at",
        "superseded_at",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Policies are no secret to anybody who may read them."""
        return ApprovalPolicy.objects.all()

    @admin.display(description="When")
    def in_words(self, row: ApprovalPolicy) -> str:
        """The conditions in words."""
        return " and ".join(condition_words(item) for item in row.conditions) or "always"

    @admin.display(description="Operations")
    def watched(self, row: ApprovalPolicy) -> str:
        """The operations it watches."""
        return ", ".join(row.operations)

    @admin.display(description="Who agrees")
    def people(self, row: ApprovalPolicy) -> str:
        """How many people of which roles."""
        return f"{row.approvers} of {', '.join(row.roles)}"

    @admin.display(description="Current", boolean=True)
    def current(self, row: ApprovalPolicy) -> bool:
        """Whether this is the newest revision."""
        return row.superseded_at is None


@admin.register(OwnerNotification)
class OwnerNotificationAdmin(OperationAdmin):
    """Notes to the signed-in person."""

    view_permission = "approvals.request_view"
    icon = "notifications"
    list_display = ("text", "created_at", "read_at")
    list_filter = ("kind",)
    ordering = ("-id",)
    fields = ("text", "created_at", "read_at")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Only one's own."""
        return OwnerNotification.objects.filter(user=actor.user)
