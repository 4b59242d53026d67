"""Requests and votes as every surface shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from smsmarketing.accounts.selectors import person_name
from smsmarketing.approvals.models import ActionRequest, Vote
from smsmarketing.approvals.rules.operations import operation_category
from smsmarketing.approvals.rules.voting import APPROVE
from smsmarketing.operations.types import Money, Output


class VoteRow(Output):
    """One vote."""

    voter: str = Field(description="Who voted.")
    verdict: str = Field(description="approve, reject or request_changes.")
    reason: str = Field(description="The reason given; may be empty for an approval.")
    at: datetime = Field(description="When (UTC).")


class PolicyReason(Output):
    """A policy that asks for this approval."""

    key: str = Field(description="Key of the policy.")
    revision: int = Field(description="Revision in force when it was asked.")
    name: str = Field(description="Name of the policy.")
    roles: list[str] = Field(description="Roles whose holders may decide.")
    approvers: int = Field(description="How many different people must agree.")
    because: list[str] = Field(description="The conditions that held, in words.")


class RequestRow(Output):
    """One action request, short."""

    action_request_id: UUID = Field(description="Id of the request.")
    state: str = Field(
        description=(
            "pending, approved, rejected, changes_requested, superseded, expired, cancelled, "
            "executing, succeeded, partially_succeeded or failed."
        )
    )
    operation: str = Field(description="The operation that waits, or the review that is asked for.")
    category: str = Field(
        description="write, scheduling, sending, resending, otp, sender_id, tracking, notification."
    )
    title: str = Field(description="What it is about.")
    requester: str = Field(description="Who asked.")
    team: str | None = Field(description="Team whose people decide.")
    recipients: int | None = Field(description="Recipients, where known.")
    cost_ceiling: Money | None = Field(description="The most it may cost, where known.")
    approvals: int = Field(description="How many people agreed so far.")
    approvers_needed: int = Field(description="How many must agree.")
    roles: list[str] = Field(description="Roles whose holders may decide.")
    content_hash: str = Field(description="SHA-256 of what was asked; a vote must carry it.")
    object_type: str = Field(description="Kind of row it is about; empty for none.")
    object_id: str = Field(description="Id of that row; empty for none.")
    created_at: datetime = Field(description="When it was asked (UTC).")
    expires_at: datetime = Field(description="When it ends by itself (UTC).")
    decided_at: datetime | None = Field(description="When it was decided (UTC).")


def request_row(request: ActionRequest, votes: list[Vote]) -> RequestRow:
    """The request with its own votes."""
    return RequestRow(**row_values(request, votes))


def row_values(request: ActionRequest, votes: list[Vote]) -> dict[str, Any]:
    """The fields of RequestRow."""
    recipients = request.facts.get("recipients")
    return {
        "action_request_id": request.pk,
        "state": str(request.state),
        "operation": request.operation,
        "category": operation_category(request.operation),
        "title": request.title,
        "requester": person_name(request.requester),
        "team": request.team.name if request.team else None,
        "recipients": recipients if isinstance(recipients, int) else None,
        "cost_ceiling": _money(request),
        "approvals": sum(1 for vote in votes if vote.verdict == APPROVE),
        "approvers_needed": request.approvers_needed,
        "roles": request.roles,
        "content_hash": request.content_hash,
        "object_type": request.object_type,
        "object_id": request.object_id,
        "created_at": request.created_at,
        "expires_at": request.expires_at,
        "decided_at": request.decided_at,
    }


def vote_row(vote: Vote) -> VoteRow:
    """The vote as every surface shows it."""
    return VoteRow(
        voter=person_name(vote.voter), verdict=vote.verdict, reason=vote.reason, at=vote.created_at
    )


def policy_reasons(request: ActionRequest) -> list[PolicyReason]:
    """The policies that were frozen into the request."""
    return [
        PolicyReason(
            key=policy["key"],
            revision=policy["revision"],
            name=policy["name"],
            roles=policy["roles"],
            approvers=policy["approvers"],
            because=policy.get("because", []),
        )
        for policy in request.policies
    ]


def _money(request: ActionRequest) -> Money | None:
    if request.cost_ceiling is None or len(request.currency) != 3:
        return None
    return Money(amount=format(request.cost_ceiling, "f"), currency=request.currency)
