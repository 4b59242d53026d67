"""contacts.consent_proof: one call shows why a number was or was not sendable at a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.operations.exports import ExportRow, export_row
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.contacts.selectors import contacts_visible
from smsmarketing.contacts.services.proof import Asked, pack_files, pack_gather
from smsmarketing.contacts.services.reveals import may_see_phones, reason_read, reveals_take
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound, NotPermitted
from smsmarketing.operations.text import untrusted
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Moment,
    Operation,
    Output,
    RestRoute,
    UntrustedText,
)

_ANSWERED = 50
"""Ledger rows in the answer; the files have all of them."""


class ConsentProofIn(Input):
    contact_id: int | None = Field(
        default=None, ge=1, description="Contact; or leave out and give phone."
    )
    phone: str | None = Field(
        default=None,
        max_length=24,
        description="Number in international form, also one that was erased or is not known.",
    )
    brand_id: int = Field(ge=1, description="Brand in whose name the text would be or was sent.")
    purpose: Literal["marketing", "notification", "transactional", "otp"] = Field(
        default="marketing", description="Purpose of the text."
    )
    at: Moment | None = Field(
        default=None, description="The moment that is asked about, UTC; default: now."
    )
    show_phone: bool = Field(
        default=False,
        description=(
            "Full number in the pack: needs the right to see it and a reason, and counts in the day's"
            " budget of contacts.reveal."
        ),
    )
    reason: str = Field(
        default="", max_length=300, description="Why the pack is made; needed with show_phone."
    )


class CheckRow(Output):
    """One question that the system asks before a send."""

    order: int = Field(description="Position; the first that failed is the reason.")
    check: str = Field(
        description="suppression, consent_granted, consent_unexpired, consent_complete or line."
    )
    passed: bool = Field(description="False: it stood in the way.")
    found: str = Field(description="What was found.")
    rule: str = Field(description="Rule of the house it follows.")


class ProofConsent(Output):
    """One event of the consent ledger, in short."""

    event_id: int = Field(description="Number of the row in the ledger.")
    direction: str = Field(description="granted, revoked, expired or denied.")
    purpose: str = Field(description="marketing, notification, otp or night.")
    method: str = Field(description="How it was given.")
    captured_at: datetime = Field(description="When the person spoke, UTC.")
    recorded_at: datetime = Field(description="When it was stored, UTC.")
    expires_at: datetime | None = Field(description="When it lapses.")
    for_this_number: bool = Field(description="False: it was given for another number.")
    disclosure: UntrustedText = Field(
        description="What the person was told, shortened; the files have the exact text."
    )


class ProofSuppression(Output):
    """One suppression, in short."""

    suppression_id: int = Field(description="Number of the row.")
    scope: str = Field(description="global, brand, sender or purpose.")
    reason: str = Field(description="opt_out, complaint, invalid, ...")
    source: str = Field(description="inbound, import, admin, api, ...")
    created_at: datetime = Field(description="Since when, UTC.")
    lifted_at: datetime | None = Field(description="When it was lifted.")
    said: UntrustedText = Field(description="What the person wrote, shortened.")


class ConsentProofOut(Output):
    sendable: bool = Field(description="Whether a text of this purpose was allowed at the moment.")
    reason: str = Field(description="First reason against it; empty when allowed.")
    at: datetime = Field(description="The moment, UTC.")
    number: str = Field(description="The number, masked unless asked and allowed; or erased.")
    checks: list[CheckRow] = Field(description="All checks, in the order of the system.")
    consents: list[ProofConsent] = Field(description="Newest ledger rows, at most 50.")
    suppressions: list[ProofSuppression] = Field(description="Newest suppressions, at most 50.")
    messages: int = Field(description="Messages of the brand to the contact; the files list them.")
    audit_seq: int = Field(description="Where the audit chain stood.")
    sha256: str = Field(
        description="SHA-256 of the pack: of the JSON file, and printed on each page of the PDF."
    )
    json_file: ExportRow = Field(description="The whole pack as canonical JSON (RFC 8785).")
    pdf_file: ExportRow = Field(description="The whole pack to read, with the exact texts.")
    next_step: str = Field(description="What to do now.")


def _run(context: Context, data: ConsentProofIn) -> ConsentProofOut:
    brand = brands_visible(context.actor).filter(pk=data.brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    asked = _asked(context, data, brand)
    if asked.full and asked.contact is not None:
        subject = ("contacts.contact", str(asked.contact.pk))
        reveals_take(
            context.actor,
            [subject],
            reason=asked.reason,
            now=context.now,
            operation="contacts.consent_proof",
        )
    pack, verdict = pack_gather(asked, actor=context.actor, now=context.now)
    files = pack_files(pack, asked, actor=context.actor, now=context.now)
    if pack["person"]["known"]:
        context.audit_object = ("contacts.contact", str(pack["person"]["contact_id"]))
    context.audit_reason = data.reason
    context.audit_facts = {
        "brand_id": brand.pk,
        "purpose": data.purpose,
        "full_numbers": asked.full,
        "sendable": verdict.sendable,
        "pack_sha256": files.sha256,
    }
    return ConsentProofOut(
        sendable=verdict.sendable,
        reason=verdict.reason,
        at=asked.at,
        number=pack["question"]["number"],
        checks=[
            CheckRow(**{key: check[key] for key in CheckRow.model_fields})
            for check in pack["verdict"]["checks"]
        ],
        consents=[_consent(row) for row in reversed(pack["consents"][-_ANSWERED:])],
        suppressions=[_suppression(row) for row in reversed(pack["suppressions"][-_ANSWERED:])],
        messages=pack["messages"]["total"],
        audit_seq=pack["audit"]["chain_head"]["seq"],
        sha256=files.sha256,
        json_file=export_row(files.json),
        pdf_file=export_row(files.pdf),
        next_step="Download the PDF and the JSON under Contacts, Files; they are kept for 30 days.",
    )


def _asked(context: Context, data: ConsentProofIn, brand: Brand) -> Asked:
    at = data.at or context.now
    if at > context.now:
        raise InvalidInput(
            "A proof is about what was.", field_errors={"at": "Give a moment that is over."}
        )
    if (data.phone is None) == (data.contact_id is None):
        raise InvalidInput(
            "Name the person.", field_errors={"phone": "Give exactly one of phone and contact_id."}
        )
    if data.show_phone and not may_see_phones(context.actor):
        raise NotPermitted(
            "You may not see full numbers. Leave show_phone out to get it masked.",
            field_errors={
                "show_phone": "Needs contacts.phone_view and the scope sms:contacts.pii."
            },
        )
    if data.show_phone:
        reason_read(
            data.reason,
            message="Say why the full number is needed.",
            hint="Write a few words, such as the number of the complaint.",
        )
    return Asked(
        brand=brand,
        purpose=data.purpose,
        at=at,
        contact=_contact(context, data.contact_id),
        phone=_e164(data.phone),
        full=data.show_phone,
        reason=data.reason.strip(),
    )


def _contact(context: Context, contact_id: int | None) -> Contact | None:
    if contact_id is None:
        return None
    contact = contacts_visible(context.actor).filter(pk=contact_id).first()
    if contact is None:
        raise NotFound("There is no such contact. For an erased one give its number.")
    return contact


def _e164(raw: str | None) -> str | None:
    if raw is None:
        return None
    try:
        return phone_parse(raw).e164
    except PhoneError as exc:
        raise InvalidInput(
            "The number cannot be read.", field_errors={"phone": exc.message}
        ) from exc


def _consent(row: dict[str, Any]) -> ProofConsent:
    return ProofConsent(
        event_id=row["no"],
        disclosure=untrusted(row["disclosure_text"], "consent_evidence"),
        **{
            key: row[key]
            for key in ProofConsent.model_fields
            if key not in {"event_id", "disclosure"}
        },
    )


def _suppression(row: dict[str, Any]) -> ProofSuppression:
    said = str(row["evidence"].get("text") or row["evidence"].get("message") or "")
    return ProofSuppression(
        suppression_id=row["no"],
        said=untrusted(said, "inbound_sms"),
        **{
            key: row[key]
            for key in ProofSuppression.model_fields
            if key not in {"suppression_id", "said"}
        },
    )


registry.add(
    Operation(
        key="contacts.consent_proof",
        summary="Make a proof pack: why a number was or was not sendable at a moment (PDF and JSON).",
        description=(
            "For a contact or any number, also an erased one: verdict with every check, consent"
            " ledger with exact texts, opt-outs with evidence, messages, audit chain. Making and"
            " fetching it are audited. Counts as a search."
        ),
        kind=Kind.WRITE,
        input=ConsentProofIn,
        output=ConsentProofOut,
        run=_run,
        permission="contacts.proof_make",
        scope="sms:compliance",
        requires=("contacts.search",),
        person_limit="search",
        rest=RestRoute("POST", "/consent_proofs"),
        group="contacts",
    )
)
