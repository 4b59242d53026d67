"""Calls per minute and token [R-9.18]."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from smsmarketing.accounts.models import Team
from smsmarketing.operations import errors
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.limits import rate_windows_expire
from smsmarketing.operations.models import AuditEntry, RateWindow
from smsmarketing.operations.types import Actor, Surface

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

NOON = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def _calls(actor: Actor, key: str, count: int, **arguments: Any) -> None:
    for number in range(count):
        payload = {} if key == "tests.count" else {"name": f"{key} {number}"}
        execute(key, payload, actor=actor, **arguments)


@pytest.mark.parametrize(
    ("key", "limit", "arguments"),
    [
        ("tests.count", 60, {}),
        ("tests.preview", 20, {}),
        ("tests.create", 10, {}),
        ("tests.send", 5, {}),
        ("tests.send", 20, {"dry_run": True}),
    ],
)
def test_each_class_of_calls_has_its_limit(
    agent: Actor, key: str, limit: int, arguments: dict[str, Any]
) -> None:
    agent = replace(agent, scopes=None)
    if key == "tests.send" and not arguments:
        for number in range(limit):
            execute(key, {"name": f"n{number}"}, actor=agent, idempotency_key=f"key-{number:016}")
    else:
        _calls(agent, key, limit, **arguments)
    teams = Team.objects.count()
    payload = {} if key == "tests.count" else {"name": "one more"}
    for _ in range(2):
        with pytest.raises(errors.RateLimited) as caught:
            execute(key, payload, actor=agent, idempotency_key="key-of-one-more-call", **arguments)
    assert caught.value.retry_after_s == 41
    assert caught.value.details["limit_per_minute"] == limit
    assert Team.objects.count() == teams
    # A flood must not fill the audit chain: only its first refusal is recorded.
    assert AuditEntry.objects.filter(outcome="RATE_LIMITED").count() == 1


def test_the_next_minute_is_free_again(agent: Actor, clock: Any) -> None:
    _calls(agent, "tests.create", 10)
    with pytest.raises(errors.RateLimited):
        _calls(agent, "tests.create", 1)
    clock.shift(40)
    execute("tests.create", {"name": "later"}, actor=agent)


def test_classes_and_tokens_are_counted_apart(agent: Actor) -> None:
    _calls(agent, "tests.create", 10)
    execute("tests.count", {}, actor=agent)
    execute("tests.create", {"name": "other token"}, actor=replace(agent, token_id=8))


@pytest.mark.parametrize(
    "changes",
    [
        {"is_session": True, "surface": Surface.ADMIN, "token_id": None},
        {"is_session": True, "surface": Surface.REST, "token_id": None},
        {"surface": Surface.CLI, "token_id": None},
    ],
)
def test_people_and_the_command_line_are_not_limited(agent: Actor, changes: dict[str, Any]) -> None:
    _calls(replace(agent, scopes=None, **changes), "tests.create", 12)
    assert not RateWindow.objects.exists()


def test_the_limits_are_settings(agent: Actor, settings: Any) -> None:
    settings.OPERATION_RATE_LIMITS = {"read": 1, "preview": 1, "write": 1, "outbound": 1}
    _calls(agent, "tests.create", 1)
    with pytest.raises(errors.RateLimited):
        _calls(agent, "tests.create", 1)
    settings.OPERATION_RATE_LIMITS = None
    _calls(agent, "tests.preview", 25)


def test_refused_calls_count_too(agent: Actor) -> None:
    for _ in range(10):
        with pytest.raises(errors.InvalidInput):
            execute("tests.create", {}, actor=agent)
    with pytest.raises(errors.RateLimited):
        execute("tests.create", {"name": "x"}, actor=agent)


def test_old_windows_are_deleted(agent: Actor) -> None:
    _calls(agent, "tests.create", 1)
    assert rate_windows_expire(now=NOON) == 0
    assert rate_windows_expire(now=NOON + timedelta(minutes=11)) == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_parallel_calls_do_not_pass_the_limit(
    agent: Actor, threads: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    def one(number: int) -> Callable[[], Any]:
        return lambda: execute("tests.create", {"name": f"n{number}"}, actor=agent)

    results = threads([one(number) for number in range(16)])
    refused = [result for result in results if isinstance(result, errors.RateLimited)]
    assert len(refused) == 6
    assert Team.objects.count() == 10
