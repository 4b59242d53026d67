"""contacts.delete and contacts.restore: into the trash and out of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.operations.contacts import ContactOut, contact_out
from smsmarketing.contacts.selectors import contacts_shared, contacts_visible
from smsmarketing.contacts.services import contact_restore, contact_trash, trash_kept
from smsmarketing.operations import registry
from smsmarketing.operations.errors import NotPermitted
from smsmarketing.operations.types import (
    Actor,
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)

VERSIONED = Target(argument="contact_id", visible=contacts_visible, label="contact", versioned=True)


def own_check(actor: Actor, *contacts: Contact) -> None:
    """Refuse to take a person away from teams that the actor cannot see."""
    if contacts_shared(actor, [contact.pk for contact in contacts]):
        raise NotPermitted(
            "Another team works with this person too. Ask somebody who works in every team,"
            " or take the person off your own lists with audiences.remove_contacts.",
        )


class TokenIn(Input):
    contact_id: int = Field(ge=1, description="Id from contacts.search.")
    base_version_token: str = Field(max_length=200, description="From contacts.get.")


class TrashedOut(Output):
    contact_id: int = Field(description="Id of the contact.")
    trashed_at: datetime = Field(description="In the trash since, UTC.")
    erased_after: datetime = Field(description="Can be restored until then, UTC.")
    next_step: str = Field(description="How to undo it.")


def _delete(context: Context, data: TokenIn) -> TrashedOut:
    own_check(context.actor, context.target)
    row = contact_trash(context.target, now=context.now)
    until = context.now + trash_kept()
    return TrashedOut(
        contact_id=row.pk,
        trashed_at=context.now,
        erased_after=until,
        next_step=f"Restore it with contacts.restore until {until:%d %B %Y}; then it is erased.",
    )


def _delete_facts(context: Context, data: TokenIn) -> dict[str, Any]:
    own_check(context.actor, context.target)
    return {"contacts": 1, "by_agent": context.actor.is_agent}


def _restore(context: Context, data: TokenIn) -> ContactOut:
    row = contact_restore(context.target, now=context.now)
    return contact_out(row, context.actor)


registry.add(
    Operation(
        key="contacts.delete",
        summary="Put a contact in the trash: not sendable at once, erased after some weeks.",
        description=(
            "Consent, opt-outs and history stay with it; contacts.restore brings it back. To remove a person for good"
            " use contacts.erase. An import or upsert of the number leaves it there; the person takes it out by"
            " an opt-in form or a YES, and an opt-out still stands."
        ),
        kind=Kind.WRITE,
        input=TokenIn,
        output=TrashedOut,
        run=_delete,
        permission="contacts.contact_remove",
        scope="sms:contacts.write",
        requires=("contacts.get",),
        approval=Approval.POLICY,
        facts=_delete_facts,
        target=VERSIONED,
        destructive=True,
        rest=RestRoute("POST", "/contacts/{contact_id}/trash"),
        group="contacts",
    ),
    Operation(
        key="contacts.restore",
        summary="Take a contact out of the trash as it was.",
        description=(
            "What may be sent follows from its consent and opt-outs. What a merge moved to another contact stays there."
        ),
        kind=Kind.WRITE,
        input=TokenIn,
        output=ContactOut,
        run=_restore,
        permission="contacts.contact_remove",
        scope="sms:contacts.write",
        requires=("contacts.get",),
        target=VERSIONED,
        rest=RestRoute("POST", "/contacts/{contact_id}/restore"),
        group="contacts",
    ),
)
