"""Where a team wants to be told, what happened, and how telling it went."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from smsmarketing.accounts.models import Team, User
from smsmarketing.webhooks.rules.kinds import STATES


class WebhookEndpoint(models.Model):
    """An address of a team's own system (CRM, shop) that is told of events. Never deleted."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="webhook_endpoints")
    name = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    kinds = ArrayField(models.CharField(max_length=40), help_text="Events it is told of.")
    secret = models.BinaryField(help_text="Sealed; signs every request [R-10.6].")
    secret_before = models.BinaryField(
        null=True,
        help_text="Sealed; signs too until before_until, while the receiver changes over.",
    )
    before_until = models.DateTimeField(null=True)
    active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=300, blank=True)
    disabled_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(
        null=True, help_text="First failure since the last success; three days switch it off."
    )
    version = models.IntegerField(default=1)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="webhook_endpoint_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class WebhookEvent(models.Model):
    """One thing that happened, as all endpoints of a team are told of it. No full numbers [R-10.7]."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, db_index=False, related_name="+")
    kind = models.CharField(max_length=40)
    payload = models.JSONField()
    subject = models.CharField(
        max_length=20, blank=True, help_text="What subject_ids are ids of, e.g. suppression."
    )
    subject_ids = ArrayField(models.BigIntegerField(), default=list)
    occurred_at = models.DateTimeField()

    class Meta:
        indexes = [GinIndex(fields=["subject_ids"], name="webhook_event_subjects")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class WebhookDelivery(models.Model):
    """One event for one endpoint: the outbox. Written with the change, sent after its commit."""

    event = models.ForeignKey(WebhookEvent, on_delete=models.PROTECT, related_name="deliveries")
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, db_index=False, related_name="deliveries"
    )
    state = models.CharField(
        max_length=10, default="pending", help_text="pending, delivered, failed or abandoned."
    )
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField(help_text="Not before this.")
    lease_until = models.DateTimeField(
        null=True, help_text="A worker has it until then; a dead worker's comes back after it."
    )
    status = models.IntegerField(null=True, help_text="HTTP status of the last answer.")
    error = models.CharField(
        max_length=40, blank=True, help_text="Word for what went wrong last; see rules.outcomes."
    )
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=STATES), name="webhook_delivery_state_known"
            ),
            models.UniqueConstraint(fields=["event", "endpoint"], name="webhook_delivery_once"),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_at", "id"],
                name="webhook_delivery_due",
                condition=models.Q(state="pending"),
            ),
            models.Index(fields=["endpoint", "-id"], name="webhook_delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk} ({self.state})"
