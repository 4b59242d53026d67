"""What the tests of webhooks share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team, User
from smsmarketing.webhooks.models import WebhookEndpoint
from smsmarketing.webhooks.rules.kinds import KINDS
from smsmarketing.webhooks.services.endpoints import endpoint_create
from smsmarketing.webhooks.services.secrets import secrets_holding
from tests.webhooks.receiver import Receiver

EndpointMaker = Callable[..., WebhookEndpoint]


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="Shop", slug="shop")


@pytest.fixture
def brand(team: Team) -> Brand:
    return Brand.objects.create(
        team=team, name="Acme", name_in_texts="Acme", help_line="Acme, help@acme.example, STOP"
    )


@pytest.fixture
def user(team: Team) -> User:
    user = User.objects.create(username="carla")
    user.teams.add(team)
    return user


@pytest.fixture
def own_network(settings: Any) -> None:
    """Loopback is an address to send to."""
    settings.INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES = True


@pytest.fixture
def receiver(own_network: None) -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def make_endpoint(team: Team, user: User) -> EndpointMaker:
    def make(url: str, *, name: str = "CRM", kinds: Any = None, of: Team = team) -> WebhookEndpoint:
        return endpoint_create(
            team=of,
            name=name,
            url=url,
            kinds=list(KINDS) if kinds is None else kinds,
            created_by=user,
            now=timezone.now(),
        )

    return make


def secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    endpoint.refresh_from_db()
    return secrets_holding(endpoint, now=timezone.now())
