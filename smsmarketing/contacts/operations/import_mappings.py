"""import_mappings.list and import_mappings.save: which column is which field, kept for the team."""

from __future__ import annotations

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import ImportMapping
from smsmarketing.contacts.operations.import_shapes import ImportKind
from smsmarketing.contacts.selectors import mappings_visible
from smsmarketing.contacts.services import imports
from smsmarketing.operations import registry
from smsmarketing.operations.errors import NotFound
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class MappingListIn(PageInput):
    kind: ImportKind | None = Field(
        default=None, description="contacts, opt_outs or events; empty: all."
    )


class MappingRow(Output):
    mapping_id: int = Field(description="Id, for import_folders.save.")
    team: str = Field(description="Team that shares it.")
    name: str = Field(description="Name, unique in the team and kind.")
    kind: str = Field(description="contacts, opt_outs or events.")
    mapping: dict[str, str] = Field(description="Column name → field.")


class MappingPage(Page[MappingRow]):
    """One page of saved mappings."""


class MappingSaveIn(Input):
    brand_id: int = Field(ge=1, description="A brand of the team that shares the mapping.")
    kind: ImportKind = Field(default="contacts", description="What the files hold.")
    name: str = Field(
        min_length=1, max_length=80, description="Name; a mapping of this name is replaced."
    )
    mapping: dict[str, str] = Field(
        min_length=1,
        max_length=200,
        description="Column name → field (phone, first_name, custom:<name>, ...).",
    )


def _row(row: ImportMapping) -> MappingRow:
    return MappingRow(
        mapping_id=row.pk, team=row.team.name, name=row.name, kind=row.kind, mapping=row.mapping
    )


def _list(context: Context, data: MappingListIn) -> MappingPage:
    rows = mappings_visible(context.actor).select_related("team").order_by("name", "id")
    if data.kind:
        rows = rows.filter(kind=data.kind)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return MappingPage(items=[_row(row) for row in page], next_cursor=cursor)


def _save(context: Context, data: MappingSaveIn) -> MappingRow:
    brand: Brand | None = brands_visible(context.actor).filter(pk=data.brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    row = imports.mapping_save(
        team_id=brand.team_id, kind=data.kind, name=data.name, mapping=data.mapping
    )
    context.audit_object = ("contacts.importmapping", str(row.pk))
    return _row(row)


registry.add(
    Operation(
        key="import_mappings.list",
        summary="Saved column mappings of the teams, offered for files with the same columns.",
        kind=Kind.READ,
        input=MappingListIn,
        output=MappingPage,
        run=_list,
        permission="contacts.import_start",
        scope="sms:contacts.write",
        rest=RestRoute("GET", "/import-mappings"),
        group="contacts",
    ),
    Operation(
        key="import_mappings.save",
        summary="Keep a column mapping under a name for the team; the same name replaces it.",
        kind=Kind.WRITE,
        input=MappingSaveIn,
        output=MappingRow,
        run=_save,
        permission="contacts.import_start",
        scope="sms:contacts.write",
        requires=("config.get",),
        rest=RestRoute("POST", "/import-mappings"),
        group="contacts",
    ),
)
