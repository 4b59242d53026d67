"""audiences.get, add_contacts, remove_contacts and archive: who is on a list."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from smsmarketing.contacts.models import Audience, AudienceMember, Contact
from smsmarketing.contacts.operations.audiences import AudienceRow, audience_row
from smsmarketing.contacts.operations.contacts import states_of
from smsmarketing.contacts.operations.shapes import ContactRow, contact_row
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.contacts.selectors import audiences_visible, contacts_visible
from smsmarketing.contacts.selectors.audiences import audience_counts
from smsmarketing.contacts.services import audience_add, audience_archive, audience_remove
from smsmarketing.operations import registry
from smsmarketing.operations.errors import Conflict, InvalidInput
from smsmarketing.operations.pages import PageInput, page_cut
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)

MOST_NAMED = 1000
"""Contacts in one call; each of the three lists holds at most 500 [R-9.11]."""
AUDIENCE = Target(argument="audience_id", visible=audiences_visible, label="audience")
VERSIONED = Target(
    argument="audience_id", visible=audiences_visible, label="audience", versioned=True
)


class AudienceGetIn(PageInput):
    audience_id: int = Field(ge=1, description="Id from audiences.list.")


class AudienceOut(Output):
    audience: AudienceRow = Field(description="The list with its counts.")
    items: list[ContactRow] = Field(description="Contacts on it, newest first, numbers masked.")
    next_cursor: str | None = Field(
        description="Pass as cursor for the next page; null on the last page."
    )


def _get(context: Context, data: AudienceGetIn) -> AudienceOut:
    audience: Audience = context.target
    members = AudienceMember.objects.filter(audience=audience).values("contact_id")
    rows = contacts_visible(context.actor).filter(pk__in=members, trashed_at=None).order_by("-id")
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    states = states_of(page, context.actor)
    context.audit_facts = {"shown": len(page)}
    return AudienceOut(
        audience=audience_row(
            audience, audience_counts([audience], now=context.now)[audience.pk], context
        ),
        items=[contact_row(contact, states[contact.pk]) for contact in page],
        next_cursor=cursor,
    )


class MembersIn(Input):
    audience_id: int = Field(ge=1, description="Id from audiences.list.")
    contact_ids: list[Annotated[int, Field(ge=1)]] = Field(
        default_factory=list, max_length=500, description="Contacts by id."
    )
    phones: list[Annotated[str, Field(min_length=3, max_length=32)]] = Field(
        default_factory=list, max_length=500, description="Contacts by number, international form."
    )
    customer_keys: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(
        default_factory=list, max_length=500, description="Contacts by customer id."
    )


class MemberResult(Output):
    """What became of one that was named."""

    named_by: Literal["contact_id", "phone", "customer_key"] = Field(description="In which list.")
    position: int = Field(description="Place in that list, from 0.")
    contact_id: int | None = Field(description="The contact, when there is one.")
    result: Literal["added", "removed", "unchanged", "not_found", "unreadable", "ambiguous"] = (
        Field(
            description=(
                "unchanged: it was so already; not_found: no such contact in use; unreadable: not a"
                " phone number; ambiguous: several contacts have this customer id."
            )
        )
    )


class MembersOut(Output):
    changed: int = Field(description="Contacts that came onto the list, or left it.")
    unchanged: int = Field(description="Contacts for which it was so already.")
    refused: int = Field(description="Named ones that could not be found.")
    items: list[MemberResult] = Field(description="One result for each, in the order of the input.")


def _named(context: Context, data: MembersIn) -> list[MemberResult]:
    """Each named contact with the id it has, or why it has none."""
    total = len(data.contact_ids) + len(data.phones) + len(data.customer_keys)
    if not 1 <= total <= MOST_NAMED:
        raise InvalidInput(
            f"Name 1 to {MOST_NAMED} contacts in one call.",
            field_errors={"contact_ids": "Give contact_ids, phones or customer_keys."},
        )
    rows = contacts_visible(context.actor).filter(trashed_at=None)
    ids = set(rows.filter(pk__in=data.contact_ids).values_list("pk", flat=True))
    found = [
        _result("contact_id", at, [pk] if pk in ids else [])
        for at, pk in enumerate(data.contact_ids)
    ]
    read = [_e164(phone) for phone in data.phones]
    by_phone = dict(rows.filter(phone__in=[e for e in read if e]).values_list("phone", "pk"))
    for at, phone in enumerate(read):
        one = [by_phone[phone]] if phone in by_phone else []
        found.append(_result("phone", at, one, readable=phone is not None))
    by_key: dict[str, list[int]] = {}
    for key, pk in rows.filter(customer_key__in=data.customer_keys).values_list(
        "customer_key", "pk"
    ):
        by_key.setdefault(key, []).append(pk)
    for at, key in enumerate(data.customer_keys):
        found.append(_result("customer_key", at, by_key.get(key, [])))
    return found


def _e164(raw: str) -> str | None:
    try:
        return phone_parse(raw).e164
    except PhoneError:
        return None


def _result(named_by: Any, at: int, ids: list[int], *, readable: bool = True) -> MemberResult:
    result: Any = "unchanged"
    if not readable:
        result = "unreadable"
    elif len(ids) != 1:
        result = "ambiguous" if ids else "not_found"
    return MemberResult(
        named_by=named_by,
        position=at,
        contact_id=ids[0] if len(ids) == 1 else None,
        result=result,
    )


def _changed(
    context: Context, named: list[MemberResult], word: Any, before: set[int]
) -> MembersOut:
    """The results with those that changed; a contact that is named twice changes once."""
    done: set[int] = set()
    items = []
    for item in named:
        pk = item.contact_id
        if pk is not None and pk not in done and (pk in before) is (word == "removed"):
            done.add(pk)
            item = item.model_copy(update={"result": word})
        items.append(item)
    same = sum(item.result == "unchanged" for item in items)
    context.audit_facts = {"changed": len(done), "named": len(items)}
    return MembersOut(
        changed=len(done), unchanged=same, refused=len(items) - same - len(done), items=items
    )


def _before(audience: Audience, named: list[MemberResult]) -> set[int]:
    ids = {item.contact_id for item in named if item.contact_id is not None}
    members = AudienceMember.objects.filter(audience=audience, contact_id__in=ids)
    return set(members.values_list("contact_id", flat=True))


def _add(context: Context, data: MembersIn) -> MembersOut:
    audience: Audience = context.target
    if audience.archived_at is not None:
        raise Conflict(
            "The audience is archived. Fetch it back with audiences.archive (archived: false) first."
        )
    named = _named(context, data)
    wanted = sorted({item.contact_id for item in named if item.contact_id is not None})
    # Locked in the order of their ids: none of them can be trashed or erased in between.
    locked = Contact.objects.select_for_update(no_key=True).filter(pk__in=wanted, trashed_at=None)
    ids = set(locked.order_by("pk").values_list("pk", flat=True))
    named = [
        item.model_copy(update={"contact_id": None, "result": "not_found"})
        if item.contact_id is not None and item.contact_id not in ids
        else item
        for item in named
    ]
    before = _before(audience, named)
    audience_add(audience, ids - before, by=context.actor.who, now=context.now)
    return _changed(context, named, "added", before)


def _remove(context: Context, data: MembersIn) -> MembersOut:
    audience: Audience = context.target
    named = _named(context, data)
    before = _before(audience, named)
    audience_remove(audience, before, by=context.actor.who, now=context.now)
    return _changed(context, named, "removed", before)


class ArchiveIn(Input):
    audience_id: int = Field(ge=1, description="Id from audiences.list.")
    base_version_token: str = Field(max_length=200, description="From audiences.list.")
    archived: bool = Field(default=True, description="False fetches it back.")


def _archive(context: Context, data: ArchiveIn) -> AudienceRow:
    row = audience_archive(context.target, archived=data.archived, now=context.now)
    return audience_row(row, audience_counts([row], now=context.now)[row.pk], context)


registry.add(
    Operation(
        key="audiences.get",
        summary="Read one audience: its counts, and the contacts on it page by page.",
        kind=Kind.READ,
        input=AudienceGetIn,
        output=AudienceOut,
        run=_get,
        permission="contacts.contact_view",
        scope="sms:contacts.read",
        requires=("audiences.list",),
        target=AUDIENCE,
        rest=RestRoute("GET", "/audiences/{audience_id}"),
        group="contacts",
        audit_reads=True,
    ),
    Operation(
        key="audiences.add_contacts",
        summary="Put contacts on an audience, by id, number or customer id; one result for each.",
        description=(
            "Up to 500 of each kind, 1,000 in all. Being on a list is no consent: who may be texted stays as it is. "
            "Unknown numbers are not created; use contacts.batch_upsert or an import for those."
        ),
        kind=Kind.WRITE,
        input=MembersIn,
        output=MembersOut,
        run=_add,
        permission="contacts.contact_edit",
        scope="sms:contacts.write",
        requires=("audiences.list", "contacts.search"),
        target=AUDIENCE,
        idempotent=True,
        rest=RestRoute("POST", "/audiences/{audience_id}/contacts"),
        group="contacts",
    ),
    Operation(
        key="audiences.remove_contacts",
        summary="Take contacts off an audience, by id, number or customer id; one result for each.",
        description=(
            "Up to 500 of each kind, 1,000 in all. The contacts, their consent and opt-outs stay."
        ),
        kind=Kind.WRITE,
        input=MembersIn,
        output=MembersOut,
        run=_remove,
        permission="contacts.contact_edit",
        scope="sms:contacts.write",
        requires=("audiences.list",),
        target=AUDIENCE,
        idempotent=True,
        rest=RestRoute("POST", "/audiences/{audience_id}/contacts/remove"),
        group="contacts",
    ),
    Operation(
        key="audiences.archive",
        summary="Put an audience away, or fetch it back.",
        description="Members stay, and so do segments that name it; it is only not offered any more.",
        kind=Kind.WRITE,
        input=ArchiveIn,
        output=AudienceRow,
        run=_archive,
        permission="contacts.contact_edit",
        scope="sms:contacts.write",
        requires=("audiences.list",),
        target=VERSIONED,
        rest=RestRoute("POST", "/audiences/{audience_id}/archive"),
        group="contacts",
    ),
)
