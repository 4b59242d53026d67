"""contacts.merge_preview and contacts.merge: one contact of two."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from smsmarketing.contacts.models import ConsentEvent, Contact
from smsmarketing.contacts.operations.contacts import (
    ContactOut,
    SuppressionRow,
    contact_out,
    states_of,
    suppression_row,
)
from smsmarketing.contacts.operations.shapes import ContactRow, contact_row
from smsmarketing.contacts.operations.trash import own_check
from smsmarketing.contacts.rules.phone import phone_hide
from smsmarketing.contacts.selectors import contacts_visible
from smsmarketing.contacts.services.merging import (
    Forecast,
    contacts_merge,
    merge_forecast,
    merge_lock,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.text import untrusted_clean
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)
from smsmarketing.operations.versions import version_check, version_token

Taken = Literal[
    "first_name",
    "last_name",
    "language",
    "region",
    "time_zone",
    "customer_key",
    "customer_group",
    "custom",
    "crm_keys",
]
NUMBERS_STAY = (
    "Each number keeps its own consent: nobody becomes sendable by a merge. What was refused under"
    " one number is refused under both."
)


class MergePreviewIn(Input):
    contact_id: int = Field(
        ge=1, description="The contact to keep: the one whose number is in use."
    )
    other_contact_id: int = Field(ge=1, description="The contact to merge into it.")
    take: list[Taken] = Field(
        default_factory=list,
        max_length=9,
        description="Fields of which the other contact's value wins; else the kept one's does.",
    )


class MergeIn(MergePreviewIn):
    base_version_token: str | None = Field(
        default=None,
        max_length=200,
        description="Token of the contact to keep, from contacts.merge_preview.",
    )
    other_version_token: str | None = Field(
        default=None,
        max_length=200,
        description="Token of the other contact, from contacts.merge_preview.",
    )


class MergeField(Output):
    """One field of both contacts."""

    name: str = Field(description="Field; custom.<name> or crm_keys.<name> for those.")
    kept: str = Field(description="Value of the contact to keep (untrusted text, cleaned).")
    other: str = Field(description="Value of the other contact (untrusted text, cleaned).")
    result: str = Field(description="Value afterwards.")
    lost: str = Field(description="Value that is given up; empty when none is.")


class MergePreviewOut(Output):
    kept: ContactRow = Field(description="The contact to keep.")
    other: ContactRow = Field(description="The contact that would be merged into it.")
    base_version_token: str = Field(description="Pass to contacts.merge; of the contact to keep.")
    other_version_token: str = Field(description="Pass to contacts.merge; of the other contact.")
    fields: list[MergeField] = Field(description="What becomes of each field.")
    tags: list[str] = Field(description="Tags afterwards.")
    lists_moved: list[str] = Field(description="Lists that the kept contact comes onto.")
    events_moved: int = Field(description="Orders and other events that move to the kept contact.")
    consents_left: int = Field(
        description="Entries of the consent ledger that stay with the other number."
    )
    opt_outs_added: list[SuppressionRow] = Field(
        description="Opt-outs and blocks of either number that will hold for the other, too."
    )
    possible: bool = Field(description="False when it cannot be done now.")
    problem: str = Field(description="Why it cannot be done now, and what to do; empty else.")
    in_words: list[str] = Field(description="The same as sentences.")


class MergeOut(Output):
    contact_id: int = Field(description="The contact that was kept.")
    merged_contact_id: int = Field(
        description="The contact that was merged; contacts.get explains it."
    )
    lists_moved: int = Field(description="Lists that the kept contact came onto.")
    events_moved: int = Field(description="Events that moved.")
    opt_outs_added: int = Field(description="Opt-outs and blocks that hold for both numbers now.")
    fields_lost: list[str] = Field(description="Fields of which one value was given up.")
    details: ContactOut = Field(description="The kept contact after the merge.")
    next_step: str = Field(description="What can still be done.")


def _pair(context: Context, data: MergePreviewIn, *, lock: bool = False) -> tuple[Contact, Contact]:
    """Both contacts, in the caller's sight and nobody else's; locked on request."""
    if data.contact_id == data.other_contact_id:
        raise InvalidInput(
            "This is one and the same contact.",
            field_errors={"other_contact_id": "Name another contact."},
        )
    ids = {"contact_id": data.contact_id, "other_contact_id": data.other_contact_id}
    seen = contacts_visible(context.actor).filter(pk__in=ids.values())
    rows = {row.pk: row for row in seen}
    missing = {field: "Not found." for field, pk in ids.items() if pk not in rows}
    if missing:
        raise NotFound("There is no contact with this id.", field_errors=missing)
    own_check(context.actor, *rows.values())
    if lock:
        rows = {row.pk: row for row in merge_lock(rows) if row.erased_at is None}
        if len(rows) < 2:
            raise NotFound("There is no contact with this id any more.")
    return rows[data.contact_id], rows[data.other_contact_id]


def _preview(context: Context, data: MergePreviewIn) -> MergePreviewOut:
    kept, other = _pair(context, data)
    found = merge_forecast(kept, other, take=data.take, now=context.now)
    states = states_of([kept, other], context.actor)
    phones = [kept.phone or "", other.phone or ""]
    left = ConsentEvent.objects.filter(contact=other, direction="granted").count()
    context.audit_facts = {"contacts": [kept.pk, other.pk]}
    return MergePreviewOut(
        kept=contact_row(kept, states[kept.pk]),
        other=contact_row(other, states[other.pk]),
        base_version_token=version_token(kept, context.actor),
        other_version_token=version_token(other, context.actor),
        fields=[
            MergeField(
                name=untrusted_clean(choice.name),
                kept=_text(choice.kept, phones),
                other=_text(choice.other, phones),
                result=_text(choice.result, phones),
                lost=_text(choice.lost, phones),
            )
            for choice in found.fields
        ],
        tags=[_text(tag, phones) for tag in found.tags],
        lists_moved=found.lists,
        events_moved=found.events,
        consents_left=left,
        opt_outs_added=[suppression_row(row) for row in [*found.to_kept, *found.to_other]],
        possible=not found.problem,
        problem=found.problem,
        in_words=_words(found, other, left),
    )


def _text(value: Any, phones: list[str]) -> str:
    """Cleaned, and without the numbers of either [R-4.12]."""
    text = "" if value is None else untrusted_clean(str(value))
    for phone in phones:
        text = phone_hide(text, phone)
    return text


def _words(found: Forecast, other: Contact, consents: int) -> list[str]:
    said = [NUMBERS_STAY]
    lost = [_spoken(choice.name) for choice in found.fields if choice.lost is not None]
    if lost:
        said.append(f"Given up: one value each of {', '.join(lost)}.")
    if found.lists:
        said.append(f"Lists that the kept contact comes onto: {len(found.lists)}.")
    if found.events:
        said.append(f"Events that move to the kept contact: {found.events}.")
    if consents:
        said.append(
            f"{consents} consents were given for the other number and stay with it; to text the person"
            " under the kept number, consent for that number is needed."
        )
    if found.to_kept:
        said.append("The kept number will be opted out or blocked as the other one is.")
    said.append(
        f"Contact {other.pk} goes to the trash and says who took over. contacts.restore brings its"
        " number and consent back; lists and events stay with the kept contact."
    )
    return said


def _spoken(name: str) -> str:
    """A field as people say it."""
    return name.replace("_", " ").replace(".", " ")


def _merge(context: Context, data: MergeIn) -> MergeOut:
    kept, other = _checked(context, data, lock=True)
    found = contacts_merge(
        kept, other, take=data.take, recorded_by=context.actor.principal, now=context.now
    )
    added = len(found.to_kept) + len(found.to_other)
    lost = [choice.name for choice in found.fields if choice.lost is not None]
    context.audit_object = ("contacts.contact", str(kept.pk))
    context.audit_facts = {
        "merged": other.pk,
        "lists": len(found.lists),
        "events": found.events,
        "opt_outs_added": added,
        "fields_lost": len(lost),
    }
    return MergeOut(
        contact_id=kept.pk,
        merged_contact_id=other.pk,
        lists_moved=len(found.lists),
        events_moved=found.events,
        opt_outs_added=added,
        fields_lost=lost,
        details=contact_out(kept, context.actor),
        next_step=(
            f"Contact {other.pk} is in the trash for good. If it was another person after all, restore it"
            " with contacts.restore; lists and events do not go back."
        ),
    )


def _checked(context: Context, data: MergeIn, *, lock: bool = False) -> tuple[Contact, Contact]:
    kept, other = _pair(context, data, lock=lock)
    tool = "contacts.merge_preview"
    version_check(kept, context.actor, data.base_version_token, tool=tool)
    version_check(
        other,
        context.actor,
        data.other_version_token,
        tool=tool,
        field="other_version_token",
    )
    return kept, other


def _facts(context: Context, data: MergeIn) -> dict[str, Any]:
    _checked(context, data)
    return {"contacts": 2, "by_agent": context.actor.is_agent}


def _shown(context: Context, data: MergeIn) -> dict[str, Any]:
    """What the second person reads: both masked, and what a merge does."""
    kept, other = _pair(context, data)
    found = merge_forecast(kept, other, take=data.take, now=context.now)
    states = states_of([kept, other], context.actor)
    return {
        "kept": contact_row(kept, states[kept.pk]).phone,
        "merged into it": contact_row(other, states[other.pk]).phone,
        "lists that move": found.lists,
        "events that move": found.events,
        "fields of which a value is given up": [
            choice.name for choice in found.fields if choice.lost is not None
        ],
        "can be undone": "only the number and its consent, with contacts.restore",
    }


registry.add(
    Operation(
        key="contacts.merge_preview",
        summary="Compare two contacts: what a merge would keep, move and give up.",
        description=(
            "Gives both version tokens for contacts.merge. Keep the contact whose number is in use: consent belongs to"
            " a number and does not move."
        ),
        kind=Kind.READ,
        input=MergePreviewIn,
        output=MergePreviewOut,
        run=_preview,
        permission="contacts.contact_view",
        scope="sms:contacts.read",
        requires=("contacts.duplicates",),
        rest=RestRoute("GET", "/contacts/{contact_id}/merge-preview"),
        group="contacts",
        audit_reads=True,
    ),
    Operation(
        key="contacts.merge",
        summary="Merge one contact into another: fields, tags, lists and events are united.",
        description=(
            "No number becomes sendable by it: consent stays with its number, an opt-out of one holds for both."
            " The other contact goes to the trash and names the kept one; only its number and consent can be restored."
        ),
        kind=Kind.WRITE,
        input=MergeIn,
        output=MergeOut,
        run=_merge,
        permission="contacts.contact_remove",
        scope="sms:contacts.write",
        requires=("contacts.merge_preview",),
        approval=Approval.POLICY,
        facts=_facts,
        shown=_shown,
        destructive=True,
        rest=RestRoute("POST", "/contacts/{contact_id}/merge"),
        group="contacts",
    ),
)
