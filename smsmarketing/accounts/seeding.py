"""Gives an installation the seeded roles, and new permissions of a release to them."""

from __future__ import annotations

from typing import Any

from smsmarketing.accounts.models import Role
from smsmarketing.accounts.rules.permissions import role_permissions
from smsmarketing.accounts.rules.roles import ROLES


def roles_seed(**_: Any) -> None:
    """Create missing roles; add what the table has gained since. Runs after every migrate.

    A permission that an admin took from a role stays away: only what the role was never given is
    added.
    """
    for seeded in ROLES:
        table = role_permissions(seeded.key)
        role, created = Role.objects.get_or_create(
            key=seeded.key,
            defaults={
                "name": seeded.name,
                "description": seeded.description,
                "permissions": sorted(table),
                "seeded": sorted(table),
            },
        )
        gained = table - set(role.seeded)
        if created or not gained:
            continue
        role.permissions = sorted(set(role.permissions) | gained)
        role.seeded = sorted(set(role.seeded) | gained)
        role.save(update_fields=["permissions", "seeded"])
