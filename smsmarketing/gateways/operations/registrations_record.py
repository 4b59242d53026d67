"""sender_registrations.record and .stop: what the registry said, and ending a registration [R-5.8]."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smsmarketing.gateways.models import Registration
from smsmarketing.gateways.operations.registrations import REGISTRATION_TARGET
from smsmarketing.gateways.rules.registration_words import REGISTRATION_WORDS
from smsmarketing.gateways.services.registration_stops import (
    people_tell,
    registration_event,
    registration_stop,
)
from smsmarketing.gateways.services.registrations import registration_answered
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotPermitted
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Moment,
    Operation,
    Output,
    RestRoute,
)


class RecordIn(Input):
    """Input of sender_registrations.record."""

    registration_id: int = Field(ge=1, le=2**63 - 1, description="Registration that was submitted.")
    state: Literal["in_review", "approved", "rejected"] = Field(
        description="What the registry said. approved also lifts a suspended or ended one."
    )
    evidence: str = Field(
        min_length=10,
        max_length=300,
        description="How you know: letter, ticket, e-mail. For a refusal: the reason given.",
    )
    reference: str = Field(
        default="", max_length=80, description="Number that the registry gave it."
    )
    expires_at: Moment | None = Field(
        default=None, description="When an approval ends; leave out when it does not."
    )


class RegistrationStateOut(Output):
    """Output of sender_registrations.record and .stop."""

    registration_id: int = Field(description="Id of the registration.")
    state: str = Field(description="State now.")
    sends_paused: int = Field(
        description="Sends that this call paused; scheduled campaigns follow within a minute."
    )
    next_step: str = Field(description="What people do next.")


def run_record(context: Context, data: RecordIn) -> RegistrationStateOut:
    """Write the answer down; never by the one who applied."""
    row: Registration = context.target
    if data.state != "rejected" and row.submitted_by_id == context.actor.user_id:
        raise NotPermitted(
            "You applied for this yourself. Ask another person of compliance to record the answer."
        )
    if data.expires_at is not None and data.state != "approved":
        raise InvalidInput(
            "Only an approval has an end.", field_errors={"expires_at": "Leave it out."}
        )
    if data.expires_at is not None and data.expires_at <= context.now:
        raise InvalidInput(
            "The approval would be over already.",
            field_errors={"expires_at": "Use a time to come, or leave it out."},
        )
    held = registration_answered(
        row,
        state=data.state,
        evidence=data.evidence,
        reference=data.reference,
        expires_at=data.expires_at,
        said_by=context.actor.user.get_username(),
        now=context.now,
    )
    word = REGISTRATION_WORDS[held.state]
    text = f"The {held.registry} registration of {held.sender or held.brand}: {word[0].lower()}. {data.evidence}"
    people_tell(held, kind="registration_answered", text=text, now=context.now)
    registration_event(held, now=context.now)
    context.audit_reason = data.evidence
    return _out(held, 0)


class StopIn(Input):
    """Input of sender_registrations.stop."""

    registration_id: int = Field(ge=1, le=2**63 - 1, description="Registration to end.")
    state: Literal["suspended", "expired", "withdrawn"] = Field(
        description="suspended or expired by the registry, or withdrawn by us."
    )
    reason: str = Field(
        min_length=10,
        max_length=200,
        description="Why; marketers whose sends are paused read it.",
    )


def run_stop(context: Context, data: StopIn) -> RegistrationStateOut:
    """End it and pause what uses it, together."""
    held, paused = registration_stop(
        context.target,
        state=data.state,
        reason=data.reason,
        said_by=context.actor.user.get_username(),
        now=context.now,
    )
    context.audit_reason = data.reason
    context.audit_facts = {"batches_paused": paused}
    return _out(held, paused)


def _out(held: Registration, paused: int) -> RegistrationStateOut:
    return RegistrationStateOut(
        registration_id=held.pk,
        state=str(held.state),
        sends_paused=paused,
        next_step=REGISTRATION_WORDS[held.state][1],
    )


registry.add(
    Operation(
        key="sender_registrations.record",
        summary="Record what a registry answered: in review, approved or refused, with the evidence.",
        description="People only, and never the person who applied. An approval opens its countries.",
        kind=Kind.WRITE,
        input=RecordIn,
        output=RegistrationStateOut,
        run=run_record,
        permission="gateways.registration_record",
        scope="",
        human_only=True,
        target=REGISTRATION_TARGET,
        requires=("sender_registrations.get",),
        rest=RestRoute("POST", "/sender_registrations/{registration_id}/record"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="sender_registrations.stop",
        summary="Suspend, end or withdraw a registration at once, and pause every send that uses it.",
        description="Nothing is handed over there after it commits but what was on the wire already.",
        kind=Kind.WRITE,
        input=StopIn,
        output=RegistrationStateOut,
        run=run_stop,
        permission="gateways.registration_edit",
        scope="sms:sender",
        target=REGISTRATION_TARGET,
        requires=("sender_registrations.get",),
        rest=RestRoute("POST", "/sender_registrations/{registration_id}/stop"),
        group="gateways",
    )
)
