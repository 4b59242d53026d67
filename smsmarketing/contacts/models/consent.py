"""What people agreed to (append-only ledger) and what they refused (never deleted)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models.contacts import Contact
from smsmarketing.contacts.models.opt_in import OptInFormVersion
from smsmarketing.contacts.rules import consent as words
from smsmarketing.contacts.rules.consent import AGE_MAX, BASES, BOX_COUNTRIES, DIRECTIONS, METHODS
from smsmarketing.contacts.rules.lifting import GROUNDS
from smsmarketing.contacts.rules.suppressions import (
    EXPIRING_REASONS,
    PURPOSES,
    REASONS,
    SCOPES,
    SOURCES,
    SYNC_STATES,
)


class ConsentEvent(models.Model):
    """Append-only ledger of what a person was told and agreed to (compliance.md §4.2).

    Bound to the number by `phone_hash`: an event of another number proves nothing [R-4.3].
    UPDATE, DELETE and TRUNCATE are refused by triggers (erasure may empty ip and user_agent).
    Which event counts is said by `selectors.consent.CONSENT_NEWEST`. Columns with a default in the
    database are filled by it in set-based inserts, such as an import's.
    """

    contact = models.ForeignKey(
        Contact,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="consent_events",
    )
    phone_hash = models.BinaryField(max_length=32)
    brand = models.ForeignKey(
        Brand, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    direction = models.CharField(max_length=8, help_text="granted, revoked, expired or denied.")
    purpose = models.CharField(max_length=16, help_text="marketing, notification, otp or night.")
    channel = models.CharField(max_length=8, default="sms", db_default="sms")
    sender_scope = models.CharField(
        max_length=16,
        blank=True,
        db_default="",
        help_text="The one sender it was given for; empty: all senders of the brand.",
    )
    basis = models.CharField(max_length=20)
    method = models.CharField(max_length=20)
    source_url = models.CharField(max_length=500, blank=True)
    form_version = models.CharField(
        max_length=80, blank=True, help_text="Version of a form elsewhere, as it was told to us."
    )
    hosted_form_version = models.ForeignKey(
        OptInFormVersion,
        on_delete=models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The version of a form of ours that was shown.",
    )
    disclosure_text = models.TextField(blank=True, help_text="The exact text the person saw.")
    disclosure_hash = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=12, blank=True)
    checkbox_default = models.BooleanField(default=False)
    captured_at = models.DateTimeField()
    captured_by = models.CharField(max_length=80, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    evidence_file = models.CharField(max_length=300, blank=True)
    evidence_file_id = models.UUIDField(null=True, help_text="Id of a stored file.")
    evidence_sha256 = models.CharField(max_length=64, blank=True)
    double_opt_in = models.JSONField(
        null=True,
        help_text="id, requested_at, token_hash, confirmed_at and reply_message_id [R-4.6].",
    )
    country = models.CharField(max_length=2, blank=True)
    expires_at = models.DateTimeField(null=True)
    import_job_id = models.BigIntegerField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["contact", "brand", "purpose", "-captured_at", "-id"],
                name="consent_newest",
            ),
            models.Index(
                fields=["expires_at"],
                name="consent_expiring",
                condition=models.Q(direction="granted", expires_at__isnull=False),
            ),
            # A number that a contact had before is found by its hash: what was agreed for it ended
            # with a row that is no consent, and those are few.
            models.Index(
                fields=["phone_hash"],
                name="consent_ended_number",
                condition=~models.Q(direction="granted"),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    direction__in=DIRECTIONS,
                    purpose__in=words.PURPOSES,
                    basis__in=BASES,
                    method__in=METHODS,
                    channel="sms",
                ),
                name="consent_words",
            ),
            models.CheckConstraint(
                condition=models.Q(captured_at__lte=models.F("recorded_at")),
                name="consent_not_future",
            ),
            models.CheckConstraint(
                condition=~models.Q(direction="granted")
                | models.Q(captured_at__gte=models.F("recorded_at") - AGE_MAX),
                name="consent_not_too_old",
            ),
            models.CheckConstraint(
                condition=~models.Q(
                    direction="granted", checkbox_default=True, country__in=BOX_COUNTRIES
                ),
                name="consent_box_not_ticked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.purpose} by contact {self.contact_id}"


class Suppression(models.Model):
    """A "no". Never deleted; lifting sets `lifted_at` once and writes a SuppressionLift [R-2.16]."""

    phone_hash = models.BinaryField(max_length=32)
    hash_key = models.CharField(
        max_length=32, blank=True, help_text="Id of the key in PHONE_HASH_KEYS [R-4.10]."
    )
    phone = models.CharField(max_length=16, null=True, help_text="E.164 until erasure.")
    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, related_name="suppressions"
    )
    scope = models.CharField(
        max_length=8, help_text="global, brand, sender or purpose [compliance §2.4]."
    )
    brand = models.ForeignKey(
        Brand, on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )
    sender = models.CharField(max_length=16, blank=True)
    purposes = ArrayField(
        models.CharField(max_length=16),
        default=list,
        help_text="Which purposes are blocked; empty means all of them.",
    )
    reason = models.CharField(
        max_length=24,
        help_text=(
            "opt_out, complaint, invalid, landline, blocked, reassigned, legal, registry, "
            "carrier_block, unreachable, unknown_subscriber or manual."
        ),
    )
    source = models.CharField(
        max_length=32, help_text="inbound, import, admin, api, gateway, web, form."
    )
    language = models.CharField(max_length=12, blank=True)
    evidence = models.JSONField(default=dict, help_text="Proof per [R-2.20].")
    sync_state = models.CharField(
        max_length=16,
        default="local_only",
        help_text="Whether the team's own systems were told: local_only, pending, synced or failed.",
    )
    created_at = models.DateTimeField()
    repeated_at = models.DateTimeField(
        null=True, help_text="When the same was said again last; a lift must be newer than this."
    )
    version = models.IntegerField(
        db_default=1,
        help_text="Grows when it is said again, so that a lift asked before is refused.",
    )
    expires_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    import_job_id = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["phone_hash"],
                name="suppression_live",
                condition=models.Q(lifted_at=None),
            ),
            # Who asks for the hash alone: neither half of a number's rows would answer.
            models.Index(fields=["phone_hash"], name="suppression_number"),
            models.Index(fields=["-created_at", "-id"], name="suppression_newest"),
            models.Index(
                fields=["expires_at"],
                name="suppression_runs_out",
                condition=models.Q(lifted_at=None, expires_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reason__in=REASONS), name="suppression_reason_known"
            ),
            models.CheckConstraint(
                condition=models.Q(scope__in=SCOPES), name="suppression_scope_known"
            ),
            models.CheckConstraint(
                condition=models.Q(source__in=SOURCES), name="suppression_source_known"
            ),
            models.CheckConstraint(
                condition=models.Q(sync_state__in=SYNC_STATES), name="suppression_sync_known"
            ),
            models.CheckConstraint(
                condition=models.Q(purposes__contained_by=list(PURPOSES)),
                name="suppression_purposes_known",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at=None) | models.Q(reason__in=EXPIRING_REASONS),
                name="suppression_said_by_people_lasts",
            ),
            models.CheckConstraint(
                condition=models.Q(scope="global", brand=None, sender="")
                | models.Q(scope="brand", brand__isnull=False, sender="")
                | models.Q(scope="sender") & ~models.Q(sender="")
                | models.Q(scope="purpose", sender=""),
                name="suppression_scope_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason.replace('_', ' ')}, number {self.pk}"


class BlockClearing(models.Model):
    """One act of a person that ended the blocks of a brand; it can be taken back as a whole."""

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    reasons = ArrayField(models.CharField(max_length=24), help_text="blocked, manual or both.")
    count = models.IntegerField(help_text="How many blocks it ended.")
    note = models.CharField(max_length=300)
    action_request_id = models.UUIDField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    undone_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"clearing {self.pk} of {self.count} blocks"


class SuppressionLift(models.Model):
    """Who ended a suppression, why, and on which evidence."""

    suppression = models.OneToOneField(Suppression, on_delete=models.PROTECT, related_name="lift")
    actor = models.CharField(max_length=64)
    reason = models.CharField(max_length=300)
    consent_event = models.ForeignKey(
        ConsentEvent, on_delete=models.PROTECT, null=True, related_name="+"
    )
    ground = models.CharField(
        max_length=24,
        db_default="start",
        help_text="start, new_consent, mistake, number_checked, withdrawn, decision, narrowed or expired.",
    )
    document = models.CharField(
        max_length=300,
        blank=True,
        db_default="",
        help_text="Where the proof is kept, for a lift by people.",
    )
    action_request_id = models.UUIDField(null=True, help_text="The approval of a lift by people.")
    clearing = models.ForeignKey(
        BlockClearing, on_delete=models.PROTECT, null=True, related_name="lifts"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ground__in=GROUNDS), name="suppression_lift_ground_known"
            )
        ]

    def __str__(self) -> str:
        return f"lift of suppression {self.suppression_id}"
