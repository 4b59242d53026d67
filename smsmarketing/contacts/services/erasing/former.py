"""Erasing what is known of the numbers that a person had before [R-4.9].

A former number may be somebody else's by now. Then only what is of the person's own time goes; the
number itself is taken out of texts and files only when nobody else has or had it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from smsmarketing.contacts.models import Contact, DoubleOptIn, FormerNumber
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.selectors.numbers import NumberSpan, number_spans, spans_q


@dataclass(frozen=True, kw_only=True)
class Former:
    """The former numbers of the contacts, and those of them that are nobody else's."""

    spans: tuple[NumberSpan, ...]
    free: tuple[str, ...]

    @property
    def blocks(self) -> Q:
        """What was said under the former numbers while they were theirs."""
        return spans_q(self.spans, begun="created_at")


def former_of(rows: Sequence[Contact]) -> Former:
    """Before anything is erased: afterwards the contacts do not tell any more."""
    spans = tuple(span for span in number_spans(rows) if span.until is not None)
    ids = [row.pk for row in rows]
    free = sorted(
        {span.phone for span in spans if span.phone and _nobodys(span.phone, except_for=ids)}
        - {row.phone for row in rows if row.phone}
    )
    return Former(spans=spans, free=tuple(free))


def _nobodys(phone: str, *, except_for: Collection[int]) -> bool:
    hashes = phone_hashes(phone)
    others = FormerNumber.objects.filter(phone_hash__in=hashes).exclude(contact__in=except_for)
    holder = Contact.objects.filter(phone=phone).exclude(pk__in=except_for)
    return not (others.exists() or holder.exists())


def former_forget(former: Former, contact_ids: Collection[int], phones: Collection[str]) -> None:
    """Delete the rows of these contacts, empty what they typed into forms under former numbers, and
    empty the erased numbers where they are told as somebody else's former one.
    """
    if former.spans:
        own = spans_q(former.spans, begun="requested_at", ended=("ended_at",))
        DoubleOptIn.objects.filter(own).update(phone=None, details={}, ip="", user_agent="")
    FormerNumber.objects.filter(contact__in=contact_ids).delete()
    hashes = [hashed for phone in phones for hashed in phone_hashes(phone)]
    FormerNumber.objects.filter(phone_hash__in=hashes, phone__isnull=False).update(phone=None)


def former_numbers_expire(*, now: datetime) -> int:
    """Empty former numbers when it is no longer kept who got which message [R-4.14]. Their keyed hash
    and the moments stay: the proof of what was agreed and refused goes by them. Returns how many.
    """
    before = now - timedelta(days=settings.DELIVERY_DATA_DAYS)
    return FormerNumber.objects.filter(until__lt=before, phone__isnull=False).update(phone=None)
