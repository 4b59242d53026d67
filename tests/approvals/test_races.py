"""Two at once against PostgreSQL: one wins, the other is told [R-8.1], [R-8.11]."""

from collections.abc import Callable
from typing import Any

import pytest

from smsmarketing.accounts.models import Team, User
from smsmarketing.approvals.models import ActionRequest, Vote
from smsmarketing.approvals.tasks import request_run
from smsmarketing.operations.audit import audit_verify
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import Conflict, NotPermitted
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Done
from tests.approvals.conftest import at_once, browser, state_of
from tests.approvals.test_votes import APPROVE, REJECT, vote

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.races]

Make = Callable[..., ActionRequest]


def executions() -> int:
    return AuditEntry.objects.filter(operation="tests.rename", outcome="done").count()


def test_two_approvers_at_once_execute_once(held: Make, ben: User, cleo: User) -> None:
    """One approval is enough: the other vote comes too late, and the call runs once."""
    request = held()
    actors = [browser(ben), browser(cleo)]
    results = at_once([lambda a=a: vote(APPROVE, a, request) for a in actors])
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "StatusOut"]
    assert Vote.objects.count() == 1
    at_once([lambda: request_run(request.pk)] * 4)
    assert (state_of(request), executions()) == ("succeeded", 1)
    assert Team.objects.get().version == 2


def test_two_needed_approvers_at_once_both_count(held: Make, ben: User, cleo: User) -> None:
    request = held(approvers=2)
    actors = [browser(ben), browser(cleo)]
    results = at_once([lambda a=a: vote(APPROVE, a, request) for a in actors])
    assert sorted(result.state for result in results) == ["approved", "pending"]
    assert state_of(request) == "approved"


def test_one_person_twice_at_once_counts_once(held: Make, ben: User) -> None:
    request = held(approvers=2)
    results = at_once([lambda: vote(APPROVE, browser(ben), request)] * 3)
    refusals = [result for result in results if isinstance(result, NotPermitted)]
    assert len(refusals) == 2
    assert (state_of(request), Vote.objects.count()) == ("pending", 1)


def test_approve_and_reject_at_once_give_one_decision(held: Make, ben: User, cleo: User) -> None:
    request = held()
    results = at_once(
        [
            lambda: vote(APPROVE, browser(ben), request),
            lambda: vote(REJECT, browser(cleo), request, reason="no"),
        ]
    )
    assert sum(isinstance(result, Conflict) for result in results) == 1
    assert Vote.objects.count() == 1
    assert state_of(request) in {"approved", "rejected"}


def test_run_and_cancel_at_once_never_both(held: Make, anna: User, ben: User) -> None:
    """[R-8.6] It is taken back before it runs, or it ran."""
    request = held()
    vote(APPROVE, browser(ben), request)

    def cancel() -> Any:
        payload = {"action_request_id": str(request.pk)}
        return execute("action_requests.cancel", payload, actor=browser(anna))

    _, cancelled = at_once([lambda: request_run(request.pk), cancel])
    if isinstance(cancelled, Done):
        assert (state_of(request), executions()) == ("cancelled", 0)
        assert Team.objects.get().name == "North"
    else:
        assert isinstance(cancelled, Conflict)
        assert (state_of(request), executions()) == ("succeeded", 1)


def test_approve_and_cancel_at_once_give_one_end(held: Make, anna: User, ben: User) -> None:
    request = held()

    def cancel() -> Any:
        payload = {"action_request_id": str(request.pk)}
        return execute("action_requests.cancel", payload, actor=browser(anna))

    approval, _ = at_once([lambda: vote(APPROVE, browser(ben), request), cancel])
    # a cancel after the approval is fine too: it had not run yet
    assert state_of(request) == "cancelled"
    assert Vote.objects.count() == (0 if isinstance(approval, Conflict) else 1)
    request_run(request.pk)
    assert Team.objects.get().name == "North"


def test_the_same_question_at_once_waits_once(anna: User, team: Team, policy: Any) -> None:
    policy()
    call = {"team_id": team.pk, "name": "Nord"}
    results = at_once([lambda: execute("tests.rename", call, actor=browser(anna))] * 4)
    ids = {getattr(result, "action_request_id", None) for result in results}
    assert ids == {ActionRequest.objects.get().pk}
    assert audit_verify().valid
