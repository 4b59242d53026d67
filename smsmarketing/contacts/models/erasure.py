"""What erasing people still has to do in the tables of each app."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models


class EraseJob(models.Model):
    """One number that is being erased [R-4.9]. The number itself goes with the last step.

    The profile is gone when this row is written (same transaction); the steps take the number out
    of everything else, each in a transaction of its own, until all of them report nothing left.
    """

    phone = models.CharField(max_length=16, blank=True, help_text="E.164 until it is finished.")
    phone_hash = models.BinaryField(max_length=32)
    contact_ids = models.JSONField(default=list, help_text="The erased contacts that had it.")
    words = models.JSONField(
        default=list, help_text="Name and key to look for in texts; emptied with the number."
    )
    category = models.CharField(max_length=24)
    reference = models.CharField(max_length=80, blank=True, help_text="Number of the case.")
    requested_by = models.BigIntegerField(null=True)
    steps = models.JSONField(default=dict, help_text="Step → rows it cleared.")
    left = models.JSONField(
        default=dict, help_text="Step → rows it could not clear yet, at the last look."
    )
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(finished_at=None) | models.Q(phone="", words=[]),
                name="erase_job_forgets",
            )
        ]
        indexes = [
            models.Index(
                fields=["id"], name="erase_job_open", condition=models.Q(finished_at=None)
            ),
            models.Index(fields=["phone_hash"], name="erase_job_number"),
            # The erasure that an erased contact went with.
            GinIndex(
                fields=["contact_ids"], opclasses=["jsonb_path_ops"], name="erase_job_contacts"
            ),
        ]

    def __str__(self) -> str:
        return f"erasure {self.pk}"
