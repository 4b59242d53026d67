"""Lists of contacts, and saved criteria over them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.contacts.models.contacts import Contact


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
    archived_at = models.DateTimeField(null=True, help_text="Put away; not offered any more.")
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="audience_name_once")]

    def __str__(self) -> str:
        return self.name


class AudienceMember(models.Model):
    """A contact on a list. No foreign keys in the database: imports add millions, each would be
    checked on its own at the commit, and contacts and audiences are never deleted.
    """

    audience = models.ForeignKey(
        Audience,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="members",
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, db_constraint=False, related_name="memberships"
    )
    added_at = models.DateTimeField()
    added_by = models.CharField(max_length=80, default="", db_default="")
    import_job_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["audience", "contact"], name="audience_member_once")
        ]

    def __str__(self) -> str:
        return f"contact {self.contact_id} on audience {self.audience_id}"


class FormerMember(models.Model):
    """A contact that was on a list: what its row there said, and when and by whom it was taken off.
    Erasure deletes the rows.
    """

    member_id = models.BigIntegerField(help_text="Id that the row on the list had.")
    contact = models.ForeignKey(
        Contact, on_delete=models.DO_NOTHING, db_constraint=False, related_name="former_lists"
    )
    audience = models.ForeignKey(
        Audience,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="former_members",
    )
    added_at = models.DateTimeField()
    added_by = models.CharField(max_length=80, blank=True)
    import_job_id = models.BigIntegerField(null=True)
    left_at = models.DateTimeField()
    left_by = models.CharField(max_length=80, blank=True)
    undone = models.BooleanField(default=False, help_text="Left because the import was undone.")

    def __str__(self) -> str:
        return f"contact {self.contact_id} was on audience {self.audience_id}"


class Segment(models.Model):
    """Saved audience criteria (a validated tree, compiled to SQL) and what its preview showed."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    criteria = models.JSONField()
    preview = models.JSONField(default=dict)
    previewed_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(
        null=True, help_text="Put away; not offered for new campaigns."
    )
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="segment_name_once")]

    def __str__(self) -> str:
        return self.name
