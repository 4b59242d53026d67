"""Providers described as data in the admin: which there are, their versions, who uses them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join

from smsmarketing.gateways.admin.editor import editor_page
from smsmarketing.gateways.models import GatewayDefinition
from smsmarketing.gateways.selectors.definitions import (
    definitions_visible,
    uses_of,
    version_newest,
)
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor


def _version_initial(row: GatewayDefinition, actor: Actor) -> dict[str, Any]:
    newest = version_newest(row)
    return {"definition_id": row.pk, "version": newest.number if newest is not None else 1}


@admin.register(GatewayDefinition)
class GatewayDefinitionAdmin(OperationAdmin):
    """Providers that are spoken to as a description says."""

    view_permission = "gateways.gateway_view"
    icon = "schema"
    empty_hint = (
        "A provider that is not built in is described here, without code: start from a ready-made "
        "one with “Describe a provider”."
    )
    list_display = ("name", "whose", "newest", "used_by", "created_at")
    search_fields = ("name",)
    ordering = ("name", "id")
    fields = (
        "name",
        "whose",
        "newest",
        "used_by",
        "edit",
        "versions_shown",
        "created_by",
        "created_at",
    )
    operation_buttons = (
        OperationButton(
            key="gateway_definitions.use",
            label="Use for a gateway",
            icon="published_with_changes",
            initial=_version_initial,
        ),
    )

    list_before_template = "admin/gateways/definitions_top.html"

    def get_urls(self) -> list[URLPattern]:
        """The editor comes before the admin's own patterns."""
        page = self.admin_site.admin_view(editor_page)
        return [
            path("new/", page, name="gateways_gatewaydefinition_new"),
            path("<int:pk>/edit/", page, name="gateways_gatewaydefinition_edit"),
            *super().get_urls(),
        ]

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """The house's, and those of the person's teams."""
        return definitions_visible(actor).select_related("team", "created_by")

    @admin.display(description="Whose")
    def whose(self, row: GatewayDefinition) -> str:
        """Team or house."""
        return row.team.name if row.team is not None else "the whole house"

    @admin.display(description="Newest version")
    def newest(self, row: GatewayDefinition) -> str:
        """Its number, provider and note."""
        version = version_newest(row)
        if version is None:
            return "none"
        words = f"{version.number}: {version.content.get('label', '')}"
        return f"{words}, {version.note}" if version.note else words

    @admin.display(description="Change it")
    def edit(self, row: GatewayDefinition) -> str:
        """Way to the editor."""
        address = reverse("admin:gateways_gatewaydefinition_edit", args=[row.pk])
        return format_html('<a class="op-link" href="{}">Write a new version</a>', address)

    @admin.display(description="Used by")
    def used_by(self, row: GatewayDefinition) -> str:
        """Gateways with their version."""
        uses = uses_of(row)
        if not uses:
            return "no gateway yet"
        return ", ".join(
            f"{use.gateway.name} (version {use.version.number} from"
            f" {use.valid_from:%Y-%m-%d %H:%M} UTC)"
            for use in uses
        )

    @admin.display(description="Versions")
    def versions_shown(self, row: GatewayDefinition) -> str:
        """All of them, newest first."""
        rows = row.versions.select_related("created_by").order_by("-number")[:50]
        lines = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
            (
                (
                    each.number,
                    f"{each.created_at:%Y-%m-%d %H:%M}",
                    each.created_by.get_username(),
                    each.note or "–",
                    each.sha256[:12],
                )
                for each in rows
            ),
        )
        return format_html(
            '<div class="op-scroll"><table class="op-table"><thead><tr><th>Version</th>'
            "<th>Saved (UTC)</th><th>By</th><th>Note</th><th>Hash</th></tr></thead>"
            "<tbody>{}</tbody></table></div>",
            lines,
        )
