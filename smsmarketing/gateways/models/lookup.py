"""Number lookups (HLR), and lists of networks and prefixes as providers tell them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from smsmarketing.accounts.models import Team
from smsmarketing.gateways.models.gateway import Gateway
from smsmarketing.gateways.models.money import Quota
from smsmarketing.gateways.rules.lookups import FORGOTTEN_WORDS, RESULTS, STATES

NUMBERING_KINDS = ("networks", "prefixes", "operator")


class NumberLookup(models.Model):
    """One number that a network was asked about, billed to a team.

    The number itself is kept only until it was asked for; then its keyed hash and its mask stay.
    """

    call_id = models.UUIDField(db_index=True, help_text="The call it belongs to.")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    quota = models.ForeignKey(Quota, on_delete=models.PROTECT, related_name="+")
    phone = models.CharField(max_length=16, blank=True, help_text="Empty once it was asked for.")
    phone_hash = models.BinaryField(max_length=32)
    masked = models.CharField(max_length=24)
    state = models.CharField(
        max_length=9, default="queued", help_text="queued, asked, done, failed or no_answer."
    )
    result = models.CharField(max_length=18, blank=True, help_text="What the network said.")
    country = models.CharField(max_length=2, blank=True)
    operator = models.CharField(max_length=6, blank=True, help_text="MCC and MNC.")
    operator_id = models.CharField(max_length=12, blank=True, help_text="The provider's own id.")
    ported = models.BooleanField(null=True)
    ported_from = models.CharField(max_length=80, blank=True)
    remote_id = models.CharField(max_length=64, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=200, blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=6, help_text="Gateway's currency.")
    currency = models.CharField(max_length=3)
    exchange_rate = models.DecimalField(
        max_digits=20, decimal_places=10, help_text="Frozen: the budget's currency per unit."
    )
    booked = models.BooleanField(
        default=False, help_text="What was reserved for it is settled or released."
    )
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField(help_text="Not before this.")
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=list(STATES)), name="lookup_state_word"
            ),
            models.CheckConstraint(
                condition=models.Q(result__in=["", *RESULTS]), name="lookup_result_word"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at", "id"],
                name="lookup_open",
                condition=models.Q(state__in=["queued", "asked"]),
            ),
            models.Index(fields=["team", "phone_hash"], name="lookup_known"),
            models.Index(
                fields=["created_at"],
                name="lookup_named",
                condition=~models.Q(masked__in=list(FORGOTTEN_WORDS)),
            ),
        ]

    def __str__(self) -> str:
        return f"lookup {self.pk} ({self.state})"


class NumberingList(models.Model):
    """Networks or prefixes of a country, or one operator, as a provider told them; with their age."""

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, help_text="networks, prefixes or operator.")
    key = models.CharField(max_length=12, help_text="Country, or the operator's id.")
    rows = models.JSONField(default=list)
    read_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="Wanted, and not before this.")
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "kind", "key"], name="numbering_list_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=NUMBERING_KINDS), name="numbering_list_kind_word"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
