"""messages.explain: why did, or didn't, this person get it?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from smsmarketing.campaigns.operations.campaigns_read import CAMPAIGN_TARGET
from smsmarketing.campaigns.services.explain import explain
from smsmarketing.contacts.selectors import contacts_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class ExplainIn(Input):
    campaign_id: int = Field(ge=1, description="Campaign.")
    contact_id: int | None = Field(default=None, ge=1, description="Contact; or give phone.")
    phone: str | None = Field(
        default=None, max_length=20, description="Exact E.164 number; or give contact_id."
    )


class CheckOut(Output):
    """One check, in the order in which they are made."""

    check: str = Field(description="What was checked.")
    passed: bool | None = Field(description="True, false, or null when it was not reached.")
    value: str = Field(description="The value at the time, in words.")
    at: datetime | None = Field(description="When.")


class ExplainOut(Output):
    campaign_id: int = Field(description="Campaign.")
    contact_id: int = Field(description="Contact.")
    phone: str = Field(description="Masked number.")
    verdict: str = Field(description="One sentence: got it, will get it, or why not.")
    decision: str = Field(description="sendable, or the first reason against it.")
    message_state: str | None = Field(description="State of the message, once there is one.")
    checks: list[CheckOut] = Field(description="Every check in order.")


def _explain(context: Context, data: ExplainIn) -> ExplainOut:
    if (data.contact_id is None) == (data.phone is None):
        raise InvalidInput(
            "Name the person by contact_id or by phone.",
            field_errors={"contact_id": "Give exactly one of contact_id and phone."},
        )
    contacts: Any = contacts_visible(context.actor)
    contact = (
        contacts.filter(pk=data.contact_id).first()
        if data.contact_id
        else contacts.filter(phone=data.phone).first()
    )
    if contact is None:
        raise NotFound(
            "There is no such contact.", field_errors={"contact_id": "No contact that you may see."}
        )
    answer = explain(context.target, contact, now=context.now)
    return ExplainOut(
        campaign_id=context.target.pk,
        contact_id=contact.pk,
        phone=answer.phone,
        verdict=answer.verdict,
        decision=answer.decision,
        message_state=answer.message_state,
        checks=[
            CheckOut(check=check.check, passed=check.passed, value=check.value, at=check.at)
            for check in answer.checks
        ],
    )


registry.add(
    Operation(
        key="messages.explain",
        summary="Explain why one person did, did not, or would get a campaign: every check in order, with its value.",
        kind=Kind.READ,
        input=ExplainIn,
        output=ExplainOut,
        run=_explain,
        permission="campaigns.campaign_view",
        scope="sms:contacts.read",
        requires=("campaigns.get", "contacts.search"),
        target=CAMPAIGN_TARGET,
        rest=RestRoute("GET", "/campaigns/{campaign_id}/explain"),
        group="messages",
    )
)
