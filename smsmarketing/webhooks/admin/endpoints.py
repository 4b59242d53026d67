"""Endpoints with their newest deliveries, and every delivery with what came of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor
from smsmarketing.operations.versions import version_token
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEndpoint
from smsmarketing.webhooks.rules.kinds import KINDS, STATE_WORDS
from smsmarketing.webhooks.rules.outcomes import explanation
from smsmarketing.webhooks.selectors import deliveries_visible, endpoints_visible


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(OperationAdmin):
    """Where a team's own systems are told of opt-outs, consents and erasures."""

    view_permission = "webhooks.endpoint_view"
    icon = "webhook"
    empty_hint = "No system of yours is told of opt-outs yet. Add the address of your CRM or shop with New webhook."
    list_display = ("name", "team", "url", "state_words", "waiting", "failed")
    list_filter = ("active",)
    search_fields = ("name", "url")
    ordering = ("name", "id")
    fields = (
        "name",
        "team",
        "url",
        "told_of",
        "state_words",
        "failing_since",
        "newest",
        "created_by",
        "created_at",
        "updated_at",
    )
    list_operations = (OperationButton(key="webhooks.save", label="New webhook", icon="add"),)
    operation_buttons = (
        OperationButton(key="webhooks.test", label="Send a ping", icon="network_ping"),
        OperationButton(
            key="webhooks.save",
            label="Change",
            icon="edit",
            initial=lambda row, actor: {
                "base_version_token": version_token(row, actor),
                "name": row.name,
                "url": row.url,
                "kinds": ",".join(row.kinds),
                "active": row.active,
            },
        ),
        OperationButton(key="webhooks.rotate_secret", label="New secret", icon="key"),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Those of the person's teams, with how much waits and failed."""
        return endpoints_visible(actor).annotate(
            waiting_count=Count("deliveries", filter=Q(deliveries__state="pending")),
            failed_count=Count("deliveries", filter=Q(deliveries__state="failed")),
        )

    @admin.display(description="State")
    def state_words(self, row: WebhookEndpoint) -> str:
        """On, failing, or off and why."""
        if not row.active:
            return f"off: {row.disabled_reason}" if row.disabled_reason else "off"
        return "on, but failing" if row.failing_since else "on"

    @admin.display(description="Waiting")
    def waiting(self, row: WebhookEndpoint) -> int:
        """Deliveries still to be made."""
        return int(getattr(row, "waiting_count", 0))

    @admin.display(description="Given up")
    def failed(self, row: WebhookEndpoint) -> int:
        """Deliveries that did not arrive."""
        return int(getattr(row, "failed_count", 0))

    @admin.display(description="Told of")
    def told_of(self, row: WebhookEndpoint) -> str:
        """In words."""
        return format_html_join("", "<div>{} ({})</div>", ((KINDS[k], k) for k in row.kinds))

    @admin.display(description="Newest deliveries")
    def newest(self, row: WebhookEndpoint) -> str:
        """The last ten, with what came of each."""
        rows = list(row.deliveries.select_related("event").order_by("-id")[:10])
        if not rows:
            return "None yet. Send a ping to try it."
        lines = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (
                    item.created_at.strftime("%Y-%m-%d %H:%M:%S"),
                    item.event.kind,
                    STATE_WORDS[item.state],
                    explanation(item.state, item.error),
                )
                for item in rows
            ),
        )
        address = reverse("admin:webhooks_webhookdelivery_changelist")
        return format_html(
            '<div class="op-scroll"><table class="op-table"><thead><tr><th>When (UTC)</th><th>Event</th>'
            "<th>State</th><th>What came of it</th></tr></thead><tbody>{}</tbody></table></div>"
            '<a class="op-link" href="{}?endpoint__id__exact={}">All deliveries</a>',
            lines,
            address,
            row.pk,
        )


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(OperationAdmin):
    """Every event for every endpoint."""

    view_permission = "webhooks.endpoint_view"
    icon = "outbox"
    empty_hint = "Deliveries appear when something happens that an active webhook is told of, or with a ping."
    list_display = ("created_at", "endpoint", "kind", "state_words", "attempts", "answer")
    list_filter = ("state", "endpoint")
    ordering = ("-id",)
    fields = (
        "endpoint",
        "event_id",
        "kind",
        "state_words",
        "attempts",
        "answer",
        "names",
        "next_at",
        "created_at",
        "finished_at",
    )
    operation_buttons = (
        OperationButton(
            key="webhooks.redeliver",
            label="Send again",
            icon="replay",
            when=lambda row: row.state in ("failed", "abandoned") and row.endpoint.active,
        ),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Deliveries to endpoints of the person's teams."""
        return deliveries_visible(actor)

    @admin.display(description="Event")
    def kind(self, row: WebhookDelivery) -> str:
        """Its kind."""
        return row.event.kind

    @admin.display(description="State", ordering="state")
    def state_words(self, row: WebhookDelivery) -> str:
        """In words."""
        return STATE_WORDS[row.state]

    @admin.display(description="What came of it")
    def answer(self, row: WebhookDelivery) -> str:
        """The sentence for people."""
        return explanation(row.state, row.error)

    @admin.display(description="Numbers in it")
    def names(self, row: WebhookDelivery) -> int:
        """How many rows the event names."""
        return len(row.event.subject_ids)
