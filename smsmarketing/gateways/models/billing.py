"""What providers billed, and what each route was estimated and measured to cost."""

from __future__ import annotations

from django.db import models

from smsmarketing.gateways.models.gateway import Gateway


class Bill(models.Model):
    """A provider's bill or usage list of one month, as it was imported. A later one takes its place."""

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="bills")
    month = models.DateField(help_text="First day of the month.")
    currency = models.CharField(max_length=3)
    source = models.CharField(max_length=60)
    sha256 = models.CharField(max_length=64, help_text="Of the file.")
    rows = models.PositiveIntegerField()
    parts = models.BigIntegerField()
    amount = models.DecimalField(max_digits=16, decimal_places=6)
    imported_by = models.CharField(max_length=150)
    imported_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "month"],
                name="bill_once",
                condition=models.Q(replaced_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.month:%Y-%m}"


class BillLine(models.Model):
    """The sum of a bill for one country and operator."""

    bill = models.ForeignKey(Bill, on_delete=models.CASCADE, related_name="lines")
    country = models.CharField(max_length=2)
    operator = models.CharField(max_length=8, blank=True, help_text="MCC+MNC; empty: not told.")
    parts = models.BigIntegerField()
    amount = models.DecimalField(max_digits=16, decimal_places=6)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bill", "country", "operator"], name="bill_line_once")
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.amount}"


class RouteMonth(models.Model):
    """A gateway's month in a country: what was estimated, what receipts said, what the bill says.

    Recomputed whole from messages and bill lines, in the gateway's currency; never edited.
    """

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="+")
    month = models.DateField(help_text="First day of the month.")
    country = models.CharField(max_length=2)
    messages = models.BigIntegerField(default=0, help_text="Accepted, or unknown.")
    parts_estimated = models.BigIntegerField(default=0)
    money_estimated = models.DecimalField(max_digits=16, decimal_places=6, default=0)
    messages_told = models.BigIntegerField(
        default=0, help_text="Messages whose parts or price the gateway told."
    )
    parts_reported = models.BigIntegerField(default=0, help_text="As told, else as estimated.")
    money_reported = models.DecimalField(max_digits=16, decimal_places=6, default=0)
    parts_invoiced = models.BigIntegerField(null=True, blank=True)
    money_invoiced = models.DecimalField(max_digits=16, decimal_places=6, null=True, blank=True)
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "month", "country"], name="route_month_once")
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.country} {self.month:%Y-%m}"
