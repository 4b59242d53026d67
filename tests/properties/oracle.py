"""Who may be texted, worked out again in plain Python from the raw rows: shares no code with the product."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db import connection

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


class Suppressed(NamedTuple):
    phone_hash: bytes
    reason: str
    scope: str
    brand_id: int | None
    purposes: list[str]
    lifted_at: datetime | None
    expires_at: datetime | None


class Person(NamedTuple):
    pk: int
    phone: str
    phone_hash: bytes
    trashed_at: datetime | None
    erased_at: datetime | None


class Word(NamedTuple):
    """What a person said about marketing."""

    pk: int
    contact_id: int
    brand_id: int
    phone_hash: bytes
    direction: str
    captured_at: datetime
    expires_at: datetime | None
    disclosure_text: str
    method: str
    basis: str
    source_url: str
    evidence_file: str


class State(NamedTuple):
    """What the product derived."""

    contact_id: int
    brand_id: int
    marketing_reason: str | None
    consent_id: int | None
    consent_at: datetime | None
    consent_basis: str
    consent_method: str
    consent_expires_at: datetime | None


Row = TypeVar("Row", bound=NamedTuple)


def rows_read(kind: type[Row], source: str, values: list[Any]) -> list[Row]:
    """Plain SQL: this runs after every step, and the ORM would cost more than PostgreSQL."""
    names = ", ".join("id" if name == "pk" else name for name in kind._fields)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {source} = ANY(%s)", [values])
        return [kind(*row) for row in cursor.fetchall()]


class Books:
    """The raw rows about some numbers, read once: what every answer below is worked out from."""

    def __init__(self, phones: Iterable[str], now: datetime) -> None:
        self.now = now
        self.phones = list(phones)
        owner = {hashed: phone for phone in self.phones for hashed in hashes(phone)}
        self.noes: dict[str, list[Suppressed]] = {phone: [] for phone in self.phones}
        for row in rows_read(Suppressed, "contacts_suppression WHERE phone_hash", list(owner)):
            self.noes[owner[bytes(row.phone_hash)]].append(row)
        self.contacts = rows_read(Person, "contacts_contact WHERE phone", self.phones)
        self.ledger: dict[int, list[Word]] = {row.pk: [] for row in self.contacts}
        ids = list(self.ledger)
        of_marketing = "contacts_consentevent WHERE purpose = 'marketing' AND contact_id"
        for word in rows_read(Word, of_marketing, ids):
            self.ledger[word.contact_id].append(word)
        self.states = rows_read(State, "contacts_sendstate WHERE contact_id", ids)

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

    def word(self, contact: Person, brand_id: int) -> Word | None:
        """The newest word of this very number [R-4.1]."""
        # At the same instant a person's "no" stands before a "yes"; ends of the system by when they were written.
        return max(
            (
                word
                for word in self.ledger[contact.pk]
                if word.brand_id == brand_id and bytes(word.phone_hash) == bytes(contact.phone_hash)
            ),
            key=lambda w: (w.captured_at, w.direction in ("revoked", "denied"), w.pk),
            default=None,
        )

    def consented(self, contact: Person, brand_id: int) -> bool:
        """Whether the newest word is a complete, unexpired yes."""
        newest = self.word(contact, brand_id)
        return (
            newest is not None
            and newest.direction == "granted"
            and (newest.expires_at is None or newest.expires_at > self.now)
            and bool(newest.disclosure_text and newest.method)
            and bool(newest.source_url or newest.evidence_file)
        )

    def shown(self, brand_id: int) -> set[str]:
        """The numbers whose state says that they may."""
        phones = {contact.pk: contact.phone for contact in self.contacts}
        return {
            phones[state.contact_id]
            for state in self.states
            if state.brand_id == brand_id
            and state.marketing_reason is None
            and (state.consent_expires_at is None or state.consent_expires_at > self.now)
        }

    def lawful(self, brand_id: int) -> set[str]:
        """The numbers that may get marketing of the brand at this moment."""
        return {
            contact.phone
            for contact in self.contacts
            if contact.trashed_at is None
            and contact.erased_at is None
            and not self.refused(contact.phone, brand_id)
            and self.consented(contact, brand_id)
        }

    def rows(self) -> list[tuple[Any, ...]]:
        """All that was read, in an order of its own."""
        noes = (row for rows in self.noes.values() for row in rows)
        words = (row for rows in self.ledger.values() for row in rows)
        return sorted((*noes, *self.contacts, *words, *self.states), key=repr)
