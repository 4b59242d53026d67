"""Money in the admin: prices, limits and every movement, to read. What changes goes through operations."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.utils import timezone

from smsmarketing.gateways.models import ExchangeRate, LedgerEntry, Quota, Rate
from smsmarketing.gateways.selectors import quotas_visible
from smsmarketing.gateways.services.money_alerts import quota_percent
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor


def age_words(row: Rate | ExchangeRate) -> str:
    """When a figure was last confirmed, in words."""
    if row.valid_to is not None and row.valid_to <= timezone.now():
        return "ended"
    days = (timezone.now() - row.fetched_at).days
    words = "today" if days < 1 else f"{days} day{'' if days == 1 else 's'} ago"
    return f"{words}: stale" if days >= settings.RATES_MAX_AGE_DAYS else words


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
        return age_words(row)


@admin.register(Quota)
class QuotaAdmin(OperationAdmin):
    """Monthly limits of one's teams."""

    view_permission = "gateways.quota_view"
    icon = "account_balance_wallet"
    empty_hint = (
        "No limit yet: a team without one can send nothing. Set the first with “Set a limit”."
    )
    list_operations = (OperationButton(key="quotas.save", label="Set a limit", icon="savings"),)
    operation_buttons = (
        OperationButton(
            key="quotas.save",
            label="Change this limit",
            icon="savings",
            initial=lambda row, actor: (
                {
                    "team_id": row.team_id,
                    "parts_limit": row.message_limit,
                    "money_limit": f"{row.money_limit:.2f}",
                    "warn_percent": row.warn_percent,
                }
                | ({"brand_id": row.brand_id} if row.brand_id else {})
            ),
        ),
    )
    list_filter = ("month",)
    list_display = (
        "team",
        "whole_or_brand",
        "month",
        "used",
        "message_limit",
        "parts_reserved",
        "parts_spent",
        "money_limit",
        "money_reserved",
        "money_spent",
        "currency",
    )
    ordering = ("-month", "team__name", "brand__name")
    fields = (*list_display, "warn_percent", "warned_at")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Quotas of the person's teams."""
        return quotas_visible(actor).select_related("team", "brand")

    @admin.display(description="Brand", ordering="brand__name")
    def whole_or_brand(self, row: Quota) -> str:
        """Whose limit it is."""
        return row.brand.name if row.brand is not None else "whole team"

    @admin.display(description="Used")
    def used(self, row: Quota) -> str:
        """How much of the tighter limit, and whether people were told."""
        words = f"{quota_percent(row)} %"
        return f"{words}, people were told" if row.warned_at else words


@admin.register(ExchangeRate)
class ExchangeRateAdmin(OperationAdmin):
    """What one currency is in another, past and present."""

    view_permission = "gateways.gateway_view"
    icon = "currency_exchange"
    empty_hint = (
        "Needed only where a gateway bills in another currency than a team's budget. Load rates "
        "with “Import exchange rates”."
    )
    list_display = ("base", "quote", "rate", "valid_from", "valid_to", "source", "age")
    list_filter = ("base",)
    ordering = ("base", "quote", "-valid_from")
    fields = list_display
    list_operations = (
        OperationButton(
            key="exchange_rates.import", label="Import exchange rates", icon="upload_file"
        ),
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Shared by all teams."""
        return ExchangeRate.objects.all()

    @admin.display(description="Confirmed", ordering="fetched_at")
    def age(self, row: ExchangeRate) -> str:
        """How old the figure is, and whether it still counts."""
        return age_words(row)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(OperationAdmin):
    """Every movement of money and parts."""

    view_permission = "gateways.quota_view"
    icon = "receipt"
    empty_hint = (
        "Movements appear when a send is released or numbers are looked up: reserve, settle, release."
        " Nobody writes them by hand."
    )
    list_display = ("created_at", "quota", "batch", "kind", "parts", "amount", "currency", "note")
    list_filter = ("kind",)
    ordering = ("-id",)
    fields = (*list_display, "exchange_rate")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Movements of the person's teams."""
        rows = LedgerEntry.objects.select_related("quota__team", "quota__brand", "batch")
        return rows if actor.sees_all_teams else rows.filter(quota__team_id__in=actor.team_ids)
