"""Routes, pins and breakers in the admin: to read, with buttons that lead to operations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import JSONField, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from smsmarketing.gateways.models import Route, RouteHealth, RoutePin
from smsmarketing.gateways.selectors.scorecards import COLUMNS, Card
from smsmarketing.gateways.selectors.visibility import routes_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor

CARD_OF_HEALTH = f"""
SELECT jsonb_build_array({COLUMNS}) FROM gateways_routetally t
WHERE t.gateway_id = gateways_routehealth.gateway_id AND t.country = gateways_routehealth.country
  AND t.since >= %s AND (%s::bigint[] IS NULL OR t.brand_id IN (
      SELECT b.id FROM accounts_brand b WHERE b.team_id = ANY(%s::bigint[])))
"""  # noqa: S608 - constant fragments
BREAKER_WORDS = {
    "closed": "Sending",
    "open": "Resting",
    "half_open": "Trying again",
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
    """How each gateway did by country in the last day, its circuit breaker, and what health leaves of
    its weights.
    """

    view_permission = "gateways.gateway_view"
    icon = "monitor_heart"
    empty_hint = (
        "A row appears for each gateway and country when the first message is handed over; nothing is"
        " stopped until then."
    )
    list_display = (
        "gateway",
        "where",
        "word",
        "share",
        "accepted",
        "delivered",
        "quick",
        "no_receipt",
        "per_delivered",
    )
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
        "accepted",
        "not_accepted",
        "delivered",
        "not_delivered",
        "quick",
        "no_receipt",
        "per_delivered",
        "share",
        "percent_note",
        "receipt_wait",
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
        """Gateways are shared, so is their health; figures are of the person's own teams."""
        teams = None if actor.sees_all_teams else sorted(actor.team_ids)
        since = timezone.now() - timedelta(days=1)
        return RouteHealth.objects.select_related("gateway").annotate(
            card=RawSQL(CARD_OF_HEALTH, [since, teams, teams], output_field=JSONField())  # noqa: S611
        )

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

    @admin.display(description="Accepted (24 h)")
    def accepted(self, row: RouteHealth) -> str:
        """Messages it took."""
        return _figure(row, lambda card: f"{card.accepted:,}")

    @admin.display(description="Not accepted (24 h)")
    def not_accepted(self, row: RouteHealth) -> str:
        """Refused for good, not for now, without a clear answer."""
        return _figure(
            row,
            lambda card: (
                f"{card.refused:,} refused, {card.unavailable:,} not for now,"
                f" {card.unclear:,} without a clear answer"
            ),
        )

    @admin.display(description="Delivered")
    def delivered(self, row: RouteHealth) -> str:
        """Of the accepted; what waits is not delivered."""
        return _figure(
            row,
            lambda card: (
                "nothing accepted"
                if card.delivered_percent is None
                else f"{card.delivered_percent} % ({card.waiting:,} waiting)"
            ),
        )

    @admin.display(description="Did not arrive")
    def not_delivered(self, row: RouteHealth) -> str:
        """By receipts, and how many of them were filtered."""
        return _figure(
            row, lambda card: f"{card.undelivered:,}, of these {card.filtered:,} filtered"
        )

    @admin.display(description="Receipts within")
    def quick(self, row: RouteHealth) -> str:
        """Half of them, and 95 %."""
        return _figure(
            row,
            lambda card: (
                "no receipt yet"
                if card.half_s is None or card.most_s is None
                else f"{seconds_words(card.half_s)} (95 %: {seconds_words(card.most_s)})"
            ),
        )

    @admin.display(description="Without receipt")
    def no_receipt(self, row: RouteHealth) -> str:
        """Within the time to wait."""
        return _figure(row, lambda card: f"{card.missing:,}")

    @admin.display(description="Cost per delivered")
    def per_delivered(self, row: RouteHealth) -> str:
        """In the gateway's currency."""
        return _figure(
            row,
            lambda card: (
                "none delivered"
                if card.cost_per_delivered is None
                else f"{card.cost_per_delivered:.4f} {row.gateway.currency}"
            ),
        )

    @admin.display(description="Waits for a receipt")
    def receipt_wait(self, row: RouteHealth) -> str:
        """Learned, or as people set it."""
        if row.dlr_timeout_hours is None:
            return f"{row.gateway.dlr_timeout_hours} hours, as set for the gateway"
        return f"{row.dlr_timeout_hours} hours, learned from its receipts"


def _figure(row: Any, words: Callable[[Card], str]) -> str:
    """A figure of the row's card; the row of a whole gateway has none."""
    if not row.country:
        return "by country"
    card = Card(*row.card)
    return words(card._replace(cost=Decimal(str(card.cost))))


def seconds_words(seconds: float) -> str:
    """Short: 4 s, 12 min, 3 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
