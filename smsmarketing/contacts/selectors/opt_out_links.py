"""Whom an opt-out link stands for, and the links themselves, with the keys of the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact, Suppression
from smsmarketing.contacts.rules.opt_out_links import (
    SAMPLE_TOKEN,
    OptOutTicket,
    link_key,
    ticket_holds,
    token_maker,
    token_read,
)
from smsmarketing.contacts.rules.phone import is_plus_one
from smsmarketing.contacts.selectors.suppressions import suppressions_live

_TAILS = ".,;:!?)]}>'\"/”»"
"""What a phone may take for a part of the link when the text goes on behind it."""


@dataclass(frozen=True, kw_only=True)
class LinkTarget:
    """The number behind a link, by its hash: the contact may be erased, or have another number by now."""

    token: str
    brand: Brand
    contact: Contact
    phone_hash: bytes
    purpose: str

    @property
    def plus_one(self) -> bool:
        """Whether the rules of +1 apply; after erasure the country is still known."""
        return is_plus_one(self.contact.country)


def link_sample() -> str:
    """A link as long as every other, for previews and test sends: it names nobody."""
    return _address(SAMPLE_TOKEN)


def link_maker(brand_id: int, purpose: str) -> Callable[[int, bytes], str]:
    """`make(contact_id, phone_hash)`: the link of each recipient of a brand's text."""
    make = token_maker(_keys()[0], brand_id=brand_id, purpose=purpose)
    return lambda contact_id, phone_hash: _address(make(contact_id, phone_hash))


def link_find(token: str) -> LinkTarget | None:
    """Whom the token of a link stands for; None for one that was never given out.

    Matched against the contact's number and its former numbers: a link in an old text is about the
    number that got it, for ever [R-2.17].
    """
    token = token.rstrip(_TAILS)
    for ticket in token_read(token, _keys()):
        contact = Contact.objects.filter(pk=ticket.contact_id).first()
        brand = Brand.objects.filter(pk=ticket.brand_id).first()
        if contact is None or brand is None:
            continue
        hashed = _hash_of(ticket, contact)
        if hashed is not None:
            return LinkTarget(
                token=token,
                brand=brand,
                contact=contact,
                phone_hash=hashed,
                purpose=ticket.purpose,
            )
    return None


def link_opted_out(target: LinkTarget, now: datetime) -> frozenset[str]:
    """Purposes that the number has opted out of, for this brand."""
    rows = Suppression.objects.filter(
        suppressions_live(now),
        phone_hash=target.phone_hash,
        reason="opt_out",
        scope__in=("global", "brand"),
    ).filter(brand_id__in=[target.brand.pk]) | Suppression.objects.filter(
        suppressions_live(now), phone_hash=target.phone_hash, reason="opt_out", brand=None
    )
    purposes: set[str] = set()
    for row in rows:
        purposes.update(row.purposes or ("marketing", "notification", "transactional"))
    return frozenset(purposes)


def _hash_of(ticket: OptOutTicket, contact: Contact) -> bytes | None:
    now = bytes(contact.phone_hash)
    if ticket_holds(ticket, now):
        return now
    former = (
        ConsentEvent.objects.filter(contact_id=contact.pk)
        .values_list("phone_hash", flat=True)
        .distinct()
    )
    return next((bytes(h) for h in former if ticket_holds(ticket, bytes(h))), None)


def _keys() -> list[bytes]:
    """The first one makes links; all of them are understood (rotation)."""
    return [link_key(str(secret)) for secret in settings.PHONE_HASH_KEYS.values()]


def _address(token: str) -> str:
    return f"{settings.PUBLIC_BASE_URL.rstrip('/')}/o/{token}"
