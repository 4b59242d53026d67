"""Which gateways may carry a message, and how each of them does by country."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from smsmarketing.accounts.models import Brand
from smsmarketing.gateways.models.gateway import Gateway
from smsmarketing.gateways.models.sender import SenderId

BREAKER_STATES = ("closed", "open", "half_open")


class Route(models.Model):
    """A gateway may carry messages of this country, purpose and sender, with a share of them.

    Empty purpose or sender: any. The gateway of a batch always may; routes add others. Weight 0 is
    for failover only.
    """

    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2.")
    purpose = models.CharField(max_length=16, blank=True, help_text="Empty: every purpose.")
    sender = models.ForeignKey(
        SenderId,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: every sender that may be used there.",
    )
    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="routes")
    weight = models.PositiveSmallIntegerField(
        help_text="Share against the other routes; 0 = only when others cannot."
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["country", "purpose", "sender", "gateway"],
                name="route_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=models.Q(weight__lte=100), name="route_weight_share"),
        ]

    def __str__(self) -> str:
        return f"{self.country} by {self.gateway}"


class RoutePin(models.Model):
    """A person keeps a country on one gateway for a while, whatever weights and health say."""

    country = models.CharField(max_length=2)
    purpose = models.CharField(max_length=16, blank=True, help_text="Empty: every purpose.")
    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=200)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["country", "purpose"],
                condition=models.Q(lifted_at=None),
                name="pin_once",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="pin_ends_later"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country} on {self.gateway}"


class RouteHealth(models.Model):
    """How a gateway does in a country: its circuit breaker [R-10.17] and its share of the weight
    [R-10.18]. An empty country is the whole gateway.

    The breaker is closed, open until `retry_at`, then half open with a few probes. An open one
    without `retry_at` was opened by a person and stays open until a person closes it.
    """

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="health")
    country = models.CharField(max_length=2, blank=True)
    breaker = models.CharField(
        max_length=9, default="closed", help_text="closed, open or half_open."
    )
    reason = models.CharField(max_length=200, blank=True, help_text="Why it is not closed.")
    changed_at = models.DateTimeField(null=True, help_text="When the breaker last changed.")
    retry_at = models.DateTimeField(null=True, help_text="When an open one lets probes through.")
    rest_s = models.PositiveIntegerField(default=0, help_text="Length of the last rest, seconds.")
    probes_left = models.PositiveSmallIntegerField(default=0)
    probed_at = models.DateTimeField(null=True)
    window_at = models.DateTimeField(null=True, help_text="Since when calls are counted.")
    calls = models.PositiveIntegerField(default=0, help_text="Submits in the window.")
    failures = models.PositiveIntegerField(
        default=0, help_text="Of these, without a clear answer or not available."
    )
    percent = models.PositiveSmallIntegerField(
        default=100, help_text="What is left of its weights [R-10.18]."
    )
    percent_at = models.DateTimeField(null=True, help_text="When the share last moved.")
    trouble_at = models.DateTimeField(null=True, help_text="When it last was slow or failing.")
    percent_note = models.CharField(max_length=200, blank=True)
    dlr_timeout_hours = models.PositiveIntegerField(
        null=True, help_text="Learned: without a receipt for so long a message is expired."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "country"], name="health_once"),
            models.CheckConstraint(
                condition=models.Q(breaker__in=BREAKER_STATES), name="breaker_word"
            ),
            models.CheckConstraint(
                condition=models.Q(percent__gte=1, percent__lte=100), name="health_percent"
            ),
        ]
        verbose_name = "scorecard"

    def __str__(self) -> str:
        return f"{self.gateway} {self.country or 'as a whole'}"


class RouteTally(models.Model):
    """What became of the submits of five minutes, by gateway, country and brand.

    Receipts count where their message was accepted, so shares compare the same messages. Kept for
    eight days; counts of a worker that was killed may lack its last second.
    """

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="+")
    country = models.CharField(max_length=2)
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField(help_text="Start of the five minutes.")
    accepted = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0, help_text="Refused for good.")
    unavailable = models.BigIntegerField(default=0, help_text="Not accepted for now.")
    unclear = models.BigIntegerField(default=0, help_text="No clear answer.")
    delivered = models.BigIntegerField(default=0)
    undelivered = models.BigIntegerField(
        default=0, help_text="Receipts that say it did not arrive."
    )
    filtered = models.BigIntegerField(
        default=0, help_text="Of these, refused for content or sender."
    )
    missing = models.BigIntegerField(default=0, help_text="No receipt within the time to wait.")
    cost = models.DecimalField(max_digits=16, decimal_places=6, default=0)
    waits = ArrayField(
        models.BigIntegerField(), default=list, help_text="Receipts by the time they took."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "country", "brand", "since"], name="tally_once"
            )
        ]
        indexes = [models.Index(fields=["since"], name="tally_since")]

    def __str__(self) -> str:
        return f"{self.gateway} {self.country} {self.since:%H:%M}"
