"""contacts.export and opt_outs.export: a list as a CSV file, made by a worker."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.operations.exports import ExportRow, export_row
from smsmarketing.contacts.selectors import audiences_visible, segments_visible
from smsmarketing.contacts.services.exports import Wanted, export_ask
from smsmarketing.contacts.services.exports.lists import (
    ListAsked,
    contacts_count,
    opt_outs_count,
)
from smsmarketing.contacts.services.reveals import (
    FULL_NUMBERS_MOST,
    REASON_LEAST,
    may_see_phones,
    reason_read,
    reveals_count,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound, NotPermitted
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    RestRoute,
)


class _ListIn(Input):
    brand_id: int = Field(ge=1, description="Brand whose data it is.")
    show_phones: bool = Field(
        default=False,
        description=(
            "Full numbers: needs the right to see them, counts in the day's budget of contacts.reveal,"
            " and above 50 waits for a second person; otherwise they are masked."
        ),
    )
    reason: str = Field(
        min_length=REASON_LEAST, max_length=300, description="What the file is for; kept with it."
    )


class ContactsExportIn(_ListIn):
    audience_id: int | None = Field(
        default=None, ge=1, description="Only this list; or a segment; neither: all contacts."
    )
    segment_id: int | None = Field(
        default=None, ge=1, description="Only this segment, as it is when the file is made."
    )


class OptOutsExportIn(_ListIn):
    ended: bool = Field(
        default=False, description="Also those that ended: lifted, or past their time."
    )


def _contacts_facts(context: Context, data: ContactsExportIn) -> dict[str, Any]:
    return _facts(data, contacts_count(_asked(context, data), now=context.now))


def _contacts(context: Context, data: ContactsExportIn) -> ExportRow:
    asked = _asked(context, data)
    rows = contacts_count(asked, now=context.now)
    params = {"brand_id": asked.brand.pk, "criteria": asked.criteria}
    return _ordered(context, data, asked.brand, "contacts", params, rows)


def _opt_outs_facts(context: Context, data: OptOutsExportIn) -> dict[str, Any]:
    brand = _brand(context, data)
    return _facts(data, opt_outs_count(brand, ended=data.ended, now=context.now))


def _opt_outs(context: Context, data: OptOutsExportIn) -> ExportRow:
    brand = _brand(context, data)
    rows = opt_outs_count(brand, ended=data.ended, now=context.now)
    params = {"brand_id": brand.pk, "ended": data.ended}
    return _ordered(context, data, brand, "opt_outs", params, rows)


def _facts(data: _ListIn, rows: int) -> dict[str, Any]:
    return {"contacts": rows, "full_numbers": rows if data.show_phones else 0}


def _ordered(
    context: Context, data: _ListIn, brand: Brand, kind: str, params: dict[str, Any], rows: int
) -> ExportRow:
    wanted = Wanted(
        operation=f"{kind}.export",
        kind=kind,
        file_name=f"{kind.replace('_', '-')}-{context.now:%Y%m%d-%H%M}.csv",
        content_type="text/csv; charset=utf-8",
        team_ids=[brand.team_id],
        full_numbers=data.show_phones,
        reason=data.reason.strip(),
    )
    if data.show_phones and 0 < rows <= FULL_NUMBERS_MOST:
        reveals_count(context.actor, rows, now=context.now)
    row = export_ask(wanted, params, actor=context.actor, now=context.now)
    context.audit_object = ("contacts.exportfile", str(row.pk))
    context.audit_reason = data.reason.strip()
    context.audit_facts = {
        "brand_id": brand.pk,
        "rows": rows,
        "full_numbers": data.show_phones,
    }
    return export_row(row)


def _asked(context: Context, data: ContactsExportIn) -> ListAsked:
    brand = _brand(context, data)
    if data.audience_id is not None and data.segment_id is not None:
        raise InvalidInput(
            "One list or one segment at a time.",
            field_errors={"segment_id": "Leave out with audience_id."},
        )
    criteria: dict[str, Any] = {"everyone": True}
    if data.audience_id is not None:
        lists = audiences_visible(context.actor).filter(brand=brand)
        if not lists.filter(pk=data.audience_id).exists():
            raise NotFound(
                "The brand has no such list.", field_errors={"audience_id": "See audiences.list."}
            )
        criteria = {"audience": data.audience_id}
    if data.segment_id is not None:
        segments = segments_visible(context.actor).filter(brand=brand, pk=data.segment_id)
        segment = segments.first()
        if segment is None:
            raise NotFound(
                "The brand has no such segment.", field_errors={"segment_id": "See segments.list."}
            )
        criteria = segment.criteria
    return ListAsked(brand=brand, criteria=criteria)


def _brand(context: Context, data: _ListIn) -> Brand:
    if data.show_phones and not may_see_phones(context.actor):
        raise NotPermitted(
            "You may not see full numbers. Leave show_phones out to get them masked.",
            field_errors={
                "show_phones": "Needs contacts.phone_view and the scope sms:contacts.pii."
            },
        )
    reason_read(data.reason, message="Say what the file is for.", hint="Write a few words.")
    brand = brands_visible(context.actor).filter(pk=data.brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    return brand


_DESCRIPTION = (
    "Follow it with exports.get until it is ready, then fetch it. Cells that a spreadsheet would run"
    " begin with a quote. Large ones wait for a second person. Asking and fetching are audited; the"
    " file is deleted after seven days."
)

registry.add(
    Operation(
        key="contacts.export",
        summary="Export the contacts of a brand, a list or a segment as a CSV file.",
        description=_DESCRIPTION,
        kind=Kind.WRITE,
        input=ContactsExportIn,
        output=ExportRow,
        run=_contacts,
        facts=_contacts_facts,
        permission="contacts.export_make",
        scope="sms:contacts.pii",
        requires=("audiences.list",),
        approval=Approval.POLICY,
        rest=RestRoute("POST", "/contacts/export"),
        group="contacts",
    ),
    Operation(
        key="opt_outs.export",
        summary="Export the opt-outs and other blocks of a brand as a CSV file.",
        description=_DESCRIPTION,
        kind=Kind.WRITE,
        input=OptOutsExportIn,
        output=ExportRow,
        run=_opt_outs,
        facts=_opt_outs_facts,
        permission="contacts.export_make",
        scope="sms:contacts.pii",
        requires=("opt_outs.list",),
        approval=Approval.POLICY,
        rest=RestRoute("POST", "/opt_outs/export"),
        group="contacts",
    ),
)
