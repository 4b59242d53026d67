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


class Books:
    """The raw rows about some numbers, read once: what every answer below is worked out from."""

    def __init__(self, phones: Iterable[str], now: datetime) -> None:
        self.now = now
        self.phones = list(phones)
        owner = {hashed: phone for phone in self.phones for hashed in hashes(phone)}
        self.noes: dict[str, list[Suppression]] = {phone: [] for phone in self.phones}
        for row in Suppression.objects.filter(phone_hash__in=list(owner)):
            self.noes[owner[bytes(row.phone_hash)]].append(row)
        self.contacts = list(Contact.objects.filter(phone__in=self.phones))
        self.ledger: dict[int, list[ConsentEvent]] = {row.pk: [] for row in self.contacts}
        for event in ConsentEvent.objects.filter(contact_id__in=list(self.ledger)):
            self.ledger[event.contact_id].append(event)

    def refused(self, phone: str, brand_id: int) -> list[str]:
        """The reasons of the live suppressions that stand against marketing of the brand."""
        return [
            row.reason
            for row in self.noes[phone]
            if row.lifted_at is None
            and (row.expires_at is None or row.expires_at > self.now)
            and row.scope != "sender"
            and row.brand_id in (None, brand_id)
            and (
                row.scope == "global"
                or row.reason in HARD
                or not row.purposes
                or "marketing" in row.purposes
            )
        ]

    def consented(self, contact: Contact, brand_id: int) -> bool:
        """Whether the newest word of this very number is a complete, unexpired yes [R-4.1]."""
        events = [
            event
            for event in self.ledger[contact.pk]
            if event.brand_id == brand_id
            and event.purpose == "marketing"
            and bytes(event.phone_hash) == bytes(contact.phone_hash)
        ]
        if not events:
            return False
        # At the same instant a person's "no" stands before a "yes"; ends of the system by when they were written.
        newest = max(
            events, key=lambda e: (e.captured_at, e.direction in ("revoked", "denied"), e.pk)
        )
        return (
            newest.direction == "granted"
            and (newest.expires_at is None or newest.expires_at > self.now)
            and bool(newest.disclosure_text and newest.method)
            and bool(newest.source_url or newest.evidence_file)
        )

    def lawful(self, brand_id: int) -> set[str]:
        """The numbers that may get marketing of the brand at this moment."""
        return {
            str(contact.phone)
            for contact in self.contacts
            if contact.trashed_at is None
            and contact.erased_at is None
            and not self.refused(str(contact.phone), brand_id)
            and self.consented(contact, brand_id)
        }
