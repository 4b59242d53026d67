"""contacts.upsert: create or change one contact; never sendable without consent evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.operations.contacts import ContactOut, contact_out
from smsmarketing.contacts.operations.evidence import EvidenceIn
from smsmarketing.contacts.rules.consent import ConsentEvidence
from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS
from smsmarketing.contacts.rules.import_values import READERS, BadValue
from smsmarketing.contacts.rules.phone import Phone, PhoneError, phone_parse
from smsmarketing.contacts.selectors import contacts_visible
from smsmarketing.contacts.services import (
    Upserted,
    consent_record,
    contact_upsert,
    suppression_add,
)
from smsmarketing.contacts.services.consent import consent_check
from smsmarketing.contacts.services.fields import custom_read
from smsmarketing.contacts.services.locks import number_lock
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Surface,
)
from smsmarketing.operations.versions import version_check

Tag = Annotated[str, Field(min_length=1, max_length=60)]
Clearable = Literal[
    "first_name",
    "last_name",
    "language",
    "region",
    "time_zone",
    "customer_key",
    "customer_group",
]


class ConsentIn(EvidenceIn):
    """Evidence of one consent, or of its end [R-4.1]."""

    purpose: Literal["marketing", "notification", "otp", "night"] = Field(
        default="marketing", description="What the person agreed to."
    )
    direction: Literal["granted", "revoked", "denied"] = Field(
        default="granted",
        description="What the person said; revoked also opts the number out of the brand.",
    )


class ContactFields(Input):
    """What a call may say of one contact."""

    contact_id: int | None = Field(
        default=None, ge=1, description="Existing contact; leave out to find or create by phone."
    )
    base_version_token: str | None = Field(
        default=None,
        max_length=200,
        description="From contacts.get; required when the contact exists.",
    )
    phone: str | None = Field(
        default=None,
        max_length=32,
        description="Number; with contact_id a new number, which voids consent [R-4.3].",
    )
    country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Country of a number written nationally."
    )
    first_name: str | None = Field(default=None, max_length=80, description="First name.")
    last_name: str | None = Field(default=None, max_length=80, description="Last name.")
    language: str | None = Field(default=None, max_length=12, description="BCP 47.")
    region: str | None = Field(
        default=None, max_length=12, description="ISO 3166-2 subdivision without the country."
    )
    time_zone: str | None = Field(default=None, max_length=64, description="IANA zone.")
    tags: list[Tag] | None = Field(
        default=None, max_length=50, description="The whole set of tags; see add_tags."
    )
    add_tags: list[Tag] | None = Field(
        default=None, max_length=50, description="Tags to add to the present ones."
    )
    remove_tags: list[Tag] | None = Field(
        default=None, max_length=50, description="Tags to take away; others stay."
    )
    clear_fields: list[Clearable] | None = Field(
        default=None,
        max_length=10,
        description="Fields to set back to empty. A field that is null or left out stays as it is.",
    )
    customer_key: str | None = Field(default=None, max_length=80, description="Customer id.")
    customer_group: str | None = Field(
        default=None, max_length=60, description="Customer group; empty text takes it away."
    )
    crm_keys: dict[str, str | None] | None = Field(
        default=None, max_length=20, description="Ids by system, merged; null removes one."
    )
    custom: dict[str, str | int | float | bool | None] | None = Field(
        default=None,
        max_length=50,
        description="Custom fields, merged; null removes one. Declared ones are checked.",
    )
    consent: ConsentIn | None = Field(
        default=None, description="Consent evidence, if there is any."
    )


class UpsertIn(ContactFields):
    brand_id: int = Field(ge=1, description="Brand the contact belongs to; consent is per brand.")
    source: str = Field(min_length=1, max_length=80, description="Where this comes from.")


class UpsertOut(Output):
    created: bool = Field(description="True when the contact is new.")
    changed: list[str] = Field(description="Fields that changed.")
    in_trash: bool = Field(
        description="True: what was given is stored, but the contact is in the trash; see contacts.restore."
    )
    consent_recorded: bool = Field(description="True when consent evidence was added.")
    details: ContactOut = Field(description="The contact after the change.")


def _phone(data: ContactFields) -> Phone | None:
    if data.phone is None:
        return None
    try:
        phone = phone_parse(data.phone, data.country)
    except PhoneError as exc:
        raise InvalidInput(
            "The number cannot be used.", field_errors={"phone": exc.message}
        ) from exc
    if not phone.textable:
        raise InvalidInput(
            "This number cannot receive texts.",
            field_errors={"phone": f"It is a {phone.line_type.replace('_', ' ')} number."},
        )
    return phone


def brand_of(context: Context, brand_id: int) -> Brand:
    """The brand, when the caller works for it."""
    brand = brands_visible(context.actor).filter(pk=brand_id).first()
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    return brand


def _existing(
    context: Context, data: ContactFields, phone: Phone | None, *, may_lack_token: bool = False
) -> Contact | None:
    """The contact that is meant, its token checked. A number that only other teams know is not told apart."""
    rows = contacts_visible(context.actor).select_for_update(of=("self",))
    if data.contact_id is not None:
        contact = rows.filter(pk=data.contact_id).first()
        if contact is None:
            raise NotFound("There is no such contact.")
    elif phone is None:
        raise InvalidInput(
            "Name the person.",
            field_errors={"phone": "Give a phone, or the contact_id of an existing contact."},
        )
    else:
        contact = rows.filter(phone=phone.e164).first()
    if contact is not None and not (may_lack_token and data.base_version_token is None):
        version_check(contact, context.actor, data.base_version_token)
    return contact


def _run(context: Context, data: UpsertIn) -> UpsertOut:
    done = upsert_apply(context, data, brand=brand_of(context, data.brand_id), source=data.source)
    context.audit_object = ("contacts.contact", str(done.contact.pk))
    context.audit_facts = {
        "created": done.created,
        "changed": list(done.changed),
        "noted": True,
        "consent": data.consent is not None,
    }
    return UpsertOut(
        created=done.created,
        changed=list(done.changed),
        in_trash=done.contact.trashed_at is not None,
        consent_recorded=data.consent is not None,
        details=contact_out(done.contact, context.actor),
    )


def _refusal_keep(context: Context, data: ContactFields, contact: Contact, brand: Brand) -> None:
    """A consent taken back is a "no" that a later form or import must not overturn [R-2.16]."""
    consent = data.consent
    if consent is None or consent.purpose == "night" or contact.phone is None:
        return
    suppression_add(
        phone=contact.phone,
        scope="brand",
        reason="opt_out",
        source="admin" if context.actor.surface is Surface.ADMIN else "api",
        evidence={
            "text": consent.disclosure_text,
            "said_at": consent.captured_at.isoformat(),
            "recorded_by": context.actor.principal,
        },
        brand=brand,
        purposes=(consent.purpose,) if consent.purpose == "otp" else (),
        at=context.now,
    )


def upsert_apply(
    context: Context, data: ContactFields, *, brand: Brand, source: str, fill_blanks: bool = False
) -> Upserted:
    """Create or change one contact and record its consent. With `fill_blanks` an existing one needs
    no version token: then only what was empty is filled, and nothing is overwritten.
    """
    phone = _phone(data)
    if phone is not None:
        number_lock(
            phone.e164
        )  # before the contact's row, as a STOP does, even of an unknown number
    contact = _existing(context, data, phone, may_lack_token=fill_blanks)
    changes = _changes(data, brand.team_id)
    if contact is not None and data.base_version_token is None:
        changes = _blanks_only(contact, changes)
        phone = None
    done = contact_upsert(
        phone,
        contact=contact,
        changes=changes,
        brand_id=brand.pk,
        source=source,
        by=context.actor.who,
        now=context.now,
    )
    if data.consent is not None:
        consent_record(
            done.contact,
            ConsentEvidence(**data.consent.model_dump()),
            brand=brand,
            captured_by=context.actor.principal,
            now=context.now,
        )
        if data.consent.direction == "revoked":
            _refusal_keep(context, data, done.contact, brand)
        done.contact.refresh_from_db()
    return done


def _blanks_only(contact: Contact, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Of the changes only those that overwrite nothing."""
    kept: dict[str, Any] = {}
    for name, value in changes.items():
        if name in ("tags", "add_tags"):
            kept["add_tags"] = [*kept.get("add_tags", ()), *value]
        elif name in ("custom", "crm_keys"):
            held = getattr(contact, name)
            kept[name] = {
                key: item for key, item in value.items() if item is not None and not held.get(key)
            }
        elif name != "remove_tags" and value and not getattr(contact, name):
            kept[name] = value
    return kept


def _read(data: ContactFields, field: str) -> Any:
    """A field's value by the same rules as a cell of an import."""
    value = getattr(data, field)
    if field not in ("language", "region", "time_zone") or not value:
        return value
    try:
        return READERS[field](value)
    except BadValue as exc:
        raise InvalidInput("The contact cannot be saved.", field_errors={field: str(exc)}) from exc


def _changes(data: ContactFields, team_id: int) -> dict[str, Any]:
    """Only the fields the caller named: the rest stays as it is. Custom values by their declaration."""
    named = data.model_fields_set
    fields = (*TEXT_FIELDS, "tags", "add_tags", "remove_tags", *OBJECT_FIELDS)
    changes = {
        field: _read(data, field)
        for field in fields
        if field in named and getattr(data, field) is not None
    }
    if "custom" in changes:
        changes["custom"] = custom_read(team_id, changes["custom"])
    return {**changes, **_cleared(data, changes)}


def _cleared(data: ContactFields, given: Mapping[str, Any]) -> dict[str, Any]:
    """The named fields as empty. To set a field and to empty it at once is a contradiction."""
    both = sorted(set(data.clear_fields or ()) & set(given))
    both += sorted({*(data.add_tags or ()), *(data.tags or ())} & set(data.remove_tags or ()))[:1]
    if both:
        raise InvalidInput(
            "The call asks for two opposite things. Set a value or take it away, not both.",
            field_errors={
                "clear_fields" if both[0] in given else "remove_tags": f"Also given: {both[0]}."
            },
        )
    return dict.fromkeys(data.clear_fields or (), "")


def _sound(context: Context, data: UpsertIn) -> None:
    """Refuse what could never be done, before anybody is asked to approve it."""
    phone = _phone(data)
    brand = brand_of(context, data.brand_id)
    contact = _existing(context, data, phone)
    _changes(data, brand.team_id)
    if data.consent is not None:
        number = phone.e164 if phone else (contact.phone if contact else None) or ""
        country = phone.country if phone else contact.country if contact else ""
        evidence = ConsentEvidence(**data.consent.model_dump())
        consent_check(country, number, evidence, now=context.now)


def _facts(context: Context, data: UpsertIn) -> dict[str, Any]:
    _sound(context, data)
    return {
        "contacts": 1,
        "consent_changes": 1
        if data.consent is not None and data.consent.direction == "granted"
        else 0,
        "cross_system": bool(data.crm_keys),
        "by_agent": context.actor.is_agent,
    }


registry.add(
    Operation(
        key="contacts.upsert",
        summary="Create or change one contact: number, country, tags, language, consent evidence, source, CRM keys.",
        description=(
            "Only the named fields change. A contact never becomes sendable without consent evidence, and never "
            "stops being opted out. One in the trash stays there, see in_trash. Read it with contacts.get first; "
            "a stale base_version_token is refused."
        ),
        kind=Kind.WRITE,
        input=UpsertIn,
        output=UpsertOut,
        run=_run,
        permission="contacts.contact_edit",
        scope="sms:contacts.write",
        requires=("contacts.get", "contacts.search"),
        approval=Approval.POLICY,
        facts=_facts,
        rest=RestRoute("POST", "/contacts"),
        group="contacts",
    )
)
