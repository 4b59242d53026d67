"""contacts.duplicates: contacts that may be one person."""

from __future__ import annotations

from typing import Literal

from django.core import signing
from pydantic import Field

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.operations.contacts import states_of
from smsmarketing.contacts.operations.shapes import ContactRow, contact_row
from smsmarketing.contacts.selectors import audiences_visible, contacts_visible
from smsmarketing.contacts.selectors.duplicates import duplicate_groups
from smsmarketing.operations import registry
from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute

_SALT = "smsmarketing.contacts.duplicates"


class DuplicatesIn(Input):
    by: Literal["customer_key", "crm_key", "name_and_field"] = Field(
        default="customer_key",
        description=(
            "customer_key: the same customer id, capitals aside; crm_key: the same id in the same other system;"
            " name_and_field: the same first and last name and the same value of custom_field."
        ),
    )
    custom_field: str | None = Field(
        default=None,
        min_length=1,
        max_length=60,
        description="Name of a custom field, e.g. birthday or email; only with name_and_field.",
    )
    audience_id: int | None = Field(
        default=None, ge=1, description="Only contacts on this list (audience)."
    )
    contact_id: int | None = Field(default=None, ge=1, description="Only doubles of this contact.")
    cursor: str | None = Field(
        default=None, max_length=1024, description="next_cursor of the page before."
    )
    limit: int = Field(default=20, ge=1, le=50, description="Groups per page, 1 to 50.")


class DuplicateGroup(Output):
    """Contacts that are alike."""

    size: int = Field(description="How many contacts are alike.")
    contacts: list[ContactRow] = Field(
        description="The first ten of them, lowest id first, numbers masked."
    )


class DuplicatesOut(Output):
    items: list[DuplicateGroup] = Field(description="Groups, by their lowest contact id.")
    next_cursor: str | None = Field(description="Pass as cursor for the next page; null: the last.")
    next_step: str = Field(description="What to do with a group.")


def _duplicates(context: Context, data: DuplicatesIn) -> DuplicatesOut:
    _checked(context, data)
    binding = sha256_hex(
        [context.actor.principal, data.model_dump(mode="json", exclude={"cursor", "limit"})]
    )[:32]
    groups = duplicate_groups(
        data.by,
        brand_ids=list(brands_visible(context.actor).values_list("pk", flat=True)),
        field=data.custom_field or "",
        audience_id=data.audience_id,
        contact_id=data.contact_id,
        after=_after(data.cursor, binding),
        limit=data.limit + 1,
    )
    page, more = groups[: data.limit], len(groups) > data.limit
    rows = Contact.objects.in_bulk({pk for group in page for pk in group.contact_ids})
    states = states_of(list(rows.values()), context.actor)
    context.audit_facts = {"groups": len(page), "by": data.by}
    return DuplicatesOut(
        items=[
            DuplicateGroup(
                size=group.size,
                contacts=[
                    contact_row(rows[pk], states[pk]) for pk in group.contact_ids if pk in rows
                ],
            )
            for group in page
        ],
        next_cursor=signing.dumps([binding, page[-1].first_id], salt=_SALT) if more else None,
        next_step="Compare two of a group with contacts.merge_preview; alike is not yet the same person.",
    )


def _checked(context: Context, data: DuplicatesIn) -> None:
    if (data.by == "name_and_field") != (data.custom_field is not None):
        raise InvalidInput(
            "A name alone is too weak.",
            field_errors={
                "custom_field": "Name a custom field, such as birthday, with by = name_and_field; else leave it out."
            },
        )
    lists = audiences_visible(context.actor)
    if data.audience_id is not None and not lists.filter(pk=data.audience_id).exists():
        raise NotFound("There is no such list.", field_errors={"audience_id": "Not found."})
    people = contacts_visible(context.actor)
    if data.contact_id is not None and not people.filter(pk=data.contact_id).exists():
        raise NotFound(
            "There is no contact with this id.", field_errors={"contact_id": "Not found."}
        )


def _after(cursor: str | None, binding: str) -> int:
    if not cursor:
        return 0
    try:
        bound_to, after = signing.loads(cursor, salt=_SALT)
        if bound_to != binding:
            raise signing.BadSignature("bound to another list")
        return int(after)
    except (signing.BadSignature, ValueError, TypeError) as exc:
        raise InvalidInput(
            "The cursor does not belong to this list and these filters. Leave it out to start at the first page.",
            field_errors={"cursor": "Pass next_cursor of the page before, with unchanged filters."},
        ) from exc


registry.add(
    Operation(
        key="contacts.duplicates",
        summary=(
            "Find contacts that may be one person: same customer id, same id elsewhere, same name and custom field."
        ),
        description=(
            "Looks at contacts in use of the caller's brands; numbers come masked. Compare two of a group with"
            " contacts.merge_preview before merging: alike is not yet the same person."
        ),
        kind=Kind.READ,
        input=DuplicatesIn,
        output=DuplicatesOut,
        run=_duplicates,
        permission="contacts.contact_view",
        scope="sms:contacts.read",
        requires=("contacts.search",),
        rest=RestRoute("GET", "/contacts/duplicates"),
        group="contacts",
        audit_reads=True,
    )
)
