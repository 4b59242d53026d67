"""What a gateway answered where it left doubt."""

from __future__ import annotations

from django.db import models

from smsmarketing.gateways.models.gateway import Gateway


class UnclearAnswer(models.Model):
    """An answer to a submit that no table explains, kept so that a person can judge it.

    `raw` is what came, without our secrets, the recipient's number and the text, and cut; `size` is
    how many bytes came. Deleted with the texts [R-4.14].
    """

    message_id = models.BigIntegerField(db_index=True)
    attempt = models.PositiveSmallIntegerField()
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=16)
    error_code = models.CharField(max_length=32, blank=True)
    error_class = models.CharField(max_length=12, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, help_text="Empty for SMPP.")
    content_type = models.CharField(max_length=80, blank=True)
    raw = models.BinaryField()
    size = models.PositiveIntegerField(help_text="Bytes that came.")
    whole = models.BooleanField(help_text="False when the gateway or our limit cut it.")
    received_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"answer {self.pk}"
