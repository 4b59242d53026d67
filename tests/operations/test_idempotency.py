"""Idempotency keys [R-8.9]-[R-8.11]."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone
from pydantic import Field

from smsmarketing.accounts.models import Team
from smsmarketing.operations import errors, registry
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.idempotency import claims_expire
from smsmarketing.operations.models import AuditEntry, IdempotencyClaim
from smsmarketing.operations.types import Actor, Done, Held, Output, Surface
from tests.operations.catalogue import TeamOutput, TestGate, operation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

KEY = "key-0123456789abcdef"


def _send(actor: Actor, name: str = "West", key: str | None = KEY) -> Any:
    return execute("tests.send", {"name": name}, actor=actor, idempotency_key=key)


def test_the_first_call_runs_and_the_second_gets_its_result(actor: Actor) -> None:
    """[R-8.10]"""
    first = _send(actor)
    second = _send(replace(actor, request_id="req-9"))
    assert isinstance(first, Done)
    assert (first.replayed, second.replayed) == (False, True)
    assert second.result == first.result
    assert isinstance(second.result, TeamOutput)
    assert second.request_id == "req-9"
    assert Team.objects.count() == 1
    assert AuditEntry.objects.count() == 1


def test_a_held_call_is_replayed_as_held(actor: Actor) -> None:
    """[R-8.10] a crash after the commit: the repeat returns the action request that was made."""
    for replayed in (False, True):
        outcome = execute("tests.held", {"name": "Big"}, actor=actor, idempotency_key=KEY)
        assert isinstance(outcome, Held)
        assert outcome.replayed is replayed
        assert outcome.action_request_id == TestGate.request_id
        assert outcome.policies == ("big-names",)
        assert outcome.message == "A second person must agree."
    assert Team.objects.count() == 1


def test_an_outbound_call_without_a_key_is_refused(actor: Actor) -> None:
    """[R-8.9], [R-9.14]"""
    with pytest.raises(errors.PreconditionRequired) as caught:
        _send(actor, key=None)
    assert list(caught.value.field_errors) == ["idempotency_key"]
    assert not Team.objects.exists()


@pytest.mark.parametrize(
    "key",
    ["", "short", "x" * 15, "x" * 129, "key 0123456789abc", "key-0123456789abcdé", "k" * 16 + "\n"],
)
def test_a_malformed_key_is_refused(actor: Actor, key: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        _send(actor, key=key)
    assert list(caught.value.field_errors) == ["idempotency_key"]
    assert not Team.objects.exists()


@pytest.mark.parametrize("key", ["x" * 16, "Aa0_-" * 25 + "abc"])
def test_the_shortest_and_the_longest_key_work(actor: Actor, key: str) -> None:
    assert not _send(actor, key=key).replayed


def test_the_same_key_with_other_content_is_refused(actor: Actor) -> None:
    """[R-8.11]"""
    _send(actor)
    with pytest.raises(errors.KeyReused) as caught:
        _send(actor, name="East")
    assert caught.value.http_status == 422
    assert Team.objects.count() == 1


def test_equal_content_in_another_notation_is_the_same_content(actor: Actor) -> None:
    payload: dict[str, Any] = {"preview_id": None, "name": "West"}
    _send(actor)
    assert execute("tests.send", payload, actor=actor, idempotency_key=KEY).replayed


def test_two_people_with_one_key_have_two_effects(actor: Actor, other: Actor) -> None:
    """[R-8.11]"""
    _send(actor)
    assert not _send(other, name="East").replayed
    assert Team.objects.count() == 2


def test_one_key_for_two_operations_has_two_effects(actor: Actor) -> None:
    _send(actor)
    outcome = execute("tests.create", {"name": "East"}, actor=actor, idempotency_key=KEY)
    assert not outcome.replayed
    assert Team.objects.count() == 2


def test_refusals_are_not_stored(actor: Actor) -> None:
    """[R-8.11] neither a validation error nor a conflict nor a bug holds the key."""
    with pytest.raises(errors.InvalidInput):
        _send(actor, name="")
    for key in ("tests.refuse", "tests.fail"):
        with pytest.raises(errors.OperationError):
            execute(key, {"name": "West"}, actor=actor, idempotency_key=KEY)
    assert not IdempotencyClaim.objects.exists()
    assert not _send(actor).replayed


def test_a_replay_needs_the_permission_of_now(actor: Actor, agent: Actor) -> None:
    _send(actor)
    with pytest.raises(errors.NotPermitted):
        _send(replace(actor, permissions=frozenset()))
    with pytest.raises(errors.InsufficientScope):
        _send(agent)
    actor.user.is_active = False
    with pytest.raises(errors.NotPermitted):
        _send(actor)


def test_after_72_hours_the_key_is_new(actor: Actor) -> None:
    """[R-8.10]"""
    _send(actor)
    claim = IdempotencyClaim.objects.get()
    assert claim.expires_at - claim.created_at == timedelta(hours=72)
    IdempotencyClaim.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not _send(actor, name="East").replayed
    assert Team.objects.count() == 2
    assert IdempotencyClaim.objects.count() == 1


def test_reads_claim_nothing(actor: Actor) -> None:
    for _ in range(2):
        assert not execute("tests.count", {}, actor=actor, idempotency_key=KEY).replayed
    assert not IdempotencyClaim.objects.exists()


def test_claims_whose_time_is_over_are_deleted(actor: Actor) -> None:
    _send(actor)
    assert claims_expire(now=timezone.now()) == 0
    assert claims_expire(now=timezone.now() + timedelta(hours=73)) == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_50_parallel_calls_with_one_key_have_one_effect(
    actor: Actor, threads: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    """[R-8.11]"""
    results = threads([lambda: _send(actor)] * 50)
    assert Team.objects.count() == 1
    done = [result for result in results if isinstance(result, Done)]
    waiting = [result for result in results if isinstance(result, errors.KeyInProgress)]
    assert len(done) + len(waiting) == 50
    assert [result.replayed for result in done].count(False) == 1
    assert len({result.result.team_id for result in done}) == 1  # type: ignore[attr-defined]
    assert all(refusal.retry_after_s == 1 for refusal in waiting)
    assert AuditEntry.objects.filter(outcome="done").count() == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_people_with_one_key_at_the_same_time_have_two_effects(
    actor: Actor, other: Actor, threads: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    results = threads([lambda: _send(actor, "West"), lambda: _send(other, "East")])
    assert [result.replayed for result in results] == [False, False]
    assert Team.objects.count() == 2


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_while_the_first_call_runs_the_second_is_told_to_wait(
    actor: Actor, threads: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    """[R-8.10] the second call comes while the first is inside its handler, for certain."""

    inner: list[Any] = []

    def run(context: Any, data: Any) -> TeamOutput:
        def second() -> None:
            execute("tests.slow", {"name": "West"}, actor=actor, idempotency_key=KEY)

        inner.extend(threads([second]))
        team = Team.objects.create(name=data.name, slug="west")
        return TeamOutput(team_id=team.pk, name=team.name)

    registry.add(operation("tests.slow", run=run))
    outcome = execute("tests.slow", {"name": "West"}, actor=actor, idempotency_key=KEY)
    assert isinstance(outcome, Done)
    (refusal,) = inner
    assert isinstance(refusal, errors.KeyInProgress)
    assert refusal.retry_after_s == 1
    assert refusal.envelope()["error"]["retryable"] is True
    assert Team.objects.count() == 1


def test_a_token_shares_its_persons_keys(actor: Actor) -> None:
    """[R-8.9] the principal is the person."""
    _send(actor)
    token = replace(
        actor, surface=Surface.REST, token_id=3, is_session=False, scopes=frozenset({"sms:send"})
    )
    assert _send(token).replayed


class SecretOutput(Output):
    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"secret"})

    name: str = Field(description="Its name.")
    secret: str | None = Field(description="Shown once.")


def test_a_secret_is_in_the_first_answer_only(actor: Actor) -> None:
    """A plaintext that is shown once must not lie in the table of claims for three days."""
    registry.add(
        operation(
            "tests.secret",
            output=SecretOutput,
            run=lambda context, data: SecretOutput(name=data.name, secret="hunter2"),
        )
    )
    first, second = (
        execute("tests.secret", {"name": "West"}, actor=actor, idempotency_key=KEY)
        for _ in range(2)
    )
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert first.result == SecretOutput(name="West", secret="hunter2")
    assert second.result == SecretOutput(name="West", secret=None)
    assert "hunter2" not in str(IdempotencyClaim.objects.get().outcome)
