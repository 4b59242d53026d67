"""import_folders.list and import_folders.save: folders whose new files are brought in by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible, person_name
from smsmarketing.contacts.models import ImportFolder
from smsmarketing.contacts.operations.import_shapes import (
    DateOrder,
    FileConsentIn,
    OptOutReason,
    Tags,
)
from smsmarketing.contacts.selectors import audiences_visible, folders_visible, mappings_visible
from smsmarketing.contacts.services.imports import folders
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute
from smsmarketing.operations.versions import version_check, version_token

_FILES_SHOWN = 10


class FolderListIn(PageInput):
    """Nothing but the page."""


class FolderFileRow(Output):
    file_name: str = Field(description="Name of the file.")
    outcome: str = Field(description="started, held (a person must agree), skipped or failed.")
    note: str = Field(description="Why, in a sentence.")
    import_id: int | None = Field(description="The import, when there is one.")
    at: datetime = Field(description="When, UTC.")


class FolderRow(Output):
    folder_id: int = Field(description="Id of the import folder.")
    name: str = Field(description="Name.")
    brand_id: int = Field(description="Brand of the rows.")
    folder: str = Field(description="Path below the allowed folder.")
    pattern: str = Field(description="Names of files that are taken.")
    kind: str = Field(description="contacts or opt_outs.")
    every_minutes: int = Field(description="Minutes between two looks.")
    active: bool = Field(description="Whether it is looked into.")
    responsible: str = Field(description="In whose name, and with whose rights, files come in.")
    looked_at: datetime | None = Field(description="Last look, UTC.")
    problem: str = Field(description="What a person must mend; empty when all is well.")
    files: list[FolderFileRow] = Field(description="The newest 10 files.")
    base_version_token: str = Field(description="Pass to import_folders.save.")


class FolderPage(Page[FolderRow]):
    """One page of import folders."""


class FolderSaveIn(Input):
    folder_id: int | None = Field(
        default=None, ge=1, description="Existing folder; leave out for a new one."
    )
    base_version_token: str | None = Field(
        default=None, max_length=200, description="From import_folders.list; with folder_id."
    )
    brand_id: int = Field(ge=1, description="Brand of the rows.")
    name: str = Field(min_length=1, max_length=80, description="Name, unique in the team.")
    folder: str = Field(
        min_length=1, max_length=300, description="Path below the allowed folder, e.g. shop/daily."
    )
    pattern: str = Field(
        default="*.csv", min_length=1, max_length=80, description="Names of files, with * and ?."
    )
    every_minutes: int = Field(
        default=15, ge=1, le=1440, description="Minutes between two looks; a file waits for two."
    )
    active: bool = Field(default=True, description="False: not looked into for now.")
    kind: Literal["contacts", "opt_outs"] = Field(
        default="contacts", description="What the rows are."
    )
    mapping_id: int | None = Field(
        default=None,
        ge=1,
        description="From import_mappings.list; without it columns are recognised by their names.",
    )
    audience_id: int | None = Field(default=None, ge=1, description="Audience the contacts join.")
    default_region: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Country of numbers written without one."
    )
    date_order: DateOrder = Field(default="", description="How 04/05/2026 is meant.")
    tags: Tags = Field(default=[], max_length=20, description="Tags for every contact.")
    consent: FileConsentIn | None = Field(
        default=None,
        description="Evidence for every file; the time of consent must be a column of the files.",
    )
    reason: OptOutReason = Field(
        default="opt_out", description="Reason of opt-outs whose row names none."
    )


def _row(row: ImportFolder, context: Context) -> FolderRow:
    return FolderRow(
        folder_id=row.pk,
        name=row.name,
        brand_id=row.brand_id,
        folder=row.folder,
        pattern=row.pattern,
        kind=row.options.get("kind", "contacts"),
        every_minutes=row.every_minutes,
        active=row.active,
        responsible=person_name(row.responsible),
        looked_at=row.looked_at,
        problem=row.problem,
        files=[
            FolderFileRow(
                file_name=each.file_name,
                outcome=each.outcome,
                note=each.note,
                import_id=each.job_id,
                at=each.at,
            )
            for each in row.files.order_by("-id")[:_FILES_SHOWN]
        ],
        base_version_token=version_token(row, context.actor),
    )


def _list(context: Context, data: FolderListIn) -> FolderPage:
    rows = folders_visible(context.actor).select_related("responsible").order_by("name", "id")
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return FolderPage(items=[_row(row, context) for row in page], next_cursor=cursor)


def _save(context: Context, data: FolderSaveIn) -> FolderRow:
    brand: Brand | None = brands_visible(context.actor).filter(pk=data.brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    row: ImportFolder | None = None
    if data.folder_id is not None:
        rows = folders_visible(context.actor).select_for_update(of=("self",))
        row = rows.filter(pk=data.folder_id).first()
        if row is None:
            raise NotFound("There is no such import folder.")
        version_check(row, context.actor, data.base_version_token, tool="import_folders.list")
    saved = folders.folder_save(
        brand=brand,
        name=data.name,
        folder=data.folder,
        pattern=data.pattern,
        options=_options(context, data, brand),
        every_minutes=data.every_minutes,
        responsible=context.actor.user,
        active=data.active,
        row=row,
        now=context.now,
    )
    context.audit_object = ("contacts.importfolder", str(saved.pk))
    return _row(saved, context)


def _options(context: Context, data: FolderSaveIn, brand: Brand) -> dict[str, Any]:
    """The input of imports.start for each file."""
    if data.consent is not None and data.consent.captured_at:
        message = (
            "Leave the time out: each file must have it as a column, for it differs by person."
        )
        raise InvalidInput(message, field_errors={"consent.captured_at": message})
    for field, found in (
        ("mapping_id", mappings_visible(context.actor).filter(team_id=brand.team_id)),
        ("audience_id", audiences_visible(context.actor).filter(brand_id=brand.pk)),
    ):
        wanted = getattr(data, field)
        if wanted is not None and not found.filter(pk=wanted).exists():
            raise NotFound("There is no such row.", field_errors={field: "Not one of the brand."})
    options = data.model_dump(
        mode="json",
        include={"kind", "mapping_id", "audience_id", "default_region", "date_order", "tags"},
        exclude_none=True,
    )
    if data.kind == "opt_outs":
        return {**options, "reason": data.reason}
    consent = data.consent.model_dump(mode="json", exclude_none=True) if data.consent else None
    return {**options, **({"consent": consent} if consent else {})}


registry.add(
    Operation(
        key="import_folders.list",
        summary="Folders whose new files are brought in by themselves, and what became of the files.",
        kind=Kind.READ,
        input=FolderListIn,
        output=FolderPage,
        run=_list,
        permission="contacts.import_view",
        scope="sms:contacts.write",
        rest=RestRoute("GET", "/import-folders"),
        group="contacts",
    ),
    Operation(
        key="import_folders.save",
        summary="Watch a folder below the allowed root for new files, or change how.",
        description=(
            "Each file is brought in by imports.start in your name, with your rights of that moment"
            " and under the approval policies. Files are moved to processed or failed; the same"
            " file is never brought in twice."
        ),
        kind=Kind.WRITE,
        input=FolderSaveIn,
        output=FolderRow,
        run=_save,
        permission="contacts.import_start",
        scope="sms:contacts.write",
        requires=("import_mappings.list",),
        rest=RestRoute("POST", "/import-folders"),
        group="contacts",
    ),
)
