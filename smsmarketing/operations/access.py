"""May this actor call this operation at all? Asked before anything is looked up, so a revoked
right sees nothing.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from smsmarketing.operations.errors import InsufficientScope, NotPermitted
from smsmarketing.operations.types import Actor, Operation, Surface

HUMAN_ONLY = "A signed-in person must do this in the admin; no token and no agent can."


def access_check(
    operation: Operation[Any, Any], actor: Actor, *, grant: UUID | None = None
) -> None:
    """Active person, allowed surface, person in the browser, scope, permission: in this order.

    A job that runs an approved request (`grant`) may run every operation its asker may. One for people
    only it runs when a person asked in the browser and others approved; what anything else asked for,
    e.g. before the operation was for people only, it does not run. Raises NotPermitted and
    InsufficientScope.
    """
    if not actor.user.is_active:
        raise NotPermitted("This account is switched off. Ask an administrator.")
    granted_job = grant is not None and actor.surface is Surface.SYSTEM
    if actor.surface not in operation.surfaces and not granted_job:
        raise NotPermitted(f"{operation.key} cannot be called through {actor.surface.value}.")
    in_person = actor.is_session or (granted_job and actor.asked_in_person)
    if operation.human_only and not in_person:
        # Before scope and permission: no scope and no role would help a token here.
        raise NotPermitted(HUMAN_ONLY)
    if operation.scope and actor.scopes is not None and operation.scope not in actor.scopes:
        raise InsufficientScope(
            f"The token lacks the scope {operation.scope}. Ask for a token that has it.",
            details={"required_scopes": [operation.scope]},
        )
    if not actor.may(operation.permission):
        raise NotPermitted(
            f"You may not use {operation.key}: it needs the permission {operation.permission}. "
            "Ask an administrator for a role that has it.",
            details={"required_permission": operation.permission},
        )
