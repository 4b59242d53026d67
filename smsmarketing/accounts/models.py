"""Who acts: people, roles, teams (sub-accounts), brands and API tokens."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models


class Role(models.Model):
    """A named set of permissions, as data: an admin can change it without a release."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=60)
    description = models.CharField(max_length=200, blank=True)
    permissions = ArrayField(models.CharField(max_length=80), default=list)
    seeded = ArrayField(
        models.CharField(max_length=80),
        default=list,
        blank=True,
        editable=False,
        help_text="What releases gave this role so far: a permission an admin took away stays away.",
    )

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    """A sub-account with its own brands, audiences, campaigns and limits."""

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(unique=True)
    active = models.BooleanField(default=True)
    currency = models.CharField(
        max_length=3, default="EUR", help_text="ISO 4217; all money of the team is in it."
    )
    version = models.IntegerField(default=1)

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """What recipients know the sender as. Consent and suppression are held per brand [R-4.8], [R-2.14]."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="brands")
    name = models.CharField(max_length=80, unique=True)
    name_in_texts = models.CharField(
        max_length=40, help_text="Must stand in every marketing text [R-2.18]."
    )
    opt_out_line = models.CharField(max_length=80, default="Reply STOP to opt out")
    help_line = models.CharField(
        max_length=160, help_text="Answer to HELP: brand, a contact, and STOP [R-2.13]."
    )
    website = models.URLField(blank=True)
    language = models.CharField(
        max_length=12, default="en", help_text="BCP 47; of its public pages and automatic answers."
    )
    active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person, or an agent's own account (`is_agent`), which can never approve."""

    is_agent = models.BooleanField(default=False)
    owner = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="agents",
        help_text="The person who answers for an agent account, and so cannot approve what it asks.",
    )
    roles = models.ManyToManyField(Role, related_name="users", blank=True)
    teams = models.ManyToManyField(Team, related_name="users", blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    test_phone = models.CharField(
        max_length=16, blank=True, help_text="E.164; test sends may go to it."
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_agent=False) | models.Q(is_superuser=False),
                name="agent_is_no_superuser",
            )
        ]


class ApiToken(models.Model):
    """A bearer token of a person. Shown once; only prefix and SHA-256 are kept. Can never approve [R-8.1]."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        help_text="Empty: all teams of the person.",
    )
    name = models.CharField(max_length=80)
    for_agent = models.BooleanField(default=False)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    allowed_ips = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
