"""The gate and the job: hold, spend once, run as the asker, drift [R-8.3], design.md §3."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Team, User
from smsmarketing.accounts.selectors import actor_for_token, actor_for_user
from smsmarketing.accounts.services import token_create, token_revoke
from smsmarketing.approvals.gate import PolicyGate
from smsmarketing.approvals.models import ActionRequest, ApprovalPolicy, OwnerNotification
from smsmarketing.approvals.services import request_start
from smsmarketing.approvals.tasks import request_run, run_request, sweep
from smsmarketing.operations import registry
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import (
    ApprovalRequired,
    Conflict,
    Internal,
    NotPermitted,
    OperationError,
)
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Approval, Done, Held, Surface
from tests.approvals.conftest import RENAME, browser, state_of
from tests.approvals.test_votes import APPROVE, vote

pytestmark = pytest.mark.django_db

Make = Callable[..., ActionRequest]
World = dict[str, Any]


@pytest.fixture
def approved(held: Make, ben: User) -> Make:
    """A request of Anna's that Ben approved and no job has run yet."""

    def make(*given: Any, **fields: Any) -> ActionRequest:
        request = held(*given, **fields)
        vote(APPROVE, browser(ben), request)
        request.refresh_from_db()
        return request

    return make


def name_now() -> str:
    return Team.objects.values_list("name", flat=True).get(slug="north")


def test_what_no_policy_watches_runs(anna: User, team: Team, policy: Any, world: World) -> None:
    policy(enabled=False)
    policy("superseded", superseded_at=timezone.now())
    policy("elsewhere", operations=["tests.other"])
    world["recipients"] = 10
    policy("small")
    outcome = execute("tests.rename", {"team_id": team.pk, "name": "Nord"}, actor=browser(anna))
    assert isinstance(outcome, Done)
    assert name_now() == "Nord"
    assert not ActionRequest.objects.exists()


def test_what_a_policy_watches_waits_and_changes_nothing(
    held: Make, anna: User, team: Team
) -> None:
    before = Team.objects.values().get(pk=team.pk)
    request = held()
    assert Team.objects.values().get(pk=team.pk) == before
    assert (request.state, request.operation, request.requester) == (
        "pending",
        "tests.rename",
        anna,
    )
    assert request.payload == {"team_id": team.pk, "name": "Nord"}
    assert request.content["input"] == request.payload
    assert request.content["object"] == {"type": "team", "name": "North"}
    assert (request.object_type, request.object_id) == ("accounts.team", str(team.pk))
    assert (request.cost_ceiling, request.currency) == (Decimal("40"), "EUR")
    assert request.policies[0]["because"] == ["recipients more than 1,000: 2,000"]
    assert request.expires_at - request.created_at == timedelta(hours=72)
    entry = AuditEntry.objects.latest("seq")
    assert (entry.operation, entry.outcome) == ("tests.rename", "held")
    assert entry.facts["action_request_id"] == str(request.pk)


def test_a_held_call_repeated_with_its_key_asks_once(anna: User, team: Team, policy: Any) -> None:
    """[R-8.10] The replay returns the created action_request_id."""
    policy()
    call = {"team_id": team.pk, "name": "Nord"}
    first = execute("tests.rename", call, actor=browser(anna), idempotency_key="k" * 16)
    again = execute("tests.rename", call, actor=browser(anna), idempotency_key="k" * 16)
    assert isinstance(first, Held)
    assert isinstance(again, Held)
    assert again.replayed
    assert first.action_request_id == again.action_request_id
    assert ActionRequest.objects.count() == 1


def test_always_means_always(anna: User, team: Team) -> None:
    """Without any policy, one approver is needed."""
    registry._operations["tests.rename"] = replace(RENAME, approval=Approval.ALWAYS)
    outcome = execute("tests.rename", {"team_id": team.pk, "name": "Nord"}, actor=browser(anna))
    assert isinstance(outcome, Held)
    request = ActionRequest.objects.get()
    assert (request.approvers_needed, request.roles) == (1, ["approver"])
    assert name_now() == "North"


def test_the_safety_direction_is_never_held(policy: Any) -> None:
    """[R-8.5] Whatever a policy says."""
    policy(operations=["contacts.opt_out", "campaigns.pause"], conditions=[])
    actor: Any = type("A", (), {"is_agent": True})()
    context: Any = type("C", (), {"actor": actor})()
    for key in ("contacts.opt_out", "campaigns.pause"):
        operation = replace(RENAME, key=key)
        assert PolicyGate().check(operation, context, None, {}) is None  # type: ignore[arg-type]


def test_the_job_runs_exactly_what_was_approved(approved: Make, anna: User, team: Team) -> None:
    request = approved()
    run_request(str(request.pk))
    request.refresh_from_db()
    assert name_now() == "Nord"
    assert (request.state, request.result) == ("succeeded", {"name": "Nord"})
    assert request.executed_at is not None
    entry = AuditEntry.objects.filter(operation="tests.rename", outcome="done").get()
    assert entry.facts["action_request_id"] == str(request.pk)
    assert entry.actor_id == f"user:{anna.pk}"
    assert OwnerNotification.objects.filter(user=anna, kind="request_done").count() == 1


def test_a_second_delivery_of_the_job_changes_nothing(approved: Make, team: Team) -> None:
    request = approved()
    request_run(request.pk)
    before = ActionRequest.objects.filter(pk=request.pk).values().get()
    Team.objects.update(name="Other")
    request_run(request.pk)
    assert name_now() == "Other"
    assert ActionRequest.objects.filter(pk=request.pk).values().get() == before


@pytest.mark.parametrize("state", ["pending", "rejected", "cancelled", "expired"])
def test_the_job_runs_nothing_that_is_not_approved(
    held: Make, anna: User, ben: User, state: str
) -> None:
    request = held()
    if state == "rejected":
        vote("action_requests.reject", browser(ben), request, reason="no")
    if state == "cancelled":
        vote_cancel(request, anna)
    if state == "expired":
        vote(APPROVE, browser(ben), request)
        ActionRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now())
    request_run(request.pk)
    assert name_now() == "North"
    assert state_of(request) == ("approved" if state == "expired" else state)


def vote_cancel(request: ActionRequest, user: User) -> None:
    payload = {"action_request_id": str(request.pk)}
    execute("action_requests.cancel", payload, actor=browser(user))


def grants_refused(request_id: Any, actor: Any, **payload: Any) -> OperationError:
    before = list(ActionRequest.objects.order_by("pk").values())
    with pytest.raises(OperationError) as caught:
        execute("tests.rename", payload, actor=actor, grant=request_id)
    assert name_now() == "North"
    assert list(ActionRequest.objects.order_by("pk").values()) == before
    return caught.value


def test_a_grant_fits_its_asker_call_and_state_only(
    approved: Make, anna: User, ben: User, team: Team
) -> None:
    request = approved()
    asker = actor_for_user(anna, surface=Surface.SYSTEM)
    call = {"team_id": team.pk, "name": "Nord"}
    # approved is not executing: only the job spends a grant
    assert grants_refused(request.pk, asker, **call).code == "APPROVAL_REQUIRED"
    assert grants_refused(uuid4(), asker, **call).code == "APPROVAL_REQUIRED"
    request_start(request.pk)
    other = {"team_id": team.pk, "name": "Something else"}
    assert grants_refused(request.pk, asker, **other).code == "APPROVAL_REQUIRED"
    stranger = actor_for_user(ben, surface=Surface.SYSTEM)
    assert grants_refused(request.pk, stranger, **call).code == "APPROVAL_REQUIRED"
    assert isinstance(execute("tests.rename", call, actor=asker, grant=request.pk), Done)
    with pytest.raises(ApprovalRequired):
        execute("tests.rename", call, actor=asker, grant=request.pk)


def test_rights_are_those_of_the_day_it_runs(approved: Make, anna: User) -> None:
    """The asker lost the role between approval and run."""
    request = approved()
    anna.roles.clear()
    request_run(request.pk)
    request.refresh_from_db()
    assert (request.state, name_now()) == ("failed", "North")
    assert request.result is not None
    assert request.result["error"]["code"] == "NOT_PERMITTED"
    assert OwnerNotification.objects.filter(user=anna, kind="request_failed").exists()


@pytest.mark.parametrize("change", ["inactive", "team"])
def test_a_person_who_left_runs_nothing(approved: Make, anna: User, change: str) -> None:
    request = approved()
    if change == "inactive":
        User.objects.filter(pk=anna.pk).update(is_active=False)
    else:
        anna.teams.clear()
    request_run(request.pk)
    assert (state_of(request), name_now()) == ("failed", "North")


def test_a_revoked_token_runs_nothing(held: Make, anna: User, ben: User) -> None:
    """[R-8.5] Revocation works at once, also on what was approved before."""
    token, _ = token_create(
        anna, name="t", scopes=["sms:read"], expires_in=timedelta(days=1), now=timezone.now()
    )
    request = held(actor=actor_for_token(token, surface=Surface.MCP))
    vote(APPROVE, browser(ben), request)
    token_revoke(token, now=timezone.now())
    request_run(request.pk)
    request.refresh_from_db()
    assert (request.state, name_now()) == ("failed", "North")
    assert "revoked" in request.reason


def test_a_tokens_request_runs_while_the_token_lives(held: Make, anna: User, ben: User) -> None:
    token, _ = token_create(
        anna, name="t", scopes=["sms:read"], expires_in=timedelta(days=1), now=timezone.now()
    )
    request = held(actor=actor_for_token(token, surface=Surface.MCP))
    vote(APPROVE, browser(ben), request)
    request_run(request.pk)
    assert (state_of(request), name_now()) == ("succeeded", "Nord")


def test_a_refusal_keeps_its_envelope(approved: Make, world: World) -> None:
    request = approved()
    world["refuse"] = Conflict("The team is on holiday.", field_errors={"team_id": "Away."})
    request_run(request.pk)
    request.refresh_from_db()
    assert (request.state, request.reason) == ("failed", "The team is on holiday.")
    assert request.result is not None
    assert request.result["error"]["field_errors"] == {"team_id": "Away."}
    assert request.executed_at is None


@pytest.mark.parametrize("fault", [Internal("Oh."), Conflict("Busy.", retry_after_s=1)])
def test_what_may_pass_is_tried_again_then_given_up(
    approved: Make, world: World, fault: OperationError
) -> None:
    request = approved()
    world["refuse"] = fault
    for attempt in range(1, 6):
        request_run(request.pk)
        request.refresh_from_db()
        assert request.attempts == attempt
        assert request.state == ("executing" if attempt < 5 else "failed")
        long_ago = timezone.now() - timedelta(minutes=3)
        ActionRequest.objects.filter(pk=request.pk).update(started_at=long_ago)
    assert name_now() == "North"


def test_a_lost_worker_is_made_up_for(approved: Make, team: Team) -> None:
    """Killed between taking the request and its effect: taken up again, once."""
    request = approved()
    assert request_start(request.pk) is not None
    assert request_start(request.pk) is None  # not while another may still work on it
    ActionRequest.objects.filter(pk=request.pk).update(
        started_at=timezone.now() - timedelta(minutes=3)
    )
    request_run(request.pk)
    assert (state_of(request), name_now()) == ("succeeded", "Nord")


def test_the_sweep_finds_what_no_job_took(
    approved: Make, django_capture_on_commit_callbacks: Any
) -> None:
    """The broker lost the message: the row is the truth."""
    request = approved()
    with django_capture_on_commit_callbacks() as soon:
        sweep()
    assert soon == []
    ActionRequest.objects.filter(pk=request.pk).update(
        decided_at=timezone.now() - timedelta(minutes=3)
    )
    with django_capture_on_commit_callbacks() as late:
        sweep()
    assert len(late) == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"recipients": 2101}, "recipients"),
        ({"cost": Decimal("40.01")}, "cost"),
        ({"countries": ["LT", "US"]}, "countries"),
    ],
)
def test_drift_goes_back_to_people(
    approved: Make, anna: User, ben: User, world: World, change: World, word: str
) -> None:
    """[R-8.3] More than 5 % more people, or above the ceiling: pending again, with new figures."""
    request = approved()
    world.update(change)
    request_run(request.pk)
    request.refresh_from_db()
    assert (request.state, name_now()) == ("superseded", "North")
    assert word in request.reason
    again = request.renewed_by
    assert again is not None
    assert (again.state, again.requester, again.payload) == ("pending", anna, request.payload)
    assert again.facts[word] != request.facts[word]
    assert again.content_hash != request.content_hash
    assert OwnerNotification.objects.filter(user=ben, kind="approval_wanted").count() == 2
    vote(APPROVE, browser(ben), again)
    request_run(again.pk)
    assert (state_of(again), name_now()) == ("succeeded", "Nord")


@pytest.mark.parametrize(
    "change", [{"recipients": 2100}, {"recipients": 3}, {"cost": Decimal("39")}, {"countries": []}]
)
def test_within_the_limits_it_runs(approved: Make, world: World, change: World) -> None:
    """[R-8.3] Up to 5 % more, and anything less."""
    request = approved()
    world.update(change)
    request_run(request.pk)
    assert (state_of(request), name_now()) == ("succeeded", "Nord")


def test_an_object_that_changed_is_not_touched(approved: Make, team: Team) -> None:
    """[R-8.7] Somebody else renamed the team since."""
    request = approved()
    Team.objects.filter(pk=team.pk).update(name="South", version=team.version + 1)
    request_run(request.pk)
    request.refresh_from_db()
    assert (request.state, name_now()) == ("superseded", "South")
    assert request.renewed_by is None


def test_a_policy_change_does_not_free_what_waits(
    held: Make, ben: User, cleo: User, policy: Any
) -> None:
    """A request keeps the revision it was asked under."""
    request = held(approvers=2)
    ApprovalPolicy.objects.filter(key="test-rename").update(superseded_at=timezone.now())
    policy(revision=2, approvers=1)
    vote(APPROVE, browser(ben), request)
    assert state_of(request) == "pending"
    vote(APPROVE, browser(cleo), request)
    assert state_of(request) == "approved"


def test_an_approval_cannot_be_spent_on_what_needs_none(anna: User) -> None:
    with pytest.raises(NotPermitted):
        execute("teams.list", {}, actor=actor_for_user(anna, surface=Surface.SYSTEM), grant=uuid4())
