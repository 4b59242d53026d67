"""Which policies watch a call, and how a policy changes: by a new revision, never in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max, QuerySet

from smsmarketing.approvals.models import ApprovalPolicy
from smsmarketing.approvals.rules.conditions import MatchedPolicy, conditions_match
from smsmarketing.approvals.rules.operations import DEFAULT_ROLES, FLOORS
from smsmarketing.operations.errors import Conflict


def policies_current() -> QuerySet[ApprovalPolicy]:
    """The newest revision of each policy, enabled or not, by key."""
    return ApprovalPolicy.objects.filter(superseded_at=None).order_by("key")


def policies_match(operation_key: str, facts: Mapping[str, Any]) -> list[MatchedPolicy]:
    """The enabled policies that watch this operation and whose conditions hold for these facts.

    A fact a condition needs and that is missing counts as holding.
    """
    matched = []
    watching = policies_current().filter(enabled=True, operations__contains=[operation_key])
    for policy in watching:
        because = conditions_match(policy.conditions, facts)
        if because is not None:
            matched.append(
                MatchedPolicy(
                    key=policy.key,
                    revision=policy.revision,
                    name=policy.name,
                    roles=tuple(policy.roles),
                    approvers=policy.approvers,
                    why=policy.why,
                    because=because,
                )
            )
    return matched


def policies_effective(operation_key: str, matched: Iterable[MatchedPolicy]) -> list[MatchedPolicy]:
    """The policies of a request that needs people in any case: the matched ones, or one that says
    "a second person", and never fewer approvers than the floor [R-8.4].
    """
    policies = list(matched)
    floor = FLOORS.get(operation_key, 1)
    if not policies or max(policy.approvers for policy in policies) < floor:
        policies.append(
            MatchedPolicy(
                key="always",
                revision=1,
                name="Always needs people to agree",
                roles=DEFAULT_ROLES,
                approvers=floor,
                why="No policy can switch this off.",
            )
        )
    return policies


def policy_save(
    key: str,
    *,
    name: str,
    operations: Sequence[str],
    conditions: Sequence[Mapping[str, Any]],
    roles: Sequence[str],
    approvers: int,
    enabled: bool,
    why: str,
    base_revision: int | None,
    now: datetime,
) -> ApprovalPolicy:
    """A new revision of a policy, or its first. The former revision stays, marked superseded.

    Raises Conflict when `base_revision` is not the current one (None: there must be none).
    """
    current = policies_current().select_for_update().filter(key=key).first()
    found = current.revision if current else None
    if found != base_revision:
        raise Conflict(
            f"The policy is at revision {found}, not {base_revision}. Read it again and decide anew."
            if found
            else "There is no such policy yet. Leave base_revision out to create it.",
            field_errors={"base_revision": "Not the current revision."},
        )
    if current is not None:
        current.superseded_at = now
        current.save(update_fields=["superseded_at"])
    newest = ApprovalPolicy.objects.filter(key=key).aggregate(newest=Max("revision"))["newest"] or 0
    return ApprovalPolicy.objects.create(
        key=key,
        revision=newest + 1,
        name=name,
        operations=sorted(set(operations)),
        conditions=[dict(condition) for condition in conditions],
        roles=sorted(set(roles)),
        approvers=approvers,
        enabled=enabled,
        why=why,
        created_at=now,
    )
