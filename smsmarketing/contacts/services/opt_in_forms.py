"""Hosted opt-in forms: frozen wording, one version live, and what a visitor's "yes" does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import Contact, OptInForm, OptInFormVersion
from smsmarketing.contacts.rules.consent import ConsentEvidence
from smsmarketing.contacts.rules.opt_in_forms import (
    FORM_FIELDS,
    FORM_PURPOSES,
    disclosure_faults,
    origin_fault,
    words_faults,
)
from smsmarketing.contacts.rules.phone import Phone
from smsmarketing.contacts.rules.source_urls import source_kept
from smsmarketing.contacts.selectors.suppressions import suppressed_phones
from smsmarketing.contacts.services.consent import consent_record
from smsmarketing.contacts.services.contacts import contact_upsert
from smsmarketing.contacts.services.double_opt_in import Visit, double_opt_in_request
from smsmarketing.contacts.services.locks import number_lock
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.errors import Conflict, InvalidInput


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What a version of a form says."""

    heading: str
    disclosure_text: str
    programme: str
    frequency: str
    language: str
    purposes: list[str]
    fields: list[str]
    double_opt_in: bool
    origins: list[str]


def form_save(
    form: OptInForm | None,
    wording: Wording,
    *,
    brand: Brand,
    name: str,
    slug: str,
    user: Any,
    now: datetime | None = None,
) -> tuple[OptInForm, OptInFormVersion, bool]:
    """Make a form, or a new version of a locked one; what is live stays live until it is published.

    The same wording again makes no version (False). Raises InvalidInput for wording that could not
    be published, and Conflict when the name or the address is taken.
    """
    now = now or timezone.now()
    _wording_check(wording, brand)
    if form is None:
        form = _form_create(brand=brand, name=name, slug=slug, now=now)
    elif form.name != name:
        form.name = name
    last = form.versions.order_by("-number").first()
    if last is not None and all(
        getattr(last, field) == value for field, value in vars(wording).items()
    ):
        _form_keep(form)
        return form, last, False
    number = form.versions.aggregate(most=Max("number"))["most"] or 0
    version = OptInFormVersion.objects.create(
        form=form, number=number + 1, created_by=user, created_at=now, **vars(wording)
    )
    _form_keep(form)
    return form, version, True


def form_publish(form: OptInForm, number: int, *, now: datetime | None = None) -> OptInFormVersion:
    """Put a version of a locked form online. Raises InvalidInput for a version it does not have."""
    version = form.versions.filter(number=number).first()
    if version is None:
        raise InvalidInput(
            "The form has no such version.",
            field_errors={"number": "Give a number from opt_in_forms.get."},
        )
    form.live, form.published_at = version, now or timezone.now()
    form.version += 1
    form.save(update_fields=["live", "published_at", "version"])
    return version


def form_close(form: OptInForm) -> None:
    """Take a locked form offline. What people agreed to stays; open requests may still be answered."""
    form.live = None
    form.version += 1
    form.save(update_fields=["live", "version"])


def form_submit(
    version: OptInFormVersion,
    phone: Phone,
    *,
    visit: Visit,
    details: Mapping[str, str],
    now: datetime | None = None,
) -> str:
    """A visitor ticked the box. Returns a word for the log: the page says the same whatever it is.

    With double opt-in the owner of the number is asked by SMS. Without, the consent is recorded as
    it was given; for a number with a "no" nothing is recorded, for a form does not show who typed.
    """
    now = now or timezone.now()
    # Nobody can mend an address that a page sent along, least of all when the YES arrives.
    visit = replace(visit, source_url=source_kept(visit.source_url, phone.e164))
    with transaction.atomic():
        if version.double_opt_in:
            outcome, row = double_opt_in_request(
                phone, version, visit=visit, details=details, now=now
            )
            done = ("contacts.doubleoptin", str(row.pk)) if outcome == "requested" and row else None
        else:
            outcome, done = _consent_direct(version, phone, visit, details, now)
        kind, pk = done or ("contacts.optinform", str(version.form_id))
        audit_append_system(
            operation="opt_in_form.submit",
            outcome=outcome,
            object_type=kind,
            object_id=pk,
            facts={"form_id": version.form_id, "version": version.number},
        )
    return outcome


def _consent_direct(
    version: OptInFormVersion,
    phone: Phone,
    visit: Visit,
    details: Mapping[str, str],
    now: datetime,
) -> tuple[str, tuple[str, str] | None]:
    brand = version.form.brand
    number_lock(phone.e164)
    if suppressed_phones([phone.e164], brand_id=brand.pk, purpose="marketing", now=now):
        return "suppressed", None
    known = Contact.objects.filter(phone=phone.e164).first()
    blank = {
        field: value
        for field, value in details.items()
        if value and (known is None or not getattr(known, field))
    }
    contact = contact_upsert(
        phone,
        changes=blank,
        brand_id=brand.pk,
        source=f"form:{version.form.slug}"[:80],
        restores=True,
        now=now,
    ).contact
    proof = ConsentEvidence(
        method="web_form",
        basis="express",
        source_url=visit.source_url,
        hosted_form_version_id=version.pk,
        disclosure_text=version.disclosure_text,
        language=version.language,
        captured_at=now,
        captured_by=visit.asked_by,
        ip=visit.ip,
        user_agent=visit.user_agent,
    )
    for purpose in version.purposes:
        consent_record(contact, proof.of_purpose(purpose), brand=brand, now=now)
    return "recorded", ("contacts.contact", str(contact.pk))


def _wording_check(wording: Wording, brand: Brand) -> None:
    faults = disclosure_faults(
        wording.disclosure_text,
        brand=brand.name_in_texts,
        language=wording.language,
        frequency=wording.frequency,
    )
    for field, values, known in (
        ("purposes", wording.purposes, FORM_PURPOSES),
        ("fields", wording.fields, FORM_FIELDS),
    ):
        if wrong := words_faults(values, known):
            faults[field] = wrong
    if "marketing" not in wording.purposes and "notification" not in wording.purposes:
        faults["purposes"] = "Name marketing or notification: what is agreed to."
    wrong_origins = [f"{origin}: {origin_fault(origin)}" for origin in wording.origins]
    wrong_origins = [text for text in wrong_origins if not text.endswith(": ")]
    if wrong_origins:
        faults["origins"] = " ".join(wrong_origins)
    if faults:
        raise InvalidInput(
            "This wording would not stand up as proof of consent. Mend the fields named here.",
            field_errors=faults,
        )


def _form_create(*, brand: Brand, name: str, slug: str, now: datetime) -> OptInForm:
    try:
        with transaction.atomic():
            return OptInForm.objects.create(
                team=brand.team, brand=brand, name=name, slug=slug, created_at=now
            )
    except IntegrityError as exc:
        field = "slug" if OptInForm.objects.filter(slug=slug).exists() else "name"
        raise Conflict(
            "Another form has this name or address. Choose another one.",
            field_errors={field: "This one is taken."},
        ) from exc


def _form_keep(form: OptInForm) -> None:
    form.version += 1
    try:
        with transaction.atomic():
            form.save(update_fields=["name", "version"])
    except IntegrityError as exc:
        raise Conflict(
            "Another form has this name. Choose another one.",
            field_errors={"name": "This one is taken."},
        ) from exc
