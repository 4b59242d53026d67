"""Bills and drift in the admin, to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from smsmarketing.gateways.models import Bill, RouteMonth
from smsmarketing.gateways.rules.drift import drift_words
from smsmarketing.gateways.selectors.billing import route_drift
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor

_IMPORT = OperationButton(key="billing.import", label="Import a bill", icon="upload_file")
_COMPARE = OperationButton(key="billing.reconcile", label="Compare a month", icon="balance")


@admin.register(RouteMonth)
class RouteMonthAdmin(OperationAdmin):
    """Estimate, receipts and bill of each route and month."""

    view_permission = "gateways.money_edit"
    icon = "balance"
    empty_hint = (
        "Routes appear within an hour of the first accepted message, or with the first bill: use "
        "“Import a bill”."
    )
    list_operations = (_IMPORT, _COMPARE)
    list_display = (
        "month_words",
        "gateway",
        "country",
        "messages",
        "parts_estimated",
        "estimated",
        "told",
        "reported",
        "invoiced",
        "drift",
    )
    list_filter = ("gateway", "month")
    search_fields = ("country",)
    ordering = ("-month", "gateway__name", "country")
    fields = (*list_display, "parts_reported", "parts_invoiced", "computed_at")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Gateways are shared, and so are their bills."""
        return RouteMonth.objects.select_related("gateway")

    @admin.display(description="Month", ordering="month")
    def month_words(self, row: RouteMonth) -> str:
        """As on a bill."""
        return f"{row.month:%B %Y}"

    @admin.display(description="Estimated", ordering="money_estimated")
    def estimated(self, row: RouteMonth) -> str:
        """What the plans said."""
        return f"{row.money_estimated:.2f} {row.gateway.currency}"

    @admin.display(description="Told for")
    def told(self, row: RouteMonth) -> str:
        """For how many messages the gateway told parts or price."""
        return f"{row.messages_told} of {row.messages}"

    @admin.display(description="By receipts", ordering="money_reported")
    def reported(self, row: RouteMonth) -> str:
        """What answers and receipts said."""
        return f"{row.money_reported:.2f} {row.gateway.currency}"

    @admin.display(description="On the bill", ordering="money_invoiced")
    def invoiced(self, row: RouteMonth) -> str:
        """What the imported bill says."""
        if row.money_invoiced is None:
            return "no bill yet"
        return f"{row.money_invoiced:.2f} {row.gateway.currency}"

    @admin.display(description="Against the estimate")
    def drift(self, row: RouteMonth) -> str:
        """In words."""
        return drift_words(route_drift(row))


@admin.register(Bill)
class BillAdmin(OperationAdmin):
    """Imported bills; replaced ones stay."""

    view_permission = "gateways.money_edit"
    icon = "request_quote"
    empty_hint = "No bill yet. Import a provider's bill or usage list with “Import a bill”."
    list_operations = (_IMPORT,)
    operation_buttons = (
        OperationButton(
            key="billing.reconcile",
            label="Compare this month",
            icon="balance",
            initial=lambda row, actor: {
                "gateway_id": row.gateway_id,
                "month": row.month.isoformat(),
            },
        ),
    )
    list_display = (
        "month_words",
        "gateway",
        "source",
        "parts",
        "money",
        "imported_at",
        "imported_by",
        "standing",
    )
    list_filter = ("gateway",)
    ordering = ("-month", "gateway__name", "-pk")
    fields = (*list_display, "rows", "sha256", "replaced_at")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Gateways are shared, and so are their bills."""
        return Bill.objects.select_related("gateway")

    @admin.display(description="Month", ordering="month")
    def month_words(self, row: Bill) -> str:
        """As on the bill."""
        return f"{row.month:%B %Y}"

    @admin.display(description="Amount", ordering="amount")
    def money(self, row: Bill) -> str:
        """With its currency."""
        return f"{row.amount:.2f} {row.currency}"

    @admin.display(description="State")
    def standing(self, row: Bill) -> str:
        """Whether it counts."""
        return "counts" if row.replaced_at is None else "replaced by a later one"
