"""Money in the admin: prices, limits and every movement, to read. What changes goes through operations."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.utils import timezone

from smsmarketing.gateways.models import LedgerEntry, Quota, Rate
from smsmarketing.gateways.selectors import quotas_visible
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor


@admin.register(Rate)
class RateAdmin(OperationAdmin):
    """Prices of a part, past and present."""

    view_permission = "gateways.gateway_view"
    icon = "sell"
    empty_hint = "No price yet: nothing can be sent. Load the provider's list with “Import prices”."
    list_display = (
        "gateway",
        "country",
        "operator_words",
        "price",
        "currency",
        "valid_from",
        "valid_to",
        "source",
        "age",
    )
    list_filter = ("gateway",)
    search_fields = ("country", "operator")
    list_operations = (
        OperationButton(key="rates.import", label="Import prices", icon="upload_file"),
        OperationButton(key="rates.save", label="Set a price", icon="sell"),
    )
    ordering = ("country", "-valid_from")
    fields = list_display

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Prices of the shared gateways."""
        return Rate.objects.select_related("gateway")

    @admin.display(description="Operator", ordering="operator")
    def operator_words(self, row: Rate) -> str:
        """MCC and MNC, or any."""
        return row.operator or "any"

    @admin.display(description="Confirmed", ordering="fetched_at")
    def age(self, row: Rate) -> str:
        """How old the figure is, and whether it still counts."""
        days = (timezone.now() - row.fetched_at).days
        if row.valid_to is not None and row.valid_to <= timezone.now():
            return "ended"
        words = "today" if days < 1 else f"{days} days ago"
        return f"{words}: stale" if days >= settings.RATES_MAX_AGE_DAYS else words


@admin.register(Quota)
class QuotaAdmin(OperationAdmin):
    """Monthly limits of one's teams."""

    view_permission = "gateways.quota_view"
    icon = "account_balance_wallet"
    list_display = (
        "team",
        "month",
        "message_limit",
        "parts_reserved",
        "parts_spent",
        "money_limit",
        "money_reserved",
        "money_spent",
        "currency",
    )
    ordering = ("-month", "team__name")
    fields = list_display

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Quotas of the person's teams."""
        return quotas_visible(actor).select_related("team")


@admin.register(LedgerEntry)
class LedgerEntryAdmin(OperationAdmin):
    """Every movement of money and parts."""

    view_permission = "gateways.quota_view"
    icon = "receipt"
    list_display = ("created_at", "quota", "batch", "kind", "parts", "amount", "currency", "note")
    list_filter = ("kind",)
    ordering = ("-id",)
    fields = list_display

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Movements of the person's teams."""
        rows = LedgerEntry.objects.select_related("quota__team", "batch")
        return rows if actor.sees_all_teams else rows.filter(quota__team_id__in=actor.team_ids)
