"""sender_ids.suspend and sender_ids.lift: stopping is immediate, lifting takes two people [R-5.10]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from smsmarketing.gateways.models import SenderId
from smsmarketing.gateways.operations.sender_countries import SENDER_TARGET
from smsmarketing.gateways.services.sender_stops import sender_lift, sender_stop
from smsmarketing.operations import registry
from smsmarketing.operations.errors import Conflict, InvalidInput
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Moment,
    Operation,
    Output,
    RestRoute,
)


class SenderSuspendIn(Input):
    """Input of sender_ids.suspend."""

    sender_id: int = Field(ge=1, description="Sender, from sender_ids.list.")
    reason: str = Field(
        min_length=10,
        max_length=200,
        description="Why; marketers and approvers of what is paused read it.",
    )


class SenderStopOut(Output):
    """Output of sender_ids.suspend and sender_ids.lift."""

    sender_id: int = Field(description="Id of the sender.")
    state: str = Field(description="State now.")
    sends_paused: int = Field(
        description="Sends that this call paused; scheduled campaigns follow within a minute."
    )
    next_step: str = Field(description="What people do next.")


def run_suspend(context: Context, data: SenderSuspendIn) -> SenderStopOut:
    """Stop the sender and pause what uses it, together."""
    sender, paused = sender_stop(context.target, how="suspend", reason=data.reason, now=context.now)
    context.audit_reason = data.reason
    context.audit_facts = {"batches_paused": paused}
    return SenderStopOut(
        sender_id=sender.pk,
        state=sender.state,
        sends_paused=paused,
        next_step="Settle the reason, then ask for sender_ids.lift.",
    )


class SenderLiftIn(Input):
    """Input of sender_ids.lift."""

    sender_id: int = Field(ge=1, description="Sender that is suspended or expired.")
    evidence: str = Field(
        min_length=10,
        max_length=300,
        description="What settled it: letter, ticket, renewed registration.",
    )
    expires_at: Moment | None = Field(
        default=None, description="When the registration ends; leave out when it does not."
    )


def run_lift(context: Context, data: SenderLiftIn) -> SenderStopOut:
    """Let it send again; what is paused waits for people."""
    _liftable(context, data)
    sender = sender_lift(context.target, expires_at=data.expires_at, now=context.now)
    context.audit_reason = data.evidence
    return SenderStopOut(
        sender_id=sender.pk,
        state=sender.state,
        sends_paused=0,
        next_step="Resume what was paused with campaigns.resume, and schedule again what was taken back.",
    )


def facts(context: Context, data: SenderLiftIn) -> Mapping[str, Any]:
    """Nobody is asked to lift what is not stopped."""
    return {"state": _liftable(context, data).state}


def shown(context: Context, data: SenderLiftIn) -> Mapping[str, Any]:
    """What is lifted, and why it was stopped."""
    sender: SenderId = context.target
    return {"sender": sender.value, "stopped_because": sender.state_reason}


def _liftable(context: Context, data: SenderLiftIn) -> SenderId:
    sender: SenderId = context.target
    if sender.state not in {"suspended", "expired"}:
        raise Conflict(
            f"This sender is {str(sender.state).replace('_', ' ')}; only a suspended or expired one is lifted.",
            details={"state": str(sender.state)},
        )
    if data.expires_at is not None and data.expires_at <= context.now:
        raise InvalidInput(
            "The registration would be over already.",
            field_errors={"expires_at": "Use a time to come, or leave it out."},
        )
    return sender


registry.add(
    Operation(
        key="sender_ids.suspend",
        summary="Stop a sender at once and pause every send that uses it.",
        description="Nothing is handed over after it commits but what was on the wire already.",
        kind=Kind.WRITE,
        input=SenderSuspendIn,
        output=SenderStopOut,
        run=run_suspend,
        permission="gateways.sender_apply",
        scope="sms:sender",
        target=SENDER_TARGET,
        requires=("sender_ids.list",),
        rest=RestRoute("POST", "/sender_ids/{sender_id}/suspend"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="sender_ids.lift",
        summary="Let a suspended or expired sender send again; a second person always agrees.",
        description="Paused sends stay paused until people resume them.",
        kind=Kind.WRITE,
        input=SenderLiftIn,
        output=SenderStopOut,
        run=run_lift,
        facts=facts,
        shown=shown,
        permission="gateways.sender_apply",
        scope="sms:sender",
        approval=Approval.ALWAYS,
        target=SENDER_TARGET,
        requires=("sender_ids.list",),
        rest=RestRoute("POST", "/sender_ids/{sender_id}/lift"),
        group="gateways",
    )
)
