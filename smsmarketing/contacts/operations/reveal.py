"""contacts.reveal: the one place where full numbers come out, with a reason."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from smsmarketing.contacts import selectors
from smsmarketing.contacts.selectors import contacts_visible, suppressions_visible
from smsmarketing.contacts.services.reveals import (
    FULL_NUMBERS_MOST,
    PHONE_PERMISSION,
    PHONE_SCOPE,
    REVEAL,
    reveals_take,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute

_Ids = list[Annotated[int, Field(ge=1)]]
_Subject = tuple[str, int]

_TYPES = {
    "contact_ids": "contacts.contact",
    "suppression_ids": "contacts.suppression",
    "inbound_ids": "gateways.inboundmessage",
}


class RevealIn(Input):
    contact_ids: _Ids = Field(
        default=[], max_length=FULL_NUMBERS_MOST, description="Contacts, from contacts.search."
    )
    suppression_ids: _Ids = Field(
        default=[],
        max_length=FULL_NUMBERS_MOST,
        description="Opt-outs, from opt_outs.list: also of numbers that are no contact.",
    )
    inbound_ids: _Ids = Field(
        default=[],
        max_length=FULL_NUMBERS_MOST,
        description="Replies, from inbound.list: also of numbers that are no contact.",
    )
    reason: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        min_length=5,
        max_length=200,
        description="Why you need to see them, e.g. the ticket; kept in the audit log for good.",
    )


class RevealedNumber(Output):
    """One number."""

    kind: str = Field(description="contact, suppression or reply.")
    id: int = Field(description="Id of it.")
    phone: str | None = Field(description="Full E.164 number; null when it was erased.")


class RevealOut(Output):
    """Full numbers, in the order they were asked for."""

    numbers: list[RevealedNumber] = Field(description="The numbers.")
    left_today: int = Field(description="How many you may still see today (UTC).")


def _reveal(context: Context, data: RevealIn) -> RevealOut:
    asked = {name: list(dict.fromkeys(getattr(data, name))) for name in _TYPES}
    total = sum(len(ids) for ids in asked.values())
    if not 1 <= total <= FULL_NUMBERS_MOST:
        raise InvalidInput(
            f"Ask for 1 to {FULL_NUMBERS_MOST} numbers a call.",
            field_errors={"contact_ids": f"{total} were named, over all lists of ids."},
        )
    found: list[tuple[_Subject, str | None]] = []
    for name, ids in asked.items():
        numbers = _numbers(context, name, ids) if ids else {}
        missing = [str(pk) for pk in ids if pk not in numbers]
        if missing:
            raise NotFound(
                "Some of these do not exist, or are not for you. Nothing was shown.",
                field_errors={name: f"Not found: {', '.join(missing)}."},
            )
        found += [((name, pk), numbers[pk]) for pk in ids]
    subjects = [(_TYPES[name], str(pk)) for (name, pk), number in found if number]
    context.audit_reason = data.reason
    context.audit_facts = {"numbers": len(subjects)}
    left = reveals_take(context.actor, subjects, reason=data.reason, now=context.now)
    words = {"contact_ids": "contact", "suppression_ids": "suppression", "inbound_ids": "reply"}
    return RevealOut(
        numbers=[
            RevealedNumber(kind=words[name], id=pk, phone=number) for (name, pk), number in found
        ],
        left_today=left,
    )


def _numbers(context: Context, name: str, ids: list[int]) -> dict[int, str | None]:
    """Id → number, of those that the caller may see."""
    if name == "contact_ids":
        contacts = contacts_visible(context.actor).filter(pk__in=ids)
        return dict(contacts.values_list("pk", "phone"))
    if name == "suppression_ids":
        rows = suppressions_visible(context.actor).filter(pk__in=ids)
        return dict(rows.values_list("pk", "phone"))
    provider = selectors.reply_numbers_provider
    return dict(provider(context.actor, ids)) if provider is not None else {}


registry.add(
    Operation(
        key=REVEAL,
        summary="Show up to 50 full phone numbers, for a reason that is written down.",
        description=(
            "Numbers are masked everywhere else. Each number counts against a daily budget of the"
            " person and is audited with the reason. Ask only when the work cannot be done with the"
            " id: sending, opting out and erasing take a contact_id."
        ),
        kind=Kind.READ,
        input=RevealIn,
        output=RevealOut,
        run=_reveal,
        permission=PHONE_PERMISSION,
        scope=PHONE_SCOPE,
        requires=("contacts.search",),
        rest=RestRoute("POST", "/contacts/reveal"),
        group="contacts",
        audit_reads=True,
    )
)
