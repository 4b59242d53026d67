"""Rows of the operation framework: audit chain, idempotency claims, preview records."""

from __future__ import annotations

import uuid

from django.db import models


class AuditHead(models.Model):
    """The one row that every audit append locks: gives gapless numbers and the previous hash
    [R-8.13].
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="audit_head_single_row")
        ]


class AuditEntry(models.Model):
    """One call of an operation, kept for ever; UPDATE, DELETE and TRUNCATE are refused by triggers
    [R-8.14].

    Holds ids, counts and keyed hashes only, so that erasing a person never needs to edit the chain
    [R-8.15].
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    actor_type = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    on_behalf_of = models.CharField(max_length=64, blank=True)
    auth_method = models.CharField(max_length=24)
    surface = models.CharField(max_length=12)
    ip_truncated = models.CharField(max_length=45, blank=True)
    operation = models.CharField(max_length=80, db_index=True)
    outcome = models.CharField(max_length=32)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_version = models.IntegerField(null=True)
    input_hash = models.CharField(max_length=64, blank=True)
    before_hash = models.CharField(max_length=64, blank=True)
    after_hash = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    facts = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["seq"]
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_object")]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.seq} {self.operation} {self.outcome}"


class AuditAnchor(models.Model):
    """Where the chain stood at a moment, signed [R-8.14]: finds a chain whose end was cut off and
    rewound.

    The same line goes to the log, which is shipped off the host. The signature needs the secret
    key, so somebody who can only write to the database cannot make one. Append-only by triggers,
    like the entries.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    hash = models.CharField(max_length=64)
    signature = models.CharField(max_length=64)

    class Meta:
        ordering = ["seq"]

    def __str__(self) -> str:
        return f"anchor {self.seq}"


class IdempotencyClaim(models.Model):
    """First call with a key: written in the same transaction as its effect [R-8.9], so a crash
    leaves nothing.
    """

    principal = models.CharField(max_length=64)
    operation = models.CharField(max_length=80)
    key = models.CharField(max_length=128)
    input_hash = models.CharField(max_length=64)
    outcome = models.JSONField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["principal", "operation", "key"], name="idempotency_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.principal}"


class PreviewRecord(models.Model):
    """Result of a preview that a later write must name [R-8.8]: own, unused, unexpired."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=48)
    principal = models.CharField(max_length=64)
    input_hash = models.CharField(max_length=64)
    payload = models.JSONField()
    result = models.JSONField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class RateWindow(models.Model):
    """How many calls of one class a token made in one minute [R-9.18]."""

    principal = models.CharField(max_length=64)
    call_class = models.CharField(max_length=12)
    starts_at = models.DateTimeField(db_index=True)
    calls = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["principal", "call_class", "starts_at"], name="rate_window_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.call_class} {self.starts_at:%H:%M}"
