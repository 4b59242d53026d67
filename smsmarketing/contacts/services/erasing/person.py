"""Erasing the profile: one transaction, after which nothing in contacts names the person."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import (
    AudienceMember,
    ConsentEvent,
    Contact,
    ContactChange,
    ContactEvent,
    EraseJob,
    EventSummary,
    FormerMember,
    ImportUndo,
    SendState,
    Suppression,
)
from smsmarketing.contacts.phones import phone_hash, phone_hashes
from smsmarketing.contacts.services.double_opt_in import double_opt_ins_erase
from smsmarketing.contacts.services.erasing.former import former_forget, former_of
from smsmarketing.contacts.services.erasing.jobs import words_of
from smsmarketing.contacts.services.outbound import erasure_emit
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.contacts.services.suppressions import _number_lock, suppression_add
from smsmarketing.contacts.services.trash import trash_kept
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.errors import Conflict
from smsmarketing.operations.jobs import enqueue

PERSON_ASKED: Final = ("data_subject_request",)
"""Erasures that are the person's own wish, and with it a withdrawal."""
_KEPT = {"id", "country", "created_at", "version", "phone_hash", "phone", "trashed_at"}
_FORGOTTEN: Final = (
    *(ContactEvent, EventSummary, AudienceMember, FormerMember, ImportUndo, ContactChange),
)
_EVIDENCE_KEPT: Final = (
    *("inbound_id", "level", "keyword", "list_version", "sender_id", "gateway_id", "received_at"),
    *("stored_at", "said_at", "surface", "recorded_by", "taken_over_from", "erasure", "import_job"),
    *("merged_from", "gateway_message_id", "evidence_sha256"),
)
"""Of the proof of a "no" only this stays [R-4.11]: how, when and through what, never who or what
was said.
"""


@dataclass(kw_only=True)
class Erased:
    """What an erasure did at once, and the jobs that do the rest."""

    contact_ids: list[int] = field(default_factory=list)
    job_ids: list[int] = field(default_factory=list)
    suppressions_kept: int = 0
    suppressions_added: int = 0


def person_erase(
    *,
    phone: str | None = None,
    contact: Contact | None = None,
    category: str,
    reference: str = "",
    requested_by: int | None = None,
    only_trashed: bool = False,
    now: datetime | None = None,
) -> Erased:
    """Erase a number, or a contact and all that were merged into it, in the caller's transaction.

    The row of a contact stays as a nameless stub that the ledger and the billing point to; its hash
    is freed, so that the number may come back as a new contact, to whom every suppression still
    applies because suppressions keep the hash (also under older keys, see key_change). When the
    person asked for it, the erasure is a withdrawal too: an opt-out for each brand that knew them,
    which START or a fresh consent can lift. Locks numbers, then contacts, in order. With
    `only_trashed` nothing happens to a contact that left the trash meanwhile. Raises Conflict when
    a number changed at the same moment.
    """
    now = now or timezone.now()
    rows = _rows(phone, contact)
    phones = sorted({row.phone for row in rows if row.phone} | ({phone} if phone else set()))
    for number in sorted({*phones, *former_of(rows).free}):
        _number_lock(number)
    ids = sorted(row.pk for row in rows)
    rows = list(Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    if only_trashed and not all(row.trashed_at and not row.erased_at for row in rows):
        return Erased()
    if not {row.phone for row in rows if row.phone} <= set(phones):
        raise Conflict("The number changed at this moment. Repeat the call.", retry_after_s=1)
    former = former_of(rows)  # somebody may have got one meanwhile
    done = Erased(contact_ids=ids)
    if category in PERSON_ASKED:
        done.suppressions_added = _withdraw(phones, ids, now)
    hashes = _hashes(phones, rows)
    own = Q(phone_hash__in=hashes) | Q(phone__in=phones) | Q(contact__in=ids)
    done.suppressions_kept = _suppressions_reduce(own | former.blocks)
    former_forget(former, ids, phones)
    _ledger_reduce(ids)
    words = _words(rows)
    _tell(rows)
    hash_of = {number: bytes(row.phone_hash) for row in rows for number in [row.phone] if number}
    for row in rows:
        _profile_clear(row, now)
    for model in _FORGOTTEN:
        model._default_manager.filter(contact_id__in=ids).delete()
    double_opt_ins_erase(hashes)
    _states_forget(ids, now)
    _jobs_make(
        done,
        dict.fromkeys(phones, ids) | {number: [] for number in former.free},
        hash_of,
        words=words,
        category=category,
        reference=reference,
        requested_by=requested_by,
        created_at=now,
    )
    return done


def _jobs_make(
    done: Erased, numbers: dict[str, list[int]], hash_of: dict[str, bytes], **said: Any
) -> None:
    """A job for each number with the contacts that go with it: that of a former number is about the
    number alone, the contact goes with its present one.
    """
    for number, contact_ids in numbers.items():
        hashed = hash_of.get(number) or phone_hash(number)
        job = EraseJob.objects.create(
            phone=number, phone_hash=hashed, contact_ids=contact_ids, **said
        )
        done.job_ids.append(job.pk)
        enqueue("contacts.erase_work", job_id=job.pk)


def _rows(phone: str | None, contact: Contact | None) -> list[Contact]:
    """The contact, and all whose story it took over."""
    found: dict[int, Contact] = {}
    wave = [contact] if contact else list(Contact.objects.filter(phone=phone)) if phone else []
    while wave:
        found.update({row.pk: row for row in wave})
        wave = list(Contact.objects.filter(merged_into__in=[row.pk for row in wave]))
        wave = [row for row in wave if row.pk not in found]
    return list(found.values())


def _states_forget(contact_ids: Sequence[int], now: datetime) -> None:
    SendState.objects.filter(contact_id__in=contact_ids).update(recent=[])
    send_state_refresh(contact_ids, now=now)


def _hashes(phones: Sequence[str], rows: Sequence[Contact]) -> list[bytes]:
    """The numbers under every key, and what the contacts have [R-4.10]."""
    found = [hashed for number in phones for hashed in phone_hashes(number)]
    return [*found, *(bytes(row.phone_hash) for row in rows)]


def _words(rows: Sequence[Contact]) -> list[str]:
    found = [
        words_of(first_name=row.first_name, last_name=row.last_name, customer_key=row.customer_key)
        for row in rows
    ]
    return sorted({word for words in found for word in words})


def _tell(rows: Sequence[Contact]) -> None:
    """The teams' own systems hear of it, each by the key they gave the person."""
    for row in rows:
        teams = Brand.objects.filter(
            pk__in=SendState.objects.filter(contact=row).values("brand_id")
        )
        erasure_emit(
            row,
            team_ids=sorted(set(teams.values_list("team_id", flat=True))),
            customer_key=row.customer_key,
        )


def _withdraw(phones: Sequence[str], contact_ids: Sequence[int], now: datetime) -> int:
    brand_ids = SendState.objects.filter(contact_id__in=contact_ids).values("brand_id")
    brands: list[Brand | None] = list(Brand.objects.filter(pk__in=brand_ids).order_by("pk"))
    for number in phones:
        for brand in brands or [None]:
            suppression_add(
                phone=number,
                scope="brand" if brand else "global",
                reason="opt_out",
                source="admin",
                evidence={"erasure": True},
                brand=brand,
                at=now,
            )
    return len(phones) * len(brands or [None])


def _suppressions_reduce(which: Q) -> int:
    """Keep hash, reason, scope and dates; forget the number and what was said [R-4.11]."""
    kept = ", ".join(f"'{key}'" for key in _EVIDENCE_KEPT)
    ids = list(Suppression.objects.filter(which).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE contacts_suppression SET phone = NULL, contact_id = NULL, evidence = COALESCE(
                (SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(evidence) e
                    WHERE e.key IN ({kept})), '{{}}')
            WHERE id = ANY(%s)
            """,  # noqa: S608 - fixed words only
            [ids],
        )
        return int(cursor.rowcount)


def _ledger_reduce(contact_ids: Sequence[int]) -> None:
    """Of the consent ledger the person's traces go; what was agreed, and when, stays [R-4.9]."""
    events = ConsentEvent.objects.filter(contact_id__in=contact_ids)
    events.exclude(ip="", user_agent="").update(ip="", user_agent="")


def _profile_clear(row: Contact, now: datetime) -> None:
    """Every column but a few goes back to its default, those of later releases too."""
    for column in Contact._meta.concrete_fields:
        if column.name not in _KEPT:
            value: Any = column.get_default()
            setattr(row, column.attname, None if column.null else value)
    row.phone = None
    row.phone_hash = os.urandom(32)
    row.erased_at = now
    row.updated_at = now
    row.trashed_at = row.trashed_at or now
    row.version += 1
    row.save()


def trash_expire(*, now: datetime | None = None, limit: int = 200) -> int:
    """Erase what has been in the trash for longer than CONTACT_TRASH_DAYS; returns how many.

    A contact that was merged stays as long as the one that took over from it, and goes with it: it
    tells whoever knows its id where the person is now. Nobody asked not to be texted, so nothing is
    suppressed by this.
    """
    now = now or timezone.now()
    old = Contact.objects.filter(
        trashed_at__lt=now - trash_kept(), erased_at=None, merged_into=None
    )
    ids = list(old.order_by("trashed_at").values_list("pk", flat=True)[:limit])
    count = 0
    for contact_id in ids:
        with transaction.atomic():
            row = old.filter(pk=contact_id).first()
            if row is None:
                continue
            done = person_erase(contact=row, category="trash_expired", only_trashed=True, now=now)
            if not done.contact_ids:
                continue
            count += len(done.contact_ids)
            audit_append_system(
                operation="contacts.trash_expire",
                outcome="done",
                object_type="contacts.contact",
                object_id=str(contact_id),
                facts={"contacts": len(done.contact_ids), "jobs": done.job_ids},
            )
    return count
