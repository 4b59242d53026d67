"""Files that are handed to people: proof packs, exports of one person, exports of a list."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_fsm import transition

from smsmarketing.operations.states import FSMModel, StateField

EXPORT_STATES = ("making", "ready", "failed", "expired")


class ExportFile(FSMModel):
    """One file that somebody asked for: making → ready → expired, or failed.

    Lies under a random name in the private folder until it expires; the row stays, so that one can
    tell years later who took which data away. Only the person who asked may fetch it, with the
    rights that `operation` asks for.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    team_ids = ArrayField(
        models.BigIntegerField(), default=list, help_text="Teams whose data may be in it."
    )
    operation = models.CharField(
        max_length=80, help_text="Operation that makes it; fetching needs the same rights."
    )
    kind = models.CharField(max_length=32, help_text="consent_proof, person, contacts, ...")
    params = models.JSONField(default=dict, help_text="What to make: ids and flags, no numbers.")
    reason = models.CharField(max_length=300, blank=True)
    full_numbers = models.BooleanField(default=False)
    state = StateField(max_length=8, default="making")
    problem = models.CharField(max_length=300, blank=True, help_text="Why it failed.")
    attempts = models.PositiveSmallIntegerField(default=0)
    file_name = models.CharField(max_length=120, help_text="Name offered to the browser.")
    content_type = models.CharField(max_length=60)
    stored_path = models.CharField(max_length=80, blank=True, help_text="Below MEDIA_ROOT/exports.")
    size_bytes = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    downloads = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    downloaded_at = models.DateTimeField(null=True, help_text="Last time it was fetched.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=EXPORT_STATES), name="export_state_word"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ready")
                | (~models.Q(sha256="") & ~models.Q(stored_path="")),
                name="export_ready_has_file",
            ),
        ]
        indexes = [
            models.Index(fields=["requested_by", "-created_at", "-id"], name="export_newest"),
            models.Index(
                fields=["expires_at"],
                name="export_open",
                condition=models.Q(state__in=["making", "ready"]),
            ),
        ]
        verbose_name = "file"

    @transition(field=state, source="making", target="ready")
    def finish(self) -> None: ...

    @transition(field=state, source="making", target="failed")
    def fail(self) -> None: ...

    @transition(field=state, source=["making", "ready"], target="expired")
    def expire(self) -> None: ...

    def __str__(self) -> str:
        return self.file_name
