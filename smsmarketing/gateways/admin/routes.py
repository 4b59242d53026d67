"""Routes, pins and breakers in the admin: to read, with buttons that lead to operations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils import timezone

from smsmarketing.gateways.models import Route, RouteHealth, RoutePin
from smsmarketing.gateways.selectors.visibility import routes_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor

BREAKER_WORDS = {
    "closed": "Sending",
    "open": "Resting",
    "half_open": "Trying a few",
}


def _saved(row: Route, actor: Actor) -> dict[str, Any]:
    return {
        "country": row.country,
        "purpose": row.purpose,
        "sender_id": row.sender_id,
        "gateway_id": row.gateway_id,
        "weight": row.weight,
        "active": row.active,
    }


@admin.register(Route)
class RouteAdmin(OperationAdmin):
    """Gateways that may carry messages besides the one a campaign names."""

    view_permission = "gateways.gateway_view"
    icon = "alt_route"
    empty_hint = (
        "Without routes every campaign uses the gateway it names. Add one to split the traffic of a"
        " country, or to have another gateway take over when it fails."
    )
    list_display = ("country", "gateway", "weight", "for_purpose", "for_sender", "active")
    list_filter = ("active", "gateway")
    search_fields = ("country",)
    ordering = ("country", "gateway__name", "purpose")
    fields = ("country", "gateway", "weight", "for_purpose", "for_sender", "active", "created_at")
    operation_buttons = (
        OperationButton(key="routes.save", label="Change", icon="edit", initial=_saved),
        OperationButton(
            key="routes.pin",
            label="Keep on this gateway",
            icon="keep",
            initial=lambda row, actor: {"country": row.country, "gateway_id": row.gateway_id},
        ),
    )
    list_operations = (OperationButton(key="routes.save", label="Add a route", icon="add"),)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Routes are shared; those of a sender are for who may see the sender."""
        return routes_visible(actor)

    @admin.display(description="Purpose", ordering="purpose")
    def for_purpose(self, row: Route) -> str:
        """Empty means any."""
        return row.purpose or "every purpose"

    @admin.display(description="Sender")
    def for_sender(self, row: Route) -> str:
        """Empty means any that is allowed."""
        return row.sender.value if row.sender is not None else "every sender"


@admin.register(RoutePin)
class RoutePinAdmin(OperationAdmin):
    """Countries that a person keeps on one gateway."""

    view_permission = "gateways.gateway_view"
    icon = "keep"
    empty_hint = "Nothing is pinned: weights and health decide."
    list_display = ("country", "gateway", "for_purpose", "reason", "set_by", "expires_at", "word")
    ordering = ("-created_at",)
    fields = (*list_display, "created_at")
    operation_buttons = (
        OperationButton(
            key="routes.unpin",
            label="End",
            icon="keep_off",
            when=lambda row: row.lifted_at is None and row.expires_at > timezone.now(),
            initial=lambda row, actor: {"country": row.country, "purpose": row.purpose},
        ),
    )
    list_operations = (OperationButton(key="routes.pin", label="Pin a country", icon="keep"),)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Pins concern all teams."""
        return RoutePin.objects.select_related("gateway", "set_by")

    @admin.display(description="Purpose")
    def for_purpose(self, row: RoutePin) -> str:
        """Empty means any."""
        return row.purpose or "every purpose"

    @admin.display(description="State")
    def word(self, row: RoutePin) -> str:
        """In force, ended by itself, or by a person."""
        if row.lifted_at is not None:
            return "ended by a person"
        return "in force" if row.expires_at > timezone.now() else "over"


@admin.register(RouteHealth)
class RouteHealthAdmin(OperationAdmin):
    """Circuit breakers by gateway and country, and what health leaves of the weights."""

    view_permission = "gateways.gateway_view"
    icon = "monitor_heart"
    empty_hint = "Rows appear when messages are handed over; all breakers are closed until then."
    list_display = ("gateway", "where", "word", "reason", "retry_at", "share", "changed_at")
    list_filter = ("breaker", "gateway")
    search_fields = ("country",)
    ordering = ("gateway__name", "country")
    fields = (
        "gateway",
        "where",
        "word",
        "reason",
        "changed_at",
        "retry_at",
        "calls",
        "failures",
        "share",
        "percent_note",
        "dlr_timeout_hours",
    )
    operation_buttons = (
        OperationButton(
            key="gateways.breaker",
            label="Stop sending there",
            icon="pause_circle",
            when=lambda row: row.breaker != "open" or row.retry_at is not None,
            initial=lambda row, actor: {
                "gateway_id": row.gateway_id,
                "country": row.country,
                "action": "open",
            },
        ),
        OperationButton(
            key="gateways.breaker",
            label="Send again",
            icon="play_circle",
            when=lambda row: row.breaker != "closed",
            initial=lambda row, actor: {
                "gateway_id": row.gateway_id,
                "country": row.country,
                "action": "close",
            },
        ),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Gateways are shared, so is their health."""
        return RouteHealth.objects.select_related("gateway")

    @admin.display(description="Country", ordering="country")
    def where(self, row: RouteHealth) -> str:
        """Empty is the gateway as a whole."""
        return row.country or "everywhere"

    @admin.display(description="State", ordering="breaker")
    def word(self, row: RouteHealth) -> str:
        """In words; an open one without a time waits for a person."""
        if row.breaker == "open" and row.retry_at is None:
            return "Stopped by a person"
        return BREAKER_WORDS[row.breaker]

    @admin.display(description="Share of its weight")
    def share(self, row: RouteHealth) -> str:
        """What health leaves of it."""
        return f"{row.percent} %"
