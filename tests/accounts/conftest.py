"""People, teams and tokens for the tests of accounts."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import ApiToken, Role, Team, User
from smsmarketing.accounts.services import token_create


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="North", slug="north")


@pytest.fixture
def other_team(db: None) -> Team:
    return Team.objects.create(name="South", slug="south")


@pytest.fixture
def person(team: Team) -> Callable[..., User]:
    """Make a person with roles, by default in the team North."""

    def make(username: str, *roles: str, teams: list[Team] | None = None, **fields: Any) -> User:
        user = User.objects.create(username=username, is_staff=True, **fields)
        user.roles.set(Role.objects.filter(key__in=roles))
        user.teams.set([team] if teams is None else teams)
        assert user.roles.count() == len(roles)
        return user

    return make


@pytest.fixture
def token() -> Callable[..., tuple[ApiToken, str]]:
    """Make a token; (row, plaintext)."""

    def make(user: User, *scopes: str, **fields: Any) -> tuple[ApiToken, str]:
        return token_create(
            user,
            name="test",
            scopes=scopes or ("sms:read",),
            expires_in=fields.pop("expires_in", timedelta(days=1)),
            now=timezone.now(),
            **fields,
        )

    return make
