"""Limits: how often a person may be written to, and how much a team may spend."""

from __future__ import annotations

from django.db import models

from smsmarketing.accounts.models import Brand, Team

LEDGER_KINDS = ("reserve", "release", "settle")


class FrequencyCap(models.Model):
    """At most `limit` messages of a purpose per recipient and brand in a rolling window [R-7.15]."""

    brand = models.ForeignKey(
        Brand, on_delete=models.CASCADE, null=True, related_name="+", help_text="Empty: all."
    )
    purpose = models.CharField(max_length=16)
    window_hours = models.PositiveIntegerField()
    limit = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "purpose", "window_hours"],
                name="cap_once",
                nulls_distinct=False,
            ),
            # SendState.recent keeps the last 16 sends: a larger limit could not be counted.
            models.CheckConstraint(
                condition=models.Q(limit__gte=1, limit__lte=16, window_hours__gte=1),
                name="cap_countable",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit} in {self.window_hours} h"


class Quota(models.Model):
    """A team's limits for one calendar month (UTC) and what is reserved and spent.

    Changed only together with ledger entries, on a locked row.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="quotas")
    month = models.DateField(help_text="First day of the month.")
    message_limit = models.BigIntegerField(help_text="Parts per month.")
    money_limit = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)
    parts_reserved = models.BigIntegerField(default=0)
    parts_spent = models.BigIntegerField(default=0)
    money_reserved = models.DecimalField(max_digits=16, decimal_places=6, default=0)
    money_spent = models.DecimalField(max_digits=16, decimal_places=6, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "month"], name="quota_once"),
            models.CheckConstraint(
                condition=models.Q(
                    parts_reserved__gte=0,
                    money_reserved__gte=0,
                    parts_spent__gte=0,
                    money_spent__gte=0,
                ),
                name="quota_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team} {self.month:%Y-%m}"


class LedgerEntry(models.Model):
    """Append-only money and parts movements of a team (UPDATE, DELETE, TRUNCATE raise).

    `reserved` of the quota = sum of reserve - sum of release; `spent` = sum of settle. A settle may
    be negative: what was thought sent, and charged, turned out not to be.
    """

    quota = models.ForeignKey(Quota, on_delete=models.PROTECT, related_name="entries")
    batch = models.ForeignKey(
        "gateways.Batch", on_delete=models.PROTECT, null=True, related_name="ledger"
    )
    kind = models.CharField(max_length=8, help_text="reserve, release or settle.")
    parts = models.BigIntegerField()
    amount = models.DecimalField(max_digits=16, decimal_places=6)
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()
    note = models.CharField(max_length=160, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=LEDGER_KINDS), name="ledger_kind_word"
            )
        ]
        verbose_name_plural = "ledger entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency}"
