"""Custom fields that a team has declared."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from smsmarketing.accounts.models import Team


class CustomField(models.Model):
    """What a team calls a custom field of its contacts, or a property of its events of one kind,
    and what may stand in it. Never deleted: an archived one takes no new values.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, db_index=False, related_name="+")
    applies_to = models.CharField(
        max_length=40, help_text="contact, or the kind of events it is a property of."
    )
    name = models.CharField(max_length=60, help_text="As in contacts.upsert and in segments.")
    label = models.CharField(max_length=80, help_text="What people read.")
    type = models.CharField(max_length=8, help_text="text, number, boolean, date or choice.")
    choices = ArrayField(models.CharField(max_length=80), default=list)
    description = models.CharField(max_length=300, blank=True)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "applies_to", "name"], name="custom_field_once"
            ),
            models.CheckConstraint(
                condition=models.Q(type__in=["text", "number", "boolean", "date", "choice"]),
                name="custom_field_type",
            ),
            models.CheckConstraint(
                condition=models.Q(type="choice", choices__len__gt=0)
                | (~models.Q(type="choice") & models.Q(choices__len=0)),
                name="custom_field_choices",
            ),
        ]

    def __str__(self) -> str:
        return self.label
