"""campaigns.submit_for_review, approve and reject."""

from __future__ import annotations

from pydantic import Field

from smsmarketing.approvals.services import request_vote
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.operations.campaigns_read import CAMPAIGN_TARGET, CAMPAIGN_VERSIONED
from smsmarketing.campaigns.operations.campaigns_state import StateOut, VersionedIn, state_out
from smsmarketing.campaigns.services.review import campaign_submit
from smsmarketing.operations import registry
from smsmarketing.operations.errors import ApprovalRequired
from smsmarketing.operations.types import Context, Input, Kind, Operation, RestRoute


class SubmitIn(VersionedIn):
    note: str = Field(default="", max_length=2000, description="For the approver.")


def _submit(context: Context, data: SubmitIn) -> StateOut:
    campaign_submit(context.target, actor=context.actor, note=data.note, now=context.now)
    return state_out(context, context.target)


class VoteIn(Input):
    campaign_id: int = Field(ge=1, description="Id of the campaign.")
    content_hash: str = Field(
        min_length=64,
        max_length=64,
        description="Hash of the content that was shown on the approval page.",
    )
    reason: str = Field(default="", max_length=300, description="Why; required for reject.")


class RejectIn(VoteIn):
    ask_for_changes: bool = Field(
        default=False, description="True: back to the author for changes, instead of a final no."
    )


def _vote(context: Context, data: VoteIn, verdict: str) -> StateOut:
    campaign = context.target
    if campaign.action_request_id is None:
        raise ApprovalRequired(
            "This campaign is not in review. Its author submits it with campaigns.submit_for_review."
        )
    request_vote(
        campaign.action_request_id,
        actor=context.actor,
        verdict=verdict,
        content_hash=data.content_hash,
        reason=data.reason,
    )
    context.audit_reason = data.reason
    return state_out(context, Campaign.objects.get(pk=campaign.pk))


def _approve(context: Context, data: VoteIn) -> StateOut:
    return _vote(context, data, "approve")


def _reject(context: Context, data: RejectIn) -> StateOut:
    return _vote(context, data, "request_changes" if data.ask_for_changes else "reject")


registry.add(
    Operation(
        key="campaigns.submit_for_review",
        summary="Freeze the campaign's content and ask a second person to approve exactly that.",
        description=(
            "Returns action_request_id; ask action_request.status for the decision. A person "
            "approves in the admin; no token can."
        ),
        kind=Kind.WRITE,
        input=SubmitIn,
        output=StateOut,
        run=_submit,
        permission="campaigns.campaign_submit",
        scope="sms:draft",
        requires=("campaigns.get", "cost_preview"),
        target=CAMPAIGN_VERSIONED,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/submit_for_review"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.approve",
        summary="Approve exactly the content that was shown. People only.",
        description=(
            "Needs a signed-in browser session of somebody else than the author; the content hash"
            " of the approval page is signed."
        ),
        kind=Kind.WRITE,
        input=VoteIn,
        output=StateOut,
        run=_approve,
        permission="approvals.request_decide",
        scope="",
        human_only=True,
        target=CAMPAIGN_TARGET,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/approve"),
        group="campaigns",
    ),
    Operation(
        key="campaigns.reject",
        summary="Reject the campaign in review, or ask for changes. People only.",
        kind=Kind.WRITE,
        input=RejectIn,
        output=StateOut,
        run=_reject,
        permission="approvals.request_decide",
        scope="",
        human_only=True,
        target=CAMPAIGN_TARGET,
        rest=RestRoute("POST", "/campaigns/{campaign_id}/reject"),
        group="campaigns",
    ),
)
