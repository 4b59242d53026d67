"""Whose number it was: a number may pass from one contact to another, and erasure frees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Exists, Max, OuterRef

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact, EraseJob, FormerNumber, SendState
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.rules.proof import ERASED
from smsmarketing.contacts.rules.suppressions import IN_TRASH

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Owners:
    """Every contact that has or had a number and that the brand knew; `then` is the one that had it
    at the moment, None for a number that nobody has had.
    """

    every: tuple[Contact, ...]
    then: Contact | None


def owners_of(phone: str, brand: Brand, *, at: datetime) -> Owners:
    """The owners of a number, looked up by its fingerprint under every key [R-4.10].

    A change of the number leaves a row that bears the old one, in the ledger too when it ended a
    consent, and an erasure leaves its job: they tell from when and until when that contact had it.
    """
    hashes = phone_hashes(phone)
    until: dict[int, datetime] = {}
    since: dict[int, datetime] = {}
    ended = ConsentEvent.objects.filter(phone_hash__in=hashes).exclude(direction="granted")
    for contact_id, moment in ended.filter(captured_by="number_changed").values_list(
        "contact_id", "recorded_at"
    ):
        until[contact_id] = max(moment, until.get(contact_id, moment))
    for former in FormerNumber.objects.filter(phone_hash__in=hashes):
        until[former.contact_id] = max(former.until, until.get(former.contact_id, former.until))
        if former.since is not None:
            since[former.contact_id] = former.since
    for job in EraseJob.objects.filter(phone_hash__in=hashes):
        until.update(dict.fromkeys(job.contact_ids, job.created_at))
    for contact_id in ended.values_list("contact_id", flat=True):
        until.setdefault(contact_id, _NEVER)
    for contact_id in Contact.objects.filter(phone_hash__in=hashes).values_list("pk", flat=True):
        until[contact_id] = _NEVER
        got = FormerNumber.objects.filter(contact=contact_id).aggregate(at=Max("until"))["at"]
        if got is not None:
            since.setdefault(contact_id, got)
    every = _known(list(until), brand)
    began = {row.pk: since.get(row.pk, row.created_at) for row in every}
    return Owners(every=every, then=_then(every, began, until, at))


def _known(contact_ids: Sequence[int], brand: Brand) -> tuple[Contact, ...]:
    """Of the contacts those that the brand knew."""
    states = SendState.objects.filter(brand=brand, contact_id=OuterRef("pk"))
    events = ConsentEvent.objects.filter(brand=brand, contact_id=OuterRef("pk"))
    rows = Contact.objects.filter(pk__in=contact_ids)
    return tuple(rows.filter(Exists(states) | Exists(events)).order_by("created_at", "pk"))


def _then(
    every: Sequence[Contact],
    began: dict[int, datetime],
    until: dict[int, datetime],
    at: datetime,
) -> Contact | None:
    """Who gave it up first after the moment; when all had given it up by then, who did so last."""
    if not every:
        return None
    there = [row for row in every if began[row.pk] <= at] or list(every)
    later = [row for row in there if until[row.pk] > at]
    if later:
        return min(later, key=lambda row: (until[row.pk], row.pk))
    return max(there, key=lambda row: (until[row.pk], row.pk))


def gone_at(contact: Contact | None, at: datetime) -> str:
    """`erased`, `trashed` or nothing: what the contact was at the moment."""
    if contact is None:
        return ""
    if contact.erased_at is not None and contact.erased_at <= at:
        return ERASED
    return IN_TRASH if contact.trashed_at is not None and contact.trashed_at <= at else ""
