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


class ExchangeRate(models.Model):
    """How much of `quote` one unit of `base` is, effective-dated. Stored by people; never fetched."""

    base = models.CharField(max_length=3, help_text="ISO 4217.")
    quote = models.CharField(max_length=3, help_text="ISO 4217.")
    rate = models.DecimalField(max_digits=20, decimal_places=10)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=24)
    fetched_at = models.DateTimeField(help_text="When it was last confirmed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["base", "quote", "valid_from"], name="exchange_rate_once"
            ),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="exchange_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.base} to {self.quote}"


class Quota(models.Model):
    """The limits of a team, or of one of its brands, for one calendar month (UTC) and their use.

    A brand's row narrows its team's: a send must fit into both.

    Changed only together with ledger entries, on a locked row.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="quotas")
    brand = models.ForeignKey(
        Brand,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the whole team.",
    )
    month = models.DateField(help_text="First day of the month.")
    message_limit = models.BigIntegerField(help_text="Parts per month.")
    money_limit = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)
    parts_reserved = models.BigIntegerField(default=0)
    parts_spent = models.BigIntegerField(default=0)
    money_reserved = models.DecimalField(max_digits=16, decimal_places=6, default=0)
    money_spent = models.DecimalField(max_digits=16, decimal_places=6, default=0)
    warn_percent = models.PositiveSmallIntegerField(
        default=80, help_text="People are told when so much of a limit is used."
    )
    warned_at = models.DateTimeField(null=True, blank=True, help_text="When they were told.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "brand", "month"], name="quota_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(warn_percent__gte=1, warn_percent__lte=100),
                name="quota_warns_below_the_limit",
            ),
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
        whose = f"{self.team}, {self.brand}" if self.brand_id else str(self.team)
        return f"{whose} {self.month:%Y-%m}"


class LedgerEntry(models.Model):
    """Append-only money and parts movements of a team (UPDATE, DELETE, TRUNCATE raise).

    A batch with a brand's quota has an entry for each of the two.
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
    exchange_rate = models.DecimalField(
        max_digits=20,
        decimal_places=10,
        default=1,
        help_text="Frozen: the ledger's currency per unit of the gateway's.",
    )
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
