"""gateway_definitions.save and .use: a new version, and from when a gateway uses one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from smsmarketing.accounts.models import Team
from smsmarketing.accounts.selectors import teams_visible
from smsmarketing.gateways.credentials import credentials_read
from smsmarketing.gateways.models import DefinitionVersion, Gateway
from smsmarketing.gateways.operations.definition_shapes import (
    ProblemRow,
    SampleMessage,
    problem_row,
    sample_request,
)
from smsmarketing.gateways.operations.definitions_read import definition_named, version_named
from smsmarketing.gateways.selectors import gateways_visible
from smsmarketing.gateways.selectors.carriers import use_of, version_transport
from smsmarketing.gateways.selectors.definitions import version_newest
from smsmarketing.gateways.services.definitions import (
    content_of,
    definition_check,
    definition_create,
    definition_use,
    use_check,
    version_save,
)
from smsmarketing.gateways.transports.base import TransportDataError
from smsmarketing.gateways.transports.generic import Definition
from smsmarketing.gateways.transports.generic.checks import definition_problems
from smsmarketing.gateways.transports.generic.trial import content_changes
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Moment,
    Operation,
    Output,
    RestRoute,
)

_CHANGES_SHOWN = 100


class DefinitionSaveIn(Input):
    """Input of gateway_definitions.save."""

    definition_id: int | None = Field(
        default=None, ge=1, description="Definition to save a version of; leave out for a new one."
    )
    base_version: int | None = Field(
        default=None, ge=1, le=100_000, description="The version you changed; for an existing one."
    )
    name: str = Field(
        default="", max_length=80, description="Name of a new definition; it stays as it is."
    )
    team_id: int | None = Field(
        default=None, ge=1, description="Team of a new definition; leave out for the whole house."
    )
    definition: Definition = Field(description="The whole content.")
    note: str = Field(default="", max_length=200, description="What changed, in words.")


class DefinitionSaveOut(Output):
    """Output of gateway_definitions.save."""

    definition_id: int = Field(description="Id of the definition.")
    version: int = Field(description="Number of the version.")
    saved: bool = Field(description="False when the newest version has this content already.")
    sha256: str = Field(description="Hash of the content.")
    warnings: list[ProblemRow] = Field(description="What people should know.")
    next_step: str = Field(description="What to do next.")


class DefinitionUseIn(Input):
    """Input of gateway_definitions.use."""

    definition_id: int = Field(ge=1, description="Definition.")
    version: int = Field(ge=1, le=100_000, description="Number of the version.")
    gateway_id: int = Field(ge=1, description="Gateway with the transport generic.")
    valid_from: Moment | None = Field(
        default=None, description="From when; leave out for at once. Never in the past."
    )


class DefinitionUseOut(Output):
    """Output of gateway_definitions.use."""

    gateway_id: int = Field(description="Id of the gateway.")
    version: int = Field(description="Number of the version.")
    valid_from: datetime = Field(description="From when it is used, UTC.")
    credentials_missing: list[str] = Field(description="Credentials that must still be entered.")
    next_step: str = Field(description="What to do next.")


def _save(context: Context, data: DefinitionSaveIn) -> DefinitionSaveOut:
    team = _save_checked(context, data)
    if data.definition_id is None:
        version = definition_create(
            name=data.name.strip(),
            team=team,
            definition=data.definition,
            note=data.note,
            by=context.actor.user,
            now=context.now,
        )
        saved = True
    else:
        version, saved = version_save(
            definition_named(context, data.definition_id),
            base_version=data.base_version or 0,
            definition=data.definition,
            note=data.note,
            by=context.actor.user,
            now=context.now,
        )
    context.audit_object = ("gateways.gatewaydefinition", str(version.definition_id))
    context.audit_facts = {"version": version.number, "sha256": version.sha256}
    return DefinitionSaveOut(
        definition_id=version.definition_id,
        version=version.number,
        saved=saved,
        sha256=version.sha256,
        warnings=[
            problem_row(each)
            for each in definition_problems(data.definition)
            if each.level == "warning"
        ],
        next_step=(
            "No gateway uses it yet. Make one with the transport generic (gateways.save), then"
            " gateway_definitions.use."
            if data.definition_id is None
            else "Gateways stay with their version until gateway_definitions.use."
        ),
    )


def _save_checked(context: Context, data: DefinitionSaveIn) -> Team | None:
    """The team of a new definition. Raises InvalidInput and NotFound; writes nothing."""
    definition_check(data.definition)
    if data.definition_id is not None:
        definition_named(context, data.definition_id)
        if data.base_version is None:
            raise InvalidInput(
                "A new version needs the one that it is based on. Read it with"
                " gateway_definitions.get.",
                field_errors={"base_version": "Give the number of the newest version."},
            )
        return None
    if len(data.name.strip()) < 2:
        raise InvalidInput(
            "A new definition needs a name.", field_errors={"name": "Use at least 2 characters."}
        )
    if data.team_id is None:
        return None
    team: Team | None = teams_visible(context.actor).filter(pk=data.team_id).first()
    if team is None:
        raise NotFound("There is no such team.", field_errors={"team_id": "Not one of yours."})
    return team


def _save_facts(context: Context, data: DefinitionSaveIn) -> Mapping[str, Any]:
    """Nobody is asked to approve what cannot be saved."""
    _save_checked(context, data)
    return {"by_agent": context.actor.is_agent}


def _save_shown(context: Context, data: DefinitionSaveIn) -> Mapping[str, Any]:
    """What the approver reads besides the content: the difference, a request, the warnings."""
    before: dict[str, object] = {}
    name = data.name
    if data.definition_id is not None:
        row = definition_named(context, data.definition_id)
        newest = version_newest(row)
        before, name = (newest.content if newest is not None else {}), row.name
    return {"name": name, **_told(context, data.definition, before)}


def _told(context: Context, definition: Definition, before: Mapping[str, object]) -> dict[str, Any]:
    request: dict[str, Any] | str
    try:
        made = sample_request(
            definition, "https://provider.example", SampleMessage(), now=context.now
        )
        request = made.model_dump(mode="json")
    except TransportDataError as exc:
        request = str(exc)
    changes = content_changes(before, content_of(definition)) if before else []
    return {
        "provider": definition.label,
        "warnings": [each.sentence for each in definition_problems(definition)],
        "changes": [
            {"place": path, "before": old, "after": new}
            for path, old, new in changes[:_CHANGES_SHOWN]
        ],
        "sample_request": request,
    }


def _use(context: Context, data: DefinitionUseIn) -> DefinitionUseOut:
    version, gateway = _use_checked(context, data)
    begins = max(data.valid_from or context.now, context.now)
    use = definition_use(
        gateway, version, valid_from=begins, by=context.actor.user, now=context.now
    )
    context.audit_object = ("gateways.gateway", str(gateway.pk))
    context.audit_facts = {"definition_version_id": version.pk, "sha256": version.sha256}
    held = credentials_read(gateway)
    missing = [
        each.label
        for each in version_transport(version).credential_fields
        if each.required and not held.get(each.name)
    ]
    return DefinitionUseOut(
        gateway_id=gateway.pk,
        version=version.number,
        valid_from=use.valid_from,
        credentials_missing=missing,
        next_step=(
            f"Run `manage.py gateway_credentials {gateway.slug}` on the server to enter"
            f" {', '.join(missing)}."
            if missing
            else "Try it with gateways.test before a campaign uses it."
        ),
    )


def _use_checked(context: Context, data: DefinitionUseIn) -> tuple[DefinitionVersion, Gateway]:
    version = version_named(definition_named(context, data.definition_id), data.version)
    gateway = gateways_visible(context.actor).filter(pk=data.gateway_id).first()
    if gateway is None:
        raise NotFound("There is no such gateway.", field_errors={"gateway_id": "Not found."})
    use_check(gateway, valid_from=max(data.valid_from or context.now, context.now))
    return version, gateway


def _use_facts(context: Context, data: DefinitionUseIn) -> Mapping[str, Any]:
    version, _ = _use_checked(context, data)
    return {"content_sha256": version.sha256, "by_agent": context.actor.is_agent}


def _use_shown(context: Context, data: DefinitionUseIn) -> Mapping[str, Any]:
    """What the approver reads: gateway, content, what differs from the version in use, a request."""
    version, gateway = _use_checked(context, data)
    use = use_of(gateway.pk, context.now)
    before: dict[str, object] = {}
    if use is not None:
        before = DefinitionVersion.objects.get(pk=use.version_id).content
    definition = Definition.model_validate(version.content)
    return {
        "gateway": gateway.name,
        "address": gateway.base_url,
        "name": version.definition.name,
        "replaces": str(use.version) if use is not None else "nothing",
        **_told(context, definition, before),
        "content": version.content,
    }


registry.add(
    Operation(
        key="gateway_definitions.save",
        summary="Save a provider described as data, as a new version; no gateway uses it by that.",
        description=(
            "Versions are never changed. Credentials are named in it and entered on the server."
            " Try it with gateway_definitions.check first."
        ),
        kind=Kind.WRITE,
        input=DefinitionSaveIn,
        output=DefinitionSaveOut,
        run=_save,
        facts=_save_facts,
        shown=_save_shown,
        permission="gateways.gateway_edit",
        scope="sms:sender",
        approval=Approval.POLICY,
        requires=("gateway_definitions.get", "gateway_definitions.check"),
        rest=RestRoute("POST", "/gateway_definitions"),
        group="gateways",
    ),
    Operation(
        key="gateway_definitions.use",
        summary="Let a gateway use a version from a moment on; a second person always agrees.",
        description=(
            "Batches that were made before keep the version they had. The approver sees the content,"
            " the difference and a sample request."
        ),
        kind=Kind.WRITE,
        input=DefinitionUseIn,
        output=DefinitionUseOut,
        run=_use,
        facts=_use_facts,
        shown=_use_shown,
        permission="gateways.gateway_edit",
        scope="sms:sender",
        approval=Approval.ALWAYS,
        requires=("gateway_definitions.get", "gateways.list"),
        rest=RestRoute("POST", "/gateway_definitions/use"),
        group="gateways",
    ),
)
