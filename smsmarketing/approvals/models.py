"""Who must agree: policies, requests, votes. Knows operation keys and payloads, no domain models."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_fsm import transition

from smsmarketing.accounts.models import Team
from smsmarketing.operations.states import FSMModel, StateField


class ApprovalPolicy(models.Model):
    """When a second person must agree. A change writes a new revision; the old row is kept with
    `superseded_at`.
    """

    key = models.SlugField(max_length=60)
    revision = models.IntegerField(default=1)
    name = models.CharField(max_length=120)
    operations = ArrayField(models.CharField(max_length=80), help_text="Operation keys it watches.")
    conditions = models.JSONField(
        default=list,
        blank=True,
        help_text='All must hold, e.g. [{"fact": "recipients", "op": ">", "value": 1000}].',
    )
    roles = ArrayField(
        models.CharField(max_length=40), help_text="Role keys whose holders may vote."
    )
    approvers = models.PositiveSmallIntegerField(default=1)
    enabled = models.BooleanField(default=True)
    why = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "revision"], name="policy_revision_once"),
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(superseded_at=None),
                name="policy_one_current",
            ),
            models.CheckConstraint(condition=models.Q(approvers__gte=1), name="policy_approvers"),
        ]
        ordering = ["key", "-revision"]
        verbose_name_plural = "approval policies"

    def __str__(self) -> str:
        return f"{self.name} (revision {self.revision})"


class ActionRequest(FSMModel):
    """A write that waits for people (compliance §8.1).

    Payload, content, content hash, facts, policies and cost ceiling are frozen: a trigger refuses to
    change them, and the row is never deleted.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = StateField(default="pending")
    operation = models.CharField(
        max_length=80, help_text="Operation that runs when approved; or the review it stands for."
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="+")
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    requester_surface = models.CharField(max_length=12)
    requester_token_id = models.BigIntegerField(null=True)
    requester_in_person = models.BooleanField(
        default=False, db_default=False, help_text="Asked by a signed-in person in the browser."
    )
    title = models.CharField(max_length=200)
    payload = models.JSONField(help_text="Canonical input of the operation.")
    content = models.JSONField(
        default=dict, help_text="Everything the content hash covers, as the approver sees it."
    )
    content_hash = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)
    policies = models.JSONField(
        default=list, help_text="Key, revision, roles and approvers of each policy that matched."
    )
    roles = ArrayField(models.CharField(max_length=40), default=list)
    approvers_needed = models.PositiveSmallIntegerField(default=1)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_version = models.IntegerField(null=True)
    cost_ceiling = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    result = models.JSONField(null=True)
    created_at = models.DateTimeField()
    window_ends_at = models.DateTimeField(
        null=True, help_text="End of what is asked for, e.g. of the send window."
    )
    expires_at = models.DateTimeField(db_index=True)
    decided_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True, help_text="When execution began.")
    attempts = models.PositiveSmallIntegerField(default=0)
    executed_at = models.DateTimeField(
        null=True, help_text="When the grant was spent: once, with the effect."
    )
    renewed_by = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="The request that took over after drift [R-8.3].",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "object_type", "object_id"],
                condition=models.Q(state="pending") & ~models.Q(object_id=""),
                name="one_pending_request_per_object",
            )
        ]
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="request_object"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=["pending", "approved", "executing"]),
                name="request_open",
            ),
        ]
        ordering = ["-created_at", "-id"]
        verbose_name = "action request"

    @transition(field=state, source="pending", target="approved")
    def approve(self) -> None: ...

    @transition(field=state, source="pending", target="rejected")
    def reject(self) -> None: ...

    @transition(field=state, source="pending", target="changes_requested")
    def request_changes(self) -> None: ...

    @transition(field=state, source=["pending", "approved"], target="superseded")
    def supersede(self) -> None: ...

    @transition(field=state, source=["pending", "approved"], target="expired")
    def expire(self) -> None: ...

    @transition(field=state, source=["pending", "approved"], target="cancelled")
    def cancel(self) -> None: ...

    @transition(field=state, source="approved", target="executing")
    def execute(self) -> None: ...

    @transition(field=state, source="executing", target="superseded")
    def outgrow(self) -> None:
        """Drift at execution: what was approved is not what would happen now [R-8.3]."""

    @transition(field=state, source="executing", target="succeeded")
    def succeed(self) -> None: ...

    @transition(field=state, source="executing", target="partially_succeeded")
    def succeed_partially(self) -> None: ...

    @transition(field=state, source="executing", target="failed")
    def fail(self) -> None: ...

    def __str__(self) -> str:
        return self.title


class Vote(models.Model):
    """One person's word on one request; keeps the hash that was shown to them. Never changed."""

    request = models.ForeignKey(ActionRequest, on_delete=models.PROTECT, related_name="votes")
    voter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    roles = ArrayField(
        models.CharField(max_length=40), default=list, help_text="Roles the voter held then."
    )
    verdict = models.CharField(max_length=20, help_text="approve, reject or request_changes.")
    content_hash = models.CharField(max_length=64)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "voter"], name="one_vote_per_person"),
            models.CheckConstraint(
                condition=models.Q(verdict__in=["approve", "reject", "request_changes"]),
                name="vote_verdict",
            ),
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.verdict} on {self.request_id}"


class OwnerNotification(models.Model):
    """A note to a person about a request or a campaign: shown in the admin."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    text = models.CharField(max_length=300)
    url = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-id"], name="notification_user")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.text
