"""action_request.status and action_requests.list, cancel (seed 000-43)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from smsmarketing.accounts.selectors import person_name
from smsmarketing.approvals import services
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.operations.rows import (
    PolicyReason,
    RequestRow,
    VoteRow,
    policy_reasons,
    request_row,
    row_values,
    vote_row,
)
from smsmarketing.approvals.selectors import (
    requests_visible,
    requests_waiting,
    undecidable_words,
    vote_refusal_for,
    voters_possible,
)
from smsmarketing.operations import registry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Operation,
    RestRoute,
    Target,
)

State = Literal[
    "pending",
    "approved",
    "rejected",
    "changes_requested",
    "superseded",
    "expired",
    "cancelled",
    "executing",
    "succeeded",
    "partially_succeeded",
    "failed",
]
_NEXT = {
    "pending": "Wait: {needed} more of the people named in may_decide must agree. Do not repeat the call.",
    "approved": "It is agreed. A held call runs by itself; a reviewed campaign can now be scheduled or sent.",
    "rejected": "It was refused; see the reason. Change what was asked, then ask again.",
    "changes_requested": "Changes are wanted; see the reason. Make them, then ask again.",
    "superseded": "What was asked changed since, so this request ended. Follow renewed_by, or ask again.",
    "expired": "Its time ended. Ask again if it is still wanted.",
    "cancelled": "It was taken back. Ask again if it is still wanted.",
    "executing": "It runs now. Read again in some seconds.",
    "succeeded": "Done; see result. Do not repeat it.",
    "partially_succeeded": "Done in part; see result. Do not repeat it as a whole.",
    "failed": "It was refused when it ran, and nothing was changed; see error. Mend that, then ask again.",
}


class StatusIn(Input):
    """Input of action_request.status."""

    action_request_id: UUID = Field(description="Id that a held call returned.")


class StatusOut(RequestRow):
    """Output of action_request.status."""

    reason: str = Field(description="Reason of the last decision; empty when there is none.")
    votes: list[VoteRow] = Field(description="Votes so far, the first one first.")
    policies: list[PolicyReason] = Field(description="Policies that ask for the approval, and why.")
    may_decide: list[str] = Field(description="Names of the people who may still vote.")
    you_may_vote: bool = Field(
        description="Whether you could vote, signed in with a browser; tokens never can."
    )
    why_you_may_not: str | None = Field(description="Why you may not vote; null when you may.")
    executed_at: datetime | None = Field(description="When it took effect (UTC).")
    result: dict[str, Any] | None = Field(description="What the executed operation returned.")
    error: dict[str, Any] | None = Field(description="Why the execution was refused.")
    renewed_by: UUID | None = Field(description="The request that took over; null for none.")
    next_step: str = Field(description="What to do now.")


def status(context: Context, data: StatusIn) -> StatusOut:
    """Where the request stands. Reading changes nothing."""
    return status_of(context.target, context)


def status_of(request: ActionRequest, context: Context) -> StatusOut:
    """The full view of one request for this caller."""
    votes = list(request.votes.select_related("voter"))
    state = str(request.state)
    refusal = vote_refusal_for(context.actor.user, request)
    if state != "pending":
        refusal = f"The request is {state.replace('_', ' ')}."
    kept = request.result or {}
    stuck = undecidable_words(request) if state == "pending" else ""
    missing = max(request.approvers_needed - sum(v.verdict == "approve" for v in votes), 0)
    return StatusOut(
        **row_values(request, votes),
        reason=request.reason,
        votes=[vote_row(vote) for vote in votes],
        policies=policy_reasons(request),
        may_decide=[person_name(person) for person in voters_possible(request)]
        if state == "pending"
        else [],
        you_may_vote=refusal is None,
        why_you_may_not=refusal,
        executed_at=request.executed_at,
        result=None if "error" in kept else (request.result or None),
        error=kept.get("error"),
        renewed_by=request.renewed_by_id,
        next_step=stuck or _NEXT[state].format(needed=missing),
    )


class ListIn(PageInput):
    """Input of action_requests.list."""

    state: State | None = Field(default=None, description="Only requests in this state.")
    operation: str | None = Field(
        default=None, max_length=80, description="Only requests for this operation."
    )
    mine: bool = Field(default=False, description="Only requests you made.")
    waiting_for_me: bool = Field(default=False, description="Only those you may vote on now.")


class ListOut(Page[RequestRow]):
    """Output of action_requests.list."""


def listed(context: Context, data: ListIn) -> ListOut:
    """The requests you made or may decide on, newest first."""
    actor = context.actor
    requests = requests_waiting(actor) if data.waiting_for_me else requests_visible(actor)
    if data.state:
        requests = requests.filter(state=data.state)
    if data.operation:
        requests = requests.filter(operation=data.operation)
    if data.mine:
        requests = requests.filter(requester=actor.user)
    rows, following = page_cut(
        requests.order_by("-created_at", "-id").prefetch_related("votes"),
        data,
        principal=actor.principal,
    )
    return ListOut(
        items=[request_row(row, list(row.votes.all())) for row in rows], next_cursor=following
    )


class CancelIn(Input):
    """Input of action_requests.cancel."""

    action_request_id: UUID = Field(description="Id of the request.")
    reason: str = Field(default="", max_length=300, description="Why it is taken back.")


def cancel(context: Context, data: CancelIn) -> RequestRow:
    """Take a request back before it runs; nobody has to agree [R-8.5]."""
    request = services.request_cancel(
        context.target.pk, actor=context.actor, reason=data.reason, now=context.now
    )
    context.audit_reason = data.reason
    return request_row(request, list(request.votes.all()))


TARGET = Target(argument="action_request_id", visible=requests_visible, label="action request")

registry.add(
    Operation(
        key="action_request.status",
        summary="Check where a request for approval stands.",
        kind=Kind.STATUS,
        input=StatusIn,
        output=StatusOut,
        run=status,
        permission="approvals.request_view",
        scope="sms:read",
        rest=RestRoute("GET", "/action-requests/{action_request_id}"),
        group="governance",
        target=TARGET,
        description=(
            "For SMS writes, scheduling, sending, resending, one-time codes, sender IDs, tracking "
            "and notifications. Visible to the asker and to those who may decide. It reports "
            "governance only: do not repeat an outbound call, except with the same "
            "idempotency_key."
        ),
    ),
    Operation(
        key="action_requests.list",
        summary="List requests for approval: yours, and those you may decide on.",
        kind=Kind.READ,
        input=ListIn,
        output=ListOut,
        run=listed,
        permission="approvals.request_view",
        scope="sms:read",
        rest=RestRoute("GET", "/action-requests"),
        group="governance",
        description="Approving and rejecting is done by people in the browser, not by tokens.",
    ),
    Operation(
        key="action_requests.cancel",
        summary="Take back a request for approval before it runs.",
        kind=Kind.WRITE,
        input=CancelIn,
        output=RequestRow,
        run=cancel,
        permission="approvals.request_cancel",
        scope="sms:draft",
        rest=RestRoute("POST", "/action-requests/{action_request_id}/cancel"),
        group="governance",
        target=TARGET,
        destructive=True,
        description="By its author, or by somebody who may decide. Works at once.",
    ),
)
