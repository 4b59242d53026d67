"""What is asked of a provider besides sending: balance and prices, and its lists of who said no."""

from __future__ import annotations

from django.db import models

from smsmarketing.contacts.models import Suppression
from smsmarketing.gateways.models.gateway import Gateway

SYNC_KINDS = ("balance", "rates", "opt_outs")
LISTING_STATES = ("pending", "synced", "failed", "kept", "elsewhere")


class GatewaySync(models.Model):
    """The last time something was read from a provider, and how it went."""

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="syncs")
    kind = models.CharField(max_length=8, help_text="balance, rates or opt_outs.")
    due_at = models.DateTimeField(help_text="Not before this.")
    lease_until = models.DateTimeField(null=True, help_text="A worker has it until then.")
    ok_at = models.DateTimeField(null=True, help_text="Last success.")
    failed_at = models.DateTimeField(null=True, help_text="Last failure, when newer than ok_at.")
    failures = models.IntegerField(default=0, help_text="Failures in a row.")
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=200, blank=True, help_text="Our sentence; no data of it.")
    counts = models.JSONField(default=dict, help_text="What the last success brought.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "kind"], name="gateway_sync_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=SYNC_KINDS), name="gateway_sync_kind_word"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of gateway {self.gateway_id}"


class GatewayListing(models.Model):
    """A number on the provider's own blacklist, as we want it and as it is: the outbox of opt-outs.

    By the suppression's keyed hash; the number itself stays with the suppression. `ours` is True
    only for entries that this system made: what others put there is never taken off.
    """

    gateway = models.ForeignKey(
        Gateway, on_delete=models.CASCADE, db_index=False, related_name="listings"
    )
    phone_hash = models.BinaryField(max_length=32)
    wanted = models.BooleanField(help_text="Whether it is to be on the list.")
    state = models.CharField(
        max_length=9,
        help_text=(
            "pending, synced, failed, kept (others put it there, so it stays) or elsewhere (the"
            " gateway sends nothing to that country)."
        ),
    )
    ours = models.BooleanField(default=False, help_text="This system put it there.")
    remote_id = models.CharField(max_length=64, blank=True, help_text="Id of the entry there.")
    version = models.IntegerField(default=1, help_text="Grows when what is wanted changes.")
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField(help_text="Not before this.")
    lease_until = models.DateTimeField(null=True, help_text="A worker has it until then.")
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "phone_hash"], name="gateway_listing_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=LISTING_STATES), name="gateway_listing_state_word"
            ),
        ]
        indexes = [
            models.Index(
                fields=["gateway", "next_at", "id"],
                name="gateway_listing_due",
                condition=models.Q(state="pending"),
            ),
            models.Index(fields=["phone_hash"], name="gateway_listing_number"),
        ]

    def __str__(self) -> str:
        return f"listing {self.pk} ({self.state})"


class GatewayOptOut(models.Model):
    """An opt-out that the provider keeps, taken over here once; a later "yes" here is not undone by
    reading the same entry again.
    """

    gateway = models.ForeignKey(
        Gateway, on_delete=models.CASCADE, db_index=False, related_name="opt_outs"
    )
    remote_id = models.CharField(max_length=64)
    suppression = models.ForeignKey(
        Suppression, on_delete=models.PROTECT, null=True, related_name="+"
    )
    said_at = models.DateTimeField(null=True, help_text="When it was said, as the provider tells.")
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "remote_id"], name="gateway_opt_out_once")
        ]

    def __str__(self) -> str:
        return f"opt-out {self.pk} of gateway {self.gateway_id}"
