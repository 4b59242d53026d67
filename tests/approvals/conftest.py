"""People of one team, and small operations that a policy can hold."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from pydantic import Field

from smsmarketing.accounts.models import Role, Team, User
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.approvals import subjects
from smsmarketing.approvals.models import ActionRequest, ApprovalPolicy
from smsmarketing.approvals.policies import policies_match
from smsmarketing.approvals.services import request_create
from smsmarketing.operations import registry
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.types import (
    Actor,
    Approval,
    Context,
    Held,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Surface,
    Target,
)

Person = Callable[..., User]

WORLD: dict[str, Any] = {"recipients": 2000, "cost": Decimal("40.00"), "refuse": None}
"""What the facts of tests.rename say, and what its run raises: the world that may drift."""


class RenameIn(Input):
    team_id: int = Field(description="Id of the team.")
    name: str = Field(description="Its new name.")


class RenameOut(Output):
    name: str = Field(description="The name.")


def _facts(context: Context, data: RenameIn) -> dict[str, Any]:
    return {
        "recipients": WORLD["recipients"],
        "cost": WORLD["cost"],
        "countries": WORLD.get("countries", ["LT"]),
        "currency": "EUR",
    }


def _rename(context: Context, data: RenameIn) -> RenameOut:
    if WORLD["refuse"]:
        raise WORLD["refuse"]
    team: Team = context.target
    team.name = data.name
    team.version += 1
    team.save(update_fields=["name", "version"])
    return RenameOut(name=team.name)


def _teams(actor: Actor) -> Any:
    return Team.objects.filter(pk__in=actor.team_ids)


RENAME: Operation[RenameIn, RenameOut] = Operation(
    key="tests.rename",
    summary="Rename a team.",
    kind=Kind.WRITE,
    input=RenameIn,
    output=RenameOut,
    run=_rename,
    permission="accounts.team_view",
    scope="sms:read",
    rest=RestRoute("POST", "/tests/{team_id}/rename"),
    group="teams",
    approval=Approval.POLICY,
    facts=_facts,
    target=Target(argument="team_id", visible=_teams, label="team"),
)


@pytest.fixture(autouse=True)
def world() -> Iterator[dict[str, Any]]:
    """The operation tests.rename, and its world as it was."""
    before = dict(WORLD)
    operations = dict(registry._operations)
    known = dict(subjects._subjects)
    registry.add(RENAME)
    yield WORLD
    registry._operations.clear()
    registry._operations.update(operations)
    subjects._subjects.clear()
    subjects._subjects.update(known)
    WORLD.clear()
    WORLD.update(before)


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="North", slug="north")


@pytest.fixture
def person(team: Team) -> Person:
    """Make a person with roles in the team North."""

    def make(username: str, *roles: str, teams: list[Team] | None = None, **fields: Any) -> User:
        user = User.objects.create(username=username, is_staff=True, **fields)
        user.roles.set(Role.objects.filter(key__in=roles))
        user.teams.set([team] if teams is None else teams)
        return user

    return make


@pytest.fixture
def anna(person: Person) -> User:
    """Who asks."""
    return person("anna", "marketing")


@pytest.fixture
def ben(person: Person) -> User:
    """Who may decide."""
    return person("ben", "approver")


@pytest.fixture
def cleo(person: Person) -> User:
    """Who may decide too."""
    return person("cleo", "compliance")


@pytest.fixture
def policy(db: None) -> Callable[..., ApprovalPolicy]:
    """Make a policy on tests.rename."""

    def make(key: str = "test-rename", **fields: Any) -> ApprovalPolicy:
        values: dict[str, Any] = {
            "name": f"Policy {key}",
            "operations": ["tests.rename"],
            "conditions": [{"fact": "recipients", "op": ">", "value": 1000}],
            "roles": ["approver", "compliance"],
            "approvers": 1,
            "created_at": timezone.now(),
        }
        return ApprovalPolicy.objects.create(key=key, **(values | fields))

    return make


@pytest.fixture
def held(
    anna: User, team: Team, policy: Callable[..., ApprovalPolicy]
) -> Callable[..., ActionRequest]:
    """A pending request of Anna's to rename her team, held by a policy."""

    def make(name: str = "Nord", *, actor: Actor | None = None, **fields: Any) -> ActionRequest:
        if not ApprovalPolicy.objects.filter(operations=["tests.rename"]).exists():
            policy(**fields)
        payload = {"team_id": team.pk, "name": name}
        outcome = execute("tests.rename", payload, actor=actor or browser(anna))
        assert isinstance(outcome, Held)
        return ActionRequest.objects.get(pk=outcome.action_request_id)

    return make


@pytest.fixture
def review(anna: User, team: Team) -> Callable[..., ActionRequest]:
    """A pending review of Anna's (operation tests.review, no policy of its own)."""

    def make(**fields: Any) -> ActionRequest:
        from django.db import transaction

        values: dict[str, Any] = {
            "operation": "tests.review",
            "actor": browser(anna),
            "title": "A review",
            "payload": {},
            "content": {"text": "Hello"},
            "facts": {"recipients": 10},
            "policies": policies_match("tests.review", {}),
            "team_id": team.pk,
            "object_type": "tests.thing",
            "object_id": "1",
        }
        with transaction.atomic():
            return request_create(**(values | fields))

    return make


def browser(user: User) -> Actor:
    """The person, signed in with a browser, with the rights of this moment."""
    user = User.objects.get(pk=user.pk)
    return actor_for_user(user, surface=Surface.ADMIN, is_session=True, request_id="r")


def state_of(request: ActionRequest) -> str:
    return str(ActionRequest.objects.values_list("state", flat=True).get(pk=request.pk))


def at_once(functions: list[Callable[[], Any]]) -> list[Any]:
    """Run functions at the same time, each with its own connection; values or exceptions."""
    results: list[Any] = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def work(index: int) -> None:
        try:
            start.wait(timeout=10)
            results[index] = functions[index]()
        except Exception as exc:  # noqa: BLE001 - the test looks at it
            results[index] = exc
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work, args=(index,)) for index in range(len(functions))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
        assert not worker.is_alive()
    return results
