"""Who may be texted, worked out again in plain Python from the raw rows: shares no code with the product."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from smsmarketing.contacts.models import ConsentEvent, Contact, Suppression

HARD = {
    "complaint",
    "blocked",
    "legal",
    "invalid",
    "landline",
    "reassigned",
    "carrier_block",
    "unknown_subscriber",
}


def hashes(phone: str) -> list[bytes]:
    return [
        hmac.new(key.encode(), phone.encode(), hashlib.sha256).digest()
        for key in settings.PHONE_HASH_KEYS.values()
    ]


def refused(phone: str, brand_id: int, now: datetime) -> list[str]:
    """The reasons of the live suppressions that stand against marketing of the brand to the number."""
    return [
        row.reason
        for row in Suppression.objects.filter(phone_hash__in=hashes(phone))
        if row.lifted_at is None
        and (row.expires_at is None or row.expires_at > now)
        and row.scope != "sender"
        and row.brand_id in (None, brand_id)
        and (
            row.scope == "global"
            or row.reason in HARD
            or not row.purposes
            or "marketing" in row.purposes
        )
    ]


def consented(contact: Contact, brand_id: int, now: datetime) -> bool:
    """Whether the newest word of this very number to the brand is a complete, unexpired yes [R-4.1]."""
    events = [
        event
        for event in ConsentEvent.objects.filter(contact_id=contact.pk)
        if event.brand_id == brand_id
        and event.purpose == "marketing"
        and bytes(event.phone_hash) == bytes(contact.phone_hash)
    ]
    if not events:
        return False
    # At the same instant a person's "no" stands before a "yes"; ends of the system by when they were written.
    newest = max(events, key=lambda e: (e.captured_at, e.direction in ("revoked", "denied"), e.pk))
    return (
        newest.direction == "granted"
        and (newest.expires_at is None or newest.expires_at > now)
        and bool(newest.disclosure_text and newest.method)
        and bool(newest.source_url or newest.evidence_file)
    )


def lawful(phones: Iterable[str], brand_id: int, now: datetime) -> set[str]:
    """The numbers that may get marketing of the brand at this moment."""
    allowed = set()
    for contact in Contact.objects.filter(phone__in=list(phones)):
        phone = contact.phone
        if phone is None or contact.trashed_at is not None or contact.erased_at is not None:
            continue
        if not refused(phone, brand_id, now) and consented(contact, brand_id, now):
            allowed.add(phone)
    return allowed
