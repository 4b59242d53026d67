"""approval_policies.list and save: when a second person must agree (seed 000-04)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from smsmarketing.accounts.models import Role
from smsmarketing.approvals.models import ApprovalPolicy
from smsmarketing.approvals.policies import policies_current, policy_save
from smsmarketing.approvals.rules.conditions import condition_problem, condition_words
from smsmarketing.approvals.rules.facts import FACTS
from smsmarketing.approvals.rules.operations import (
    FLOORS,
    NEVER_HELD,
    REVIEW,
    REVIEWED_FIRST,
    TOPICS,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)

Rule = Literal["at_once", "after_review", "when_a_policy_matches", "always", "not_available"]
Op = Literal[">", ">=", "<", "<=", "==", "!=", "in", "contains"]


class Condition(Input):
    """One condition of a policy on a fact."""

    fact: str = Field(max_length=40, description="Name of the fact, e.g. recipients or cost.")
    op: Op = Field(description="How the fact is compared.")
    value: (
        bool
        | int
        | Annotated[str, Field(max_length=80)]
        | Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=50)]
    ) = Field(description="What it is compared with; a decimal as text, e.g. 50.00.")


class PolicyRow(Output):
    """The current revision of one policy."""

    key: str = Field(description="Key of the policy.")
    revision: int = Field(description="Current revision; pass it as base_revision to change it.")
    name: str = Field(description="Name of the policy.")
    operations: list[str] = Field(description="Operations it watches.")
    conditions: list[Condition] = Field(description="All must hold; an empty list always holds.")
    in_words: str = Field(description="When it holds, in words.")
    roles: list[str] = Field(description="Roles whose holders may decide.")
    approvers: int = Field(description="How many different people must agree.")
    enabled: bool = Field(description="Whether it is in force.")
    why: str = Field(description="Why the policy exists.")
    since: datetime = Field(description="Since when this revision holds (UTC).")


class OperationRule(Output):
    """How approval works for one operation."""

    operation: str = Field(description="Key of the operation.")
    rule: Rule = Field(
        description=(
            "at_once: never waits for a second person [R-8.5]; after_review: refused until people "
            "have approved the campaign; not_available: not installed."
        )
    )
    policies: list[str] = Field(description="Keys of the enabled policies that watch it.")


class Trigger(Output):
    """What asks for approval in one field of work."""

    topic: str = Field(description="Key of the topic, e.g. scheduling or official_sends.")
    name: str = Field(description="Name of the topic.")
    operations: list[OperationRule] = Field(description="Operations of the topic.")
    policies: list[PolicyRow] = Field(description="Policies of the topic, enabled or not.")


class PoliciesIn(Input):
    """Input of approval_policies.list."""

    operation: str | None = Field(
        default=None, max_length=80, description="Only policies that watch this operation."
    )


class PoliciesOut(Output):
    """Output of approval_policies.list."""

    triggers: list[Trigger] = Field(
        description=(
            "By topic: campaign creation, opt-out updates, scheduling, official sends, resends, "
            "sender ID applications, one-time codes, and the rest."
        )
    )
    policies: list[PolicyRow] = Field(description="All current policies, by key.")
    facts: dict[str, str] = Field(description="Facts a policy can look at, with their meaning.")
    never_held: list[str] = Field(
        description="Operations in the safety direction: they run at once, without approval."
    )


def listed(context: Context, data: PoliciesIn) -> PoliciesOut:
    """All current policies, and by topic what asks for approval."""
    current = list(policies_current())
    if data.operation:
        current = [policy for policy in current if data.operation in policy.operations]
    rows = [policy_row(policy) for policy in current]
    return PoliciesOut(
        triggers=[
            _trigger(topic, name, keys, rows)
            for topic, (name, keys) in TOPICS.items()
            if data.operation is None or data.operation in keys
        ],
        policies=rows,
        facts={name: fact.label for name, fact in sorted(FACTS.items())},
        never_held=sorted(NEVER_HELD),
    )


def policy_row(policy: ApprovalPolicy) -> PolicyRow:
    """The policy as every surface shows it."""
    words = " and ".join(condition_words(condition) for condition in policy.conditions)
    return PolicyRow(
        key=policy.key,
        revision=policy.revision,
        name=policy.name,
        operations=policy.operations,
        conditions=[Condition.model_validate(condition) for condition in policy.conditions],
        in_words=words or "always",
        roles=policy.roles,
        approvers=policy.approvers,
        enabled=policy.enabled,
        why=policy.why,
        since=policy.created_at,
    )


def _trigger(topic: str, name: str, keys: tuple[str, ...], rows: list[PolicyRow]) -> Trigger:
    watched = set(keys) | ({REVIEW} if REVIEWED_FIRST & set(keys) else set())
    return Trigger(
        topic=topic,
        name=name,
        operations=[_operation_rule(key, rows) for key in keys],
        policies=[row for row in rows if set(row.operations) & watched],
    )


def _operation_rule(key: str, rows: list[PolicyRow]) -> OperationRule:
    governed_by = REVIEW if key in REVIEWED_FIRST else key
    watching = [row.key for row in rows if row.enabled and governed_by in row.operations]
    rule = _rule(key)
    return OperationRule(
        operation=key, rule=rule, policies=[] if rule in {"at_once", "not_available"} else watching
    )


def _rule(key: str) -> Rule:
    operation = registry.find(key)
    if key in NEVER_HELD:
        return "at_once"
    if operation is None:
        return "not_available"
    if key in REVIEWED_FIRST:
        return "after_review"
    if operation.approval is Approval.ALWAYS or key == REVIEW:
        return "always"
    return "when_a_policy_matches" if operation.approval is Approval.POLICY else "at_once"


class PolicySaveIn(Input):
    """Input of approval_policies.save."""

    key: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{1,58}$", description="Key of the policy, e.g. large-resend."
    )
    name: str = Field(min_length=3, max_length=120, description="Name of the policy.")
    operations: list[Annotated[str, Field(max_length=80)]] = Field(
        min_length=1, max_length=40, description="Operations it watches, e.g. segments.create."
    )
    conditions: list[Condition] = Field(
        default_factory=list, max_length=10, description="All must hold; empty: always."
    )
    roles: list[Annotated[str, Field(max_length=50)]] = Field(
        min_length=1, max_length=20, description="Roles whose holders may decide, e.g. approver."
    )
    approvers: int = Field(
        default=1, ge=1, le=5, description="How many different people must agree, 1 to 5."
    )
    enabled: bool = Field(default=True, description="Whether the policy is in force.")
    why: str = Field(default="", max_length=200, description="Why the policy exists.")
    base_revision: int | None = Field(
        default=None, ge=1, description="Current revision of the policy; leave out for a new one."
    )


def policy_facts(context: Context, data: PolicySaveIn) -> dict[str, Any]:
    """Refuse a policy that could not work before people are asked about it."""
    policy_check(data)
    return {}


def save(context: Context, data: PolicySaveIn) -> PolicyRow:
    """A new revision of the policy; the old one stays readable."""
    policy_check(data)
    policy = policy_save(
        data.key,
        name=data.name,
        operations=data.operations,
        conditions=[condition.model_dump(mode="json") for condition in data.conditions],
        roles=data.roles,
        approvers=data.approvers,
        enabled=data.enabled,
        why=data.why,
        base_revision=data.base_revision,
        now=context.now,
    )
    context.audit_object = ("approvals.approvalpolicy", f"{policy.key}:{policy.revision}")
    return policy_row(policy)


def policy_check(data: PolicySaveIn) -> None:
    """Raises InvalidInput for unknown operations, facts and roles, and for what no policy may do."""
    problems: dict[str, str] = {}
    for index, condition in enumerate(data.conditions):
        problem = condition_problem(condition.model_dump())
        if problem:
            problems[f"conditions.{index}"] = problem
    unwatchable = [text for key in data.operations if (text := _unwatchable(key))]
    if unwatchable:
        problems["operations"] = " ".join(unwatchable)
    missing = set(data.roles) - set(
        Role.objects.filter(key__in=data.roles).values_list("key", flat=True)
    )
    if missing:
        problems["roles"] = f"Unknown: {', '.join(sorted(missing))}."
    floor = max((FLOORS.get(key, 1) for key in data.operations), default=1)
    if data.approvers < floor:
        problems["approvers"] = f"At least {floor} people must agree to this [R-8.4]."
    if problems:
        raise InvalidInput("The policy could not work like this.", field_errors=problems)


def _unwatchable(key: str) -> str | None:
    """Why a policy on this operation would have no effect, or None."""
    if key in NEVER_HELD:
        return f"{key} is in the safety direction, which is never delayed [R-8.5]."
    if key in REVIEWED_FIRST:
        return f"{key} already refuses what people did not approve; watch {REVIEW} instead."
    rule, known = _rule(key), {key for _, keys in TOPICS.values() for key in keys}
    if rule == "not_available":
        return None if key in known else f"There is no operation {key}."
    return f"{key} never waits for approval." if rule == "at_once" else None


registry.add(
    Operation(
        key="approval_policies.list",
        summary="List what asks for a second person's approval, by topic.",
        kind=Kind.READ,
        input=PoliciesIn,
        output=PoliciesOut,
        run=listed,
        permission="approvals.policy_view",
        scope="sms:read",
        rest=RestRoute("GET", "/approval-policies"),
        group="governance",
        requires=("config.get",),
        description=(
            "Writes that a policy watches create an action request instead of running; then follow "
            "action_request.status. Opt-outs, pause, stop and cancel run at once."
        ),
    ),
    Operation(
        key="approval_policies.save",
        summary="Change an approval policy, or add one.",
        kind=Kind.WRITE,
        input=PolicySaveIn,
        output=PolicyRow,
        run=save,
        permission="approvals.policy_save",
        scope="sms:compliance",
        rest=RestRoute("PUT", "/approval-policies/{key}"),
        group="governance",
        requires=("approval_policies.list",),
        approval=Approval.ALWAYS,
        facts=policy_facts,
        destructive=True,
        description=(
            "Always waits for two other people. A change is a new revision; requests that wait "
            "keep the revision they were asked under. No token carries the permission."
        ),
    ),
)
