"""contacts.opt_in: a person says yes. Evidence is recorded, or the owner of the number is asked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Contact, OptInForm
from smsmarketing.contacts.operations.evidence import EvidenceIn
from smsmarketing.contacts.rules.consent import ConsentEvidence
from smsmarketing.contacts.rules.phone import PhoneError, phone_mask, phone_parse
from smsmarketing.contacts.selectors import contacts_visible, suppressed_phones
from smsmarketing.contacts.selectors.opt_in_forms import forms_visible
from smsmarketing.contacts.services import consent_record
from smsmarketing.contacts.services.consent import consent_check
from smsmarketing.contacts.services.double_opt_in import Visit, double_opt_in_request
from smsmarketing.contacts.services.locks import number_lock
from smsmarketing.operations import registry
from smsmarketing.operations.errors import Conflict, InvalidInput, NotFound, OptedOut
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)

_PERSON_SAID_NO = (
    "This person opted out; evidence of a consent does not undo that. Either the person texts START"
    " to the number they wrote STOP to, or compliance asks to lift it with opt_outs.lift."
)
_STANDS = (
    "This number is suppressed ({why}), and no consent changes that. See opt_outs.list for the"
    " reason; only compliance can ask to lift it, with opt_outs.lift."
)


class OptInIn(Input):
    brand_id: int = Field(ge=1, description="Brand the consent is for; it holds for no other.")
    contact_id: int | None = Field(default=None, ge=1, description="Contact; or give phone.")
    phone: str | None = Field(
        default=None, max_length=32, description="Number of an existing contact; or contact_id."
    )
    purpose: Literal["marketing", "notification", "otp", "night"] = Field(
        default="marketing", description="What the person agreed to."
    )
    consent: EvidenceIn | None = Field(
        default=None, description="Evidence of the consent; leave out to ask the person instead."
    )
    double_opt_in_form_id: int | None = Field(
        default=None,
        ge=1,
        description="Live opt-in form whose wording asks the number to reply YES; instead of consent.",
    )


class OptInOut(Output):
    outcome: str = Field(
        description="recorded, requested (a text asks the person), or asked_before: not again now."
    )
    contact_id: int = Field(description="The contact.")
    phone: str = Field(description="Masked number.")
    consent_event_id: int | None = Field(description="Row of the ledger, when one was recorded.")
    double_opt_in_id: int | None = Field(description="The request that waits for a YES, if any.")
    next_step: str = Field(description="What happens now.")


def _brand(context: Context, data: OptInIn) -> Brand:
    brand = brands_visible(context.actor).filter(pk=data.brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    return brand


def _contact(context: Context, data: OptInIn) -> Contact:
    if (data.phone is None) == (data.contact_id is None):
        raise InvalidInput(
            "Name the person.", field_errors={"phone": "Give exactly one of phone and contact_id."}
        )
    rows = contacts_visible(context.actor).filter(trashed_at=None).exclude(phone=None)
    if data.contact_id is not None:
        contact = rows.filter(pk=data.contact_id).first()
    else:
        try:
            contact = rows.filter(phone=phone_parse(data.phone or "").e164).first()
        except PhoneError as exc:
            raise InvalidInput(
                "The number cannot be read.", field_errors={"phone": exc.message}
            ) from exc
    if contact is None:
        raise NotFound("There is no such contact. Save the contact with contacts.upsert first.")
    return contact


def _form(context: Context, data: OptInIn, brand: Brand) -> OptInForm:
    forms = forms_visible(context.actor).select_related("brand", "live")
    form = forms.filter(pk=data.double_opt_in_form_id or 0, brand=brand).first()
    field = "double_opt_in_form_id"
    if form is None:
        raise NotFound(
            "The brand has no such form.", field_errors={field: "See opt_in_forms.list."}
        )
    if form.live is None or not form.live.double_opt_in:
        raise Conflict(
            "This form does not ask for a confirmation by SMS. Publish a version of it that does.",
            field_errors={field: "Closed, or without double opt-in."},
        )
    form.live.form = form
    return form


def _evidence(data: OptInIn) -> ConsentEvidence:
    assert data.consent is not None  # noqa: S101 - the caller looked
    return ConsentEvidence(**data.consent.model_dump(), purpose=data.purpose)


def _refuse_suppressed(contact: Contact, brand: Brand, data: OptInIn, context: Context) -> None:
    phone = str(contact.phone)
    purpose = "otp" if data.purpose == "otp" else "marketing"
    if data.purpose == "notification" and data.double_opt_in_form_id is None:
        purpose = "notification"
    found = suppressed_phones([phone], brand_id=brand.pk, purpose=purpose, now=context.now)
    why = found.get(phone)
    if why is None:
        return
    raise OptedOut(
        _PERSON_SAID_NO if why == "opted_out" else _STANDS.format(why=why.replace("_", " ")),
        details={"reason": why, "may_use": ["START"] if why == "opted_out" else []},
    )


def _checked(context: Context, data: OptInIn) -> tuple[Brand, Contact]:
    """Refuse what could never be done, also before anybody is asked to approve it."""
    if (data.consent is None) == (data.double_opt_in_form_id is None):
        raise InvalidInput(
            "Say how the person agrees.",
            field_errors={"consent": "Give exactly one of consent and double_opt_in_form_id."},
        )
    brand, contact = _brand(context, data), _contact(context, data)
    _refuse_suppressed(contact, brand, data, context)
    if data.consent is not None:
        consent_check(contact.country, contact.phone or "", _evidence(data), now=context.now)
    else:
        _form(context, data, brand)
    return brand, contact


def _run(context: Context, data: OptInIn) -> OptInOut:
    brand, contact = _checked(context, data)
    number_lock(str(contact.phone))
    # Again under the lock: a STOP that committed meanwhile stands.
    _refuse_suppressed(contact, brand, data, context)
    context.audit_object = ("contacts.contact", str(contact.pk))
    if data.double_opt_in_form_id is not None:
        return _asked(context, data, brand, contact)
    event = consent_record(
        contact,
        _evidence(data),
        brand=brand,
        captured_by=context.actor.principal,
        now=context.now,
    )
    context.audit_facts = {"consent_event_id": event.pk, "purpose": data.purpose}
    return OptInOut(
        outcome="recorded",
        contact_id=contact.pk,
        phone=phone_mask(str(contact.phone)),
        consent_event_id=event.pk,
        double_opt_in_id=None,
        next_step="The consent is in the ledger; contacts.get shows whether the person is sendable.",
    )


def _asked(context: Context, data: OptInIn, brand: Brand, contact: Contact) -> OptInOut:
    form = _form(context, data, brand)
    assert form.live is not None  # noqa: S101 - _form looked
    outcome, row = double_opt_in_request(
        phone_parse(str(contact.phone)),
        form.live,
        visit=Visit(asked_by=context.actor.principal),
        now=context.now,
    )
    context.audit_facts = {"outcome": outcome, "form_id": form.pk}
    steps = {
        "requested": "A text asks the person to reply YES within 24 hours; silence changes nothing.",
        "asked_before": "The person was asked in the last 30 days. Nothing was sent; do not remind.",
    }
    return OptInOut(
        outcome=outcome,
        contact_id=contact.pk,
        phone=phone_mask(str(contact.phone)),
        consent_event_id=None,
        double_opt_in_id=row.pk if row is not None else None,
        next_step=steps.get(outcome, ""),
    )


def _facts(context: Context, data: OptInIn) -> dict[str, Any]:
    _checked(context, data)
    return {
        "contacts": 1,
        "consent_changes": 1 if data.consent is not None else 0,
        "opt_out_lifts": 0,
        "by_agent": context.actor.is_agent,
    }


registry.add(
    Operation(
        key="contacts.opt_in",
        summary="Record a person's consent with its evidence, or ask the number to confirm by SMS.",
        description=(
            "Never undoes an opt-out: the person texts START, or compliance uses opt_outs.lift. A "
            "request goes to a number once in 30 days for a brand; only YES from it counts."
        ),
        kind=Kind.WRITE,
        input=OptInIn,
        output=OptInOut,
        run=_run,
        permission="contacts.contact_edit",
        scope="sms:contacts.write",
        requires=("contacts.get", "opt_in_forms.list"),
        approval=Approval.POLICY,
        facts=_facts,
        idempotent=True,
        rest=RestRoute("POST", "/opt_ins"),
        group="contacts",
    )
)
