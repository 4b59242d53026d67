"""Making one contact of two (docs/adr/0046): everything is united but the numbers and their consent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from smsmarketing.contacts.models import (
    AudienceMember,
    Contact,
    ContactEvent,
    SendState,
    Suppression,
)
from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS
from smsmarketing.contacts.rules.merging import UNITED_REASONS, Choice, choices, tags_united
from smsmarketing.contacts.rules.suppressions import PURPOSES, purposes_default
from smsmarketing.contacts.selectors.suppressions import suppressions_live
from smsmarketing.contacts.services.changes import change_note, profile_of
from smsmarketing.contacts.services.events import event_summaries_refresh
from smsmarketing.contacts.services.locks import numbers_lock
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.contacts.services.suppressions import suppression_add
from smsmarketing.contacts.services.trash import contact_trash
from smsmarketing.operations.errors import Conflict, InvalidInput

_TRIES: Final = 5
_RECENT = """
UPDATE contacts_sendstate k SET recent = ARRAY(
    SELECT DISTINCT t FROM unnest(k.recent || o.recent) t ORDER BY t DESC LIMIT 16)
FROM contacts_sendstate o
WHERE k.contact_id = %(kept)s AND o.contact_id = %(other)s AND o.brand_id = k.brand_id
    AND o.recent <> '{}'
"""
_LISTS = """
UPDATE contacts_audiencemember m SET contact_id = %(kept)s WHERE m.contact_id = %(other)s
    AND NOT EXISTS (SELECT 1 FROM contacts_audiencemember k
        WHERE k.audience_id = m.audience_id AND k.contact_id = %(kept)s)
"""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a merge does."""

    fields: list[Choice]
    tags: list[str]
    lists: list[str]
    events: int
    to_kept: list[Suppression]
    to_other: list[Suppression]
    problem: str
    """Why it cannot be done now; empty when it can."""


def merge_lock(contact_ids: Collection[int]) -> list[Contact]:
    """Lock the numbers of these contacts, then the contacts by id, against everybody. Raises Conflict
    when a number changed at the same moment.
    """
    rows = Contact.objects.filter(pk__in=contact_ids)
    phones = sorted(phone for phone in rows.values_list("phone", flat=True) if phone)
    numbers_lock(phones)
    locked = list(rows.select_for_update().order_by("pk"))
    if sorted(row.phone for row in locked if row.phone) != phones:
        raise Conflict("A number changed at this moment. Repeat the call.", retry_after_s=1)
    return locked


def merge_forecast(
    kept: Contact, other: Contact, *, take: Collection[str] = (), now: datetime
) -> Forecast:
    """What merging `other` into `kept` would do; reads only."""
    held = AudienceMember.objects.filter(contact=kept).values("audience_id")
    lists = AudienceMember.objects.filter(contact=other).exclude(audience_id__in=held)
    return Forecast(
        fields=choices(_values(kept), _values(other), take=take),
        tags=tags_united(kept.tags, other.tags),
        lists=list(lists.order_by("audience__name").values_list("audience__name", flat=True)),
        events=ContactEvent.objects.filter(contact=other).count(),
        to_kept=_united(other, now),
        to_other=_united(kept, now),
        problem=_problem(kept, other, now),
    )


def _values(contact: Contact) -> dict[str, Any]:
    return {name: getattr(contact, name) for name in ("country", *TEXT_FIELDS, *OBJECT_FIELDS)}


def _live(contact: Contact, now: datetime) -> QuerySet[Suppression]:
    rows = Suppression.objects.filter(suppressions_live(now), phone_hash=contact.phone_hash)
    return rows.select_related("brand").order_by("pk")


def _united(contact: Contact, now: datetime) -> list[Suppression]:
    return list(_live(contact, now).filter(reason__in=UNITED_REASONS))


def _problem(kept: Contact, other: Contact, now: datetime) -> str:
    if kept.pk == other.pk:
        return "This is one and the same contact. Name two."
    for contact in (kept, other):
        if contact.merged_into_id is not None:
            return (
                f"Contact {contact.pk} was merged into contact {contact.merged_into_id} already."
                " Name that one."
            )
        if contact.trashed_at is not None or contact.phone is None:
            return f"Contact {contact.pk} is in the trash. Restore it first with contacts.restore."
        if _live(contact, now).filter(reason="hold").exists():
            return (
                f"A reply of contact {contact.pk} may be an opt-out and waits for a person. Decide it"
                " in the review queue first."
            )
    return ""


def contacts_merge(
    kept: Contact, other: Contact, *, take: Collection[str] = (), recorded_by: str, now: datetime
) -> Forecast:
    """Merge `other` into `kept`, both locked by `merge_lock`, in the caller's transaction.

    Fields, tags, lists, events and send times go to `kept`. Consent does not: it was given for a
    number, and neither number becomes sendable by this [R-4.3]. What the person refused under one
    number holds for both. `other` stays in the trash and says who took over. Raises InvalidInput for
    one contact twice, Conflict when one is in the trash or has an undecided reply.
    """
    found = merge_forecast(kept, other, take=take, now=now)
    if found.problem:
        if kept.pk == other.pk:
            raise InvalidInput(
                found.problem, field_errors={"other_contact_id": "Name another contact."}
            )
        raise Conflict(found.problem)
    brands = set(SendState.objects.filter(contact=other).values_list("brand_id", flat=True))
    _refusals_add(kept, found.to_kept, of=other, recorded_by=recorded_by, now=now)
    _refusals_add(other, found.to_other, of=kept, recorded_by=recorded_by, now=now)
    kept.refresh_from_db()
    before = profile_of(kept)
    _fields_write(kept, other, found, now)
    change_note(kept, before, by=recorded_by, act="merge", at=now)
    _lists_move(kept, other)
    ContactEvent.objects.filter(contact=other).update(contact=kept)
    event_summaries_refresh([kept.pk, other.pk])
    contact_trash(other, merged_into=kept, now=now)
    send_state_refresh([kept.pk], brands, now=now)
    send_state_refresh([kept.pk], now=now)
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, {"kept": kept.pk, "other": other.pk})
    kept.refresh_from_db()
    return found


def _refusals_add(
    contact: Contact,
    rows: Collection[Suppression],
    *,
    of: Contact,
    recorded_by: str,
    now: datetime,
) -> None:
    """A "no" said under the one number is said under the other: rows are only ever added [R-2.16]."""
    phone = contact.phone or ""
    for row in rows:
        everything = () if not purposes_default(row.reason, plus_one=False) else PURPOSES
        suppression_add(
            phone=phone,
            scope=row.scope,
            reason=row.reason,
            source=row.source,
            evidence={
                "merged_from": of.pk,
                "suppression_id": row.pk,
                "recorded_by": recorded_by,
            },
            brand=row.brand,
            sender=row.sender,
            purposes=tuple(row.purposes) or everything,
            language=row.language,
            expires_at=row.expires_at,
            at=now,
        )


def _fields_write(kept: Contact, other: Contact, found: Forecast, now: datetime) -> None:
    for choice in found.fields:
        name, _, key = choice.name.partition(".")
        if not key:
            if name == "time_zone" and choice.result != kept.time_zone:
                kept.time_zone_source = other.time_zone_source
            setattr(kept, name, choice.result)
        elif choice.result not in ("", None):
            setattr(kept, name, {**getattr(kept, name), key: choice.result})
    kept.tags = found.tags
    kept.version += 1
    kept.updated_at = now
    kept.save()


def _lists_move(kept: Contact, other: Contact) -> None:
    """Memberships keep their rows, so that undoing the import that made one still finds it."""
    for attempt in range(_TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_LISTS, {"kept": kept.pk, "other": other.pk})
            return
        except IntegrityError:  # somebody put the kept contact on the list at this moment
            if attempt == _TRIES - 1:
                raise
