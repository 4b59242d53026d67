"""Votes: who, on what, how often; every refusal changes nothing [R-8.1], [R-8.2]."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Team, User
from smsmarketing.accounts.rules.scopes import SCOPES
from smsmarketing.accounts.selectors import actor_for_token, actor_for_user
from smsmarketing.accounts.services import token_create
from smsmarketing.approvals import subjects
from smsmarketing.approvals.models import ActionRequest, OwnerNotification, Vote
from smsmarketing.approvals.services import request_vote
from smsmarketing.approvals.subjects import Subject
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    OperationError,
)
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor, Done, Surface
from tests.approvals.conftest import browser, state_of

pytestmark = pytest.mark.django_db

Make = Callable[..., ActionRequest]
Person = Callable[..., User]
APPROVE, REJECT = "action_requests.approve", "action_requests.reject"


def vote(key: str, actor: Actor, request: ActionRequest, **fields: Any) -> Any:
    payload = {
        "action_request_id": str(request.pk),
        "content_hash": request.content_hash,
        **fields,
    }
    outcome = execute(key, payload, actor=actor)
    assert isinstance(outcome, Done)
    return outcome.result


def refused(
    error: type[OperationError], key: str, actor: Actor, request: ActionRequest, **fields: Any
) -> OperationError:
    """The call is refused and leaves no trace but an audit entry."""
    before = ActionRequest.objects.filter(pk=request.pk).values().get()
    votes, notes = Vote.objects.count(), OwnerNotification.objects.count()
    entries = AuditEntry.objects.count()
    with pytest.raises(error) as caught:
        vote(key, actor, request, **fields)
    assert ActionRequest.objects.filter(pk=request.pk).values().get() == before
    assert (Vote.objects.count(), OwnerNotification.objects.count()) == (votes, notes)
    assert Team.objects.filter(name="North").exists()
    assert AuditEntry.objects.count() == entries + 1
    assert AuditEntry.objects.latest("seq").outcome == caught.value.code
    return caught.value


def test_a_second_person_approves(held: Make, ben: User) -> None:
    request = held()
    result = vote(APPROVE, browser(ben), request)
    assert (result.state, result.approvals, result.you_may_vote) == ("approved", 1, False)
    word = Vote.objects.get()
    assert (word.voter, word.verdict, word.content_hash, word.roles) == (
        ben,
        "approve",
        request.content_hash,
        ["approver"],
    )
    note = OwnerNotification.objects.get(user=request.requester)
    assert note.kind == "request_approved"
    assert Team.objects.get().name == "North"  # the job runs it, not the vote


@pytest.mark.parametrize("key", [APPROVE, REJECT])
def test_the_asker_cannot_decide(held: Make, anna: User, key: str) -> None:
    """[R-8.1] Four eyes, also when the asker has the role, also as superuser."""
    anna.roles.add(*(r for r in type(anna.roles.first()).objects.filter(key="approver")))
    request = held()
    refused(NotPermitted, key, browser(anna), request, reason="no")
    User.objects.filter(pk=anna.pk).update(is_superuser=True)
    refused(NotPermitted, key, browser(anna), request, reason="no")


def test_a_superuser_needs_the_role_too(held: Make, person: Person) -> None:
    """[R-8.1] Superuser is not exempt: it does not exist for who has no role in it."""
    root = person("root", is_superuser=True)
    refused(NotFound, APPROVE, browser(root), held())


def test_who_has_no_role_sees_no_request(held: Make, person: Person) -> None:
    request = held()
    refused(NotPermitted, APPROVE, browser(person("mia", "marketing")), request)
    refused(NotPermitted, APPROVE, browser(person("vic", "viewer")), request)


def test_the_people_of_another_team_see_no_request(held: Make, person: Person) -> None:
    south = Team.objects.create(name="South", slug="south")
    refused(NotFound, APPROVE, browser(person("sue", "approver", teams=[south])), held())


def test_the_owner_of_the_asking_agent_cannot_decide(
    held: Make, person: Person, ben: User, cleo: User
) -> None:
    """[R-8.1] Neither as owner of the account, nor as the person behind the token."""
    robot = person("robot", "marketing", is_agent=True, owner=ben)
    request = held("By robot", actor=actor_for_user(robot, surface=Surface.MCP))
    refused(NotPermitted, APPROVE, browser(ben), request)
    vote(APPROVE, browser(cleo), request)
    assert state_of(request) == "approved"


def test_the_person_behind_a_token_is_the_asker(held: Make, ben: User, cleo: User) -> None:
    token, _ = token_create(
        ben, name="t", scopes=["sms:read"], expires_in=timedelta(days=1), now=timezone.now()
    )
    request = held("By token", actor=actor_for_token(token, surface=Surface.MCP))
    assert request.requester == ben
    assert request.requester_token_id == token.pk
    refused(NotPermitted, APPROVE, browser(ben), request)


def test_an_agent_cannot_decide_even_in_a_browser(held: Make, person: Person) -> None:
    robot = person("robot", "approver", is_agent=True)
    request = held()
    refused(NotPermitted, APPROVE, browser(robot), request)
    forced = replace(browser(robot), is_session=True)
    with transaction.atomic(), pytest.raises(NotPermitted):
        request_vote(request.pk, actor=forced, verdict="approve", content_hash=request.content_hash)
    assert state_of(request) == "pending"
    assert not Vote.objects.exists()


@pytest.mark.parametrize("surface", [Surface.REST, Surface.MCP, Surface.CLI, Surface.ADMIN])
@pytest.mark.parametrize("key", [APPROVE, REJECT])
def test_a_token_can_never_decide_on_any_surface(
    held: Make, ben: User, surface: Surface, key: str
) -> None:
    """[R-8.1] Not even with every scope."""
    request = held()
    token, _ = token_create(
        ben,
        name="t",
        scopes=list(SCOPES),
        expires_in=timedelta(days=1),
        now=timezone.now(),
        may_mix=True,
    )
    actor = actor_for_token(token, surface=surface)
    refused(NotPermitted, key, actor, request, reason="no")
    # not even if somebody gave it the permission, or marked it as a session
    mighty = replace(actor, permissions=actor.permissions | {"approvals.request_decide"})
    refused(NotPermitted, key, mighty, request, reason="no")
    refused(NotPermitted, key, replace(mighty, is_session=True), request, reason="no")


@pytest.mark.parametrize("surface", [Surface.CLI, Surface.SYSTEM, Surface.REST])
def test_a_person_without_a_browser_cannot_decide(held: Make, ben: User, surface: Surface) -> None:
    refused(NotPermitted, APPROVE, actor_for_user(ben, surface=surface), held())


def test_a_person_who_left_cannot_decide(held: Make, ben: User) -> None:
    request, actor = held(), browser(ben)
    actor.user.is_active = False
    refused(NotPermitted, APPROVE, actor, request)


def test_one_person_has_one_vote(held: Make, ben: User, cleo: User) -> None:
    request = held(approvers=2)
    assert request.approvers_needed == 2
    assert vote(APPROVE, browser(ben), request).state == "pending"
    refused(NotPermitted, APPROVE, browser(ben), request)
    refused(NotPermitted, REJECT, browser(ben), request, reason="I changed my mind")
    assert vote(APPROVE, browser(cleo), request).state == "approved"


def test_a_rejection_ends_it_whatever_others_said(held: Make, ben: User, cleo: User) -> None:
    request = held(approvers=2)
    vote(APPROVE, browser(ben), request)
    result = vote(REJECT, browser(cleo), request, reason="Wrong name")
    assert (result.state, result.reason) == ("rejected", "Wrong name")
    assert (
        OwnerNotification.objects.filter(user=request.requester)
        .latest("id")
        .text.endswith("rejected. Wrong name")
    )


def test_changes_can_be_asked_for(held: Make, ben: User) -> None:
    result = vote(REJECT, browser(ben), held(), reason="Shorter", verdict="request_changes")
    assert result.state == "changes_requested"


@pytest.mark.parametrize("reason", ["", "   "])
@pytest.mark.parametrize("verdict", ["reject", "request_changes"])
def test_a_refusal_needs_a_reason(held: Make, ben: User, verdict: str, reason: str) -> None:
    error = refused(InvalidInput, REJECT, browser(ben), held(), verdict=verdict, reason=reason)
    assert "reason" in error.field_errors


def test_a_vote_is_on_what_was_shown(held: Make, ben: User) -> None:
    """[R-8.2]"""
    request = held()
    refused(Conflict, APPROVE, browser(ben), request, content_hash="0" * 64)
    refused(InvalidInput, APPROVE, browser(ben), request, content_hash="short")


def test_a_vote_is_on_what_is_there_now(review: Make, ben: User) -> None:
    """[R-8.2] The subject's content moved on although nobody superseded the request yet."""
    subjects.register(Subject(operation="tests.review", current_hash=lambda request: "f" * 64))
    refused(Conflict, APPROVE, browser(ben), review())


def test_what_was_asked_is_frozen(held: Make, ben: User) -> None:
    """[R-8.2] Not even code can change it under the voters; a vote neither."""
    request = held()
    for change in (
        {"payload": {"team_id": 1}},
        {"content": {}},
        {"content_hash": "0" * 64},
        {"policies": []},
        {"approvers_needed": 0},
        {"facts": {}},
        {"roles": []},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            ActionRequest.objects.filter(pk=request.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM approvals_actionrequest")
    vote(APPROVE, browser(ben), request)
    with pytest.raises(IntegrityError), transaction.atomic():
        Vote.objects.update(verdict="reject")
    assert ActionRequest.objects.filter(pk=request.pk).values().get()["payload"] == request.payload


@pytest.mark.parametrize("approvers", [1, 2])
def test_nothing_can_be_decided_twice(held: Make, ben: User, cleo: User, approvers: int) -> None:
    request = held(approvers=approvers)
    vote(REJECT, browser(ben), request, reason="no")
    refused(Conflict, APPROVE, browser(cleo), request)


def test_a_late_vote_is_refused(held: Make, ben: User) -> None:
    """Before the sweep has run, too."""
    request = held()
    ActionRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now())
    refused(Conflict, APPROVE, browser(ben), request)


def test_each_policy_asks_its_own_people(
    held: Make, policy: Any, ben: User, cleo: User, person: Person
) -> None:
    """Two policies match: one wants compliance, one wants two people."""
    policy("one", roles=["approver", "compliance"], approvers=2)
    policy("two", roles=["compliance"], approvers=1)
    request = held()
    assert (request.approvers_needed, request.roles) == (2, ["approver", "compliance"])
    vote(APPROVE, browser(ben), request)
    assert vote(APPROVE, browser(person("bo", "approver")), request).state == "pending"
    assert vote(APPROVE, browser(cleo), request).state == "approved"


def test_authors_of_the_content_cannot_decide(review: Make, ben: User, cleo: User) -> None:
    subjects.register(Subject(operation="tests.review", authors=lambda request: {ben.pk}))
    ben_request = review()
    refused(NotPermitted, APPROVE, browser(ben), ben_request)
    cleo.roles.add(ben.roles.get())
    assert vote(APPROVE, browser(cleo), ben_request).state == "approved"


def test_self_approval_only_where_allowed_and_alone(
    held: Make, anna: User, person: Person, settings: Any
) -> None:
    """[R-8.1] One active user: refused, unless ALLOW_SELF_APPROVAL; then audited."""
    anna.roles.add(type(anna.roles.first()).objects.get(key="approver"))
    request = held()
    refused(NotPermitted, APPROVE, browser(anna), request)
    settings.ALLOW_SELF_APPROVAL = True
    ben = person("ben", "approver")
    refused(NotPermitted, APPROVE, browser(anna), request)  # Ben could decide
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert vote(APPROVE, browser(anna), request).state == "approved"
    entry = AuditEntry.objects.get(operation="approvals.self_approval")
    assert (entry.object_id, entry.actor_id) == (str(request.pk), f"user:{anna.pk}")


def test_self_approval_is_never_for_tokens(held: Make, anna: User, settings: Any) -> None:
    anna.roles.add(type(anna.roles.first()).objects.get(key="approver"))
    settings.ALLOW_SELF_APPROVAL = True
    token, _ = token_create(
        anna,
        name="t",
        scopes=list(SCOPES),
        expires_in=timedelta(days=1),
        now=timezone.now(),
        may_mix=True,
    )
    refused(NotPermitted, APPROVE, actor_for_token(token, surface=Surface.REST), held())


def test_two_approvers_cannot_be_one_person(held: Make, anna: User, settings: Any) -> None:
    anna.roles.add(type(anna.roles.first()).objects.get(key="approver"))
    settings.ALLOW_SELF_APPROVAL = True
    request = held(approvers=2)
    assert vote(APPROVE, browser(anna), request).state == "pending"
    refused(NotPermitted, APPROVE, browser(anna), request)


def test_voters_are_told_and_nobody_else(held: Make, ben: User, cleo: User, person: Person) -> None:
    person("mia", "marketing")
    person("old", "approver", is_active=False)
    person("sue", "approver", teams=[])
    held()
    told = OwnerNotification.objects.filter(kind="approval_wanted").values_list(
        "user__username", flat=True
    )
    assert sorted(told) == ["ben", "cleo"]


def test_the_hooks_run_in_the_transaction_of_the_vote(review: Make, ben: User) -> None:
    """A hook that raises undoes the vote."""
    seen: list[tuple[str, str]] = []

    def hook(request: ActionRequest, actor: Actor | None) -> None:
        seen.append((str(request.state), actor.user.username if actor else ""))
        if request.facts["recipients"] == 13:
            raise Conflict("Not today.")

    subjects.register(Subject(operation="tests.review", on_approved=hook, on_rejected=hook))
    unlucky = review(facts={"recipients": 13})
    refused(Conflict, APPROVE, browser(ben), unlucky)
    lucky = review(object_id="2")
    vote(APPROVE, browser(ben), lucky)
    assert seen == [("approved", "ben"), ("approved", "ben")]
    assert state_of(unlucky) == "pending"
