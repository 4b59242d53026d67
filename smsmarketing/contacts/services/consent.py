"""The consent ledger: what may be written into it, and what follows."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact
from smsmarketing.contacts.rules.consent import ConsentEvidence, consent_expiry, consent_faults
from smsmarketing.contacts.services.outbound import consent_emit
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.operations.errors import ConsentIncomplete


def consent_record(
    contact: Contact,
    evidence: ConsentEvidence,
    *,
    brand: Brand,
    captured_by: str = "",
    now: datetime | None = None,
) -> ConsentEvent:
    """Append an event to the ledger of the contact's present number, for one brand [R-4.8].

    The same event twice is one row. In the caller's transaction the send state follows and the
    contact's version grows. Raises ConsentIncomplete, naming each field, for evidence that proves
    nothing: missing text, source, time or method, a time in the future or more than ten years ago
    [R-4.2], a pre-ticked box [R-4.4], a basis that does not exist [R-4.8].
    """
    now = now or timezone.now()
    captured_at = consent_check(contact.country, contact.phone or "", evidence, now=now)
    contact = Contact.objects.select_for_update().get(pk=contact.pk)
    digest = hashlib.sha256(evidence.disclosure_text.encode()).hexdigest()
    same = ConsentEvent.objects.filter(
        contact=contact,
        brand=brand,
        purpose=evidence.purpose,
        direction=evidence.direction,
        captured_at=captured_at,
        phone_hash=contact.phone_hash,
        disclosure_hash=digest,
        method=evidence.method,
        source_url=evidence.source_url,
    ).first()
    if same is not None:
        return same
    event = ConsentEvent.objects.create(
        contact=contact,
        phone_hash=contact.phone_hash,
        brand=brand,
        direction=evidence.direction,
        purpose=evidence.purpose,
        basis=evidence.basis,
        method=evidence.method,
        source_url=evidence.source_url,
        form_version=evidence.form_version,
        disclosure_text=evidence.disclosure_text,
        disclosure_hash=digest,
        language=evidence.language,
        checkbox_default=evidence.checkbox_default,
        captured_at=captured_at,
        captured_by=evidence.captured_by or captured_by,
        ip=evidence.ip,
        user_agent=evidence.user_agent,
        evidence_file=evidence.evidence_file,
        evidence_sha256=evidence.evidence_sha256,
        country=contact.country,
        expires_at=consent_expiry(evidence),
        recorded_at=now,
    )
    Contact.objects.filter(pk=contact.pk).update(version=F("version") + 1, updated_at=now)
    send_state_refresh([contact.pk], [brand.pk], now=now)
    consent_emit(event)
    return event


def consent_check(
    country: str, phone: str, evidence: ConsentEvidence, *, now: datetime
) -> datetime:
    """When the person agreed, from evidence that may be recorded for such a number. Raises
    ConsentIncomplete.
    """
    faults = consent_faults(evidence, country=country, plus_one=phone.startswith("+1"), now=now)
    if faults or evidence.captured_at is None:
        raise ConsentIncomplete(
            "The consent evidence does not prove that the person agreed. Mend the fields named"
            " here, or save the contact without consent; it is then not texted.",
            field_errors={f"consent.{field}": text for field, text in faults.items()},
        )
    return evidence.captured_at


def consents_void(contact: Contact, *, now: datetime) -> int:
    """The number changes: what was agreed for the old one ends with it [R-4.3].

    Writes an `expired` event after each consent that holds now, so that going back to the old
    number does not bring it back to life. Returns how many ended.
    """
    newest = (
        ConsentEvent.objects.filter(contact=contact, phone_hash=contact.phone_hash)
        .order_by("brand_id", "purpose", "-captured_at", "-id")
        .distinct("brand_id", "purpose")
    )
    ended = [
        ConsentEvent(
            contact=contact,
            phone_hash=contact.phone_hash,
            brand_id=event.brand_id,
            direction="expired",
            purpose=event.purpose,
            basis=event.basis,
            method=event.method,
            captured_at=now,
            captured_by="number_changed",
            country=event.country,
            recorded_at=now,
        )
        for event in newest
        if event.direction == "granted"
    ]
    ConsentEvent.objects.bulk_create(ended)
    return len(ended)
