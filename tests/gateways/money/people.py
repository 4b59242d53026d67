"""Who calls in the tests of money."""

from __future__ import annotations

from smsmarketing.accounts.models import Role, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.operations.types import Actor, Surface
from tests.gateways.world import World


def person(world: World, name: str = "treasurer") -> Actor:
    """Somebody who may do everything, in the team."""
    role, _ = Role.objects.get_or_create(
        key="all-of-it", defaults={"name": "All", "permissions": sorted(PERMISSIONS)}
    )
    user = User.objects.create_user(name, password=None)
    user.roles.add(role, *Role.objects.filter(key__in=["approver", "compliance", "technical"]))
    user.teams.add(world.team)
    return actor_for_user(user, surface=Surface.ADMIN, is_session=True)
