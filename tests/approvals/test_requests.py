"""action_request.status, action_requests.list and cancel; what each person sees."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Team, User
from smsmarketing.accounts.selectors import actor_for_token, actor_for_user
from smsmarketing.accounts.services import token_create
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.selectors import requests_waiting, waiting_panel
from smsmarketing.approvals.tasks import request_run
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import NotFound, NotPermitted
from smsmarketing.operations.types import Actor, Done, Surface
from tests.approvals.conftest import browser, state_of
from tests.approvals.test_votes import APPROVE, REJECT, vote

pytestmark = pytest.mark.django_db

Make = Callable[..., ActionRequest]


def read(key: str, actor: Actor, **payload: Any) -> Any:
    outcome = execute(key, payload, actor=actor)
    assert isinstance(outcome, Done)
    return outcome.result


def status(request: ActionRequest, actor: Actor) -> Any:
    return read("action_request.status", actor, action_request_id=str(request.pk))


def test_the_status_tells_where_it_stands(held: Make, anna: User, ben: User, cleo: User) -> None:
    """Seed 000-43."""
    request = held(approvers=2)
    first = status(request, browser(anna))
    assert (first.state, first.category, first.approvals, first.approvers_needed) == (
        "pending",
        "write",
        0,
        2,
    )
    assert first.may_decide == ["ben", "cleo"]
    assert not first.you_may_vote
    assert first.why_you_may_not
    assert first.policies[0].because == ["recipients more than 1,000: 2,000"]
    assert (first.recipients, first.cost_ceiling.amount) == (2000, "40.0000")
    assert "2 more" in first.next_step
    assert status(request, browser(ben)).you_may_vote
    vote(APPROVE, browser(ben), request, reason="Fine")
    second = status(request, browser(anna))
    assert [(v.voter, v.verdict, v.reason) for v in second.votes] == [("ben", "approve", "Fine")]
    assert second.may_decide == ["cleo"]
    vote(APPROVE, browser(cleo), request)
    assert status(request, browser(anna)).state == "approved"
    request_run(request.pk)
    done = status(request, browser(anna))
    assert (done.state, done.result, done.error) == ("succeeded", {"name": "Nord"}, None)


def test_the_status_reads_only(held: Make, ben: User) -> None:
    """No side effect, also none when the reader may vote."""
    request = held()
    before = ActionRequest.objects.filter(pk=request.pk).values().get()
    status(request, browser(ben))
    assert ActionRequest.objects.filter(pk=request.pk).values().get() == before


def test_a_failed_run_shows_its_error(held: Make, anna: User, ben: User) -> None:
    request = held()
    vote(APPROVE, browser(ben), request)
    anna.roles.remove(*anna.roles.all())
    anna.roles.add(ben.roles.get())
    anna.teams.clear()
    request_run(request.pk)
    anna.teams.add(Team.objects.get())
    found = status(request, browser(anna))
    assert (found.state, found.result) == ("failed", None)
    assert found.error["code"] == "NOT_FOUND"


def test_only_the_asker_and_deciders_see_it(held: Make, anna: User, person: Any) -> None:
    """Owner or approver only; for others it does not exist."""
    request = held()
    south = Team.objects.create(name="South", slug="south")
    for stranger in (
        person("mia", "marketing"),
        person("sue", "approver", teams=[south]),
        person("root", is_superuser=True),
    ):
        with pytest.raises(NotFound):
            status(request, browser(stranger))
        assert read("action_requests.list", browser(stranger)).items == []
    with pytest.raises(NotFound):
        read("action_request.status", browser(anna), action_request_id=str(uuid4()))
    boss = person("boss", "admin", "approver", teams=[])
    assert status(request, browser(boss)).you_may_vote


def test_a_token_of_another_team_does_not_see_it(held: Make, anna: User, team: Team) -> None:
    request = held()
    south = Team.objects.create(name="South", slug="south")
    anna.teams.add(south)

    def by(team: Team | None) -> Actor:
        token, _ = token_create(
            anna,
            name="t",
            scopes=["sms:read"],
            expires_in=timedelta(days=1),
            now=timezone.now(),
            team=team,
        )
        return actor_for_token(token, surface=Surface.MCP)

    assert status(request, by(None)).state == "pending"
    assert status(request, by(team)).state == "pending"
    with pytest.raises(NotFound):
        status(request, by(south))


def test_the_owner_of_an_agent_follows_its_requests(held: Make, person: Any, anna: User) -> None:
    robot = person("robot", "marketing", is_agent=True, owner=anna)
    request = held("By robot", actor=actor_for_user(robot, surface=Surface.MCP))
    assert status(request, browser(anna)).state == "pending"
    payload = {"action_request_id": str(request.pk), "reason": "Not now"}
    execute("action_requests.cancel", payload, actor=browser(anna))
    assert state_of(request) == "cancelled"


def test_lists_are_narrowed(review: Make, anna: User, ben: User, cleo: User) -> None:
    one, two = review(), review(object_id="2")
    vote(REJECT, browser(ben), one, reason="no")

    def listed(user: User, **filters: Any) -> list[Any]:
        found = read("action_requests.list", browser(user), **filters)
        return [row.action_request_id for row in found.items]

    assert listed(anna) == [two.pk, one.pk]
    assert listed(anna, mine=True) == [two.pk, one.pk]
    assert listed(ben, mine=True) == []
    assert listed(ben, state="pending") == [two.pk]
    assert listed(ben, waiting_for_me=True) == [two.pk]
    assert listed(anna, waiting_for_me=True) == []
    assert listed(ben, operation="tests.rename") == []


def test_lists_come_in_pages(review: Make, anna: User) -> None:
    made = {review(object_id=str(number)).pk for number in range(5)}
    first = read("action_requests.list", browser(anna), limit=3)
    second = read("action_requests.list", browser(anna), limit=3, cursor=first.next_cursor)
    assert [len(first.items), len(second.items)] == [3, 2]
    assert {row.action_request_id for row in [*first.items, *second.items]} == made
    assert second.next_cursor is None


def test_what_waits_for_a_person(review: Make, anna: User, ben: User, cleo: User) -> None:
    """The selector of the dashboard's panel."""
    request = review()
    assert list(requests_waiting(browser(ben))) == [request]
    assert list(requests_waiting(browser(anna))) == []
    panel = waiting_panel(browser(ben))
    assert (panel["count"], [row["title"] for row in panel["rows"]]) == (1, ["A review"])
    vote(APPROVE, browser(ben), request)
    assert list(requests_waiting(browser(ben))) == []
    assert waiting_panel(browser(ben)) == {"count": 0, "rows": []}


def test_a_token_may_take_back_what_its_person_asked(held: Make, anna: User) -> None:
    """[R-8.5] The safety direction is open to agents."""
    request = held()
    token, _ = token_create(
        anna,
        name="t",
        scopes=["sms:draft"],
        expires_in=timedelta(days=1),
        now=timezone.now(),
    )
    agent = actor_for_token(token, surface=Surface.MCP)
    execute("action_requests.cancel", {"action_request_id": str(request.pk)}, actor=agent)
    assert state_of(request) == "cancelled"


def test_a_token_of_an_approver_cannot_take_back_others_requests(held: Make, ben: User) -> None:
    request = held()
    token, _ = token_create(
        ben,
        name="t",
        scopes=["sms:draft", "sms:read"],
        expires_in=timedelta(days=1),
        now=timezone.now(),
    )
    agent = actor_for_token(token, surface=Surface.MCP)
    with pytest.raises(NotPermitted):
        execute("action_requests.cancel", {"action_request_id": str(request.pk)}, actor=agent)
    assert state_of(request) == "pending"
