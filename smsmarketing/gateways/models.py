"""The wire: gateways, senders, rates, money, batches, messages, receipts, inbound."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_fsm import FSMField, transition

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.operations.states import FSMModel


class Gateway(FSMModel):
    """An account at a provider."""

    state = FSMField(default="active", protected=True)
    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(unique=True)
    transport = models.CharField(max_length=24, help_text="Transport module, e.g. vertexsms.")
    base_url = models.URLField()
    credentials = models.BinaryField(help_text="AEAD ciphertext; key id inside, row id bound (ASVS 11.3).", default=b"")
    webhook_secret_hash = models.CharField(max_length=64, help_text="SHA-256 of the secret path segment of its webhooks.")
    webhook_secret = models.BinaryField(help_text="AEAD ciphertext of the same segment, to build callback URLs.", default=b"")
    webhook_ips = ArrayField(models.CharField(max_length=43), default=list)
    countries = ArrayField(models.CharField(max_length=2), default=list, help_text="ISO 3166-1 alpha-2 it delivers to.")
    currency = models.CharField(max_length=3, default="EUR")
    rate_per_second = models.FloatField(default=50, help_text="Messages per second over all workers.")
    max_in_flight = models.PositiveIntegerField(default=64, help_text="Submits on the wire at once, per worker (a wave).")
    dlr_timeout_hours = models.PositiveIntegerField(default=72)
    fallback = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    handles_stop_replies = models.BooleanField(default=False, help_text="The provider answers STOP itself [R-2.11].")
    split_mode = models.CharField(max_length=10, default="codepoint")
    balance = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    balance_at = models.DateTimeField(null=True)
    version = models.IntegerField(default=1)

    @transition(field=state, source="active", target="degraded")
    def degrade(self) -> None: ...

    @transition(field=state, source="degraded", target="active")
    def recover(self) -> None: ...

    @transition(field=state, source=["active", "degraded"], target="disabled")
    def disable(self) -> None: ...

    @transition(field=state, source="disabled", target="active")
    def enable(self) -> None: ...

    def __str__(self) -> str:
        return self.name


class SenderId(FSMModel):
    """What recipients see as the sender: alphanumeric, or a number that can receive replies."""

    state = FSMField(default="draft", protected=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    value = models.CharField(max_length=16)
    kind = models.CharField(max_length=12, help_text="alphanumeric, msisdn, shortcode or tollfree.")
    can_receive = models.BooleanField(default=False, help_text="False forces another opt-out path [R-5.4].")
    registration = models.CharField(max_length=40, blank=True, help_text="Registry, e.g. SSRS, SSIR, 10DLC.")
    registration_state = models.CharField(max_length=24, default="not_required")
    restrictions = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "value"], name="sender_once")]

    @transition(field=state, source="draft", target="submitted")
    def submit(self) -> None: ...

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

    def __str__(self) -> str:
        return self.value


class SenderEligibility(models.Model):
    """Whether a sender may be used in a country [R-5.6]. No row means `unknown`, which blocks production sends."""

    sender = models.ForeignKey(SenderId, on_delete=models.CASCADE, related_name="eligibility")
    country = models.CharField(max_length=2)
    status = models.CharField(max_length=10, help_text="allowed, register, forbidden or unknown.")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sender", "country"], name="sender_country_once")]


class Rate(models.Model):
    """Price of one part by gateway and country, effective-dated."""

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="rates")
    country = models.CharField(max_length=2)
    operator = models.CharField(max_length=8, blank=True, help_text="MCC+MNC; empty = any operator.")
    price = models.DecimalField(max_digits=12, decimal_places=6)
    currency = models.CharField(max_length=3)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)
    source = models.CharField(max_length=24, default="manual")
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "country", "operator", "valid_from"], name="rate_once")]


class FrequencyCap(models.Model):
    """At most `limit` messages of a purpose per recipient and brand in a rolling window [R-7.15]."""

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, null=True, related_name="+", help_text="Empty: all brands.")
    purpose = models.CharField(max_length=16)
    window_hours = models.PositiveIntegerField()
    limit = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "purpose", "window_hours"], name="cap_once", nulls_distinct=False)]


class Quota(models.Model):
    """A team's limits for one calendar month (UTC) and what is reserved and spent; changed only with ledger entries."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="quotas")
    month = models.DateField(help_text="First day of the month.")
    message_limit = models.BigIntegerField(help_text="Parts per month.")
    money_limit = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)
    parts_reserved = models.BigIntegerField(default=0)
    parts_spent = models.BigIntegerField(default=0)
    money_reserved = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    money_spent = models.DecimalField(max_digits=14, decimal_places=4, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "month"], name="quota_once"),
            models.CheckConstraint(condition=models.Q(parts_reserved__gte=0, money_reserved__gte=0), name="quota_not_negative"),
        ]


class Batch(FSMModel):
    """One send of one text to one frozen list: building → ready → sending ⇄ paused → done | stopped."""

    state = FSMField(default="building", protected=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(SenderId, on_delete=models.PROTECT, related_name="+")
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=160)
    purpose = models.CharField(max_length=16, help_text="marketing, transactional, otp or test.")
    action_request_id = models.UUIDField(null=True, help_text="The approval it was released by.")
    content_hash = models.CharField(max_length=64, blank=True)
    quiet_mode = models.CharField(max_length=8, default="strict")
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True)
    per_minute = models.PositiveIntegerField(null=True, help_text="Batching pace: messages a minute; empty = the gateway's rate.")
    cost_ceiling = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)
    planned = models.BigIntegerField(default=0, help_text="Messages materialised.")
    hold_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    version = models.IntegerField(default=1)

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


class LedgerEntry(models.Model):
    """Append-only money and parts movements of a team: reserve, settle, release. Sums equal the quota's columns."""

    quota = models.ForeignKey(Quota, on_delete=models.PROTECT, related_name="entries")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, null=True, related_name="ledger")
    kind = models.CharField(max_length=8)
    parts = models.BigIntegerField()
    amount = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()
    note = models.CharField(max_length=160, blank=True)


class BatchSlice(models.Model):
    """Claim unit: up to 500 messages with ids first_id..last_id of one batch, leased by one worker at a time."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="slices")
    number = models.IntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    state = models.CharField(max_length=8, default="ready", help_text="ready, leased or done.")
    not_before = models.DateTimeField(help_text="When its next message may go.")
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    crashes = models.PositiveSmallIntegerField(default=0, help_text="Expired leases in a row [R-10.26].")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="slice_once")]
        indexes = [models.Index(fields=["state", "not_before"], name="slice_due")]


class Message(models.Model):
    """One text to one phone. State changes only by the guarded updates of services (transitions in rules)."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.DO_NOTHING, db_constraint=False, related_name="messages")
    contact_id = models.BigIntegerField(null=True, db_index=True)
    phone = models.CharField(max_length=16)
    country = models.CharField(max_length=2)
    body = models.TextField()
    encoding = models.CharField(max_length=5)
    parts = models.PositiveSmallIntegerField(help_text="Estimate made at materialisation.")
    price = models.DecimalField(max_digits=12, decimal_places=6, help_text="Price of one part at materialisation.")
    state = models.CharField(max_length=12, default="queued")
    reason = models.CharField(max_length=32, blank=True, help_text="Why skipped, held, failed or stopped.")
    held_until = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    gateway_id = models.BigIntegerField(null=True, help_text="Gateway that took it (failover may differ from the batch's).")
    gateway_message_id = models.CharField(max_length=64, blank=True)
    handed_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    final_at = models.DateTimeField(null=True)
    parts_billed = models.PositiveSmallIntegerField(null=True)
    price_billed = models.DecimalField(max_digits=12, decimal_places=6, null=True, help_text="Whole message.")
    error_code = models.CharField(max_length=32, blank=True)
    error_class = models.CharField(max_length=12, blank=True)
    created_at = models.DateTimeField()


class Attempt(models.Model):
    """An earlier try of a message that was tried more than once."""

    message_id = models.BigIntegerField(db_index=True)
    number = models.PositiveSmallIntegerField()
    gateway_id = models.BigIntegerField()
    handed_at = models.DateTimeField()
    outcome = models.CharField(max_length=16)
    error_code = models.CharField(max_length=32, blank=True)
    error_class = models.CharField(max_length=12, blank=True)


class Receipt(models.Model):
    """A delivery receipt exactly as it came, kept before it is understood; replayable."""

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    message_id = models.BigIntegerField(null=True, help_text="Ours, from the callback URL.")
    raw = models.BinaryField()
    content_type = models.CharField(max_length=80, blank=True)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=12, default="new", help_text="new, applied, duplicate, late, parked or unusable.")
    note = models.CharField(max_length=200, blank=True)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["id"], name="receipt_open", condition=models.Q(state__in=["new", "parked"]))]


class InboundMessage(models.Model):
    """A text somebody sent to us, and what the classifier did with it [R-2.20]."""

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=80)
    phone = models.CharField(max_length=16)
    phone_hash = models.BinaryField(max_length=32)
    contact_id = models.BigIntegerField(null=True, db_index=True)
    to = models.CharField(max_length=16)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, related_name="+")
    text = models.TextField()
    normalised = models.TextField(blank=True)
    action = models.CharField(max_length=16)
    level = models.CharField(max_length=8)
    keyword = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=12, blank=True)
    received_at = models.DateTimeField(help_text="The gateway's clock.")
    stored_at = models.DateTimeField(help_text="Ours.")
    suppression_id = models.BigIntegerField(null=True)
    reply_message_id = models.BigIntegerField(null=True)
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "external_id"], name="inbound_once")]
