"""contacts.erase and contacts.erasures: a person is forgotten, their "no" is not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from smsmarketing.contacts.models import Contact, EraseJob
from smsmarketing.contacts.operations.trash import own_check
from smsmarketing.contacts.rules.phone import PhoneError, phone_mask, phone_parse
from smsmarketing.contacts.selectors import contacts_visible
from smsmarketing.contacts.services.erasing import WaitingRequest, person_erase, requests_waited
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.masking import text_masked
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Actor,
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)

GOES = (
    "name, number, tags, customer and CRM ids, custom fields, lists, events, consent IP and browser,"
    " texts sent and received, rejected rows and uploaded files that hold the number or the whole name,"
    " documents that prove only their consent, the number and name in lists, segments and notes"
)
KEPT = (
    ("Opt-outs and other suppressions: keyed hash of the number, reason, date", "without end"),
    ("Consent ledger: what was agreed and when, without the person", "as long as the law asks"),
    ("Messages as billing items: country, parts, price, state, keyed hash", "as billing records"),
    ("Audit entries: ids and hashes", "without end"),
    ("A file that an import is still reading", "until that import ends, 7 days at most"),
    (
        "A message on the wire to the gateway",
        "until it is answered, minutes; what only waits is ended",
    ),
    ("A request that waits for people and names them", "until it is decided or runs out"),
    ("An event that another system was not told of yet", "until it is delivered or given up, days"),
    ("A document that proves the consent of others too", "as long as the consent ledger"),
    ("Backups", "until they are overwritten; restore only with the list of erasures"),
)


WAITS = {
    "approvals.requests": "A request names the person: decide it, or it runs out by itself.",
    "contacts.files": "An import still reads the file: it ends within 7 days.",
    "contacts.free_text": "More than 1,000 texts: the rest follows within minutes.",
    "contacts.told": "Another system was not told yet: it is, or is given up, within days.",
    "gateways.messages": "A message is on the wire: it is answered or unknown within minutes.",
    "gateways.receipts": "A receipt is not applied yet: it is, or is given up, within a day.",
}


class EraseIn(Input):
    contact_id: int | None = Field(
        default=None, ge=1, description="Id from contacts.search; or give phone."
    )
    phone: str | None = Field(
        default=None, max_length=32, description="Number in international form; or contact_id."
    )
    category: Literal["data_subject_request", "test_data", "legal_order"] = Field(
        default="data_subject_request",
        description=(
            "Why. A request of the person is a withdrawal too: they are not texted again unless they agree anew."
        ),
    )
    reason: str = Field(
        min_length=3,
        max_length=80,
        description="Number of the case or letter. No names and no numbers: it is kept.",
    )


class KeptRow(Output):
    """What stays, and how long."""

    what: str = Field(description="What it is.")
    until: str = Field(description="Until when it stays.")


class EraseOut(Output):
    contact_ids: list[int] = Field(description="Contacts that were erased, with merged ones.")
    suppressions_kept: int = Field(description="Suppressions that go on by the keyed hash.")
    erasure_ids: list[int] = Field(
        description="Background steps that take the number out of messages and files."
    )
    kept: list[KeptRow] = Field(description="What stays, and until when.")
    next_step: str = Field(description="What to do next.")


def _meant(context: Context, data: EraseIn) -> tuple[Contact | None, str | None]:
    """The contact, or a number that is nobody's in the caller's sight."""
    if (data.contact_id is None) == (data.phone is None):
        raise InvalidInput(
            "Name the person.", field_errors={"phone": "Give exactly one of contact_id and phone."}
        )
    rows = contacts_visible(context.actor)
    if data.contact_id is not None:
        contact = rows.filter(pk=data.contact_id).first()
        if contact is None:
            raise NotFound(
                "There is no contact with this id.", field_errors={"contact_id": "Not found."}
            )
    else:
        try:
            phone = phone_parse(data.phone or "").e164
        except PhoneError as exc:
            raise InvalidInput(
                "The number cannot be read.", field_errors={"phone": exc.message}
            ) from exc
        contact = Contact.objects.filter(phone=phone).first()
        if contact is None:
            return None, phone
    own_check(context.actor, contact)
    return contact, None


def _erase(context: Context, data: EraseIn) -> EraseOut:
    contact, phone = _meant(context, data)
    done = person_erase(
        phone=phone,
        contact=contact,
        category=data.category,
        reference=text_masked(data.reason),
        requested_by=context.actor.user_id,
        now=context.now,
    )
    if contact is not None:
        context.audit_object = ("contacts.contact", str(contact.pk))
    context.audit_reason = data.category
    context.audit_facts = {"contacts": done.contact_ids, "erasures": done.job_ids}
    return EraseOut(
        contact_ids=done.contact_ids,
        suppressions_kept=done.suppressions_kept,
        erasure_ids=done.job_ids,
        kept=[KeptRow(what=what, until=until) for what, until in KEPT],
        next_step="Follow the background steps with contacts.erasures; then answer the person.",
    )


def _facts(context: Context, data: EraseIn) -> dict[str, Any]:
    _meant(context, data)
    return {"contacts": 1, "by_agent": context.actor.is_agent}


def _shown(context: Context, data: EraseIn) -> Mapping[str, Any]:
    """What the second person reads: who it is, what goes, what stays."""
    contact, phone = _meant(context, data)
    number = contact.phone if contact else phone
    return {
        "person": phone_mask(number) if number else "a number without a contact",
        "goes": GOES,
        "stays": [f"{what}: {until}" for what, until in KEPT],
        "can be undone": False,
    }


class ErasuresIn(PageInput):
    open_only: bool = Field(default=False, description="Only those that are not finished.")


class RequestWaitedRow(Output):
    """A request that keeps an erasure open."""

    action_request_id: UUID | None = Field(
        description="Id for action_request.status; null when it is not yours to see."
    )
    operation: str = Field(description="What it asks for.")
    state: str = Field(description="pending, approved or executing.")
    asked_at: datetime = Field(description="When it was asked, UTC.")
    ends_at: datetime = Field(description="When it runs out by itself, UTC.")
    problem: str = Field(
        description="Why nobody can decide it now, and what to do; empty when people can."
    )


class WaitRow(Output):
    """What an erasure waits for."""

    step: str = Field(description="The step.")
    rows: int = Field(description="How many rows or files it must come back for.")
    why: str = Field(description="Why, and what ends it.")
    requests: list[RequestWaitedRow] = Field(
        description="The requests that keep it open now; empty for other steps."
    )


class ErasureRow(Output):
    """One erasure, without the person."""

    erasure_id: int = Field(description="Id.")
    category: str = Field(
        description="data_subject_request, trash_expired, test_data or legal_order."
    )
    reference: str = Field(description="Number of the case.")
    contact_ids: list[int] = Field(description="Erased contacts.")
    steps: dict[str, int] = Field(description="Step → rows it cleared so far.")
    waits_for: list[WaitRow] = Field(
        description="What keeps it open: requests now, the rest at the last look; empty when nothing does."
    )
    created_at: datetime = Field(description="When it began, UTC.")
    finished_at: datetime | None = Field(description="When nothing was left; null: going on.")


class ErasurePage(Page[ErasureRow]):
    """Erasures, newest first."""


def waits_of(job: EraseJob, actor: Actor) -> list[WaitRow]:
    """What keeps an erasure open: requests as they are now, the rest as the last look found it."""
    asked = requests_waited(job, actor)
    rows = {step: count for step, count in job.left.items() if step not in asked}
    rows |= {step: len(found) for step, found in asked.items() if found}
    return [
        WaitRow(
            step=step,
            rows=count,
            why=WAITS.get(step, "It is tried again."),
            requests=[_request_row(request) for request in asked.get(step, [])],
        )
        for step, count in sorted(rows.items())
    ]


def _request_row(request: WaitingRequest) -> RequestWaitedRow:
    return RequestWaitedRow(
        action_request_id=request.action_request_id if request.visible else None,
        operation=request.operation,
        state=request.state,
        asked_at=request.asked_at,
        ends_at=request.ends_at,
        problem=request.stuck,
    )


def _erasures(context: Context, data: ErasuresIn) -> ErasurePage:
    rows = EraseJob.objects.order_by("-pk")
    if not context.actor.sees_all_teams:
        rows = rows.filter(requested_by=context.actor.user_id)
    if data.open_only:
        rows = rows.filter(finished_at=None)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return ErasurePage(
        items=[
            ErasureRow(
                erasure_id=row.pk,
                category=row.category,
                reference=row.reference,
                contact_ids=row.contact_ids,
                steps=row.steps,
                waits_for=waits_of(row, context.actor),
                created_at=row.created_at,
                finished_at=row.finished_at,
            )
            for row in page
        ],
        next_cursor=cursor,
    )


registry.add(
    Operation(
        key="contacts.erase",
        summary="Erase a person for good, by contact or number: everything but the proof of their opt-out.",
        description=(
            "Always needs a second person, and nobody can undo it. Suppressions stay under a keyed hash, so the same "
            "number imported again stays suppressed. Read dry_run's answer first: it lists what stays and until when."
        ),
        kind=Kind.WRITE,
        input=EraseIn,
        output=EraseOut,
        run=_erase,
        permission="contacts.contact_erase",
        scope="sms:compliance",
        requires=("contacts.get",),
        approval=Approval.ALWAYS,
        facts=_facts,
        shown=_shown,
        destructive=True,
        rest=RestRoute("POST", "/contacts/erase"),
        group="contacts",
    ),
    Operation(
        key="contacts.erasures",
        summary="Follow erasures: which background steps are done, and whether anything is left.",
        kind=Kind.READ,
        input=ErasuresIn,
        output=ErasurePage,
        run=_erasures,
        permission="contacts.contact_erase",
        scope="sms:compliance",
        requires=("contacts.erase",),
        rest=RestRoute("GET", "/erasures"),
        group="contacts",
    ),
)
