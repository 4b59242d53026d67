"""Opt-in forms in the admin: where each one is, what it says, and how its requests ended."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join

from smsmarketing.contacts.models import OptInForm
from smsmarketing.contacts.operations.opt_in_forms import form_address, form_embed
from smsmarketing.contacts.selectors.opt_in_forms import form_counts, forms_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor
from smsmarketing.operations.versions import version_token


def _token(row: OptInForm, actor: Actor) -> dict[str, Any]:
    newest = row.versions.order_by("-number").first()
    return {
        "form_id": row.pk,
        "base_version_token": version_token(row, actor),
        "number": newest.number if newest else None,
    }


def _wording(row: OptInForm, actor: Actor) -> dict[str, Any]:
    """The newest wording, to be changed."""
    newest = row.versions.order_by("-number").first()
    found = {"form_id": row.pk, "base_version_token": version_token(row, actor), "name": row.name}
    if newest is None:
        return found
    return found | {
        "heading": newest.heading,
        "disclosure_text": newest.disclosure_text,
        "programme": newest.programme,
        "frequency": newest.frequency,
        "language": newest.language,
        "double_opt_in": newest.double_opt_in,
    }


@admin.register(OptInForm)
class OptInFormAdmin(OperationAdmin):
    """Opt-in forms of the person's teams."""

    view_permission = "contacts.form_view"
    icon = "assignment_turned_in"
    empty_hint = "An opt-in form is a public page where people agree. Write its wording with New form, then publish it."
    list_display = ("name", "brand", "state_words", "address", "published_at")
    list_filter = ("brand",)
    search_fields = ("name", "slug")
    ordering = ("name", "id")
    fields = (
        "name",
        "brand",
        "state_words",
        "address",
        "wording",
        "embed",
        "requests",
        "published_at",
        "created_at",
    )
    list_operations = (OperationButton(key="opt_in_forms.save", label="New form", icon="add"),)
    operation_buttons = (
        OperationButton(
            key="opt_in_forms.save", label="New wording", icon="edit", initial=_wording
        ),
        OperationButton(
            key="opt_in_forms.publish", label="Publish", icon="publish", initial=_token
        ),
        OperationButton(
            key="opt_in_forms.close",
            label="Take offline",
            icon="visibility_off",
            when=lambda row: row.live_id is not None,
        ),
    )

    def visible(self, actor: Actor) -> Any:
        """Forms of the person's teams."""
        return forms_visible(actor).select_related("brand", "live")

    @admin.display(description="State")
    def state_words(self, row: OptInForm) -> str:
        """Online with which wording, or not."""
        return f"online, version {row.live.number}" if row.live else "offline"

    @admin.display(description="Address")
    def address(self, row: OptInForm) -> str:
        """A link while it answers."""
        address = form_address(row)
        return (
            format_html('<a class="op-link" href="{0}">{0}</a>', address) if row.live else address
        )

    @admin.display(description="Wording")
    def wording(self, row: OptInForm) -> str:
        """Every version, the newest first: they are the proof of what people agreed to."""
        versions = row.versions.order_by("-number")[:20]
        return format_html_join(
            "",
            "<div><b>{}</b> ({}) {}</div>",
            ((f"Version {each.number}", each.language, each.disclosure_text) for each in versions),
        )

    @admin.display(description="To show it on your own site")
    def embed(self, row: OptInForm) -> str:
        """The snippet, when a version names sites."""
        return form_embed(row) or "Name the sites in the wording to get a snippet."

    @admin.display(description="How requests ended")
    def requests(self, row: OptInForm) -> str:
        """Counts by state, in words."""
        counts = form_counts(row)
        found = [f"{count:,} {word.replace('_', ' ')}" for word, count in counts.items() if count]
        return ", ".join(found) or "Nobody asked yet."
