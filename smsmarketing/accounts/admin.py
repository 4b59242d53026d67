"""People, roles, teams, brands and tokens in the admin: to read, and tokens to create and revoke.

People and their roles are changed with `manage.py person_save`, which only somebody with a shell on the
host can run, and which writes the audit log.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.utils import timezone

from smsmarketing.accounts.models import ApiToken, Brand, Role, Team, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.selectors import (
    brands_visible,
    owners,
    person_name,
    roles_all,
    teams_visible,
    tokens_visible,
)
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.types import Actor

# Rights come from roles; Django's own groups would be a second, silent place for them.
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(OperationAdmin):
    """People and agent accounts of the teams one works in."""

    view_permission = "accounts.owner_view"
    icon = "person"
    list_display = ("username", "full_name", "role_names", "team_names", "is_agent", "is_active")
    list_filter = ("roles", "is_agent")
    search_fields = ("username", "first_name", "last_name")
    ordering = ("username",)
    fields = (
        "username",
        "full_name",
        "role_names",
        "team_names",
        "is_agent",
        "owner",
        "is_active",
        "time_zone",
        "last_login",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Everybody for who works in every team; else the people of one's teams."""
        if actor.sees_all_teams:
            return User.objects.prefetch_related("roles", "teams")
        return owners(actor)

    @admin.display(description="Name")
    def full_name(self, row: User) -> str:
        """Full name, else login."""
        return person_name(row)

    @admin.display(description="Roles")
    def role_names(self, row: User) -> str:
        """Names of the roles."""
        return ", ".join(role.name for role in row.roles.all()) or "none"

    @admin.display(description="Teams")
    def team_names(self, row: User) -> str:
        """Names of the teams."""
        return ", ".join(team.name for team in row.teams.all()) or "none"


@admin.register(Role)
class RoleAdmin(OperationAdmin):
    """What each role may do."""

    view_permission = "accounts.owner_view"
    icon = "badge"
    list_display = ("name", "description", "count")
    ordering = ("name",)
    fields = ("name", "key", "description", "meanings")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Roles are no secret."""
        return roles_all()

    @admin.display(description="Permissions")
    def count(self, row: Role) -> int:
        """How many permissions."""
        return len(row.permissions)

    @admin.display(description="May")
    def meanings(self, row: Role) -> str:
        """Each permission in words."""
        known = [PERMISSIONS[key].meaning for key in row.permissions if key in PERMISSIONS]
        return "\n".join(sorted(known))


@admin.register(Team)
class TeamAdmin(OperationAdmin):
    """One's teams."""

    view_permission = "accounts.team_view"
    icon = "groups"
    list_display = ("name", "currency", "active")
    ordering = ("name",)
    fields = ("name", "slug", "currency", "active")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """The teams the person works in."""
        return teams_visible(actor)


@admin.register(Brand)
class BrandAdmin(OperationAdmin):
    """Brands of one's teams."""

    view_permission = "accounts.team_view"
    icon = "storefront"
    list_display = ("name", "team", "name_in_texts", "opt_out_line", "active")
    ordering = ("name",)
    fields = (
        "name",
        "team",
        "name_in_texts",
        "opt_out_line",
        "help_line",
        "website",
        "language",
        "active",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """The brands of the person's teams."""
        return brands_visible(actor)


@admin.register(ApiToken)
class ApiTokenAdmin(OperationAdmin):
    """API tokens: one's own, or everybody's with the permission. The secret is never shown again."""

    view_permission = "accounts.token_view"
    icon = "key"
    list_operations = ("api_tokens.create",)
    operation_buttons = (
        OperationButton(
            key="api_tokens.revoke",
            label="Revoke now",
            icon="block",
            when=lambda row: row.revoked_at is None,
        ),
    )
    list_display = (
        "name",
        "prefix",
        "user",
        "team",
        "scope_names",
        "state",
        "expires_at",
        "last_used_at",
    )
    ordering = ("-id",)
    fields = (
        "name",
        "prefix",
        "user",
        "team",
        "for_agent",
        "scope_names",
        "allowed_ips",
        "state",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Tokens the person may see."""
        return tokens_visible(actor)

    @admin.display(description="Scopes")
    def scope_names(self, row: ApiToken) -> str:
        """The scopes on one line."""
        return ", ".join(row.scopes)

    @admin.display(description="State")
    def state(self, row: ApiToken) -> str:
        """Live, expired or revoked."""
        if row.revoked_at is not None:
            return "revoked"
        return "live" if row.expires_at > timezone.now() else "expired"
