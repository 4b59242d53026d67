"""action_requests.approve and reject: for signed-in people only [R-8.1]."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from smsmarketing.approvals import services
from smsmarketing.approvals.operations.requests import TARGET, StatusOut, status_of
from smsmarketing.operations import registry
from smsmarketing.operations.types import Context, Input, Kind, Operation, RestRoute


class ApproveIn(Input):
    """Input of action_requests.approve."""

    action_request_id: UUID = Field(description="Id of the request.")
    content_hash: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="The content hash that was shown to you."
    )
    reason: str = Field(default="", max_length=300, description="A remark; may be empty.")


class RejectIn(Input):
    """Input of action_requests.reject."""

    action_request_id: UUID = Field(description="Id of the request.")
    content_hash: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="The content hash that was shown to you."
    )
    reason: str = Field(min_length=1, max_length=300, description="Why; the author reads it.")
    verdict: Literal["reject", "request_changes"] = Field(
        default="reject", description="reject ends it; request_changes sends it back to the author."
    )


def approve(context: Context, data: ApproveIn) -> StatusOut:
    """Agree to exactly what was shown."""
    request = services.request_vote(
        data.action_request_id,
        actor=context.actor,
        verdict="approve",
        content_hash=data.content_hash,
        reason=data.reason,
        now=context.now,
    )
    context.audit_reason = data.reason
    context.audit_facts = {"content_hash": data.content_hash, "state": str(request.state)}
    return status_of(request, context)


def reject(context: Context, data: RejectIn) -> StatusOut:
    """Refuse, or ask for changes, with a reason."""
    request = services.request_vote(
        data.action_request_id,
        actor=context.actor,
        verdict=data.verdict,
        content_hash=data.content_hash,
        reason=data.reason,
        now=context.now,
    )
    context.audit_reason = data.reason
    context.audit_facts = {"content_hash": data.content_hash, "verdict": data.verdict}
    return status_of(request, context)


registry.add(
    Operation(
        key="action_requests.approve",
        summary="Approve a request of somebody else.",
        kind=Kind.WRITE,
        input=ApproveIn,
        output=StatusOut,
        run=approve,
        permission="approvals.request_decide",
        scope="",
        rest=RestRoute("POST", "/action-requests/{action_request_id}/approve"),
        group="governance",
        target=TARGET,
        human_only=True,
        destructive=True,
        requires=("action_request.status",),
        description=(
            "For people who are signed in with a browser; no token of any kind can approve. The "
            "vote is on exactly the content with the given hash."
        ),
    ),
    Operation(
        key="action_requests.reject",
        summary="Reject a request of somebody else, or ask for changes.",
        kind=Kind.WRITE,
        input=RejectIn,
        output=StatusOut,
        run=reject,
        permission="approvals.request_decide",
        scope="",
        rest=RestRoute("POST", "/action-requests/{action_request_id}/reject"),
        group="governance",
        target=TARGET,
        human_only=True,
        destructive=True,
        requires=("action_request.status",),
        description="For people who are signed in with a browser. Needs a reason.",
    ),
)
