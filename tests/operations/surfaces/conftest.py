"""People and small operations for the tests of the surfaces."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from django.contrib import admin
from django.urls import clear_url_caches, include, path

from smsmarketing.accounts.models import Role, Team, User
from smsmarketing.operations import registry
from smsmarketing.operations.surfaces.rest.urls import patterns_build
from tests.operations.surfaces.probes import OPERATIONS


@pytest.fixture
def probes(settings: Any) -> Iterator[None]:
    """Only the small operations, on every surface, behind their own gate."""
    before = dict(registry._operations)
    registry._operations.clear()
    registry.add(*OPERATIONS)
    settings.OPERATION_GATE = "tests.operations.surfaces.probes.ProbeGate"
    settings.OPERATION_RATE_LIMITS = None
    urls = ModuleType("probe_urls")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("api/", include(patterns_build(OPERATIONS))),
        path("", include("smsmarketing.operations.surfaces.mcp.urls")),
        path("admin/operations/", include("smsmarketing.operations.surfaces.admin.urls")),
        path("admin/", admin.site.urls),
    ]
    settings.ROOT_URLCONF = urls
    clear_url_caches()
    yield
    registry._operations.clear()
    registry._operations.update(before)
    clear_url_caches()


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="North", slug="north")


@pytest.fixture
def stranger_team(db: None) -> Team:
    return Team.objects.create(name="South", slug="south")


def person(name: str, team: Team | None, *permissions: str) -> User:
    """A member of staff with a role of exactly these permissions."""
    user = User.objects.create(username=name, is_staff=True)
    role = Role.objects.create(key=name, name=name, permissions=list(permissions))
    user.roles.add(role)
    if team is not None:
        user.teams.add(team)
    return user


@pytest.fixture
def anna(team: Team) -> User:
    """May do everything the small operations ask for, in her team."""
    return person(
        "anna",
        team,
        "accounts.team_view",
        "campaigns.campaign_edit",
        "campaigns.campaign_send",
        "approvals.request_decide",
    )


@pytest.fixture
def viewer(team: Team) -> User:
    """May look only."""
    return person("vera", team, "accounts.team_view")
