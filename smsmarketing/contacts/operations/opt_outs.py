"""contacts.opt_out and opt_outs.list: a "no" is recorded at once and never removed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.db.models import QuerySet
from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Contact, Suppression
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.rules.phone import PhoneError, phone_hide, phone_mask, phone_parse
from smsmarketing.contacts.selectors import (
    contacts_visible,
    suppressions_live,
    suppressions_visible,
)
from smsmarketing.contacts.services import suppression_add
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.text import untrusted
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Moment,
    Operation,
    Output,
    RestRoute,
    Surface,
    UntrustedText,
)

SYNC_WORDS = "Whether the team's own systems were told: local_only (none listens), pending, synced or failed."
ReasonName = Literal[
    "opt_out",
    "hold",
    "complaint",
    "blocked",
    "legal",
    "invalid",
    "landline",
    "reassigned",
    "registry",
    "carrier_block",
    "unreachable",
    "unknown_subscriber",
    "manual",
]
REASONS_OF_KIND = {
    "opt_outs": ("opt_out",),
    "holds": ("hold",),
    "stop_replies": ("opt_out",),
    "blocked": ("blocked", "manual", "carrier_block", "registry", "legal"),
    "invalid": ("invalid", "landline", "unreachable", "unknown_subscriber", "reassigned"),
    "complaints": ("complaint",),
}


class OptOutIn(Input):
    phone: str | None = Field(
        default=None, max_length=32, description="Number, known or unknown; or give contact_id."
    )
    contact_id: int | None = Field(default=None, ge=1, description="Contact; or give phone.")
    brand_id: int | None = Field(
        default=None, ge=1, description="Brand it holds for; leave out for all brands."
    )
    reason: Literal["opt_out", "complaint", "blocked", "legal", "manual"] = Field(
        default="opt_out", description="Why."
    )
    sender: str = Field(
        default="",
        max_length=16,
        description="Only texts from this sender; leave out for all senders.",
    )
    purposes: list[Literal["marketing", "notification", "transactional", "otp"]] = Field(
        default=[],
        max_length=4,
        description="Only texts for these purposes; leave out for what the reason covers.",
    )
    message: str = Field(
        default="", max_length=1600, description="What the person wrote or said; kept as evidence."
    )
    said_at: Moment | None = Field(
        default=None, description="When the person said it; default: now."
    )
    language: str = Field(default="", max_length=12, description="Language of the message.")
    note: str = Field(default="", max_length=300, description="Note for people.")


class OptOutOut(Output):
    suppression_id: int = Field(description="Id of the suppression.")
    phone: str = Field(description="Masked number.")
    contact_id: int | None = Field(description="Contact, when the number is known.")
    scope: str = Field(description="global or brand.")
    reason: str = Field(description="Why.")
    source: str = Field(description="Where it came from.")
    purposes: list[str] = Field(description="Blocked purposes; empty means all.")
    language: str = Field(description="Language.")
    created_at: datetime = Field(description="Since when it holds, UTC.")
    expires_at: datetime | None = Field(description="Until when; null: it does not end by itself.")
    sync_state: str = Field(description=SYNC_WORDS)


def _opt_out(context: Context, data: OptOutIn) -> OptOutOut:
    phone = number_named(context, data.phone, data.contact_id)
    brand = brand_named(context, data.brand_id)
    if data.said_at is not None and data.said_at > context.now:
        raise InvalidInput(
            "An opt-out cannot lie in the future.", field_errors={"said_at": "Give a past time."}
        )
    evidence: dict[str, Any] = {
        "message": data.message,
        "said_at": (data.said_at or context.now).isoformat(),
        "recorded_by": context.actor.principal,
        "surface": context.actor.surface.value,
        "note": data.note,
    }
    row = suppression_add(
        phone=phone,
        scope=_scope(data),
        reason=data.reason,
        source=source_of(context),
        evidence=evidence,
        brand=brand,
        sender=data.sender,
        purposes=data.purposes,
        language=data.language,
        at=context.now,
    )
    context.audit_object = ("contacts.suppression", str(row.pk))
    context.audit_reason = data.reason
    return opt_out_out(row, phone)


def _scope(data: OptOutIn) -> str:
    """The narrowest thing that was named: a sender, purposes, a brand; else everything."""
    if data.sender and data.purposes:
        raise InvalidInput(
            "A sender or purposes, not both.",
            field_errors={"purposes": "A sender is blocked for every purpose; leave this out."},
        )
    if data.sender:
        return "sender"
    if data.purposes:
        return "purpose"
    return "global" if data.brand_id is None else "brand"


def source_of(context: Context) -> str:
    """admin or api: where a person or a program recorded it."""
    return "admin" if context.actor.surface is Surface.ADMIN else "api"


def opt_out_out(row: Suppression, phone: str) -> OptOutOut:
    """The suppression that now holds for the number."""
    return OptOutOut(
        suppression_id=row.pk,
        phone=phone_mask(phone),
        contact_id=row.contact_id,
        scope=row.scope,
        reason=row.reason,
        source=row.source,
        purposes=list(row.purposes),
        language=row.language,
        created_at=row.created_at,
        expires_at=row.expires_at,
        sync_state=row.sync_state,
    )


def number_named(context: Context, phone: str | None, contact_id: int | None) -> str:
    """The E.164 number of the call: exactly one of phone and contact_id. Raises InvalidInput, NotFound."""
    if (phone is None) == (contact_id is None):
        raise InvalidInput(
            "Name the person.", field_errors={"phone": "Give exactly one of phone and contact_id."}
        )
    if contact_id is not None:
        contact: Contact | None = contacts_visible(context.actor).filter(pk=contact_id).first()
        if contact is None or contact.phone is None:
            raise NotFound("There is no such contact.")
        return contact.phone
    try:
        return phone_parse(phone or "").e164
    except PhoneError as exc:
        raise InvalidInput(
            "The number cannot be read.", field_errors={"phone": exc.message}
        ) from exc


def brand_named(context: Context, brand_id: int | None) -> Brand | None:
    """The brand of the call; None for every brand. Raises NotFound."""
    if brand_id is None:
        return None
    brand = brands_visible(context.actor).filter(pk=brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    return brand


class OptOutListIn(PageInput):
    kind: (
        Literal["opt_outs", "holds", "stop_replies", "blocked", "invalid", "complaints"] | None
    ) = Field(default=None, description="Only this class; default: all suppressed numbers.")
    brand_id: int | None = Field(default=None, ge=1, description="Only this brand and global ones.")
    reason: ReasonName | None = Field(default=None, description="Only this reason.")
    contact_id: int | None = Field(default=None, ge=1, description="Only of this contact's number.")
    phone: str | None = Field(
        default=None, max_length=24, description="Exact number in international form; no prefixes."
    )
    sync_state: Literal["local_only", "pending", "synced", "failed"] | None = Field(
        default=None, description="Only those that other systems were told of, or were not."
    )
    live: bool | None = Field(
        default=True, description="True: only those that hold now; null: lifted ones too."
    )


class SuppressionItem(Output):
    """One suppressed number."""

    suppression_id: int = Field(description="Id.")
    phone: str = Field(description="Masked number; contacts.reveal gives it. erased: none is left.")
    contact_id: int | None = Field(description="Contact, when the number is known.")
    scope: str = Field(description="global, brand, sender or purpose.")
    brand_id: int | None = Field(description="Brand, for scope brand.")
    reason: str = Field(description="opt_out, complaint, invalid, landline, blocked, ...")
    source: str = Field(
        description="inbound (a STOP reply), import, admin, api, gateway, web or form."
    )
    stop_reply: UntrustedText | None = Field(description="What the person wrote, for STOP replies.")
    purposes: list[str] = Field(description="Blocked purposes; empty means all.")
    language: str = Field(description="Language.")
    created_at: datetime = Field(description="Since when, UTC.")
    expires_at: datetime | None = Field(description="Until when; null: for ever.")
    lifted_at: datetime | None = Field(description="When it was lifted; null while it holds.")
    sync_state: str = Field(description=SYNC_WORDS)


class OptOutPage(Page[SuppressionItem]):
    """Suppressions of the caller's brands and global ones, newest first."""


def _list(context: Context, data: OptOutListIn) -> OptOutPage:
    rows = suppressions_visible(context.actor).order_by("-created_at", "-id")
    if data.kind is not None:
        rows = rows.filter(reason__in=REASONS_OF_KIND[data.kind])
    if data.kind == "stop_replies":
        rows = rows.filter(source="inbound")
    if data.brand_id is not None:
        rows = rows.filter(brand_id=data.brand_id) | rows.filter(brand=None)
    if data.live:
        rows = rows.filter(suppressions_live(context.now))
    rows = _listed_narrowly(rows, context, data)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    context.audit_facts = {"shown": len(page)}
    return OptOutPage(items=[suppression_item(row) for row in page], next_cursor=cursor)


def _listed_narrowly(
    rows: QuerySet[Suppression], context: Context, data: OptOutListIn
) -> QuerySet[Suppression]:
    if data.reason is not None:
        rows = rows.filter(reason=data.reason)
    if data.sync_state is not None:
        rows = rows.filter(sync_state=data.sync_state)
    if data.phone is not None:
        rows = rows.filter(phone_hash__in=phone_hashes(number_named(context, data.phone, None)))
    if data.contact_id is not None:
        contact = contacts_visible(context.actor).filter(pk=data.contact_id).first()
        if contact is None:
            raise NotFound("There is no such contact.", field_errors={"contact_id": "Not found."})
        rows = rows.filter(phone_hash=contact.phone_hash)
    return rows


def suppression_item(row: Suppression) -> SuppressionItem:
    """The row as lists show it."""
    text = str(row.evidence.get("text") or row.evidence.get("message") or "")
    text = phone_hide(text, row.phone or "")
    return SuppressionItem(
        suppression_id=row.pk,
        phone=phone_mask(row.phone) if row.phone else "erased",
        contact_id=row.contact_id,
        scope=row.scope,
        brand_id=row.brand_id,
        reason=row.reason,
        source=row.source,
        stop_reply=untrusted(text, "inbound_sms") if row.source == "inbound" and text else None,
        purposes=list(row.purposes),
        language=row.language,
        created_at=row.created_at,
        expires_at=row.expires_at,
        lifted_at=row.lifted_at,
        sync_state=row.sync_state,
    )


registry.add(
    Operation(
        key="contacts.opt_out",
        summary="Record that a person does not want texts. Works at once, also for unknown numbers.",
        description=(
            "No approval, no delay. Evidence is kept and cannot be removed; recording it twice "
            "changes nothing."
        ),
        kind=Kind.WRITE,
        input=OptOutIn,
        output=OptOutOut,
        run=_opt_out,
        permission="contacts.opt_out_record",
        scope="sms:contacts.write",
        requires=("contacts.get",),
        idempotent=True,
        rest=RestRoute("POST", "/opt_outs"),
        group="contacts",
    ),
    Operation(
        key="opt_outs.list",
        summary="List opt-outs, STOP replies, blocked, invalid, complaining and otherwise suppressed numbers.",
        description="A hard constraint before every send: no campaign overrides it.",
        kind=Kind.READ,
        input=OptOutListIn,
        output=OptOutPage,
        run=_list,
        permission="contacts.opt_out_view",
        scope="sms:contacts.read",
        requires=("config.get",),
        rest=RestRoute("GET", "/opt_outs"),
        group="contacts",
        audit_reads=True,
    ),
)
