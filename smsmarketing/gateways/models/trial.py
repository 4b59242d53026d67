"""Tests of gateways: what people asked to try, and what came of it."""

from __future__ import annotations

from django.db import models

from smsmarketing.accounts.models import User
from smsmarketing.gateways.models.gateway import Gateway

TEST_MODES = ("check", "test_mode")
TEST_PROGRESS = ("waiting", "running", "done", "lost")


class GatewayTest(models.Model):
    """One test. A job does it, once: `lost` = cut off on its way, and not done again by itself.

    The number is sealed and is gone as soon as the test has ended; what is shown of request and
    answer holds neither it nor a credential.
    """

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="tests")
    mode = models.CharField(max_length=12, help_text="check or test_mode.")
    phone = models.BinaryField(null=True)
    sender = models.CharField(max_length=16, blank=True)
    text = models.CharField(max_length=320, blank=True)
    progress = models.CharField(max_length=8, default="waiting")
    passed = models.BooleanField(null=True)
    steps = models.JSONField(default=list)
    request = models.JSONField(null=True)
    answer = models.JSONField(null=True)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(mode__in=TEST_MODES), name="gateway_test_mode_word"
            ),
            models.CheckConstraint(
                condition=models.Q(progress__in=TEST_PROGRESS), name="gateway_test_progress_word"
            ),
            models.CheckConstraint(
                condition=models.Q(progress__in=("waiting", "running")) | models.Q(phone=None),
                name="gateway_test_forgets_phone",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="gateway_test_open",
                condition=models.Q(progress__in=("waiting", "running")),
            )
        ]

    def __str__(self) -> str:
        return f"test {self.pk} of gateway {self.gateway_id}"
