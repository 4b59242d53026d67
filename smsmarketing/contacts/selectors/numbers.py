"""Which numbers were a person's, and from when to when: the bounds of what is told of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from smsmarketing.contacts.models import (
    ConsentEvent,
    Contact,
    EraseJob,
    FormerNumber,
    Suppression,
)
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.selectors.merged import merged_ids


@dataclass(frozen=True, kw_only=True)
class NumberSpan:
    """A number while it was a contact's: `since` empty when nobody had it before, `until` empty for
    the present one.
    """

    contact_id: int
    phone: str | None
    phone_hash: bytes
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Person:
    """A contact with all that were merged into it, and their numbers, present ones first."""

    contact: Contact
    ids: tuple[int, ...]
    spans: tuple[NumberSpan, ...]

    @property
    def phones(self) -> list[str]:
        """The numbers in full, to hide them in texts."""
        return sorted({span.phone for span in self.spans if span.phone})

    def began(self, hashed: bytes) -> datetime | None:
        """When a number of this hash became the person's; None: nobody had it before."""
        starts = [span.since for span in self.spans if span.phone_hash == hashed]
        return None if None in starts or not starts else min(at for at in starts if at)


def person_of(contact: Contact) -> Person:
    """Everybody whose story the contact carries on."""
    ids = merged_ids(contact.pk)
    rows = list(Contact.objects.filter(pk__in=ids).order_by("pk")) if len(ids) > 1 else [contact]
    return Person(contact=contact, ids=tuple(ids), spans=tuple(number_spans(rows)))


def number_spans(contacts: Sequence[Contact]) -> list[NumberSpan]:
    """The present and the former numbers of these contacts.

    A number that somebody else had before, also somebody who was erased since, is theirs up to the
    moment it was given up. What stood against it then and still does concerns its owner of today.
    """
    ids = [row.pk for row in contacts]
    former = list(FormerNumber.objects.filter(contact__in=ids).order_by("until", "pk"))
    spans = []
    for contact in contacts:
        own = [row for row in former if row.contact_id == contact.pk]
        spans.append(
            NumberSpan(
                contact_id=contact.pk,
                phone=contact.phone,
                phone_hash=bytes(contact.phone_hash),
                since=own[-1].until if own else None,
            )
        )
    spans += [
        NumberSpan(
            contact_id=row.contact_id,
            phone=row.phone,
            phone_hash=bytes(row.phone_hash),
            since=row.since,
            until=row.until,
        )
        for row in former
    ]
    spans += _of_ledger([row for row in contacts if row.erased_at is not None])
    ends = _ends(list(spans), except_for=ids)
    return [_bounded(span, ends) for span in spans]


def _of_ledger(erased: Collection[Contact]) -> list[NumberSpan]:
    """Of an erased contact the ledger alone still knows the numbers, by their hash."""
    ended = ConsentEvent.objects.filter(contact__in=erased, captured_by="number_changed")
    until: dict[tuple[int, bytes], datetime] = {}
    for contact_id, hashed, at in ended.values_list("contact_id", "phone_hash", "recorded_at"):
        key = (contact_id, bytes(hashed))
        until[key] = max(at, until.get(key, at))
    return [
        NumberSpan(contact_id=contact_id, phone=None, phone_hash=hashed, until=at)
        for (contact_id, hashed), at in until.items()
    ]


def _ends(
    spans: Sequence[NumberSpan], *, except_for: Collection[int]
) -> dict[bytes, list[datetime]]:
    """When somebody else gave these numbers up, by the hash of the span."""
    owner = {
        hashed: span.phone_hash
        for span in spans
        for hashed in {span.phone_hash, *(phone_hashes(span.phone) if span.phone else ())}
    }
    found: dict[bytes, list[datetime]] = {}
    others = FormerNumber.objects.filter(phone_hash__in=list(owner)).exclude(contact__in=except_for)
    for hashed, at in others.values_list("phone_hash", "until"):
        found.setdefault(owner[bytes(hashed)], []).append(at)
    jobs = EraseJob.objects.filter(phone_hash__in=list(owner)).exclude(contact_ids=[])
    for hashed, ids, at in jobs.values_list("phone_hash", "contact_ids", "created_at"):
        if not set(ids) & set(except_for):
            found.setdefault(owner[bytes(hashed)], []).append(at)
    return found


def _bounded(span: NumberSpan, ends: dict[bytes, list[datetime]]) -> NumberSpan:
    before = [at for at in ends.get(span.phone_hash, ()) if span.until is None or at <= span.until]
    since = max([*before, *([span.since] if span.since else [])], default=None)
    return NumberSpan(
        contact_id=span.contact_id,
        phone=span.phone,
        phone_hash=span.phone_hash,
        since=since,
        until=span.until,
    )


def spans_q(
    spans: Iterable[NumberSpan],
    *,
    begun: str,
    ended: Collection[str] = (),
    number: str = "phone_hash",
) -> Q:
    """Rows of these numbers from the time they were the person's, by the moment `begun`.

    With `ended` (columns that are empty while it goes on) also what began before and had not ended
    when the number became theirs.
    """
    every = list(spans)
    bounds = Q(pk__in=[])
    for span in every:
        one = Q(**{number: span.phone_hash})
        if span.until is not None:
            one &= Q(**{f"{begun}__lt": span.until})
        if span.since is not None and not ended:
            one &= Q(**{f"{begun}__gte": span.since})
        elif span.since is not None:
            for name in ended:
                one &= Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gte": span.since})
        bounds |= one
    return Q(**{f"{number}__in": sorted({span.phone_hash for span in every})}) & bounds


def suppression_then(row: Suppression, spans: Iterable[NumberSpan]) -> Suppression:
    """The row as it stood when its number was given up: what became of it later, such as the START of
    the next owner, is no part of this person's story. Changes the instance, never the record.
    """
    ends = [span.until for span in spans if span.phone_hash == bytes(row.phone_hash)]
    given_up = max((at for at in ends if at is not None), default=None)
    if given_up is None or None in ends:
        return row
    if row.lifted_at is not None and row.lifted_at >= given_up:
        row.lifted_at = None
        row._state.fields_cache["lift"] = None
    if row.repeated_at is not None and row.repeated_at >= given_up:
        row.repeated_at = None
    return row
