"""Small operations on teams, registered only while a test of the framework runs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from celery import shared_task
from pydantic import Field

from smsmarketing.accounts.models import Team
from smsmarketing.operations.errors import Conflict, PreconditionRequired
from smsmarketing.operations.previews import preview_store, preview_take
from smsmarketing.operations.types import (
    PUBLIC_SURFACES,
    Actor,
    Approval,
    Context,
    Hold,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Surface,
    Target,
)

PERMISSION = "tests.team_change"


class NoInput(Input):
    pass


class TeamInput(Input):
    team_id: int = Field(description="Id of the team.", ge=1)


class RenameInput(TeamInput):
    name: str = Field(description="The new name.", min_length=1, max_length=80)
    base_version_token: str | None = Field(default=None, description="Version of the team.")


class CreateInput(Input):
    name: str = Field(description="Name of the team.", min_length=1, max_length=80)
    preview_id: UUID | None = Field(default=None, description="From tests.preview.")


class TeamOutput(Output):
    team_id: int = Field(description="Id of the team.")
    name: str = Field(description="Its name.")


class PreviewOutput(Output):
    preview_id: UUID = Field(description="Pass it on.")


class CountOutput(Output):
    teams: int = Field(description="How many teams.")


def _visible(actor: Actor) -> Any:
    teams = Team.objects.all()
    return teams if actor.sees_all_teams else teams.filter(users=actor.user).distinct()


def create(context: Context, data: CreateInput) -> TeamOutput:
    if data.preview_id is not None:
        preview_take(context, "team", data.preview_id, tool="tests.preview")
    team = Team.objects.create(name=data.name, slug=f"team-{uuid4().hex[:12]}")
    context.audit_object = ("accounts.team", str(team.pk))
    context.audit_facts["letters"] = len(data.name)
    return TeamOutput(team_id=team.pk, name=team.name)


def rename(context: Context, data: RenameInput) -> TeamOutput:
    team: Team = context.target
    team.name = data.name
    team.version += 1
    team.save(update_fields=["name", "version"])
    return TeamOutput(team_id=team.pk, name=team.name)


def get(context: Context, data: TeamInput) -> TeamOutput:
    return TeamOutput(team_id=context.target.pk, name=context.target.name)


def count(context: Context, data: NoInput) -> CountOutput:
    return CountOutput(teams=Team.objects.count())


def preview(context: Context, data: CreateInput) -> PreviewOutput:
    stored = preview_store(
        context, "team", payload={"name": data.name}, result={}, ttl=timedelta(minutes=30)
    )
    return PreviewOutput(preview_id=stored)


def fail(context: Context, data: CreateInput) -> TeamOutput:
    create(context, data)
    raise RuntimeError("secret internals: password=hunter2")


def refuse(context: Context, data: CreateInput) -> TeamOutput:
    create(context, data)
    raise Conflict("Not now. Try again tomorrow.")


def approve(context: Context, data: NoInput) -> CountOutput:
    return CountOutput(teams=1)


def operation(key: str, **overrides: Any) -> Operation[Any, Any]:
    values: dict[str, Any] = {
        "summary": f"Test operation {key}.",
        "kind": Kind.WRITE,
        "input": CreateInput,
        "output": TeamOutput,
        "run": create,
        "permission": PERMISSION,
        "scope": "sms:draft",
        "rest": RestRoute("POST", "/" + key.replace(".", "/")),
        "group": "teams",
    }
    return Operation(key=key, **(values | overrides))


def facts(context: Context, data: Any) -> Mapping[str, Any]:
    return {"recipients": 3}


TEAM = Target(argument="team_id", visible=_visible, label="team")
VERSIONED = Target(argument="team_id", visible=_visible, label="team", versioned=True)

OPERATIONS = (
    operation("tests.create"),
    operation("tests.send", outbound=True, destructive=True, scope="sms:send"),
    operation("tests.held", approval=Approval.POLICY, facts=facts),
    operation("tests.always_held", approval=Approval.ALWAYS, facts=facts),
    operation("tests.fail", run=fail),
    operation("tests.refuse", run=refuse),
    operation("tests.wrong_output", run=lambda context, data: CountOutput(teams=1)),
    operation("tests.admin_only", surfaces=frozenset({Surface.ADMIN})),
    operation(
        "tests.approve", input=NoInput, output=CountOutput, run=approve, human_only=True, scope=""
    ),
    operation("tests.rename", input=RenameInput, run=rename, target=TEAM),
    operation(
        "tests.rename_versioned",
        input=RenameInput,
        run=rename,
        target=VERSIONED,
        requires=("tests.get",),
    ),
    operation("tests.get", kind=Kind.READ, input=TeamInput, run=get, target=TEAM, scope="sms:read"),
    operation(
        "tests.count",
        kind=Kind.READ,
        input=NoInput,
        output=CountOutput,
        run=count,
        surfaces=PUBLIC_SURFACES,
        scope="sms:read",
    ),
    operation(
        "tests.reveal",
        kind=Kind.READ,
        input=TeamInput,
        run=get,
        target=TEAM,
        audit_reads=True,
        scope="sms:contacts.pii",
    ),
    operation("tests.preview", kind=Kind.PREVIEW, output=PreviewOutput, run=preview),
)


@shared_task(name="tests.job")
def job(**arguments: Any) -> None:
    """Never runs: tests look at when it is published."""


class TestGate:
    """Holds names that start with "Big", and spends each grant once; its rows are teams, so
    rollbacks show.
    """

    __test__ = False
    request_id = UUID("00000000-0000-4000-8000-000000000001")

    def check(self, operation: Any, context: Context, data: Any, facts: Any) -> Hold | None:
        assert facts == {"recipients": 3}
        if data.name.startswith("Big"):
            return Hold(policies=("big-names",), message="A second person must agree.")
        return None

    def hold(self, operation: Any, context: Context, data: Any, facts: Any, hold: Hold) -> UUID:
        Team.objects.create(name=f"request for {data.name}", slug=uuid4().hex)
        return self.request_id

    def spend(self, operation: Any, context: Context, data: Any, facts: Any) -> None:
        if context.action_request_id != self.request_id:
            raise PreconditionRequired("There is no such approval.")
        _, created = Team.objects.get_or_create(name="spent", defaults={"slug": "spent"})
        if not created:
            raise Conflict("The approval was already used.")
