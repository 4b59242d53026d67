"""What recipients see as the sender, and where it may be used."""

from __future__ import annotations

from django.db import models
from django_fsm import transition

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.gateways.models.gateway import Gateway
from smsmarketing.operations.states import FSMModel, StateField

SENDER_STATES = (
    "draft",
    "submitted",
    "pending_confirmation",
    "verified",
    "rejected",
    "suspended",
    "expired",
)
SENDER_KINDS = ("alphanumeric", "msisdn", "shortcode", "tollfree")
ELIGIBILITY = ("allowed", "register", "forbidden", "unknown")


class SenderId(FSMModel):
    """What recipients see as the sender: alphanumeric, or a number that can receive replies."""

    state = StateField(default="draft")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    value = models.CharField(max_length=16)
    kind = models.CharField(max_length=12, help_text="alphanumeric, msisdn, shortcode or tollfree.")
    can_receive = models.BooleanField(
        default=False, help_text="False forces another opt-out path [R-5.4]."
    )
    registration = models.CharField(
        max_length=40, blank=True, help_text="Registry, e.g. SSRS, SSIR, 10DLC."
    )
    registration_state = models.CharField(max_length=24, default="not_required")
    restrictions = models.CharField(max_length=300, blank=True)
    state_reason = models.CharField(
        max_length=300, blank=True, help_text="Why it is refused, suspended or expired."
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When its registration ends; empty: never."
    )
    reminded_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="People were told so many days before it ends."
    )
    created_at = models.DateTimeField()
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "value"], name="sender_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=SENDER_STATES), name="sender_state_word"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=SENDER_KINDS), name="sender_kind_word"
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="alphanumeric", can_receive=True),
                name="sender_alphanumeric_one_way",
            ),
        ]
        indexes = [models.Index(fields=["value"], name="sender_value")]

    @transition(field=state, source="draft", target="submitted")
    def submit(self) -> None: ...

    @transition(field=state, source="rejected", target="submitted")
    def resubmit(self) -> None: ...

    @transition(field=state, source="submitted", target="pending_confirmation")
    def await_confirmation(self) -> None: ...

    @transition(field=state, source=["submitted", "pending_confirmation"], target="verified")
    def verify(self) -> None: ...

    @transition(field=state, source=["submitted", "pending_confirmation"], target="rejected")
    def reject(self) -> None: ...

    @transition(field=state, source="verified", target="suspended")
    def suspend(self) -> None: ...

    @transition(field=state, source="verified", target="expired")
    def expire(self) -> None: ...

    @transition(field=state, source=["suspended", "expired"], target="verified")
    def lift(self) -> None: ...

    def __str__(self) -> str:
        return self.value


class SenderEligibility(models.Model):
    """Whether a sender may be used in a country [R-5.6].

    No row means `unknown`, which blocks production sends.
    """

    sender = models.ForeignKey(SenderId, on_delete=models.CASCADE, related_name="eligibility")
    country = models.CharField(max_length=2)
    status = models.CharField(max_length=10, help_text="allowed, register, forbidden or unknown.")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sender", "country"], name="sender_country_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=ELIGIBILITY), name="eligibility_word"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.status}"


class SenderRule(models.Model):
    """Whether a kind of sender may be used in a country [R-5.6]: the packaged table, or people's word.

    The most specific living row holds: people before the table, one gateway before all, one purpose
    before all. Rows are never changed; a new one retires the old one.
    """

    country = models.CharField(max_length=2)
    kind = models.CharField(max_length=12)
    gateway = models.ForeignKey(
        Gateway,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Only there; empty: everywhere.",
    )
    purpose = models.CharField(max_length=16, blank=True, help_text="Empty: every purpose.")
    status = models.CharField(max_length=10, help_text="allowed, register, forbidden or unknown.")
    binding = models.BooleanField(
        default=False, help_text="People's word about one sender does not lift it."
    )
    registry = models.CharField(max_length=12, blank=True, help_text="Registry it asks for.")
    replacement = models.CharField(
        max_length=60, blank=True, help_text="What recipients see instead [R-5.7]."
    )
    note = models.CharField(max_length=400, blank=True)
    source = models.CharField(max_length=120)
    as_of = models.DateField(help_text="How old the source is.")
    by_people = models.BooleanField(default=False)
    reason = models.CharField(
        max_length=300, blank=True, help_text="Why people overrode the table."
    )
    set_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["country", "kind", "gateway", "purpose", "by_people"],
                condition=models.Q(retired_at=None),
                nulls_distinct=False,
                name="sender_rule_once",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=ELIGIBILITY), name="sender_rule_word"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=SENDER_KINDS), name="sender_rule_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(by_people=False) | ~models.Q(reason=""),
                name="sender_rule_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.kind} {self.status}"
