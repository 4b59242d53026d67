"""gateway_definitions.list and .get: providers described as data, their versions and who uses them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from smsmarketing.gateways.models import DefinitionVersion, GatewayDefinition
from smsmarketing.gateways.selectors.definitions import (
    definitions_visible,
    ready_made,
    uses_of,
    version_newest,
)
from smsmarketing.gateways.transports.generic import Definition
from smsmarketing.operations import registry
from smsmarketing.operations.errors import NotFound
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class DefinitionListIn(PageInput):
    """Input of gateway_definitions.list."""


class ReadyMade(Output):
    """A definition that is shipped."""

    key: str = Field(description="Name for gateway_definitions.get, e.g. kannel.")
    label: str = Field(description="The provider.")
    notes: str = Field(description="Where its facts come from, and what to set up there.")


class UseRow(Output):
    """A gateway that uses a version."""

    gateway_id: int = Field(description="Id of the gateway.")
    gateway: str = Field(description="Its name.")
    version: int = Field(description="Number of the version.")
    valid_from: datetime = Field(description="From when it is used, UTC.")


class DefinitionRow(Output):
    """One definition."""

    definition_id: int = Field(description="Id of the definition.")
    name: str = Field(description="Name.")
    team: str = Field(description="The team it belongs to; empty for the whole house.")
    newest_version: int = Field(description="Number of its newest version.")
    uses: list[UseRow] = Field(description="Gateways that use it now or from a set time on.")


class DefinitionPage(Page[DefinitionRow]):
    """Definitions by name."""

    ready_made: list[ReadyMade] = Field(description="Starting points that are shipped.")


class DefinitionGetIn(Input):
    """Input of gateway_definitions.get."""

    definition_id: int | None = Field(default=None, ge=1, description="Id of the definition.")
    version: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Number of the version; leave out for the newest.",
    )
    ready_made: str = Field(
        default="",
        max_length=20,
        pattern="^[a-z0-9_]*$",
        description="A shipped definition instead, e.g. kannel.",
    )


class VersionRow(Output):
    """One version."""

    number: int = Field(description="Counts from 1.")
    sha256: str = Field(description="Hash of its content.")
    note: str = Field(description="What changed, in words.")
    created_by: str = Field(description="Who saved it.")
    created_at: datetime = Field(description="When, UTC.")


class DefinitionOut(Output):
    """Output of gateway_definitions.get."""

    definition_id: int | None = Field(description="Id; null for a shipped one.")
    name: str = Field(description="Name.")
    team: str = Field(description="The team it belongs to; empty for the whole house.")
    version: int = Field(description="Number of the version shown; 0 for a shipped one.")
    sha256: str = Field(description="Hash of the content shown; empty for a shipped one.")
    definition: Definition = Field(description="The content.")
    versions: list[VersionRow] = Field(description="The last 50 versions, newest first.")
    uses: list[UseRow] = Field(description="Gateways that use it now or from a set time on.")


def definition_named(context: Context, definition_id: int | None) -> GatewayDefinition:
    """The definition of the call. Raises NotFound."""
    row = definitions_visible(context.actor).filter(pk=definition_id or 0).first()
    if row is None:
        raise NotFound(
            "There is no such definition.", field_errors={"definition_id": "Not one of yours."}
        )
    return row


def version_named(definition: GatewayDefinition, number: int | None) -> DefinitionVersion:
    """That version, or the newest. Raises NotFound."""
    version = (
        version_newest(definition)
        if number is None
        else definition.versions.filter(number=number).first()
    )
    if version is None:
        raise NotFound(
            f"{definition.name} has no such version.",
            field_errors={"version": "See gateway_definitions.get."},
        )
    return version


def _list(context: Context, data: DefinitionListIn) -> DefinitionPage:
    rows = definitions_visible(context.actor).select_related("team").order_by("name", "id")
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return DefinitionPage(
        items=[
            DefinitionRow(
                definition_id=row.pk,
                name=row.name,
                team=row.team.name if row.team is not None else "",
                newest_version=version_named(row, None).number,
                uses=_uses(row),
            )
            for row in page
        ],
        next_cursor=cursor,
        ready_made=[
            ReadyMade(key=key, label=each.label, notes=each.notes)
            for key, each in ready_made().items()
        ],
    )


def _get(context: Context, data: DefinitionGetIn) -> DefinitionOut:
    if data.ready_made:
        return _shipped(data.ready_made)
    row = definition_named(context, data.definition_id)
    version = version_named(row, data.version)
    versions = row.versions.select_related("created_by").defer("content").order_by("-number")[:50]
    return DefinitionOut(
        definition_id=row.pk,
        name=row.name,
        team=row.team.name if row.team is not None else "",
        version=version.number,
        sha256=version.sha256,
        definition=Definition.model_validate(version.content),
        versions=[
            VersionRow(
                number=each.number,
                sha256=each.sha256,
                note=each.note,
                created_by=each.created_by.get_username(),
                created_at=each.created_at,
            )
            for each in versions
        ],
        uses=_uses(row),
    )


def _shipped(key: str) -> DefinitionOut:
    definition = ready_made().get(key)
    if definition is None:
        raise NotFound(
            "There is no such shipped definition.",
            field_errors={"ready_made": f"Use one of: {', '.join(ready_made())}."},
        )
    return DefinitionOut(
        definition_id=None,
        name=definition.label,
        team="",
        version=0,
        sha256="",
        definition=definition,
        versions=[],
        uses=[],
    )


def _uses(row: GatewayDefinition) -> list[UseRow]:
    return [
        UseRow(
            gateway_id=each.gateway_id,
            gateway=each.gateway.name,
            version=each.version.number,
            valid_from=each.valid_from,
        )
        for each in uses_of(row)
    ]


registry.add(
    Operation(
        key="gateway_definitions.list",
        summary="List providers that are described as data, and the shipped starting points.",
        kind=Kind.READ,
        input=DefinitionListIn,
        output=DefinitionPage,
        run=_list,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateways.list",),
        rest=RestRoute("GET", "/gateway_definitions"),
        group="gateways",
    ),
    Operation(
        key="gateway_definitions.get",
        summary="Read a definition: its content, its versions and the gateways that use it.",
        description="Definitions name credentials; they never hold one.",
        kind=Kind.READ,
        input=DefinitionGetIn,
        output=DefinitionOut,
        run=_get,
        permission="gateways.gateway_view",
        scope="sms:read",
        requires=("gateway_definitions.list",),
        rest=RestRoute("GET", "/gateway_definitions/content"),
        group="gateways",
    ),
)
