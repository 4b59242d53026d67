"""Providers described as data: definitions, their versions, and which version a gateway uses."""

from __future__ import annotations

from django.db import models

from smsmarketing.accounts.models import Team, User
from smsmarketing.gateways.models.gateway import Gateway


class GatewayDefinition(models.Model):
    """A provider as data; what it says is in its versions. Without a team it is the whole house's."""

    name = models.CharField(max_length=80)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="+")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"], name="definition_name_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name


class DefinitionVersion(models.Model):
    """One state of a definition, never changed again. Credentials are named in it, never held."""

    definition = models.ForeignKey(
        GatewayDefinition, on_delete=models.PROTECT, related_name="versions"
    )
    number = models.PositiveIntegerField(help_text="Counts from 1 within the definition.")
    content = models.JSONField(help_text="The typed definition (transports/generic).")
    sha256 = models.CharField(max_length=64, help_text="Of the canonical JSON.")
    note = models.CharField(max_length=200, blank=True, help_text="What changed, in words.")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "number"], name="definition_version_once"
            ),
            models.CheckConstraint(
                condition=models.Q(number__gte=1), name="definition_version_counts"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number} of definition {self.definition_id}"


class DefinitionUse(models.Model):
    """From when on a gateway speaks as a version says. The newest that has begun holds; a batch keeps
    the one that held when it was made.
    """

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="definition_uses")
    version = models.ForeignKey(DefinitionVersion, on_delete=models.PROTECT, related_name="uses")
    valid_from = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "valid_from"], name="definition_use_once")
        ]

    def __str__(self) -> str:
        return f"gateway {self.gateway_id} from {self.valid_from:%Y-%m-%d %H:%M}"
