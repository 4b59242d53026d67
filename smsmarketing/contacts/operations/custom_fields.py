"""contacts.custom_fields.list and .save: what custom fields and event properties may hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import CustomField
from smsmarketing.contacts.selectors.events import fields_visible
from smsmarketing.contacts.services.fields import field_save
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound, PreconditionRequired
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute
from smsmarketing.operations.versions import version_check, version_token

FieldType = Literal["text", "number", "boolean", "date", "choice"]


class FieldRow(Output):
    """One declared field."""

    field_id: int = Field(description="Id.")
    team: str = Field(description="Team whose contacts or events it is about.")
    applies_to: str = Field(description="contact, or the kind of events it is a property of.")
    name: str = Field(description="Name in contacts.upsert, events.record and segments.")
    label: str = Field(description="What people read.")
    type: str = Field(description="text, number, boolean, date or choice.")
    choices: list[str] = Field(description="What a choice may be; else empty.")
    description: str = Field(description="What it means.")
    archived: bool = Field(description="True: it takes no new values.")
    base_version_token: str = Field(description="Pass to contacts.custom_fields.save.")


class FieldListIn(PageInput):
    applies_to: str | None = Field(
        default=None, max_length=40, description="contact, or a kind of events."
    )
    archived: bool | None = Field(default=None, description="Only archived ones, or only others.")


class FieldPage(Page[FieldRow]):
    """Declared fields by what they apply to and name."""


def _row(field: CustomField, context: Context) -> FieldRow:
    return FieldRow(
        field_id=field.pk,
        team=field.team.name,
        applies_to=field.applies_to,
        name=field.name,
        label=field.label,
        type=field.type,
        choices=list(field.choices),
        description=field.description,
        archived=field.archived_at is not None,
        base_version_token=version_token(field, context.actor),
    )


def _list(context: Context, data: FieldListIn) -> FieldPage:
    rows = fields_visible(context.actor).select_related("team")
    if data.applies_to is not None:
        rows = rows.filter(applies_to=data.applies_to)
    if data.archived is not None:
        rows = rows.filter(archived_at__isnull=not data.archived)
    page, cursor = page_cut(
        rows.order_by("applies_to", "name", "id"), data, principal=context.actor.principal
    )
    return FieldPage(items=[_row(field, context) for field in page], next_cursor=cursor)


class FieldSaveIn(Input):
    field_id: int | None = Field(
        default=None, ge=1, description="Existing field; leave out for a new one."
    )
    base_version_token: str | None = Field(
        default=None,
        max_length=200,
        description="From contacts.custom_fields.list; required with field_id.",
    )
    brand_id: int | None = Field(
        default=None, ge=1, description="A brand of the team; required for a new field."
    )
    applies_to: str = Field(
        default="contact",
        max_length=40,
        description="contact, or a kind of events such as order or custom:visit; stays as it is.",
    )
    name: str | None = Field(
        default=None, max_length=60, description="Name; required for a new field, then it stays."
    )
    label: str | None = Field(
        default=None,
        max_length=80,
        description="What people read; left out: as it is, or the name.",
    )
    type: FieldType | None = Field(
        default=None,
        description="Required for a new field. Another type only when all stored values fit it.",
    )
    choices: list[Annotated[str, Field(min_length=1, max_length=80)]] | None = Field(
        default=None, max_length=100, description="For type choice; left out: as they are."
    )
    description: str | None = Field(
        default=None, max_length=300, description="What it means; left out: as it is."
    )
    archived: bool | None = Field(
        default=None, description="True: no new values; stored ones stay. False: in use again."
    )


def _save(context: Context, data: FieldSaveIn) -> FieldRow:
    known = data.field_id
    saved = _declared(context, data) if known is None else _changed(context, data, known)
    context.audit_object = ("contacts.customfield", str(saved.pk))
    context.audit_facts = {"applies_to": saved.applies_to, "type": saved.type}
    return _row(saved, context)


def _declared(context: Context, data: FieldSaveIn) -> CustomField:
    missing = [name for name in ("brand_id", "name", "type") if getattr(data, name) is None]
    if data.brand_id is None or data.name is None or data.type is None:
        raise PreconditionRequired(
            "A new field needs a brand of its team, a name and a type.",
            field_errors=dict.fromkeys(missing, "This is needed for a new field."),
        )
    brand = brands_visible(context.actor).filter(pk=data.brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    if data.archived:
        raise InvalidInput(
            "A new field cannot be archived.", field_errors={"archived": "Leave it out."}
        )
    return field_save(
        team_id=brand.team_id,
        applies_to=data.applies_to,
        name=data.name.strip(),
        label=data.label or data.name.strip(),
        type=data.type,
        choices=data.choices or (),
        description=data.description or "",
        now=context.now,
    )


def _changed(context: Context, data: FieldSaveIn, field_id: int) -> CustomField:
    rows = fields_visible(context.actor).select_for_update(of=("self",)).select_related("team")
    field = rows.filter(pk=field_id).first()
    if field is None:
        raise NotFound("There is no such field.", field_errors={"field_id": "Not one of yours."})
    version_check(field, context.actor, data.base_version_token, tool="contacts.custom_fields.list")
    fixed = {"name": field.name, "applies_to": field.applies_to}
    moved = [
        name for name in fixed if name in data.model_fields_set and _differs(data, name, fixed)
    ]
    if moved:
        raise InvalidInput(
            "Name and place of a field stay. Declare a new field instead.",
            field_errors=dict.fromkeys(moved, "Leave this as it is."),
        )
    kind = data.type or field.type
    choices = data.choices if data.choices is not None else field.choices
    return field_save(
        team_id=field.team_id,
        applies_to=field.applies_to,
        name=field.name,
        label=field.label if data.label is None else data.label,
        type=kind,
        choices=choices if kind == "choice" else (),
        description=field.description if data.description is None else data.description,
        archived=field.archived_at is not None if data.archived is None else data.archived,
        field=field,
        now=context.now,
    )


def _differs(data: FieldSaveIn, name: str, fixed: dict[str, str]) -> bool:
    given = getattr(data, name)
    return given is not None and given.strip() != fixed[name]


registry.add(
    Operation(
        key="contacts.custom_fields.list",
        summary="List the custom fields and event properties that a team has declared.",
        kind=Kind.READ,
        input=FieldListIn,
        output=FieldPage,
        run=_list,
        permission="contacts.contact_view",
        scope="sms:contacts.read",
        rest=RestRoute("GET", "/custom_fields"),
        group="contacts",
    ),
    Operation(
        key="contacts.custom_fields.save",
        summary="Declare a custom field or event property with a type, or change or archive one.",
        description=(
            "From then on every value is checked and brought into one form, wherever it comes in."
            " Names that nobody declared are kept as they are given."
        ),
        kind=Kind.WRITE,
        input=FieldSaveIn,
        output=FieldRow,
        run=_save,
        permission="contacts.field_save",
        scope="sms:contacts.write",
        requires=("contacts.custom_fields.list", "config.get"),
        rest=RestRoute("POST", "/custom_fields"),
        group="contacts",
    ),
)
