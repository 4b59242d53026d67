"""Seals over the consent ledger: what was in it can be proved later (docs/adr/0032)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class ConsentSeal(models.Model):
    """The rows from_id..to_id of the ledger as they were, chained to the seal before it.

    Append-only by triggers. The newest seal also stands in the audit chain. `row_ids` and
    `row_marks` (8 bytes of each row's digest, in the same order) only serve to name a broken row.
    """

    number = models.BigIntegerField(primary_key=True)
    scheme = models.PositiveSmallIntegerField(help_text="Which columns, in which form.")
    from_id = models.BigIntegerField()
    to_id = models.BigIntegerField(unique=True)
    rows = models.IntegerField()
    rows_digest = models.CharField(max_length=64, help_text="SHA-256 over the rows' digests.")
    row_ids = ArrayField(models.BigIntegerField())
    row_marks = models.BinaryField()
    previous = models.CharField(max_length=64, help_text="Digest of the seal before it.")
    digest = models.CharField(max_length=64, help_text="SHA-256 over all of the above.")
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(from_id__lte=models.F("to_id"), rows__gte=0),
                name="consent_seal_range",
            )
        ]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"seal {self.number}"


class ConsentSealWait(models.Model):
    """The one candidate for the next seal: rows up to `upto` are final once all of `writers`
    (virtual transactions that were writing when it was chosen) are over.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    upto = models.BigIntegerField()
    writers = ArrayField(models.CharField(max_length=40))
    chosen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="consent_seal_wait_single")
        ]

    def __str__(self) -> str:
        return f"rows up to {self.upto}"
