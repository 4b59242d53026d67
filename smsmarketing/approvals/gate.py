"""The gate: decides whether an operation may run now, waits for people, or has their word."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from smsmarketing.accounts.models import Brand
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.policies import policies_effective, policies_match
from smsmarketing.approvals.rules.conditions import MatchedPolicy
from smsmarketing.approvals.rules.operations import NEVER_HELD
from smsmarketing.approvals.selectors import undecidable_words
from smsmarketing.approvals.services import request_create, request_draft, request_spend
from smsmarketing.operations.types import (
    Approval,
    Context,
    Hold,
    Input,
    Operation,
    row_label,
)


class PolicyGate:
    """Holds what a current policy watches; named by settings.OPERATION_GATE."""

    def check(
        self,
        operation: Operation[Any, Any],
        context: Context,
        data: Input,
        facts: Mapping[str, Any],
    ) -> Hold | None:
        """The wish to hold, or None. What is in the safety direction is never held [R-8.5].

        Where nobody could decide it, the message says so: who waits must not wait for nobody.
        """
        matched = self._matched(operation, context, facts)
        if not matched:
            return None
        people = max(policy.approvers for policy in matched)
        others = "another person" if people == 1 else f"{people} other people"
        stuck = undecidable_words(_draft(operation, context, data, facts, matched))
        told = (
            f"This waits for {others} to agree ({'; '.join(p.name for p in matched)}).",
            stuck,
            "Nothing was changed. Follow it with action_request.status.",
        )
        return Hold(
            policies=tuple(policy.key for policy in matched),
            message=" ".join(part for part in told if part),
        )

    def hold(
        self,
        operation: Operation[Any, Any],
        context: Context,
        data: Input,
        facts: Mapping[str, Any],
        hold: Hold,
    ) -> UUID:
        """Write the action request with the frozen call, and return its id."""
        return held_request_create(
            operation, context, data, facts, self._matched(operation, context, facts)
        )

    def spend(
        self,
        operation: Operation[Any, Any],
        context: Context,
        data: Input,
        facts: Mapping[str, Any],
    ) -> None:
        """Spend the approval this call runs under. Raises ApprovalRequired and Conflict."""
        if context.action_request_id is None:
            raise ValueError("spend needs the id of the action request")
        request_spend(
            context.action_request_id,
            operation=operation.key,
            user_id=context.actor.user_id,
            payload=data.model_dump(mode="json"),
            facts=_enriched(context, facts),
            object_version=getattr(context.target, "version", None),
            now=context.now,
        )

    def _matched(
        self, operation: Operation[Any, Any], context: Context, facts: Mapping[str, Any]
    ) -> list[MatchedPolicy]:
        if operation.key in NEVER_HELD:
            return []
        matched = policies_match(operation.key, _enriched(context, facts))
        if operation.approval is Approval.ALWAYS:
            return policies_effective(operation.key, matched)
        return matched


def held_request_create(
    operation: Operation[Any, Any],
    context: Context,
    data: Input,
    facts: Mapping[str, Any],
    matched: list[MatchedPolicy],
) -> UUID:
    """The request that stands for a held call: its content is the call itself, in words and data."""
    target, payload = context.target, data.model_dump(mode="json")
    known = _enriched(context, facts)
    ceiling = _money(known.get("cost_ceiling", known.get("cost")))
    title = operation.summary.rstrip(".")
    if target is not None:
        title = f"{title}: {target}"
    content: dict[str, Any] = {
        "operation": {"key": operation.key, "summary": operation.summary},
        "object": {"type": operation.target.label, "name": str(target)}
        if target is not None and operation.target is not None
        else None,
        "input": payload,
        "facts": known,
        "object_version": getattr(target, "version", None),
    }
    shown = operation.shown(context, data)
    if shown:
        content["what_it_means"] = shown
    request = request_create(
        operation=operation.key,
        actor=context.actor,
        title=title,
        payload=payload,
        content=content,
        facts=known,
        policies=matched,
        team_id=_team_id(target, context, data, facts),
        object_type=row_label(target) if target is not None else "",
        object_id=str(target.pk) if target is not None else "",
        object_version=getattr(target, "version", None),
        cost_ceiling=ceiling,
        currency=str(known.get("currency") or ""),
        now=context.now,
    )
    if target is None and context.audit_object is None:
        context.audit_object = ("approvals.actionrequest", str(request.pk))
    return request.pk


def _draft(
    operation: Operation[Any, Any],
    context: Context,
    data: Input,
    facts: Mapping[str, Any],
    matched: list[MatchedPolicy],
) -> ActionRequest:
    target = context.target
    return request_draft(
        operation=operation.key,
        actor=context.actor,
        policies=matched,
        team_id=_team_id(target, context, data, facts),
        object_type=row_label(target) if target is not None else "",
        object_id=str(target.pk) if target is not None else "",
    )


def _enriched(context: Context, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's facts, and what the gate knows by itself."""
    return {**facts, "by_agent": context.actor.is_agent}


def _team_id(target: Any, context: Context, data: Input, facts: Mapping[str, Any]) -> int | None:
    """The team whose people decide: the target's, the one the call names, or the asker's only one.

    None, which lets people of every team decide, is left for what belongs to no team.
    """
    for found in (
        getattr(target, "team_id", None),
        getattr(getattr(target, "brand", None), "team_id", None),
        facts.get("team_id"),
        getattr(data, "team_id", None),
        _brand_team_id(getattr(data, "brand_id", None)),
    ):
        if isinstance(found, int):
            return found
    return next(iter(context.actor.team_ids)) if len(context.actor.team_ids) == 1 else None


def _brand_team_id(brand_id: Any) -> int | None:
    if not isinstance(brand_id, int):
        return None
    return Brand.objects.filter(pk=brand_id).values_list("team_id", flat=True).first()


def _money(value: Any) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
