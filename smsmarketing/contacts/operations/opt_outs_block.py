"""opt_outs.block, opt_outs.import and opt_outs.unblock_expired: the house's own lists."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from smsmarketing.contacts.operations.opt_outs import (
    OptOutOut,
    brand_named,
    number_named,
    opt_out_out,
    source_of,
)
from smsmarketing.contacts.rules.phone import PhoneError, phone_mask, phone_parse
from smsmarketing.contacts.rules.suppressions import EXPIRING_REASONS
from smsmarketing.contacts.selectors import suppressions_visible
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.lifting import suppressions_expire
from smsmarketing.contacts.services.suppressions_many import No, suppressions_add_many
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Moment,
    Operation,
    Output,
    RestRoute,
)

IMPORT_MOST = 500
PurposeName = Literal["marketing", "notification", "transactional", "otp"]
ImportReason = Literal[
    "opt_out", "complaint", "blocked", "legal", "registry", "invalid", "reassigned", "manual"
]


class BlockIn(Input):
    phone: str | None = Field(
        default=None, max_length=32, description="Number, known or unknown; or give contact_id."
    )
    contact_id: int | None = Field(default=None, ge=1, description="Contact; or give phone.")
    brand_id: int | None = Field(
        default=None, ge=1, description="Brand it holds for; leave out for all brands."
    )
    reason: Literal["blocked", "manual", "registry", "legal", "unreachable"] = Field(
        default="blocked", description="Why. What a person said goes to contacts.opt_out instead."
    )
    until: Moment | None = Field(
        default=None,
        description="When it ends by itself, e.g. 2026-12-31T23:59:59Z; leave out for no end.",
    )
    note: str = Field(default="", max_length=300, description="Note for people.")


def block(context: Context, data: BlockIn) -> OptOutOut:
    phone = number_named(context, data.phone, data.contact_id)
    brand = brand_named(context, data.brand_id)
    _future(data.until, context.now, field="until")
    row = suppression_add(
        phone=phone,
        scope="brand" if brand else "global",
        reason=data.reason,
        source=source_of(context),
        evidence={
            "note": data.note,
            "recorded_by": context.actor.principal,
            "surface": context.actor.surface.value,
        },
        brand=brand,
        expires_at=data.until,
        at=context.now,
    )
    context.audit_object = ("contacts.suppression", str(row.pk))
    context.audit_reason = data.reason
    return opt_out_out(row, phone)


def _future(moment: datetime | None, now: datetime, *, field: str) -> None:
    if moment is not None and moment <= now + timedelta(minutes=1):
        raise InvalidInput(
            "A block that is over before it begins blocks nothing.",
            field_errors={field: "Give a time in the future, or leave it out."},
        )


class ImportRow(Input):
    """One number of opt_outs.import."""

    phone: str = Field(min_length=1, max_length=32, description="Number, as it stands in the list.")
    reason: ImportReason | None = Field(
        default=None, description="Why, when it differs from the call's."
    )
    message: str = Field(default="", max_length=1600, description="What the person wrote or said.")
    said_at: Moment | None = Field(default=None, description="When the person said it.")
    language: str = Field(default="", max_length=12, description="Language of the message.")


class ImportIn(Input):
    numbers: list[ImportRow] = Field(
        min_length=1, max_length=IMPORT_MOST, description="1 to 500 numbers."
    )
    brand_id: int | None = Field(
        default=None, ge=1, description="Brand they hold for; leave out for all brands."
    )
    reason: ImportReason = Field(
        default="opt_out", description="Why, for rows that name no reason of their own."
    )
    until: Moment | None = Field(
        default=None,
        description="When they end by themselves; for blocks and legal lists only, e.g. a registry.",
    )
    default_region: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country of numbers written without one, e.g. GB; without it they are rejected.",
    )
    source_name: str = Field(
        default="", max_length=120, description="Name of the list they come from; kept as evidence."
    )


class ImportReject(Output):
    """A row that could not be read. All other rows hold."""

    row: int = Field(description="Position in numbers, the first is 1.")
    code: str = Field(description="Stable word for what is wrong.")
    message: str = Field(description="What is wrong and what to do.")


class ImportResult(Output):
    """Output of opt_outs.import."""

    suppressed: int = Field(description="Numbers that were not suppressed in this way before.")
    unchanged: int = Field(
        description="Numbers that were so already; it is noted that they repeat."
    )
    duplicates: int = Field(description="Rows whose number stands again further up.")
    rejected: list[ImportReject] = Field(description="Rows left out, each with what to do.")


def import_numbers(context: Context, data: ImportIn) -> ImportResult:
    brand = brand_named(context, data.brand_id)
    _future(data.until, context.now, field="until")
    wanted: dict[str, No] = {}
    rejected: list[ImportReject] = []
    duplicates = 0
    for number, row in enumerate(data.numbers, start=1):
        found = _row(context, data, row)
        if isinstance(found, No):
            duplicates += found.phone in wanted
            wanted.setdefault(found.phone, found)
        else:
            rejected.append(ImportReject(row=number, code=found[0], message=found[1]))
    made = suppressions_add_many(
        list(wanted.values()), brand=brand, source=source_of(context), now=context.now
    )
    context.audit_facts = {
        "suppressed": len(made),
        "unchanged": len(wanted) - len(made),
        "rejected": len(rejected),
    }
    return ImportResult(
        suppressed=len(made),
        unchanged=len(wanted) - len(made),
        duplicates=duplicates,
        rejected=rejected,
    )


def _row(context: Context, data: ImportIn, row: ImportRow) -> No | tuple[str, str]:
    """The row as it is recorded, or a code and a sentence. A bad row holds nobody else's "no" up."""
    try:
        phone = phone_parse(row.phone, default_region=data.default_region).e164
    except PhoneError as exc:
        return exc.code, exc.message
    reason = row.reason or data.reason
    if row.said_at is not None and row.said_at > context.now:
        return "said_in_future", "said_at lies in the future. Give a past time, or leave it out."
    evidence: dict[str, Any] = {
        "message": row.message,
        "said_at": row.said_at.isoformat() if row.said_at else "",
        "list": data.source_name,
        "recorded_by": context.actor.principal,
        "surface": context.actor.surface.value,
    }
    return No(
        phone=phone,
        reason=reason,
        language=row.language,
        evidence={key: value for key, value in evidence.items() if value},
        expires_at=data.until if reason in EXPIRING_REASONS else None,
    )


class ExpiredIn(Input):
    limit: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=100, description="How many are noted in this call, 1 to 1,000."
    )


class ExpiredItem(Output):
    """A block whose time is over."""

    suppression_id: int = Field(description="Id.")
    phone: str = Field(description="Masked number.")
    brand_id: int | None = Field(description="Brand; null: every brand.")
    reason: str = Field(description="blocked, manual, registry, ...")
    expired_at: datetime = Field(description="When it stopped counting, UTC.")


class ExpiredOut(Output):
    """Output of opt_outs.unblock_expired."""

    items: list[ExpiredItem] = Field(description="Blocks whose end was noted, oldest first.")
    more: bool = Field(description="True when more wait; call again.")


def unblock_expired(context: Context, data: ExpiredIn) -> ExpiredOut:
    rows = suppressions_visible(context.actor)
    ended = suppressions_expire(rows, now=context.now, limit=data.limit)
    more = rows.filter(lifted_at=None, expires_at__lte=context.now).exists()
    context.audit_facts = {"ended": len(ended)}
    ended.sort(key=lambda row: (row.expires_at or context.now, row.pk))
    return ExpiredOut(
        items=[
            ExpiredItem(
                suppression_id=row.pk,
                phone=phone_mask(row.phone) if row.phone else "erased",
                brand_id=row.brand_id,
                reason=row.reason,
                expired_at=row.expires_at or context.now,
            )
            for row in ended
        ],
        more=more,
    )


registry.add(
    Operation(
        key="opt_outs.block",
        summary="Block a number, for good or until a date. Works at once, also for unknown numbers.",
        description="Blocks every purpose, one-time codes too, except a registry: marketing only.",
        kind=Kind.WRITE,
        input=BlockIn,
        output=OptOutOut,
        run=block,
        permission="contacts.opt_out_record",
        scope="sms:contacts.write",
        requires=("contacts.get",),
        idempotent=True,
        rest=RestRoute("POST", "/opt_outs/blocks"),
        group="contacts",
    ),
    Operation(
        key="opt_outs.import",
        summary="Record up to 500 opt-outs or blocks at once. They hold when the call returns.",
        description=(
            "No approval, no delay. A row that cannot be read is named and left out; all others hold."
            " For a file use imports.start with kind opt_outs."
        ),
        kind=Kind.WRITE,
        input=ImportIn,
        output=ImportResult,
        run=import_numbers,
        permission="contacts.opt_out_record",
        scope="sms:contacts.write",
        requires=("opt_outs.list",),
        idempotent=True,
        rest=RestRoute("POST", "/opt_outs/import"),
        group="contacts",
    ),
    Operation(
        key="opt_outs.unblock_expired",
        summary="List the blocks whose time is over and note their end. Nothing is removed.",
        description=(
            "They stopped counting by themselves at their time, and a sweep does this every five"
            " minutes; the call does it now and shows which."
        ),
        kind=Kind.WRITE,
        input=ExpiredIn,
        output=ExpiredOut,
        run=unblock_expired,
        permission="contacts.opt_out_record",
        scope="sms:contacts.write",
        requires=("opt_outs.list",),
        idempotent=True,
        rest=RestRoute("POST", "/opt_outs/expired"),
        group="contacts",
    ),
)
