"""Asking the owner of a number to confirm by SMS, and what their answer does [R-4.6]."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact, DoubleOptIn, OptInFormVersion
from smsmarketing.contacts.phones import hash_key_id, phone_hash, phone_hashes
from smsmarketing.contacts.rules.consent import ConsentEvidence
from smsmarketing.contacts.rules.phone import Phone, phone_parse
from smsmarketing.contacts.rules.public_words import public_words
from smsmarketing.contacts.selectors.double_opt_in import (
    ANSWER_WITHIN,
    ASKED_ONCE_IN,
    double_opt_in_pending,
)
from smsmarketing.contacts.selectors.suppressions import suppressed_phones
from smsmarketing.contacts.services.consent import consent_record
from smsmarketing.contacts.services.contacts import contact_upsert
from smsmarketing.contacts.services.locks import number_lock
from smsmarketing.contacts.services.outbound import consent_emit
from smsmarketing.operations.canonical import canonical_json
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.states import row_lock, transition_apply

SEND_TASK = "gateways.opt_in_requests_send"
KEPT_AFTER_END = timedelta(days=1)
"""How long the number of a request that came to nothing is kept in clear; its hash stays."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Where a request came from."""

    asked_by: str
    source_url: str = ""
    ip: str = ""
    user_agent: str = ""


def request_text(version: OptInFormVersion, brand: Brand) -> str:
    """The SMS: brand, programme, frequency, rates, "Reply YES", HELP and STOP; no marketing."""
    text = public_words("opt_in", version.language)["sms_request"]
    return text.format(
        brand=brand.name_in_texts, programme=version.programme, frequency=version.frequency
    )


def double_opt_in_request(
    phone: Phone,
    version: OptInFormVersion,
    *,
    visit: Visit,
    details: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> tuple[str, DoubleOptIn | None]:
    """Ask a number to confirm, unless it must not be texted or was asked in the last 30 days.

    Returns a word and the row: `requested`, or `suppressed` or `asked_before` (no text is sent;
    for an open request its row is returned). In the caller's transaction.
    """
    now = now or timezone.now()
    brand = version.form.brand
    number_lock(phone.e164)
    contact = Contact.objects.filter(phone=phone.e164).first()
    stands = suppressed_phones([phone.e164], brand_id=brand.pk, purpose="marketing", now=now)
    if stands:
        return "suppressed", None
    hashes = {*phone_hashes(phone.e164), *([bytes(contact.phone_hash)] if contact else [])}
    before = (
        DoubleOptIn.objects.filter(brand=brand, phone_hash__in=hashes)
        .exclude(state="refused")
        .filter(Q(requested_at__gt=now - ASKED_ONCE_IN) | Q(state__in=("requested", "sent")))
        .order_by("-id")
        .first()
    )
    if before is not None:
        return "asked_before", before
    text = request_text(version, brand)
    hashed = bytes(contact.phone_hash) if contact else phone_hash(phone.e164)
    asked = [hashed.hex(), brand.pk, version.pk, text, now.isoformat()]
    try:
        with transaction.atomic():
            row = DoubleOptIn.objects.create(
                brand=brand,
                phone=phone.e164,
                phone_hash=hashed,
                hash_key=contact.hash_key if contact else hash_key_id(),
                contact=contact,
                form_version=version,
                purposes=list(version.purposes),
                request_text=text,
                token_hash=hashlib.sha256(canonical_json(asked)).hexdigest(),
                details=dict(details or {}),
                source_url=visit.source_url[:500],
                ip=visit.ip[:45],
                user_agent=visit.user_agent[:300],
                asked_by=visit.asked_by[:80],
                requested_at=now,
                expires_at=now + ANSWER_WITHIN,
            )
    except IntegrityError:  # the database's own guard: one open request for a number
        return "asked_before", None
    enqueue(SEND_TASK)
    return "requested", row


def double_opt_in_confirm(
    phone: str,
    brand: Brand,
    *,
    inbound_id: int,
    language: str = "",
    now: datetime | None = None,
) -> list[ConsentEvent]:
    """YES from the number itself: the consent of every purpose that was asked for; [] without an
    open request, after its time, or when the number is suppressed. In the caller's transaction.
    """
    now = now or timezone.now()
    number_lock(phone)
    pending = double_opt_in_pending(phone, brand_id=brand.pk, now=now)
    if pending is None or suppressed_phones(
        [phone], brand_id=brand.pk, purpose="marketing", now=now
    ):
        return []
    contact = contact_upsert(
        phone_parse(phone),
        changes=_new_details(pending, phone),
        brand_id=brand.pk,
        source=f"form:{pending.form_version.form.slug}"[:80],
        restores=True,
        now=now,
    ).contact
    row = row_lock(DoubleOptIn, pending.pk)
    proof = ConsentEvidence(
        method="double_opt_in",
        basis="express",
        source_url=row.source_url,
        hosted_form_version_id=row.form_version_id,
        disclosure_text=f"{pending.form_version.disclosure_text}\n\nSMS: {row.request_text}",
        language=language or pending.form_version.language,
        captured_at=now,
        captured_by=row.asked_by,
        ip=row.ip,
        user_agent=row.user_agent,
        evidence_file=f"inbound:{inbound_id}",
        double_opt_in={
            "id": row.pk,
            "requested_at": row.requested_at.isoformat(),
            "token_hash": row.token_hash,
            "confirmed_at": now.isoformat(),
            "message_id": row.message_id,
            "reply_message_id": inbound_id,
        },
    )
    events = [
        consent_record(contact, proof.of_purpose(purpose), brand=brand, now=now)
        for purpose in row.purposes
    ]
    row.contact, row.reply_inbound_id, row.ended_at = contact, inbound_id, now
    transition_apply(row, "confirm", save=["contact", "reply_inbound_id", "ended_at"])
    return events


def double_opt_in_deny(
    phone: str, brand: Brand | None, *, inbound_id: int | None = None, now: datetime | None = None
) -> int:
    """STOP: every open request of the number (for the brand) is answered with no; how many were.

    A contact that had agreed to nothing yet gets a `denied` event; a consent that existed is ended
    by the opt-out itself. The caller holds the number's lock.
    """
    now = now or timezone.now()
    rows = DoubleOptIn.objects.filter(
        phone_hash__in=phone_hashes(phone), state__in=("requested", "sent")
    )
    if brand is not None:
        rows = rows.filter(brand=brand)
    ended = 0
    for pk in rows.order_by("id").values_list("pk", flat=True):
        row = row_lock(DoubleOptIn, pk)
        if row.state not in ("requested", "sent"):
            continue
        row.reply_inbound_id, row.ended_at = inbound_id, now
        transition_apply(row, "deny", save=["reply_inbound_id", "ended_at"])
        ended += 1
        if row.contact_id is not None:
            _denied_write(row, now)
    return ended


def double_opt_ins_expire(*, now: datetime | None = None, limit: int = 1000) -> int:
    """End requests that nobody answered in time, and forget the numbers of old ones.

    Silence takes nothing away: whoever typed the number may not have been its owner.
    """
    now = now or timezone.now()
    ended = 0
    with transaction.atomic():
        for row in (
            DoubleOptIn.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state__in=("requested", "sent"), expires_at__lte=now)
            .order_by("expires_at")[:limit]
        ):
            row.ended_at = now
            transition_apply(row, "expire", save=["ended_at"])
            ended += 1
        DoubleOptIn.objects.filter(
            state__in=("denied", "expired", "refused"), ended_at__lt=now - KEPT_AFTER_END
        ).exclude(phone=None).update(phone=None, details={}, ip="", user_agent="")
    return ended


def double_opt_ins_erase(phone_hashes_of_person: list[bytes]) -> int:
    """Erasure [R-4.9]: the number and what was typed go; that there was a request stays."""
    return DoubleOptIn.objects.filter(phone_hash__in=phone_hashes_of_person).update(
        phone=None, details={}, ip="", user_agent=""
    )


def _new_details(row: DoubleOptIn, phone: str) -> dict[str, Any]:
    """Names from the form, only where nothing is known yet: a form overwrites nobody's data."""
    contact = Contact.objects.filter(phone=phone).first()
    return {
        field: value
        for field, value in row.details.items()
        if field in ("first_name", "last_name")
        and value
        and (contact is None or not getattr(contact, field))
    }


def _denied_write(row: DoubleOptIn, now: datetime) -> None:
    contact = Contact.objects.get(double_opt_ins=row)
    known = ConsentEvent.objects.filter(
        contact=contact, brand_id=row.brand_id, phone_hash=contact.phone_hash
    )
    for purpose in row.purposes:
        if known.filter(purpose=purpose).exists():
            continue
        event = ConsentEvent.objects.create(
            contact=contact,
            phone_hash=contact.phone_hash,
            brand_id=row.brand_id,
            direction="denied",
            purpose=purpose,
            basis="express",
            method="double_opt_in",
            hosted_form_version_id=row.form_version_id,
            source_url=row.source_url,
            captured_at=now,
            captured_by=row.asked_by,
            evidence_file=f"inbound:{row.reply_inbound_id or ''}",
            double_opt_in={"id": row.pk, "token_hash": row.token_hash},
            country=contact.country,
            recorded_at=now,
        )
        consent_emit(event)
