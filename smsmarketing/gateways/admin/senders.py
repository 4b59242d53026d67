"""Senders in the admin: their state in words, where they may be used, and the country table."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from smsmarketing.gateways.models import SenderId, SenderRule
from smsmarketing.gateways.rules.registration_words import REGISTRATION_WORDS
from smsmarketing.gateways.rules.sender_words import KIND_TITLES, STATE_WORDS, STATUS_WORDS
from smsmarketing.gateways.selectors import senders_visible
from smsmarketing.gateways.selectors.senders import sender_verdicts
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor


@admin.register(SenderId)
class SenderIdAdmin(OperationAdmin):
    """Senders of one's teams."""

    view_permission = "gateways.sender_view"
    icon = "id_card"
    empty_hint = "No sender yet: nothing can be sent. Register the first with “Register a sender”."
    list_display = ("value", "kind_words", "state_shown", "brand", "regions", "can_receive")
    list_filter = ("state", "kind")
    search_fields = ("value",)
    ordering = ("value",)
    list_operations = (
        OperationButton(key="sender_ids.save", label="Register a sender", icon="id_card"),
    )
    operation_buttons = (
        OperationButton(
            key="sender_ids.eligibility", label="Look at other countries", icon="travel_explore"
        ),
        OperationButton(key="sender_ids.countries_save", label="Confirm countries", icon="public"),
        OperationButton(
            key="sender_ids.suspend", label="Suspend", icon="block", transition="suspend"
        ),
        OperationButton(key="sender_ids.lift", label="Lift", icon="lock_open", transition="lift"),
    )
    fields = (
        "value",
        "kind_words",
        "state_shown",
        "state_reason",
        "next_step",
        "expires_at",
        "team",
        "brand",
        "where",
        "dossiers",
        "registration",
        "registration_state",
        "restrictions",
        "can_receive",
        "created_at",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Senders of the person's teams."""
        return (
            senders_visible(actor)
            .select_related("brand", "team")
            .prefetch_related("eligibility", "registrations")
        )

    @admin.display(description="Kind", ordering="kind")
    def kind_words(self, row: SenderId) -> str:
        """The kind as people call it."""
        return KIND_TITLES.get(row.kind, row.kind)

    @admin.display(description="State", ordering="state")
    def state_shown(self, row: SenderId) -> str:
        """The state as people read it."""
        return STATE_WORDS[row.state][0]

    @admin.display(description="Next step")
    def next_step(self, row: SenderId) -> str:
        """What has to happen now."""
        return STATE_WORDS[row.state][1]

    @admin.display(description="Countries")
    def regions(self, row: SenderId) -> str:
        """Countries people said something about, the allowed ones first."""
        states = sorted(row.eligibility.all(), key=lambda each: (each.status, each.country))
        shown = [f"{each.country} {STATUS_WORDS[each.status].lower()}" for each in states]
        more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
        return ", ".join(shown[:8]) + more or "none confirmed"

    @admin.display(description="Registrations")
    def dossiers(self, row: SenderId) -> SafeString:
        """Each registration with its state and the way to it."""
        found = format_html_join(
            ", ",
            '<a class="op-link" href="{}">{} ({})</a>',
            (
                (
                    reverse("admin:gateways_registration_change", args=[each.pk]),
                    each.registry,
                    REGISTRATION_WORDS[each.state][0].lower(),
                )
                for each in row.registrations.order_by("pk")
            ),
        )
        return found or format_html(
            '<a class="op-link" href="{}?sender_id={}">Apply for one</a>',
            reverse("admin:gateways_registration_new"),
            row.pk,
        )

    @admin.display(description="Where it may be used (marketing)")
    def where(self, row: SenderId) -> str:
        """The decision for each of its countries, with the reason and the next step."""
        lines = [
            f"{verdict.country}: allowed"
            + (f"; people see {verdict.replacement}" if verdict.replacement else "")
            if verdict.status == "allowed"
            else verdict.sentence
            for verdict in sender_verdicts(row).values()
        ]
        return "\n".join(lines) or "Nowhere yet: confirm the countries that the gateway allows."


@admin.register(SenderRule)
class SenderRuleAdmin(OperationAdmin):
    """The country table and what people say against it."""

    view_permission = "gateways.sender_view"
    icon = "public"
    empty_hint = "The packaged table is loaded by the migrations."
    list_display = (
        "country",
        "kind_words",
        "status_words",
        "purpose_words",
        "gateway_words",
        "registry",
        "shown_note",
        "origin",
    )
    list_filter = ("kind", "status", "by_people")
    search_fields = ("country", "registry")
    ordering = ("country", "kind", "-by_people")
    list_operations = (
        OperationButton(key="sender_rules.forbid", label="Close a country now", icon="block"),
        OperationButton(key="sender_rules.save", label="Override the table", icon="rule"),
    )
    operation_buttons = (
        OperationButton(
            key="sender_rules.save",
            label="Override",
            icon="rule",
            initial=lambda row, actor: {"country": row.country, "kind": row.kind},
        ),
    )
    fields = (
        "country",
        "kind_words",
        "status_words",
        "binding",
        "purpose_words",
        "gateway_words",
        "registry",
        "replacement",
        "note",
        "source",
        "as_of",
        "origin",
        "reason",
        "set_by",
        "created_at",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Rules in force; they hold for every team."""
        return SenderRule.objects.filter(retired_at=None).select_related("gateway")

    @admin.display(description="Kind", ordering="kind")
    def kind_words(self, row: SenderRule) -> str:
        """The kind as people call it."""
        return KIND_TITLES.get(row.kind, row.kind)

    @admin.display(description="May be used", ordering="status")
    def status_words(self, row: SenderRule) -> str:
        """The status as people read it."""
        return STATUS_WORDS[row.status]

    @admin.display(description="Purpose", ordering="purpose")
    def purpose_words(self, row: SenderRule) -> str:
        """Which texts."""
        return row.purpose or "every purpose"

    @admin.display(description="Gateway", ordering="gateway")
    def gateway_words(self, row: SenderRule) -> str:
        """Where."""
        return row.gateway.name if row.gateway is not None else "every gateway"

    @admin.display(description="Remark")
    def shown_note(self, row: SenderRule) -> str:
        """The beginning of the note."""
        words = row.reason if row.by_people else row.note
        return words if len(words) <= 90 else f"{words[:88]}…"

    @admin.display(description="Said by", ordering="by_people")
    def origin(self, row: SenderRule) -> str:
        """People, or the source with its date."""
        if row.by_people:
            return f"{row.set_by}, {row.created_at:%-d %B %Y}"
        return f"{row.source}, {row.as_of:%B %Y}"
