"""Definitions that people may see, and the ready-made ones that are shipped."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from smsmarketing.gateways.models import DefinitionUse, DefinitionVersion, GatewayDefinition
from smsmarketing.gateways.transports.generic import Definition
from smsmarketing.operations.types import Actor

_FOLDER: Final = Path(__file__).resolve().parents[1] / "data" / "definitions"


def definitions_visible(actor: Actor) -> QuerySet[GatewayDefinition]:
    """The house's own, and those of the person's teams."""
    rows = GatewayDefinition.objects.all()
    if actor.sees_all_teams:
        return rows
    return rows.filter(Q(team=None) | Q(team_id__in=actor.team_ids))


@lru_cache(maxsize=1)
def ready_made() -> dict[str, Definition]:
    """The shipped definitions by name: starting points, never used by themselves."""
    return {
        path.stem: Definition.model_validate_json(path.read_text(encoding="utf-8"))
        for path in sorted(_FOLDER.glob("*.json"))
    }


def version_newest(definition: GatewayDefinition) -> DefinitionVersion | None:
    return definition.versions.order_by("-number").first()


def uses_of(definition: GatewayDefinition) -> list[DefinitionUse]:
    """The uses that hold now or begin later, by gateway and time."""
    now = timezone.now()
    rows = (
        DefinitionUse.objects.filter(
            gateway__in=DefinitionUse.objects.filter(version__definition=definition).values(
                "gateway"
            )
        )
        .select_related("gateway", "version")
        .defer("version__content")
        .order_by("gateway__name", "valid_from")
    )
    holding: dict[int, DefinitionUse] = {}
    coming = []
    for row in rows:
        if row.valid_from <= now:
            holding[row.gateway_id] = row
        else:
            coming.append(row)
    found = [*holding.values(), *coming]
    return sorted(
        (row for row in found if row.version.definition_id == definition.pk),
        key=lambda row: (row.gateway.name, row.valid_from),
    )
