"""Registrations of senders at registries: what was asked, what was answered, and the papers."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_fsm import transition

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.gateways.models.sender import SenderId
from smsmarketing.operations.states import FSMModel, StateField

REGISTRATION_STATES = (
    "draft",
    "submitted",
    "in_review",
    "approved",
    "rejected",
    "suspended",
    "expired",
    "withdrawn",
)
_UNDER_WAY = ["draft", "submitted", "in_review", "rejected"]


class Registration(FSMModel):
    """One dossier: a sender, or a brand, before one registry [R-5.8].

    A sender may send in the countries of its approved registrations; the answers and documents are
    those that were submitted.
    """

    state = StateField(default="draft", max_length=12)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(
        SenderId,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="registrations",
        help_text="Empty: the registration is the brand's own.",
    )
    registry = models.CharField(max_length=20, help_text="Key of the packaged list, e.g. SSIR.")
    countries = ArrayField(models.CharField(max_length=2), default=list)
    company_name = models.CharField(max_length=160, blank=True)
    answers = models.JSONField(default=dict, help_text="Question → answer.")
    reference = models.CharField(
        max_length=80, blank=True, help_text="Number that the registry gave it."
    )
    state_reason = models.CharField(max_length=300, blank=True, help_text="Of the last change.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(help_text="When it came into this state.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it does not end.")
    reminded_days = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    version = models.IntegerField(default=1)

    class Meta:
        verbose_name = "registration"
        verbose_name_plural = "sender registrations"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=REGISTRATION_STATES), name="registration_state_word"
            ),
            models.CheckConstraint(
                condition=models.Q(submitted_by__isnull=False)
                | models.Q(state__in=["draft", "withdrawn"]),
                name="registration_submitted_by",
            ),
            models.CheckConstraint(
                condition=models.Q(approved_at__isnull=False)
                | ~models.Q(state__in=["approved", "suspended", "expired"]),
                name="registration_approved_at",
            ),
            models.UniqueConstraint(
                fields=["sender", "registry"],
                condition=models.Q(state__in=_UNDER_WAY) & ~models.Q(registry="GATEWAY"),
                name="registration_under_way_once",
            ),
            models.UniqueConstraint(
                fields=["brand", "registry"],
                condition=models.Q(state__in=_UNDER_WAY, sender=None),
                name="registration_brand_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                name="registration_ends",
                condition=models.Q(state="approved", expires_at__isnull=False),
            )
        ]

    @transition(field=state, source=["draft", "rejected"], target="submitted")
    def submit(self) -> None: ...

    @transition(field=state, source="submitted", target="in_review")
    def review(self) -> None: ...

    @transition(
        field=state,
        source=["submitted", "in_review", "suspended", "expired"],
        target="approved",
    )
    def approve(self) -> None: ...

    @transition(field=state, source=["submitted", "in_review"], target="rejected")
    def reject(self) -> None: ...

    @transition(field=state, source="approved", target="suspended")
    def suspend(self) -> None: ...

    @transition(field=state, source=["approved", "suspended"], target="expired")
    def expire(self) -> None: ...

    @transition(
        field=state,
        source=[
            "draft", "submitted", "in_review", "rejected", "approved", "suspended", "expired",
        ],
        target="withdrawn",
    )  # fmt: skip
    def withdraw(self) -> None: ...

    def __str__(self) -> str:
        return f"{self.sender or self.brand}: {self.registry}"


class RegistrationStep(models.Model):
    """One change of state of a registration, with who said it and why; never changed."""

    registration = models.ForeignKey(Registration, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=12)
    reason = models.CharField(max_length=300, blank=True)
    said_by = models.CharField(max_length=150, blank=True, help_text="Empty: the clock.")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.state} {self.at:%Y-%m-%d}"


class RegistrationDocument(models.Model):
    """One paper of a registration, sealed in the private folder [R-5.9].

    The row stays when the file is deleted, so that one can tell what was submitted.
    """

    registration = models.ForeignKey(
        Registration, on_delete=models.PROTECT, related_name="documents"
    )
    kind = models.CharField(max_length=40, help_text="Which paper the registry asks for, or other.")
    file_name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=40)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, help_text="Of what was uploaded.")
    stored_path = models.CharField(max_length=80, help_text="Below MEDIA_ROOT/registrations.")
    sealed_key = models.BinaryField(
        null=True, help_text="The file's own key, sealed under the newest of CREDENTIALS_KEYS."
    )
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.file_name
