"""Accounts at providers and what a part costs there."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_fsm import transition

from smsmarketing.operations.states import FSMModel, StateField

GATEWAY_STATES = ("active", "degraded", "disabled")
OPT_OUT_PUSHES = ("none", "whole", "every")
"""none: nothing is told. whole: who refused every text of every brand; the provider's list knows no
brand and no purpose. every: whoever refused marketing, for accounts that send nothing else.
"""


class Gateway(FSMModel):
    """An account at a provider."""

    state = StateField(default="active")
    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(unique=True)
    transport = models.CharField(max_length=24, help_text="Transport module, e.g. vertexsms.")
    base_url = models.URLField()
    credentials = models.BinaryField(
        help_text="AEAD ciphertext; key id inside, row id bound (ASVS 11.3).", default=b""
    )
    webhook_secret_hash = models.CharField(
        max_length=64, help_text="SHA-256 of the secret path segment of its webhooks."
    )
    webhook_secret = models.BinaryField(
        help_text="AEAD ciphertext of the same segment, to build callback URLs.", default=b""
    )
    webhook_ips = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        help_text="CIDR blocks callbacks may come from; empty = any, the secret path decides.",
    )
    countries = ArrayField(
        models.CharField(max_length=2),
        default=list,
        help_text="ISO 3166-1 alpha-2 it delivers to.",
    )
    currency = models.CharField(max_length=3, default="EUR")
    rate_per_second = models.FloatField(default=50, help_text="Messages per second, all workers.")
    max_in_flight = models.PositiveIntegerField(
        default=64, help_text="Submits on the wire at once, per worker (a wave)."
    )
    dlr_timeout_hours = models.PositiveIntegerField(
        default=72, help_text="Without a receipt for so long a message is expired [R-10.21]."
    )
    fallback = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    handles_stop_replies = models.BooleanField(
        default=False, help_text="The provider answers STOP itself [R-2.11]."
    )
    split_mode = models.CharField(max_length=10, default="codepoint")
    balance = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    balance_unit = models.CharField(
        max_length=6, blank=True, help_text="points, or empty: the balance is in its currency."
    )
    balance_at = models.DateTimeField(null=True, blank=True)
    balance_alert = models.DecimalField(
        max_digits=14,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="People are told when the balance falls below this; empty: never.",
    )
    balance_low_at = models.DateTimeField(
        null=True, blank=True, help_text="When they were told of the present fall."
    )
    lookup_price = models.DecimalField(
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="Price of one number lookup (HLR) in its currency; empty when not known.",
    )
    opt_out_push = models.CharField(
        max_length=5,
        default="whole",
        db_default="whole",
        help_text="Which opt-outs go onto the provider's own list: none, whole or every.",
    )
    state_reason = models.CharField(
        max_length=200, blank=True, help_text="Why it is degraded or disabled."
    )
    options = models.JSONField(
        default=dict,
        blank=True,
        help_text="What its transport documents; words by name, no secret.",
    )
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=GATEWAY_STATES), name="gateway_state_word"
            ),
            models.CheckConstraint(
                condition=models.Q(opt_out_push__in=OPT_OUT_PUSHES), name="gateway_push_word"
            ),
            models.CheckConstraint(
                condition=models.Q(rate_per_second__gt=0, max_in_flight__gt=0),
                name="gateway_moves",
            ),
        ]

    @transition(field=state, source="active", target="degraded")
    def degrade(self) -> None: ...

    @transition(field=state, source="degraded", target="active")
    def recover(self) -> None: ...

    @transition(field=state, source=["active", "degraded"], target="disabled")
    def disable(self) -> None: ...

    @transition(field=state, source="disabled", target="active")
    def enable(self) -> None: ...

    def __str__(self) -> str:
        return self.name


class Rate(models.Model):
    """Price of one part by gateway and country, effective-dated."""

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="rates")
    country = models.CharField(max_length=2)
    operator = models.CharField(
        max_length=8, blank=True, help_text="MCC+MNC; empty = any operator."
    )
    price = models.DecimalField(max_digits=12, decimal_places=6)
    currency = models.CharField(max_length=3)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=24, default="manual")
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "country", "operator", "valid_from"], name="rate_once"
            ),
            models.CheckConstraint(
                condition=models.Q(price__gte=0), name="rate_price_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.price} {self.currency}"
