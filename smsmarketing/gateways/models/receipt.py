"""What gateways told us: receipts and replies."""

from __future__ import annotations

from django.db import models

from smsmarketing.accounts.models import Brand, User
from smsmarketing.gateways.models.gateway import Gateway

RECEIPT_STATES = ("new", "applied", "duplicate", "late", "parked", "unusable")


class Receipt(models.Model):
    """A webhook body exactly as it came, kept before it is understood; replayable.

    `kind` is dlr for delivery receipts, and inbound or lookup for a reply or
    the answer to a number lookup that could not be read.
    """

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, default="dlr")
    message_id = models.BigIntegerField(null=True, help_text="Ours, from the callback URL.")
    raw = models.BinaryField()
    content_type = models.CharField(max_length=80, blank=True)
    received_at = models.DateTimeField(db_index=True)
    state = models.CharField(
        max_length=12,
        default="new",
        help_text="new, applied, duplicate, late, parked or unusable.",
    )
    note = models.CharField(max_length=200, blank=True)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=RECEIPT_STATES), name="receipt_state_word"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["dlr", "inbound", "lookup"]), name="receipt_kind_word"
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="receipt_open",
                condition=models.Q(state__in=["new", "parked"]),
            )
        ]

    def __str__(self) -> str:
        return f"receipt {self.pk}"


class InboundMessage(models.Model):
    """A text somebody sent to us, and what the classifier did with it [R-2.20]."""

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=80)
    phone = models.CharField(max_length=40, help_text="E.164, or the sender as it came.")
    phone_hash = models.BinaryField(max_length=32)
    contact_id = models.BigIntegerField(null=True, db_index=True)
    to = models.CharField(max_length=40)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, related_name="+")
    text = models.TextField()
    normalised = models.TextField(blank=True)
    action = models.CharField(max_length=16)
    level = models.CharField(max_length=8)
    keyword = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=12, blank=True)
    raw = models.BinaryField(default=b"")
    received_at = models.DateTimeField(help_text="The gateway's clock.")
    stored_at = models.DateTimeField(help_text="Ours.")
    suppression_id = models.BigIntegerField(null=True)
    reply_message_id = models.BigIntegerField(null=True)
    reviewed_at = models.DateTimeField(null=True)
    decision = models.CharField(
        max_length=16,
        blank=True,
        default="",
        help_text="opt_out, keep, wrong_number or complaint; empty while it waits.",
    )
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    scope_asked = models.BooleanField(
        default=False, help_text="The confirmation asked what to keep [R-2.14]."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "external_id"], name="inbound_once")
        ]
        indexes = [
            models.Index(fields=["-stored_at", "-id"], name="inbound_newest"),
            models.Index(fields=["phone_hash", "-stored_at"], name="inbound_by_phone"),
            models.Index(
                fields=["reply_message_id"],
                name="inbound_reply",
                condition=models.Q(reply_message_id__isnull=False),
            ),
            models.Index(
                fields=["action", "stored_at", "id"],
                name="inbound_waiting",
                condition=models.Q(reviewed_at=None, action__in=("hold_review", "review")),
            ),
        ]

    def __str__(self) -> str:
        return f"inbound {self.pk}"
