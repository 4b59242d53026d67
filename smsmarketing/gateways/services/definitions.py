"""Writing definitions: a new version every time, and from when a gateway uses one."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from smsmarketing.accounts.models import Team, User
from smsmarketing.gateways.models import (
    DefinitionUse,
    DefinitionVersion,
    Gateway,
    GatewayDefinition,
)
from smsmarketing.gateways.transports.generic import NAME, Definition
from smsmarketing.gateways.transports.generic.checks import definition_problems
from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import Conflict, InvalidInput, VersionConflict


def definition_check(definition: Definition) -> None:
    """Raises InvalidInput with every fault that keeps it from working safely."""
    faults = [each for each in definition_problems(definition) if each.level == "error"]
    if not faults:
        return
    first = faults[0]
    raise InvalidInput(
        f"The definition has {len(faults)} fault{'s' if len(faults) > 1 else ''}, so it was not saved."
        f" The first, at {first.path}: {first.sentence}",
        field_errors={f"definition.{each.path}": each.sentence for each in reversed(faults)},
        details={"codes": sorted({each.code for each in faults})},
    )


def definition_create(
    *, name: str, team: Team | None, definition: Definition, note: str, by: User, now: datetime
) -> DefinitionVersion:
    """A new definition with its first version. Raises InvalidInput for faults and a taken name."""
    definition_check(definition)
    try:
        with transaction.atomic():
            row = GatewayDefinition.objects.create(
                name=name, team=team, created_by=by, created_at=now
            )
    except IntegrityError:
        raise InvalidInput(
            "There is a definition of this name already.",
            field_errors={"name": "This name is taken; save a new version of that one, or rename."},
        ) from None
    return _version_add(row, 1, definition, note=note, by=by, now=now)


def version_save(
    row: GatewayDefinition,
    *,
    base_version: int,
    definition: Definition,
    note: str,
    by: User,
    now: datetime,
) -> tuple[DefinitionVersion, bool]:
    """The next version of a definition, and whether it is new: equal content stays the version it is.

    Raises InvalidInput for faults, and VersionConflict when somebody saved since `base_version`.
    """
    definition_check(definition)
    held = GatewayDefinition.objects.select_for_update(of=("self",)).get(pk=row.pk)
    newest = held.versions.order_by("-number").first()
    number = newest.number if newest is not None else 0
    if number != base_version:
        raise VersionConflict(
            f"Version {number} was saved since. Read it again, bring your changes into it and repeat"
            f" with base_version {number}.",
            field_errors={"base_version": f"The newest is {number}."},
            details={"newest_version": number},
        )
    if newest is not None and newest.sha256 == content_hash(definition):
        return newest, False
    return _version_add(held, number + 1, definition, note=note, by=by, now=now), True


def content_of(definition: Definition) -> dict[str, object]:
    """The definition as it is kept."""
    content: dict[str, object] = definition.model_dump(mode="json")
    return content


def content_hash(definition: Definition) -> str:
    return sha256_hex(content_of(definition))


def definition_use(
    gateway: Gateway, version: DefinitionVersion, *, valid_from: datetime, by: User, now: datetime
) -> DefinitionUse:
    """Let a gateway speak as the version says from a moment on; nothing of the past changes.

    Raises InvalidInput for a gateway with a transport of its own, and Conflict when a later use is
    planned already.
    """
    held = Gateway.objects.select_for_update(of=("self",)).get(pk=gateway.pk)
    use_check(held, valid_from=valid_from)
    return DefinitionUse.objects.create(
        gateway=held, version=version, valid_from=valid_from, created_by=by, created_at=now
    )


def use_check(gateway: Gateway, *, valid_from: datetime) -> None:
    """Raises InvalidInput and Conflict as `definition_use` does."""
    if gateway.transport != NAME:
        raise InvalidInput(
            f"{gateway.name} speaks {gateway.transport} and stays so. Make a gateway with the"
            f" transport {NAME} for this definition.",
            field_errors={"gateway_id": f"Its transport is {gateway.transport}, not {NAME}."},
        )
    last = gateway.definition_uses.order_by("-valid_from").first()
    if last is not None and last.valid_from >= valid_from:
        raise Conflict(
            f"{gateway.name} has a change planned for {last.valid_from:%Y-%m-%d %H:%M} UTC already."
            " Choose a later time.",
            details={"planned": last.valid_from.isoformat()},
        )


def _version_add(
    row: GatewayDefinition,
    number: int,
    definition: Definition,
    *,
    note: str,
    by: User,
    now: datetime,
) -> DefinitionVersion:
    return DefinitionVersion.objects.create(
        definition=row,
        number=number,
        content=content_of(definition),
        sha256=content_hash(definition),
        note=note,
        created_by=by,
        created_at=now,
    )
