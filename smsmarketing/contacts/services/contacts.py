"""Creating and changing one contact. Many at once come through an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from smsmarketing.contacts.models import Contact, FormerNumber
from smsmarketing.contacts.phones import hash_key_id, phone_hash
from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS
from smsmarketing.contacts.rules.phone import Phone
from smsmarketing.contacts.services.changes import change_note, profile_of
from smsmarketing.contacts.services.consent import consents_void
from smsmarketing.contacts.services.key_change import suppressions_take_over
from smsmarketing.contacts.services.states import send_state_refresh, send_states_settle
from smsmarketing.operations.errors import Conflict, InvalidInput


@dataclass(frozen=True, kw_only=True)
class Upserted:
    """The contact as it is now, whether it is new, and the fields that changed."""

    contact: Contact
    created: bool
    changed: tuple[str, ...]


def contact_upsert(
    phone: Phone | None = None,
    *,
    contact: Contact | None = None,
    changes: Mapping[str, Any],
    brand_id: int,
    source: str,
    by: str = "",
    restores: bool = False,
    now: datetime | None = None,
) -> Upserted:
    """Create a contact, or change only the named fields of an existing one.

    Give `contact` to change that row; a `phone` that differs from its own changes the number,
    which voids every consent given for the old one [R-4.3]. Without `contact` the number decides.
    `changes` may name first_name, last_name, language, region, time_zone, customer_key,
    customer_group, tags (the whole set), add_tags, remove_tags, custom and crm_keys (merged; None
    removes a key). The contact gets a send state for the brand; never a consent. One in the trash
    stays there, whoever put it there (docs/adr/0046), unless `restores`: the person themselves came
    back ("restored" is then among the changes). `by` is who asks, for the story. The
    version grows when anything changed. Raises Conflict when the new number belongs to another
    contact.
    """
    now = now or timezone.now()
    created = False
    if contact is not None:
        row = Contact.objects.select_for_update().get(pk=contact.pk)
        changed = _number_change(row, phone, by=by, now=now) if phone else ()
    else:
        if phone is None:
            raise InvalidInput(
                "A new contact needs a phone number.",
                field_errors={"phone": "Give an E.164 number, such as +447700900123."},
            )
        row, created = _row_for(phone, source=source, now=now)
        changed = ()
    before = profile_of(row)
    if row.trashed_at is not None and restores:
        row.trashed_at, row.merged_into = None, None
        changed += ("restored",)
    changed += _fields_apply(row, changes)
    if changed and not created:
        row.version += 1
    if changed:
        row.updated_at = now
        row.save()
    who, back = by or source, "restored" in changed
    change_note(row, before, by=who, act="upsert", at=now, made=created, restored=back)
    if created or "phone" in changed:
        suppressions_take_over([phone.e164] if phone else [])
    send_state_refresh([row.pk], [brand_id], now=now)
    if changed and not created:
        send_state_refresh([row.pk], now=now)
    if created or "phone" in changed:
        transaction.on_commit(lambda: _settle(bytes(row.phone_hash)))
    return Upserted(contact=row, created=created, changed=changed)


def _settle(hashed: bytes) -> None:
    with transaction.atomic():
        send_states_settle([hashed])


def _row_for(phone: Phone, *, source: str, now: datetime) -> tuple[Contact, bool]:
    """The locked row of the number, made when there is none (two callers at once: one makes it)."""
    rows = Contact.objects.select_for_update()
    row = rows.filter(phone=phone.e164).first()
    if row is not None:
        return row, False
    try:
        with transaction.atomic():
            row = Contact.objects.create(
                phone=phone.e164,
                phone_hash=phone_hash(phone.e164),
                hash_key=hash_key_id(),
                country=phone.country,
                line_type=phone.line_type,
                source=source,
                created_at=now,
                updated_at=now,
            )
    except IntegrityError:
        return rows.get(phone=phone.e164), False
    return row, True


def _number_change(row: Contact, phone: Phone, *, by: str, now: datetime) -> tuple[str, ...]:
    if phone.e164 == row.phone:
        return ()
    if Contact.objects.filter(phone=phone.e164).exclude(pk=row.pk).exists():
        raise Conflict(
            "Another contact has this number. Open that contact, or give a different number.",
            field_errors={"phone": "The number belongs to another contact."},
        )
    consents_void(row, now=now)
    earlier = FormerNumber.objects.filter(contact=row).order_by("-until", "-pk").first()
    FormerNumber.objects.create(
        contact=row,
        phone=row.phone,
        phone_hash=row.phone_hash,
        hash_key=row.hash_key,
        since=earlier.until if earlier else None,
        until=now,
        changed_by=by[:80],
    )
    row.phone = phone.e164
    row.phone_hash = phone_hash(phone.e164)
    row.hash_key = hash_key_id()
    row.country = phone.country
    row.line_type = phone.line_type
    return ("phone",)


def _fields_apply(row: Contact, changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Set what differs and name it."""
    changed: list[str] = []
    unknown = sorted(
        set(changes) - {*TEXT_FIELDS, *OBJECT_FIELDS, "tags", "add_tags", "remove_tags"}
    )
    if unknown:
        raise TypeError(f"contact_upsert cannot change {', '.join(unknown)}")
    for field in TEXT_FIELDS:
        if field in changes and getattr(row, field) != changes[field]:
            setattr(row, field, changes[field])
            changed.append(field)
    if "time_zone" in changed:
        row.time_zone_source = "person" if row.time_zone else "number"
    for field in OBJECT_FIELDS:
        if field in changes:
            merged = {**getattr(row, field), **changes[field]}
            merged = {key: value for key, value in merged.items() if value is not None}
            if merged != getattr(row, field):
                setattr(row, field, merged)
                changed.append(field)
    tags = list(changes["tags"]) if "tags" in changes else list(row.tags)
    removed = set(changes.get("remove_tags", ()))
    tags = [
        tag for tag in dict.fromkeys([*tags, *changes.get("add_tags", ())]) if tag not in removed
    ]
    if sorted(tags) != sorted(row.tags):
        row.tags = tags
        changed.append("tags")
    return tuple(changed)
