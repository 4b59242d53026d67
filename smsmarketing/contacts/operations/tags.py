"""tags.list and tags.rename."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.selectors.tags import segments_with_tag, tag_counts
from smsmarketing.contacts.services.tags import tag_holders, tag_rename
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.masking import text_masked
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)

Tag = Annotated[str, Field(min_length=1, max_length=60)]


class TagListIn(Input):
    after: str = Field(default="", max_length=60, description="Tags behind this one, by name.")
    limit: int = Field(default=100, ge=1, le=200, description="Most tags to list.")


class TagRow(Output):
    """A tag, and how many have it."""

    tag: str = Field(description="The tag; a phone number in it is hidden.")
    contacts: int = Field(description="Contacts in use that have it.")


class TagListOut(Output):
    items: list[TagRow] = Field(description="Tags by name.")
    next_after: str | None = Field(description="Pass as after for more; null when there are none.")


def _brand_ids(context: Context) -> list[int]:
    return sorted(brands_visible(context.actor).values_list("pk", flat=True))


def _list(context: Context, data: TagListIn) -> TagListOut:
    found = tag_counts(_brand_ids(context), after=data.after, limit=data.limit + 1)
    page = found[: data.limit]
    return TagListOut(
        items=[TagRow(tag=text_masked(tag), contacts=count) for tag, count in page],
        next_after=page[-1][0] if len(found) > data.limit else None,
    )


class RenameIn(Input):
    tag: Tag = Field(description="The tag as it is now.")
    new_tag: Tag = Field(
        description="What it shall be; when contacts have it already, the two become one."
    )


class RenameOut(Output):
    changed: int = Field(description="Contacts changed by this call.")
    remaining: int = Field(description="Contacts that follow in the background.")
    merged: bool = Field(description="True when the new tag was in use before.")
    segments: list[str] = Field(
        description="Saved segments that still name the old tag: change them, they do not follow."
    )


def _checked(context: Context, data: RenameIn) -> int:
    if data.tag == data.new_tag:
        raise InvalidInput(
            "The tag has this name already.", field_errors={"new_tag": "Give another name."}
        )
    count = tag_holders(data.tag, brand_ids=_brand_ids(context))
    if not count:
        raise NotFound(
            "No contact has this tag. tags.list shows those in use.",
            field_errors={"tag": "Not in use."},
        )
    return count


def _rename(context: Context, data: RenameIn) -> RenameOut:
    brands = _brand_ids(context)
    count = _checked(context, data)
    merged = tag_holders(data.new_tag, brand_ids=brands) > 0
    by = context.actor.who
    changed = tag_rename(data.tag, data.new_tag, brand_ids=brands, by=by, now=context.now)
    if count > changed:
        enqueue("contacts.tag_rename", old=data.tag, new=data.new_tag, brand_ids=brands, by=by)
    context.audit_facts = {"changed": changed, "remaining": count - changed}
    teams = brands_visible(context.actor).values_list("team_id", flat=True)
    return RenameOut(
        changed=changed,
        remaining=count - changed,
        merged=merged,
        segments=segments_with_tag(sorted(set(teams)), data.tag),
    )


def _rename_facts(context: Context, data: RenameIn) -> dict[str, Any]:
    return {"contacts": _checked(context, data), "by_agent": context.actor.is_agent}


registry.add(
    Operation(
        key="tags.list",
        summary="List the tags in use, with how many contacts have each.",
        kind=Kind.READ,
        input=TagListIn,
        output=TagListOut,
        run=_list,
        permission="contacts.contact_view",
        scope="sms:contacts.read",
        requires=("config.get",),
        rest=RestRoute("GET", "/tags"),
        group="contacts",
    ),
    Operation(
        key="tags.rename",
        summary="Rename a tag on all contacts of your brands, or merge it into another tag.",
        description=(
            "The first 500 contacts change at once, the rest in the background; tags.list shows how far it is, and "
            "calling it again goes on. Segments that name the old tag are listed: they do not follow by themselves."
        ),
        kind=Kind.WRITE,
        input=RenameIn,
        output=RenameOut,
        run=_rename,
        permission="contacts.contact_edit",
        scope="sms:contacts.write",
        requires=("tags.list",),
        approval=Approval.POLICY,
        facts=_rename_facts,
        rest=RestRoute("POST", "/tags/rename"),
        group="contacts",
    ),
)
