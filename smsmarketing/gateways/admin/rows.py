"""The wire in the admin: to read. What changes goes through operations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from smsmarketing.contacts.rules.phone import phone_hide, phone_mask
from smsmarketing.gateways.admin.console import console_page
from smsmarketing.gateways.admin.review import review_page
from smsmarketing.gateways.models import (
    Batch,
    Gateway,
    InboundMessage,
    Message,
    Receipt,
    UnclearAnswer,
)
from smsmarketing.gateways.operations.smpp_shapes import bind_health, bind_sentence
from smsmarketing.gateways.rules.messages import MEANINGS, OPEN, SKIP_REASONS
from smsmarketing.gateways.selectors import (
    batch_counts,
    batch_totals,
    batches_visible,
    counts_by_state,
    gateways_visible,
    inbound_visible,
    messages_visible,
)
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import Actor


@admin.register(Gateway)
class GatewayAdmin(OperationAdmin):
    """Accounts at providers. Credentials are never shown."""

    view_permission = "gateways.gateway_view"
    icon = "cell_tower"
    list_display = ("name", "transport", "state", "state_reason", "reach", "rate_per_second")
    list_filter = ("state",)
    search_fields = ("name", "slug")
    ordering = ("name",)
    operation_buttons = (
        OperationButton(
            key="balance_alerts.save",
            label="Balance alert",
            icon="notifications",
            initial=lambda row, actor: {
                "gateway_id": row.pk,
                "alert_below": "" if row.balance_alert is None else f"{row.balance_alert:f}",
            },
        ),
    )
    fields = (
        "name",
        "slug",
        "transport",
        "base_url",
        "console",
        "state",
        "state_reason",
        "reach",
        "currency",
        "rate_per_second",
        "max_in_flight",
        "dlr_timeout_hours",
        "fallback",
        "handles_stop_replies",
        "balance",
        "balance_at",
        "balance_alert",
        "balance_low_at",
        "bind_shown",
    )

    def get_urls(self) -> list[URLPattern]:
        """The test console comes before the admin's own patterns."""
        page = self.admin_site.admin_view(console_page)
        return [path("<int:pk>/test/", page, name="gateways_gateway_console"), *super().get_urls()]

    @admin.display(description="Does it work?")
    def console(self, row: Gateway) -> str:
        """Way to the test console."""
        address = reverse("admin:gateways_gateway_console", args=[row.pk])
        return format_html('<a class="op-link" href="{}">Test console</a>', address)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Gateways are shared."""
        return gateways_visible(actor).select_related("bind")

    @admin.display(description="SMPP bind")
    def bind_shown(self, row: Gateway) -> str:
        """How the connection is, in a sentence."""
        health = bind_health(row)
        if health is None:
            return "None: it is reached over HTTP."
        return bind_sentence(health)

    @admin.display(description="Countries")
    def reach(self, row: Gateway) -> str:
        """Countries it delivers to."""
        return ", ".join(sorted(row.countries))


@admin.register(Batch)
class BatchAdmin(OperationAdmin):
    """Sends with their progress, counted from the messages."""

    view_permission = "gateways.batch_view"
    icon = "outbox"
    list_display = ("label", "purpose", "state", "progress", "planned", "gateway", "created_at")
    list_filter = ("state", "purpose")
    search_fields = ("label",)
    ordering = ("-created_at", "-id")
    fields = (
        "label",
        "purpose",
        "state",
        "hold_reason",
        "team",
        "brand",
        "sender",
        "gateway",
        "planned",
        "progress",
        "counts",
        "cost_ceiling",
        "money_committed",
        "billed",
        "currency",
        "per_minute",
        "quiet_mode",
        "not_before",
        "not_after",
        "action_request_id",
        "created_at",
        "started_at",
        "handed_over_at",
        "finished_at",
        "texts",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Batches of the person's teams."""
        return batches_visible(actor).select_related("gateway", "team", "brand", "sender")

    @admin.display(description="Progress")
    def progress(self, row: Batch) -> str:
        """Closed messages of all; pending is not success."""
        by_state = counts_by_state(batch_counts([row.pk])[row.pk])
        closed = sum(count for state, count in by_state.items() if state not in OPEN)
        share = 100 * closed // row.planned if row.planned else 0
        return f"{closed} of {row.planned} closed ({share} %)"

    @admin.display(description="Texts")
    def texts(self, row: Batch) -> str:
        """Whether they are still here [R-4.14]."""
        if row.bodies_removed_at is None:
            return "kept until their time is over"
        said = f"removed on {row.bodies_removed_at:%-d %B %Y}; states, parts and costs stay"
        if row.numbers_removed_at is not None:
            said += f". Whom it went to was removed on {row.numbers_removed_at:%-d %B %Y}"
        return said

    @admin.display(description="Messages by state")
    def counts(self, row: Batch) -> str:
        """Each state and reason with its count."""
        counts = batch_counts([row.pk])[row.pk]
        return "\n".join(f"{state}: {count}" for state, count in sorted(counts.items()))

    @admin.display(description="Billed")
    def billed(self, row: Batch) -> str:
        """What gateways accepted, in money."""
        totals = batch_totals([row.pk]).get(row.pk)
        return f"{totals.billed:f}" if totals is not None else "0"


@admin.register(Message)
class MessageAdmin(OperationAdmin):
    """Messages with masked numbers; the text is shown to nobody here."""

    view_permission = "gateways.message_view"
    icon = "sms"
    list_display = ("id", "number", "country", "state", "reason", "parts", "batch")
    list_filter = ("state",)
    ordering = ("-id",)
    list_per_page = 50
    fields = (
        "id",
        "batch",
        "number",
        "country",
        "state",
        "meaning",
        "reason",
        "error_code",
        "error_class",
        "answers",
        "held_until",
        "attempt",
        "gateway_message_id",
        "parts",
        "parts_billed",
        "price",
        "price_billed",
        "created_at",
        "handed_at",
        "accepted_at",
        "final_at",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Messages of the person's teams."""
        return messages_visible(actor).select_related("batch")

    @admin.display(description="Number")
    def number(self, row: Message) -> str:
        """Masked."""
        return phone_mask(row.phone)

    @admin.display(description="What the gateway said")
    def answers(self, row: Message) -> str | SafeString:
        """Where unclear answers about it are; their page asks for a permission of its own."""
        count = UnclearAnswer.objects.filter(message_id=row.pk).count()
        if not count:
            return "nothing unclear was kept"
        url = f"{reverse('admin:gateways_unclearanswer_changelist')}?q={row.pk}"
        return format_html('<a href="{}">{} kept</a>', url, count)

    @admin.display(description="Meaning")
    def meaning(self, row: Message) -> str:
        """What the state says."""
        why = SKIP_REASONS.get(row.reason, "")
        return f"{MEANINGS[row.state]} {why}".strip()


@admin.register(Receipt)
class ReceiptAdmin(OperationAdmin):
    """Receipts as they came and what was done with them; bodies are not shown."""

    view_permission = "gateways.message_view"
    icon = "receipt_long"
    list_display = ("id", "gateway", "kind", "message_id", "state", "note", "received_at")
    list_filter = ("state", "kind")
    ordering = ("-id",)
    fields = (*list_display, "content_type", "applied_at")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Raw receipts name no team: they are for people who see all."""
        rows = Receipt.objects.select_related("gateway")
        return rows if actor.sees_all_teams else rows.none()


@admin.register(InboundMessage)
class InboundMessageAdmin(OperationAdmin):
    """What people wrote, and what was done with it."""

    view_permission = "gateways.message_view"
    icon = "inbox"
    list_display = ("stored_at", "number", "to", "words", "action", "level", "brand")
    list_filter = ("action",)
    ordering = ("-stored_at", "-id")
    fields = (
        "number",
        "to",
        "brand",
        "words",
        "action",
        "level",
        "keyword",
        "language",
        "received_at",
        "stored_at",
        "suppression_id",
        "reply_message_id",
        "reviewed_at",
        "decision",
        "decided_by",
    )

    def get_urls(self) -> list[URLPattern]:
        """The queue of what waits comes before the admin's own patterns."""
        page = self.admin_site.admin_view(review_page)
        return [path("review/", page, name="gateways_reply_review"), *super().get_urls()]

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Replies to the person's brands."""
        return inbound_visible(actor).select_related("brand")

    @admin.display(description="From")
    def number(self, row: InboundMessage) -> str:
        """Masked."""
        return phone_mask(row.phone)

    @admin.display(description="Text")
    def words(self, row: InboundMessage) -> str:
        """Cleaned of what hides or acts."""
        return untrusted_clean(phone_hide(row.text, row.phone))
