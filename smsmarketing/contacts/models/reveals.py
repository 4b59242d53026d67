"""How many full numbers each person has seen."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class RevealBudget(models.Model):
    """Full numbers that one person was given on one day (UTC) [R-4.12]. Which ones, and why, is in
    the audit log.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    day = models.DateField(db_index=True, help_text="UTC.")
    used = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "day"], name="reveal_budget_once")]

    def __str__(self) -> str:
        return f"{self.used} numbers on {self.day}"
