"""One send of one text to one frozen list, cut into slices, message by message."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_fsm import transition

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.gateways.models.gateway import Gateway
from smsmarketing.gateways.models.money import Quota
from smsmarketing.gateways.models.sender import SenderId
from smsmarketing.gateways.rules.messages import STATES
from smsmarketing.operations.states import FSMModel, StateField

BATCH_STATES = ("building", "ready", "sending", "paused", "done", "stopped")
BATCH_PURPOSES = ("marketing", "notification", "transactional", "otp", "test", "reply", "opt_in")
SLICE_STATES = ("ready", "leased", "done", "closed", "quarantined")


class Batch(FSMModel):
    """building → ready → sending ⇄ paused → done | stopped.

    `sending` lasts until no message is open: also while receipts are awaited (docs/adr/0020).
    `handed_over_at` says when nothing was left to hand over.
    """

    state = StateField(default="building")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(SenderId, on_delete=models.PROTECT, related_name="+")
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    route_ids = ArrayField(
        models.BigIntegerField(),
        default=list,
        help_text="Other gateways that may carry it, as approved.",
    )
    quota = models.ForeignKey(
        Quota,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="The month its money was reserved in.",
    )
    brand_quota = models.ForeignKey(
        Quota,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="The brand's own limit of that month, where it has one.",
    )
    exchange_rate = models.DecimalField(
        max_digits=20,
        decimal_places=10,
        default=1,
        help_text="The budget's currency per unit of its own, frozen at its release.",
    )
    exchange_source = models.CharField(max_length=24, blank=True)
    label = models.CharField(max_length=160)
    purpose = models.CharField(
        max_length=16,
        help_text="marketing, notification, transactional, otp, test, reply or opt_in.",
    )
    action_request_id = models.UUIDField(null=True, help_text="The approval it was released by.")
    content_hash = models.CharField(max_length=64, blank=True)
    quiet_mode = models.CharField(max_length=8, default="strict")
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True)
    per_minute = models.PositiveIntegerField(
        null=True, help_text="Batching pace: messages a minute; empty = the gateway's rate."
    )
    cost_ceiling = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)
    planned = models.BigIntegerField(default=0, help_text="Messages materialised.")
    parts_reserved = models.BigIntegerField(default=0, help_text="Still reserved in the quota.")
    money_reserved = models.DecimalField(
        max_digits=16, decimal_places=6, default=0, help_text="Still reserved in the quota."
    )
    money_committed = models.DecimalField(
        max_digits=16,
        decimal_places=6,
        default=0,
        help_text="Charged or on the wire; never above cost_ceiling.",
    )
    hold_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    handed_over_at = models.DateTimeField(
        null=True, help_text="When nothing was left to hand over; receipts may still come."
    )
    finished_at = models.DateTimeField(null=True)
    bodies_removed_at = models.DateTimeField(
        null=True, help_text="When its texts were deleted [R-4.14]."
    )
    numbers_removed_at = models.DateTimeField(
        null=True, help_text="When its messages forgot whom they went to [R-4.14]."
    )
    opt_outs_kept = models.IntegerField(
        null=True, help_text="Opt-outs that followed it, counted before it forgot the recipients."
    )
    kept_looked_at = models.DateTimeField(
        null=True, help_text="When somebody last looked whether its time is over."
    )
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=BATCH_STATES), name="batch_state_word"
            ),
            models.CheckConstraint(
                condition=models.Q(purpose__in=BATCH_PURPOSES), name="batch_purpose_word"
            ),
            models.CheckConstraint(
                condition=models.Q(parts_reserved__gte=0, money_reserved__gte=0),
                name="batch_reserve_not_negative",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state"],
                name="batch_open",
                condition=models.Q(state__in=["ready", "sending", "paused"]),
            ),
            models.Index(fields=["-created_at", "-id"], name="batch_newest"),
            models.Index(
                fields=["created_at"],
                name="batch_texts_kept",
                condition=models.Q(bodies_removed_at=None),
            ),
            models.Index(
                fields=["created_at"],
                name="batch_numbers_kept",
                condition=models.Q(numbers_removed_at=None),
            ),
        ]
        verbose_name_plural = "batches"

    @transition(field=state, source="building", target="ready")
    def make_ready(self) -> None: ...

    @transition(field=state, source="ready", target="sending")
    def start(self) -> None: ...

    @transition(field=state, source=["ready", "sending"], target="paused")
    def pause(self) -> None: ...

    @transition(field=state, source="paused", target="sending")
    def resume(self) -> None: ...

    @transition(field=state, source="sending", target="done")
    def finish(self) -> None: ...

    @transition(field=state, source=["building", "ready", "sending", "paused"], target="stopped")
    def stop(self) -> None: ...

    def __str__(self) -> str:
        return self.label


class BatchSlice(models.Model):
    """Claim unit: up to 500 messages of one batch within the ids first_id..last_id.

    Leased by one worker at a time. ready → leased → ready | done → closed; quarantined after three
    leases in a row that ended in a crash without progress [R-10.26]. `done`: nothing left to hand
    over; `closed`: no message open.
    """

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="slices")
    number = models.IntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    state = models.CharField(
        max_length=12, default="ready", help_text="ready, leased, done, closed or quarantined."
    )
    not_before = models.DateTimeField(help_text="When its next message may go.")
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    crashes = models.PositiveSmallIntegerField(
        default=0, help_text="Expired leases in a row without progress [R-10.26]."
    )
    parts_settled = models.BigIntegerField(default=0)
    money_settled = models.DecimalField(max_digits=16, decimal_places=6, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="slice_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=SLICE_STATES), name="slice_state_word"
            ),
        ]
        indexes = [models.Index(fields=["state", "not_before"], name="slice_due")]

    def __str__(self) -> str:
        return f"slice {self.number}"


class Message(models.Model):
    """One text to one phone.

    State changes only by the guarded updates of services and dispatch (transitions in
    rules/messages.py). No index holds a column that changes, so that updates stay HOT (perf.md §3).
    """

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(
        Batch, on_delete=models.DO_NOTHING, db_constraint=False, related_name="messages"
    )
    contact_id = models.BigIntegerField(null=True, db_index=True)
    phone = models.CharField(max_length=16)
    country = models.CharField(max_length=2)
    body = models.TextField()
    encoding = models.CharField(max_length=5)
    parts = models.PositiveSmallIntegerField(help_text="Estimate made at materialisation.")
    price = models.DecimalField(
        max_digits=12, decimal_places=6, help_text="Price of one part at materialisation."
    )
    state = models.CharField(max_length=12, default="queued", db_default="queued")
    reason = models.CharField(
        max_length=32,
        blank=True,
        db_default="",
        help_text="Why skipped, held, failed or stopped.",
    )
    held_until = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0, db_default=0)
    gateway_id = models.BigIntegerField(
        null=True, help_text="Gateway that took it (failover may differ from the batch's)."
    )
    gateway_message_id = models.CharField(max_length=64, blank=True, db_default="")
    handed_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    final_at = models.DateTimeField(null=True)
    parts_billed = models.PositiveSmallIntegerField(null=True)
    price_billed = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, help_text="Whole message."
    )
    error_code = models.CharField(max_length=32, blank=True, db_default="")
    error_class = models.CharField(max_length=12, blank=True, db_default="")
    created_at = models.DateTimeField()
    phone_hash = models.BinaryField(
        max_length=32, null=True, help_text="Keyed hash of the number, once it was erased."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=sorted(STATES)), name="message_state_word"
            )
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class Attempt(models.Model):
    """A try of a message that was not its last."""

    message_id = models.BigIntegerField(db_index=True)
    number = models.PositiveSmallIntegerField()
    gateway_id = models.BigIntegerField()
    handed_at = models.DateTimeField()
    outcome = models.CharField(max_length=16)
    error_code = models.CharField(max_length=32, blank=True)
    error_class = models.CharField(max_length=12, blank=True)

    def __str__(self) -> str:
        return f"attempt {self.number} of message {self.message_id}"
