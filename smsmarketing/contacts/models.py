"""People, what they agreed to, and what they refused."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django_fsm import FSMField, transition

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.operations.states import FSMModel


class Contact(models.Model):
    """One phone number and what is known of the person behind it. Unique by E.164."""

    phone = models.CharField(max_length=16, unique=True, null=True, help_text="E.164; empty after erasure.")
    phone_hash = models.BinaryField(max_length=32, unique=True, help_text="HMAC-SHA-256 of the E.164 number [R-4.9].")
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2, from the number.")
    line_type = models.CharField(max_length=24, default="unknown")
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=12, blank=True, help_text="BCP 47, e.g. en, zh-TW.")
    region = models.CharField(max_length=12, blank=True, help_text="ISO 3166-2 subdivision without the country, e.g. FL.")
    time_zone = models.CharField(max_length=64, blank=True, help_text="IANA name when known better than from the number.")
    time_zone_source = models.CharField(max_length=12, default="number", help_text="number, person, address or import.")
    customer_key = models.CharField(max_length=80, blank=True, help_text="Customer id in the CRM or shop.")
    crm_keys = models.JSONField(default=dict, help_text="Ids in other systems, by system name.")
    tags = ArrayField(models.CharField(max_length=60), default=list)
    custom = models.JSONField(default=dict)
    source = models.CharField(max_length=80, blank=True)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    trashed_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            GinIndex(fields=["tags"], name="contact_tags"),
            models.Index(fields=["customer_key"], name="contact_customer_key", condition=~models.Q(customer_key="")),
            models.Index(fields=["country"], name="contact_country"),
        ]

    def __str__(self) -> str:
        return f"contact {self.pk}"


class SendState(models.Model):
    """What may be sent to a contact for a brand: one narrow row, kept by the transaction that changes the fact.

    The planner reads it (perf.md §2). A reason is empty (NULL) when nothing forbids a send; otherwise the first of
    opted_out, no_consent, consent_incomplete, landline, invalid. `recent` holds the times of the last sends, newest first.
    """

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="send_states")
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="+")
    country = models.CharField(max_length=2)
    marketing_reason = models.CharField(max_length=24, null=True)
    transactional_reason = models.CharField(max_length=24, null=True)
    consent_expires_at = models.DateTimeField(null=True, help_text="When the marketing consent lapses [R-4.7].")
    recent = ArrayField(models.DateTimeField(), default=list, help_text="Last marketing sends, newest first, at most 16 [R-7.16].")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "contact"], name="send_state_once")]


class ConsentEvent(models.Model):
    """Append-only ledger of what a person was told and agreed to, with every field of compliance §4.2."""

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="consent_events")
    phone_hash = models.BinaryField(max_length=32)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    direction = models.CharField(max_length=8, help_text="granted, revoked, expired or denied.")
    purpose = models.CharField(max_length=16, help_text="marketing, notification, otp or night.")
    basis = models.CharField(max_length=20)
    method = models.CharField(max_length=20)
    source_url = models.CharField(max_length=500, blank=True)
    form_version = models.CharField(max_length=80, blank=True)
    disclosure_text = models.TextField(blank=True, help_text="The exact text the person saw.")
    disclosure_hash = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=12, blank=True)
    checkbox_default = models.BooleanField(default=False)
    captured_at = models.DateTimeField()
    captured_by = models.CharField(max_length=80, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    evidence_file = models.CharField(max_length=300, blank=True)
    evidence_sha256 = models.CharField(max_length=64, blank=True)
    country = models.CharField(max_length=2, blank=True)
    expires_at = models.DateTimeField(null=True)
    import_job_id = models.BigIntegerField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["contact", "brand", "purpose", "-captured_at", "-id"], name="consent_newest")]


class Suppression(models.Model):
    """A "no". Never deleted; lifting sets `lifted_at` once and writes a SuppressionLift [R-2.16]."""

    phone_hash = models.BinaryField(max_length=32)
    phone = models.CharField(max_length=16, null=True, help_text="E.164 until erasure.")
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="suppressions")
    scope = models.CharField(max_length=8, help_text="global, brand, sender or purpose [compliance §2.4].")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, related_name="+")
    sender = models.CharField(max_length=16, blank=True)
    purposes = ArrayField(models.CharField(max_length=16), default=list, help_text="Which purposes are blocked.")
    reason = models.CharField(max_length=24, help_text="opt_out, complaint, invalid, landline, blocked, reassigned, legal, registry, carrier_block, unreachable or manual.")
    source = models.CharField(max_length=32, help_text="inbound, import, admin, api, gateway, web, form.")
    language = models.CharField(max_length=12, blank=True)
    evidence = models.JSONField(default=dict, help_text="Proof per [R-2.20].")
    sync_state = models.CharField(max_length=16, default="local_only")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    import_job_id = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["phone_hash"], name="suppression_live", condition=models.Q(lifted_at=None)),
            models.Index(fields=["-created_at", "-id"], name="suppression_newest"),
        ]


class SuppressionLift(models.Model):
    """Who ended a suppression, why, and on which evidence."""

    suppression = models.OneToOneField(Suppression, on_delete=models.PROTECT, related_name="lift")
    actor = models.CharField(max_length=64)
    reason = models.CharField(max_length=300)
    consent_event = models.ForeignKey(ConsentEvent, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()


class Audience(models.Model):
    """A list of contacts with a source: an import, a shop, a form."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=80, blank=True)
    sync_source = models.CharField(max_length=80, blank=True)
    synced_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="audience_name_once")]

    def __str__(self) -> str:
        return self.name


class AudienceMember(models.Model):
    audience = models.ForeignKey(Audience, on_delete=models.CASCADE, related_name="members")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="memberships")
    added_at = models.DateTimeField()
    import_job_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["audience", "contact"], name="audience_member_once")]


class Segment(models.Model):
    """Saved audience criteria (a validated tree, compiled to SQL) with the counts its preview showed."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    criteria = models.JSONField()
    preview = models.JSONField(default=dict)
    previewed_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="segment_name_once")]

    def __str__(self) -> str:
        return self.name


class ContactEvent(models.Model):
    """Something that happened to a customer: order, payment, shipment, appointment, pickup, custom."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=40)
    external_id = models.CharField(max_length=120, help_text="Id in the source system; deduplicates.")
    occurred_at = models.DateTimeField()
    properties = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "external_id"], name="contact_event_once")]
        indexes = [models.Index(fields=["contact", "kind", "-occurred_at"], name="contact_event_by_contact")]


class ImportMapping(models.Model):
    """A saved column mapping, offered when a file has the same headers."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12)
    mapping = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "kind", "name"], name="import_mapping_once")]


class ImportJob(FSMModel):
    """One uploaded CSV: uploaded → previewed → running → done | failed → undone."""

    state = FSMField(default="uploaded", protected=True)
    kind = models.CharField(max_length=12, help_text="contacts or opt_outs.")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    audience = models.ForeignKey(Audience, on_delete=models.PROTECT, null=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=200)
    stored_path = models.CharField(max_length=300)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    encoding = models.CharField(max_length=20)
    delimiter = models.CharField(max_length=2)
    headers = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    options = models.JSONField(default=dict, help_text="Default region, tags, consent evidence for the whole file.")
    counts = models.JSONField(default=dict, help_text="create, change, unchanged, rejected, ... of the dry run or the run.")
    rows_total = models.BigIntegerField(null=True)
    rows_done = models.BigIntegerField(default=0, help_text="Resume point: rows merged so far.")
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    version = models.IntegerField(default=1)

    @transition(field=state, source="uploaded", target="previewed")
    def preview(self) -> None: ...

    @transition(field=state, source="previewed", target="running")
    def start(self) -> None: ...

    @transition(field=state, source="running", target="done")
    def finish(self) -> None: ...

    @transition(field=state, source=["uploaded", "previewed", "running"], target="failed")
    def fail(self) -> None: ...

    def __str__(self) -> str:
        return self.file_name


class ImportReject(models.Model):
    """One rejected row: number in the file (the header is row 1), what is wrong, and the row for the reject file."""

    job = models.ForeignKey(ImportJob, on_delete=models.CASCADE, related_name="rejects")
    row_number = models.BigIntegerField()
    field = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=40)
    message = models.CharField(max_length=300)
    row: Any = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(fields=["job", "row_number"], name="import_reject_row")]
