"""Small operations with real permissions, registered only while a surface is tested."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, Field

from smsmarketing.accounts.models import Team
from smsmarketing.operations.errors import Conflict, PreconditionRequired
from smsmarketing.operations.types import (
    Actor,
    Approval,
    Context,
    Hold,
    Input,
    Kind,
    Money,
    Operation,
    Output,
    RestRoute,
    Surface,
    Target,
    UntrustedText,
)
from smsmarketing.operations.versions import version_token

SECRET = "password=hunter2 /srv/secret/path"
REQUEST_ID = UUID("00000000-0000-4000-8000-0000000000aa")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(Input):
    label: str = Field(description="Name of the part.", max_length=20)
    weight: Decimal = Field(description="Weight in kg.", ge=0)


class ShapesInput(Input):
    """One field of every kind that a surface must carry."""

    name: str = Field(description="A short text.", min_length=1, max_length=40)
    story: str = Field(default="", description="A long text.", max_length=500)
    count: int = Field(default=1, description="A whole number.", ge=0, le=99)
    price: Decimal = Field(default=Decimal("0"), description="An amount.", ge=0)
    urgent: bool = Field(default=False, description="Yes or no.")
    known: bool | None = Field(default=None, description="Yes, no, or not known.")
    at: AwareDatetime | None = Field(default=None, description="A moment.")
    day: date | None = Field(default=None, description="A day.")
    colour: Colour | None = Field(default=None, description="A word of a list.")
    size: Literal["small", "large"] = Field(default="small", description="One of two words.")
    tags: list[str] = Field(default=[], description="Words.", max_length=10)
    numbers: list[int] | None = Field(default=None, description="Numbers.", max_length=10)
    colours: list[Colour] = Field(default=[], description="Words of a list.", max_length=5)
    part: Part | None = Field(default=None, description="An object.")
    id: UUID | None = Field(default=None, description="An id.")


class ShapesOutput(Output):
    seen: dict[str, Any] = Field(description="The input as the operation got it.")


class TeamInput(Input):
    team_id: int = Field(description="Id of the team.", ge=1)


class RenameInput(TeamInput):
    name: str = Field(description="The new name.", min_length=1, max_length=80)
    base_version_token: str | None = Field(default=None, description="Version of the team.")


class TeamOutput(Output):
    team_id: int = Field(description="Id of the team.")
    name: UntrustedText = Field(description="Its name.")
    balance: Money = Field(description="What is left.")
    base_version_token: str = Field(description="Version of the team.")


class CreateInput(Input):
    name: str = Field(description="Name of the team.", min_length=1, max_length=80)


class CreateOutput(Output):
    team_id: int = Field(description="Id of the team.")


class NoInput(Input):
    pass


class CountOutput(Output):
    teams: int = Field(description="How many teams.")


def _visible(actor: Actor) -> Any:
    teams = Team.objects.all()
    return teams if actor.sees_all_teams else teams.filter(pk__in=actor.team_ids)


def shapes(context: Context, data: ShapesInput) -> ShapesOutput:
    return ShapesOutput(seen=data.model_dump(mode="json", exclude_unset=True))


def _team(context: Context, team: Team) -> TeamOutput:
    return TeamOutput(
        team_id=team.pk,
        name=UntrustedText(source="team", text=team.name),
        balance=Money(amount="12.50", currency="EUR"),
        base_version_token=version_token(team, context.actor),
    )


def get(context: Context, data: TeamInput) -> TeamOutput:
    return _team(context, context.target)


def rename(context: Context, data: RenameInput) -> TeamOutput:
    team: Team = context.target
    team.name = data.name
    team.version += 1
    team.save(update_fields=["name", "version"])
    return _team(context, team)


def create(context: Context, data: CreateInput) -> CreateOutput:
    team = Team.objects.create(name=data.name, slug=f"team-{uuid4().hex[:12]}")
    context.audit_object = ("accounts.team", str(team.pk))
    return CreateOutput(team_id=team.pk)


def crash(context: Context, data: NoInput) -> CountOutput:
    raise RuntimeError(SECRET)


def refuse(context: Context, data: NoInput) -> CountOutput:
    Team.objects.create(name="half done", slug="half-done")
    raise Conflict("Not now. Call probe.get first.", field_errors={"nowhere": "Cannot be shown."})


def need_preview(context: Context, data: NoInput) -> CountOutput:
    raise PreconditionRequired(
        "This needs a preview. Call probe.shapes first.",
        field_errors={"probe_id": "Pass the id of probe.shapes."},
        details={"call_first": ["probe.shapes"]},
    )


def count(context: Context, data: NoInput) -> CountOutput:
    return CountOutput(teams=Team.objects.count())


def facts(context: Context, data: Any) -> Mapping[str, Any]:
    return {"recipients": 3}


class ProbeGate:
    """Holds names that start with Big."""

    def check(self, operation: Any, context: Context, data: Any, facts: Any) -> Hold | None:
        if data.name.startswith("Big"):
            return Hold(policies=("big-names",), message="A second person must agree.")
        return None

    def hold(self, operation: Any, context: Context, data: Any, facts: Any, hold: Hold) -> UUID:
        return REQUEST_ID

    def spend(self, operation: Any, context: Context, data: Any, facts: Any) -> None:
        raise PreconditionRequired("There is no such approval.")


def _read(key: str, path: str, **values: Any) -> Operation[Any, Any]:
    return Operation(
        **{
            "key": key,
            "summary": f"Read {key}",
            "kind": Kind.READ,
            "permission": "accounts.team_view",
            "scope": "sms:read",
            "rest": RestRoute("GET", path),
            "group": "teams",
            **values,
        }
    )


def _write(key: str, path: str, **values: Any) -> Operation[Any, Any]:
    return Operation(
        **{
            "key": key,
            "summary": f"Write {key}",
            "kind": Kind.WRITE,
            "permission": "campaigns.campaign_edit",
            "scope": "sms:draft",
            "rest": RestRoute("POST", path),
            "group": "teams",
            "input": NoInput,
            "output": CountOutput,
            "run": count,
            **values,
        }
    )


TEAM = Target(argument="team_id", visible=_visible, label="team")
VERSIONED = Target(argument="team_id", visible=_visible, label="team", versioned=True)

SHAPES = _read("probe.shapes", "/probes/shapes", input=ShapesInput, output=ShapesOutput, run=shapes)
SHAPES_POST = _write(
    "probe.shapes_write", "/probes/shapes", input=ShapesInput, output=ShapesOutput, run=shapes
)
TEAM_GET = _read(
    "probe.get", "/probes/{team_id}", input=TeamInput, output=TeamOutput, run=get, target=TEAM
)
RENAME = _write(
    "probe.rename",
    "/probes/{team_id}/rename",
    input=RenameInput,
    output=TeamOutput,
    run=rename,
    target=VERSIONED,
    requires=("probe.get",),
    idempotent=True,
)
CREATE = _write(
    "probe.create",
    "/probes",
    input=CreateInput,
    output=CreateOutput,
    run=create,
    approval=Approval.POLICY,
    facts=facts,
    description="Makes a team.",
)
SEND = _write(
    "probe.send",
    "/probes/send",
    input=CreateInput,
    output=CreateOutput,
    run=create,
    outbound=True,
    destructive=True,
    permission="campaigns.campaign_send",
    scope="sms:send",
    group="campaigns",
)
OPERATIONS = (
    SHAPES,
    SHAPES_POST,
    TEAM_GET,
    RENAME,
    CREATE,
    SEND,
    _read("probe.count", "/probes/count", input=NoInput, output=CountOutput, run=count),
    _write("probe.crash", "/probes/crash", run=crash),
    _write("probe.refuse", "/probes/refuse", run=refuse),
    _write("probe.need_preview", "/probes/need-preview", run=need_preview),
    _write(
        "probe.decide",
        "/probes/decide",
        human_only=True,
        permission="approvals.request_decide",
        scope="",
    ),
    _read(
        "probe.admin_only",
        "/probes/admin-only",
        input=NoInput,
        output=CountOutput,
        run=count,
        surfaces=frozenset({Surface.ADMIN}),
    ),
)


def moment(value: str) -> datetime:
    return datetime.fromisoformat(value)
