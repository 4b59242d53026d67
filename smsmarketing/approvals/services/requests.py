"""Asking people: creating an action request with everything frozen [R-8.2]."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.policies import policies_effective
from smsmarketing.approvals.rules.conditions import MatchedPolicy
from smsmarketing.approvals.rules.limits import pending_until
from smsmarketing.approvals.rules.voting import approvers_needed, roles_allowed
from smsmarketing.approvals.services.ending import request_supersede
from smsmarketing.approvals.services.notes import voters_notify
from smsmarketing.operations.canonical import canonical_json, sha256_hex
from smsmarketing.operations.errors import Conflict
from smsmarketing.operations.types import Actor


def request_create(
    *,
    operation: str,
    actor: Actor,
    title: str,
    payload: Mapping[str, Any],
    content: Mapping[str, Any],
    facts: Mapping[str, Any],
    policies: Iterable[MatchedPolicy] = (),
    team_id: int | None = None,
    object_type: str = "",
    object_id: str = "",
    object_version: int | None = None,
    cost_ceiling: Decimal | None = None,
    currency: str = "",
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> ActionRequest:
    """A pending request; `content_hash` is the SHA-256 of the canonical content [R-8.2].

    `policies` are those that matched; without any, one approver is needed all the same. `expires_at`
    is the end of what is asked for (the send window): neither waiting nor approval outlasts it.
    Asking the same again returns the request that waits; asking for something else supersedes one's
    own waiting request. Raises Conflict while somebody else's request for the object waits, and
    when the window is over.
    """
    now = now or timezone.now()
    _time_check(expires_at, now)
    frozen = json_plain(content)
    digest = sha256_hex(frozen)
    waiting = _waiting(operation, object_type, object_id, actor, digest)
    if waiting is not None:
        return waiting
    needed = [policy.as_json() for policy in policies_effective(operation, policies)]
    request = ActionRequest.objects.create(
        operation=operation,
        team_id=team_id,
        **_asker(actor),
        title=title[:200],
        payload=json_plain(payload),
        content=frozen,
        content_hash=digest,
        facts=json_plain(facts),
        **_people(needed),
        object_type=object_type,
        object_id=object_id,
        object_version=object_version,
        cost_ceiling=cost_ceiling,
        currency=currency,
        created_at=now,
        window_ends_at=expires_at,
        expires_at=pending_until(now, expires_at),
    )
    voters_notify(request, now=now)
    return request


def request_draft(
    *,
    operation: str,
    actor: Actor,
    policies: Iterable[MatchedPolicy],
    team_id: int | None,
    object_type: str = "",
    object_id: str = "",
) -> ActionRequest:
    """The request that `request_create` would write, as far as it says who may decide; not stored."""
    needed = [policy.as_json() for policy in policies_effective(operation, policies)]
    return ActionRequest(
        operation=operation,
        team_id=team_id,
        **_asker(actor),
        **_people(needed),
        object_type=object_type,
        object_id=object_id,
    )


def _asker(actor: Actor) -> dict[str, Any]:
    return {
        "requester": actor.user,
        "requester_surface": actor.surface.value,
        "requester_token_id": actor.token_id,
        "requester_in_person": (actor.is_session or actor.asked_in_person)
        and actor.token_id is None
        and not actor.is_agent,
    }


def _people(needed: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "policies": needed,
        "roles": roles_allowed(needed),
        "approvers_needed": approvers_needed(needed),
    }


def _time_check(expires_at: datetime | None, now: datetime) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("request_create needs the transaction of the operation that asks")
    if expires_at is not None and expires_at <= now:
        raise Conflict("What you ask for would be over already. Choose a later time and ask again.")


def json_plain(value: Any) -> Any:
    """The value as plain JSON in its canonical form: what is hashed is what is stored."""
    return json.loads(canonical_json(value))


def _waiting(
    operation: str, object_type: str, object_id: str, actor: Actor, digest: str
) -> ActionRequest | None:
    """The identical request that waits already; one's own other one is superseded."""
    if not object_id:
        # Nothing to lock, e.g. a segment from a preview: the same wish twice is one request.
        same = ActionRequest.objects.filter(
            operation=operation, requester_id=actor.user_id, content_hash=digest, state="pending"
        )
        return same.select_for_update().first()
    found = (
        ActionRequest.objects.select_for_update()
        .filter(operation=operation, object_type=object_type, object_id=object_id, state="pending")
        .first()
    )
    if found is None:
        return None
    if found.requester_id != actor.user_id:
        raise Conflict(
            "Another request about this waits for a decision. Wait for it, or ask its author or "
            "an approver to cancel it.",
            action_request_id=found.pk,
        )
    if found.content_hash == digest:
        return found
    request_supersede(found.pk, reason="The author asked for something else.")
    return None
