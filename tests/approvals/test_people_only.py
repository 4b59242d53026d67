"""What is for people only may wait for a second person, and no token gets it by way of waiting [R-8.1]."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team, User
from smsmarketing.accounts.selectors import actor_for_token, actor_for_user
from smsmarketing.accounts.services import token_create
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.services import request_create, request_start
from smsmarketing.approvals.tasks import request_run
from smsmarketing.contacts.models import Suppression, SuppressionLift
from smsmarketing.contacts.services import suppression_add
from smsmarketing.operations import registry
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import NotPermitted
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor, Approval, Held, Surface
from tests.approvals.conftest import RENAME, browser, state_of
from tests.approvals.test_votes import APPROVE, vote
from tests.surfaces import call, token_for

pytestmark = pytest.mark.django_db

Person = Callable[..., User]
PEOPLE_ONLY = replace(RENAME, human_only=True, scope="", approval=Approval.ALWAYS)
GB = "+447400123456"


@pytest.fixture(autouse=True)
def people_only(world: Any) -> None:
    registry._operations["tests.rename"] = PEOPLE_ONLY


def name_now() -> str:
    return Team.objects.values_list("name", flat=True).get(slug="north")


def asked(actor: Actor, team: Team) -> ActionRequest:
    outcome = execute("tests.rename", {"team_id": team.pk, "name": "Nord"}, actor=actor)
    assert isinstance(outcome, Held)
    return ActionRequest.objects.get(pk=outcome.action_request_id)


def token_actor(user: User, surface: Surface = Surface.MCP) -> Actor:
    token, _ = token_create(
        user, name="t", scopes=["sms:read"], expires_in=timedelta(days=1), now=timezone.now()
    )
    return actor_for_token(token, surface=surface)


def test_what_a_person_asked_for_runs_once_others_approved(
    anna: User, ben: User, team: Team
) -> None:
    request = asked(browser(anna), team)
    assert request.requester_in_person
    assert name_now() == "North"
    vote(APPROVE, browser(ben), request)
    request_run(request.pk)
    assert (state_of(request), name_now()) == ("succeeded", "Nord")
    entry = AuditEntry.objects.filter(operation="tests.rename", outcome="done").get()
    assert (entry.actor_id, entry.surface) == (f"user:{anna.pk}", "system")


@pytest.mark.parametrize(
    "surface", [Surface.REST, Surface.MCP, Surface.CLI, Surface.SYSTEM, Surface.ADMIN]
)
def test_nothing_but_a_person_in_the_browser_may_ask(
    anna: User, team: Team, surface: Surface
) -> None:
    """No request comes to be, so nobody can be talked into approving one."""
    payload = {"team_id": team.pk, "name": "Nord"}
    actors = [actor_for_user(anna, surface=surface)]
    if surface in {Surface.REST, Surface.MCP}:
        actors.append(token_actor(anna, surface))
    for actor in actors:
        for dry_run in (False, True):
            with pytest.raises(NotPermitted):
                execute("tests.rename", payload, actor=actor, dry_run=dry_run)
    assert not ActionRequest.objects.exists()
    assert name_now() == "North"


def test_an_agents_account_may_not_ask_even_in_a_browser(person: Person, team: Team) -> None:
    robot = person("robot", "marketing", is_agent=True)
    with pytest.raises(NotPermitted):
        asked(browser(robot), team)
    assert not ActionRequest.objects.exists()


@pytest.mark.parametrize("how", ["token", "agent", "cli", "became_agent"])
def test_what_a_program_asked_for_before_is_not_run_now(
    anna: User, ben: User, person: Person, team: Team, how: str
) -> None:
    """The operation became one for people only while its request waited for an approver."""
    registry._operations["tests.rename"] = replace(PEOPLE_ONLY, human_only=False, scope="sms:read")
    actor = {
        "token": lambda: token_actor(anna),
        "agent": lambda: browser(person("robot", "marketing", is_agent=True)),
        "cli": lambda: actor_for_user(anna, surface=Surface.CLI),
        "became_agent": lambda: browser(anna),
    }[how]()
    request = asked(actor, team)
    assert request.requester_in_person == (how == "became_agent")
    vote(APPROVE, browser(ben), request)
    registry._operations["tests.rename"] = PEOPLE_ONLY
    User.objects.filter(pk=anna.pk).update(is_agent=how == "became_agent")
    request_run(request.pk)
    request.refresh_from_db()
    assert (request.state, name_now()) == ("failed", "North")
    assert request.result is not None
    assert request.result["error"]["code"] == "NOT_PERMITTED"
    assert request.executed_at is None


def test_a_grant_opens_people_only_for_the_job_alone(anna: User, ben: User, team: Team) -> None:
    """A replayed grant, on any other surface and by any other asker, is worth nothing."""
    request = asked(browser(anna), team)
    vote(APPROVE, browser(ben), request)
    request_start(request.pk)
    payload = {"team_id": team.pk, "name": "Nord"}
    before = ActionRequest.objects.filter(pk=request.pk).values().get()
    for actor in (
        token_actor(anna),
        actor_for_user(anna, surface=Surface.REST),
        actor_for_user(anna, surface=Surface.SYSTEM),
        replace(actor_for_user(anna, surface=Surface.CLI), asked_in_person=True),
        replace(token_actor(anna), asked_in_person=True),
    ):
        with pytest.raises(NotPermitted):
            execute("tests.rename", payload, actor=actor, grant=request.pk)
    assert ActionRequest.objects.filter(pk=request.pk).values().get() == before
    assert name_now() == "North"


def test_a_job_can_never_vote(anna: User, ben: User, team: Team) -> None:
    """Approving needs no approval, so no grant opens it, whoever made the job's actor."""
    request = asked(browser(anna), team)
    payload = {"action_request_id": str(request.pk), "content_hash": request.content_hash}
    job = replace(actor_for_user(ben, surface=Surface.SYSTEM), asked_in_person=True)
    with pytest.raises(NotPermitted):
        execute(APPROVE, payload, actor=job, grant=request.pk)
    with pytest.raises(NotPermitted):
        execute(APPROVE, payload, actor=job)
    assert state_of(request) == "pending"


def test_who_asked_is_frozen(anna: User, team: Team) -> None:
    request = asked(browser(anna), team)
    with pytest.raises(IntegrityError), transaction.atomic():
        ActionRequest.objects.filter(pk=request.pk).update(requester_in_person=False)
    request.refresh_from_db()
    assert request.requester_in_person


def test_a_token_marked_as_a_session_did_not_ask_in_person(anna: User, team: Team) -> None:
    registry._operations["tests.rename"] = replace(PEOPLE_ONLY, human_only=False, scope="sms:read")
    forced = replace(token_actor(anna), is_session=True)
    with transaction.atomic():
        request = request_create(
            operation="tests.rename", actor=forced, title="t", payload={}, content={}, facts={}
        )
    assert not request.requester_in_person


# A lift: the operation that this is about most.


@pytest.fixture
def suppression(team: Team) -> Suppression:
    brand = Brand.objects.create(team=team, name="Acme", name_in_texts="Acme", help_line="Acme")
    return suppression_add(
        phone=GB, scope="brand", brand=brand, reason="opt_out", source="inbound", evidence={}
    )


def lift_payload(row: Suppression, user: User) -> dict[str, Any]:
    shown: Any = execute("opt_outs.get", {"suppression_id": row.pk}, actor=browser(user))
    return {
        "suppression_id": row.pk,
        "ground": "mistake",
        "document": "ticket 4711",
        "note": "The wrong person was recorded.",
        "base_version_token": shown.result.base_version_token,
    }


@pytest.mark.parametrize("surface", ["rest", "mcp", "cli"])
def test_no_token_asks_to_lift_an_opt_out(
    person: Person, suppression: Suppression, surface: Any
) -> None:
    """[R-2.16], [R-8.4]: two people look at the evidence; a program's word is not one of them."""
    dora = person("dora", "compliance")
    token = None if surface == "cli" else token_for(dora)
    answer = call(surface, dora, "opt_outs.lift", lift_payload(suppression, dora), token=token)
    assert (answer.status, answer.code) == ("refused", "NOT_PERMITTED")
    assert not ActionRequest.objects.exists()
    suppression.refresh_from_db()
    assert suppression.lifted_at is None
    assert suppression.version == 1


def test_a_lift_of_two_people_runs(person: Person, suppression: Suppression) -> None:
    dora, eva = person("dora", "compliance"), person("eva", "compliance")
    held: Any = execute("opt_outs.lift", lift_payload(suppression, dora), actor=browser(dora))
    request = ActionRequest.objects.get(pk=held.action_request_id)
    with pytest.raises(NotPermitted):
        vote(APPROVE, browser(dora), request)
    assert not SuppressionLift.objects.exists()
    vote(APPROVE, browser(eva), request)
    request_run(request.pk)
    assert state_of(request) == "succeeded"
    lift = SuppressionLift.objects.get()
    assert (lift.suppression, lift.action_request_id) == (suppression, request.pk)
    assert lift.actor == f"user:{dora.pk}"


def test_a_lift_that_was_approved_is_void_when_the_person_says_no_again(
    person: Person, suppression: Suppression
) -> None:
    dora, eva = person("dora", "compliance"), person("eva", "compliance")
    held: Any = execute("opt_outs.lift", lift_payload(suppression, dora), actor=browser(dora))
    request = ActionRequest.objects.get(pk=held.action_request_id)
    vote(APPROVE, browser(eva), request)
    suppression_add(
        phone=GB,
        scope="brand",
        brand=suppression.brand,
        reason="opt_out",
        source="inbound",
        evidence={},
    )
    request_run(request.pk)
    assert state_of(request) == "superseded"
    suppression.refresh_from_db()
    assert suppression.lifted_at is None
    assert not SuppressionLift.objects.exists()
