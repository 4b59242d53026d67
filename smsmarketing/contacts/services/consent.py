"""The consent ledger: what may be written into it, and what follows."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact
from smsmarketing.contacts.rules.consent import ConsentEvidence, consent_expiry, consent_faults
from smsmarketing.contacts.rules.source_urls import source_fault
from smsmarketing.contacts.services.consent_end import consents_end
from smsmarketing.contacts.services.outbound import consent_emit
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.operations.errors import ConsentIncomplete, ConsentSourcePersonal

_OWN_PROOF = "inbound:"
"""How our own proofs begin: a row's id, in which no number can hide."""
_AS_GIVEN = (
    "direction",
    "purpose",
    "sender_scope",
    "basis",
    "method",
    "source_url",
    "form_version",
    "hosted_form_version_id",
    "disclosure_text",
    "language",
    "checkbox_default",
    "ip",
    "user_agent",
    "evidence_file",
    "evidence_file_id",
    "evidence_sha256",
)
"""What a row takes from the evidence as it is."""


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
        disclosure_hash=digest,
        captured_at=captured_at,
        captured_by=evidence.captured_by or captured_by,
        double_opt_in=dict(evidence.double_opt_in) if evidence.double_opt_in else None,
        country=contact.country,
        expires_at=consent_expiry(evidence),
        recorded_at=now,
        **{name: getattr(evidence, name) for name in _AS_GIVEN},
    )
    Contact.objects.filter(pk=contact.pk).update(version=F("version") + 1, updated_at=now)
    send_state_refresh([contact.pk], [brand.pk], now=now)
    consent_emit(event)
    return event


def consent_check(
    country: str, phone: str, evidence: ConsentEvidence, *, now: datetime
) -> datetime:
    """When the person agreed, from evidence that may be recorded for such a number. Raises
    ConsentIncomplete, and ConsentSourcePersonal for an address that an erasure could not clear
    [R-4.9].
    """
    faults = consent_faults(evidence, country=country, plus_one=phone.startswith("+1"), now=now)
    if faults or evidence.captured_at is None:
        raise ConsentIncomplete(
            "The consent evidence does not prove that the person agreed. Mend the fields named"
            " here, or save the contact without consent; it is then not texted.",
            field_errors={f"consent.{field}": text for field, text in faults.items()},
        )
    found = {"source_url": evidence.source_url, "evidence_file": evidence.evidence_file}
    if found["evidence_file"].startswith(_OWN_PROOF):
        del found["evidence_file"]
    personal = {name: text for name, value in found.items() if (text := source_fault(value, phone))}
    if personal:
        raise ConsentSourcePersonal(
            "What shows where the consent was given names the person, and it could not be taken out"
            " when they are erased. Nothing was recorded; mend the fields named here.",
            field_errors={f"consent.{field}": text for field, text in personal.items()},
        )
    return evidence.captured_at


def consents_void(contact: Contact, *, now: datetime) -> int:
    """The number changes: what was agreed for the old one ends with it [R-4.3].

    Writes an `expired` event after each consent that holds now, so that going back to the old
    number does not bring it back to life. Returns how many ended.
    """
    return consents_end(
        [contact.pk], at=now, direction="expired", captured_by="number_changed", now=now
    )
