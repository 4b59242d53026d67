"""The person behind a number, and what may be sent to them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Upper

from smsmarketing.accounts.models import Brand


class Contact(models.Model):
    """One phone number and what is known of the person behind it. Unique by E.164."""

    phone = models.CharField(max_length=16, null=True, help_text="E.164; empty after erasure.")
    phone_hash = models.BinaryField(
        max_length=32, help_text="HMAC-SHA-256 of the E.164 number [R-4.9]."
    )
    hash_key = models.CharField(
        max_length=32, blank=True, help_text="Id of the key in PHONE_HASH_KEYS [R-4.10]."
    )
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2, from the number.")
    line_type = models.CharField(max_length=24, default="unknown")
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=12, blank=True, help_text="BCP 47, e.g. en, zh-TW.")
    region = models.CharField(
        max_length=12, blank=True, help_text="ISO 3166-2 subdivision without the country, e.g. FL."
    )
    time_zone = models.CharField(
        max_length=64, blank=True, help_text="IANA name when known better than from the number."
    )
    time_zone_source = models.CharField(
        max_length=12, default="number", help_text="number, person, address or import."
    )
    customer_key = models.CharField(
        max_length=80, blank=True, help_text="Customer id in the CRM or shop."
    )
    customer_group = models.CharField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        help_text="Group in the CRM or shop, e.g. wholesale; one at a time.",
    )
    crm_keys = models.JSONField(default=dict, help_text="Ids in other systems, by system name.")
    tags = ArrayField(models.CharField(max_length=60), default=list)
    custom = models.JSONField(default=dict)
    source = models.CharField(max_length=80, blank=True)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    trashed_at = models.DateTimeField(null=True, help_text="In the trash since; not sendable.")
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The contact that took over what was known of this one.",
    )
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Not unique=True on the column: Django would add a second index for LIKE, which
            # nothing uses (no prefix search) and which every import would fill.
            models.UniqueConstraint(fields=["phone"], name="contact_phone_once"),
            models.UniqueConstraint(fields=["phone_hash"], name="contact_hash_once"),
        ]
        indexes = [
            GinIndex(fields=["tags"], name="contact_tags"),
            models.Index(
                fields=["customer_key"],
                name="contact_customer_key",
                condition=~models.Q(customer_key=""),
            ),
            models.Index(
                fields=["customer_group"],
                name="contact_customer_group",
                condition=~models.Q(customer_group=""),
            ),
            models.Index(
                fields=["trashed_at"],
                name="contact_trash",
                condition=models.Q(trashed_at__isnull=False, erased_at=None),
            ),
            models.Index(
                fields=["merged_into"],
                name="contact_merged",
                condition=models.Q(merged_into__isnull=False),
            ),
            # Of a country, newest first; and which countries there are (selectors.countries_present).
            models.Index(fields=["country", "-id"], name="contact_country"),
            # The beginning of a name, in any case: see selectors.contacts_named.
            models.Index(
                OpClass(Upper("first_name"), name="text_pattern_ops"),
                name="contact_first_name",
                condition=~models.Q(first_name=""),
            ),
            models.Index(
                OpClass(Upper("last_name"), name="text_pattern_ops"),
                name="contact_last_name",
                condition=~models.Q(last_name=""),
            ),
        ]

    def __str__(self) -> str:
        return f"contact {self.pk}"


class FormerNumber(models.Model):
    """A number that a contact had until it was changed. Only former ones: the present one stands in
    the contact. Append-only by a trigger; erasure deletes the rows, and empties `phone` where the
    number is erased as somebody else's; time empties it too [R-4.14].
    """

    contact = models.ForeignKey(
        Contact,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="former_numbers",
    )
    phone = models.CharField(
        max_length=16, null=True, help_text="E.164; empty when it is not known any more."
    )
    phone_hash = models.BinaryField(max_length=32)
    hash_key = models.CharField(max_length=32, blank=True)
    since = models.DateTimeField(
        null=True, help_text="When the contact got it; empty: from its beginning."
    )
    until = models.DateTimeField(help_text="When it was changed.")
    changed_by = models.CharField(max_length=80, blank=True)
    known_by = models.CharField(
        max_length=12, default="change", help_text="change; ledger or blocks: found out later."
    )

    class Meta:
        indexes = [models.Index(fields=["phone_hash"], name="former_number_hash")]

    def __str__(self) -> str:
        return f"former number {self.pk} of contact {self.contact_id}"


class ContactChange(models.Model):
    """What one act changed of a contact: names of fields, never their values, and the tags. Kept for
    the story of the contact; erasure deletes the rows.

    What an import changed comes here when it can no longer be undone; until then it stands in
    ImportUndo.
    """

    contact = models.ForeignKey(
        Contact,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="changes",
    )
    at = models.DateTimeField()
    by = models.CharField(max_length=80, help_text="user:7, token:5, form:spring, a source.")
    act = models.CharField(
        max_length=12, help_text="upsert, merge, rename (of a tag), import or undo (of an import)."
    )
    made = models.BooleanField(default=False, help_text="The contact was made.")
    fields = ArrayField(models.CharField(max_length=120), default=list)
    tags_added = ArrayField(models.CharField(max_length=60), default=list)
    tags_removed = ArrayField(models.CharField(max_length=60), default=list)
    import_job_id = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["contact", "at"], name="contact_change_story")]

    def __str__(self) -> str:
        return f"{self.act} of contact {self.contact_id}"


class SendState(models.Model):
    """What may be sent to a contact for a brand: one narrow row, kept with the fact it follows.

    The planner reads it (perf.md §2). A reason is empty (NULL) when nothing forbids a send;
    otherwise the first of opted_out, no_consent, consent_incomplete, landline, invalid. `recent`
    holds the times of the last sends, newest first. The `consent_` columns repeat what segments ask
    of the newest marketing consent, so that nobody reads the ledger to count.
    No foreign keys in the database: the row is written a million times by an import, and contacts and
    brands are never deleted.
    """

    contact = models.ForeignKey(
        Contact,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="send_states",
    )
    brand = models.ForeignKey(
        Brand, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    country = models.CharField(max_length=2)
    marketing_reason = models.CharField(max_length=24, null=True)
    transactional_reason = models.CharField(max_length=24, null=True)
    consent_expires_at = models.DateTimeField(
        null=True, help_text="When the marketing consent lapses [R-4.7]."
    )
    consent_id = models.BigIntegerField(
        null=True, help_text="The event of the marketing consent that stands; empty without one."
    )
    consent_at = models.DateTimeField(null=True, help_text="When that consent was given.")
    consent_basis = models.CharField(max_length=20, null=True)
    consent_method = models.CharField(max_length=20, null=True)
    recent = ArrayField(
        models.DateTimeField(),
        default=list,
        help_text="Last marketing sends, newest first, at most 16 [R-7.16].",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "contact"], name="send_state_once")]

    def __str__(self) -> str:
        return f"send state of contact {self.contact_id} for brand {self.brand_id}"
