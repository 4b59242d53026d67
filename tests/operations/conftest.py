"""What the tests of the operation framework share."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from smsmarketing.accounts.models import Team, User
from smsmarketing.operations import registry
from smsmarketing.operations.types import Actor, Surface
from tests.operations.catalogue import OPERATIONS, PERMISSION


@pytest.fixture
def catalogue(settings: Any) -> Iterator[None]:
    """The test operations and the test gate."""
    settings.OPERATION_GATE = "tests.operations.catalogue.TestGate"
    before = dict(registry._operations)
    registry.add(*OPERATIONS)
    yield
    registry._operations.clear()
    registry._operations.update(before)


@pytest.fixture
def actor(db: None) -> Actor:
    """A person in the browser, of one team."""
    user = User.objects.create(username="anna")
    return Actor(
        user=user,
        surface=Surface.ADMIN,
        permissions=frozenset({PERMISSION}),
        team_ids=frozenset(),
        is_session=True,
        request_id="req-1",
        ip="203.0.113.77",
    )


@pytest.fixture
def other(actor: Actor) -> Actor:
    """Another person with the same rights."""
    return replace(actor, user=User.objects.create(username="ben"), request_id="req-2")


@pytest.fixture
def agent(actor: Actor) -> Actor:
    """Anna's token, used by an agent over MCP."""
    return replace(
        actor,
        surface=Surface.MCP,
        is_session=False,
        is_agent=True,
        token_id=7,
        scopes=frozenset({"sms:read", "sms:draft"}),
        request_id="req-3",
    )


@pytest.fixture
def team(actor: Actor) -> Team:
    """A team that only Anna sees."""
    team = Team.objects.create(name="North", slug="north")
    team.users.add(actor.user)
    return team


@pytest.fixture
def threads() -> Callable[[list[Callable[[], Any]]], list[Any]]:
    """Run functions at the same time, each with a connection of its own; values or exceptions
    in order.
    """

    def run(functions: list[Callable[[], Any]]) -> list[Any]:
        results: list[Any] = [None] * len(functions)
        start = threading.Barrier(len(functions))

        def one(index: int) -> None:
            try:
                start.wait(timeout=60)
                results[index] = functions[index]()
            except Exception as exc:  # noqa: BLE001 - handed to the test
                results[index] = exc
            finally:
                connections.close_all()

        workers = [threading.Thread(target=one, args=(index,)) for index in range(len(functions))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=120)
        assert not any(worker.is_alive() for worker in workers)
        return results

    return run
