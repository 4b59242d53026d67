"""inbound.decide: a person says what an unclear reply was."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from smsmarketing.contacts.models import Suppression
from smsmarketing.gateways.models import InboundMessage
from smsmarketing.gateways.selectors import inbound_visible
from smsmarketing.gateways.services.decisions import inbound_decide
from smsmarketing.operations import registry
from smsmarketing.operations.errors import NotPermitted
from smsmarketing.operations.types import (
    Actor,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)


class DecideIn(Input):
    """Input of inbound.decide."""

    inbound_id: int = Field(ge=1, description="Reply, from inbound.list with waiting.")
    decision: Literal["opt_out", "keep", "wrong_number", "complaint", "reopen"] = Field(
        description=(
            "opt_out; keep (no opt-out: ends the hold; people only); wrong_number (blocks the "
            "number and voids its consents); complaint (blocks the number for good); reopen "
            "(takes keep back and holds again)."
        )
    )
    note: str = Field(default="", max_length=300, description="Why, for people.")


class DecideOut(Output):
    """What the reply was decided to be."""

    inbound_id: int = Field(description="The reply.")
    decision: str = Field(description="What was decided; empty when it waits again.")
    decided_at: datetime | None = Field(description="When, UTC; null when it waits again.")
    suppression_id: int | None = Field(description="The suppression it made or held by.")
    held: bool = Field(description="Whether the number is still on hold until a person decides.")


def run(context: Context, data: DecideIn) -> DecideOut:
    """Decide once; the row is locked, so the second of two people is told who was first."""
    message: InboundMessage = context.target
    if data.decision == "keep" and message.action == "hold_review" and _is_program(context.actor):
        raise NotPermitted(
            "Only a person may let a held number go. Decide it in the admin, below Sending, Replies "
            "to decide; an opt-out may be recorded from here.",
            field_errors={"decision": "A token may say opt_out, wrong_number or complaint."},
        )
    message = inbound_decide(
        message, decision=data.decision, by=context.actor.user, note=data.note, now=context.now
    )
    context.audit_reason = data.decision
    context.audit_facts = {"decision": data.decision, "suppression_id": message.suppression_id}
    return DecideOut(
        inbound_id=message.pk,
        decision=message.decision,
        decided_at=message.reviewed_at,
        suppression_id=message.suppression_id,
        held=Suppression.objects.filter(
            pk=message.suppression_id or 0, reason="hold", lifted_at=None
        ).exists(),
    )


def _is_program(actor: Actor) -> bool:
    return actor.token_id is not None or actor.is_agent


registry.add(
    Operation(
        key="inbound.decide",
        summary="Decide what an unclear reply was: an opt-out, none, a wrong number or a complaint.",
        description=(
            "Each reply is decided once. An opt-out, a wrong number and a complaint stay; only "
            "keep can be taken back, with reopen. A token cannot let a held number go."
        ),
        kind=Kind.WRITE,
        input=DecideIn,
        output=DecideOut,
        run=run,
        permission="gateways.inbound_decide",
        scope="sms:contacts.write",
        requires=("inbound.list",),
        target=Target(argument="inbound_id", visible=inbound_visible, label="reply"),
        rest=RestRoute("POST", "/inbound/{inbound_id}/decide"),
        group="messages",
    )
)
