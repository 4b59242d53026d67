"""What a person decides about a held number, and what somebody keeps of their own opt-out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import F

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import Contact, Suppression, SuppressionLift
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.selectors.suppressions import suppressions_live
from smsmarketing.contacts.services.outbound import lifts_emit, suppression_emit
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.contacts.services.suppressions import _number_lock

KEPT = ("marketing", "notification")
"""What stays blocked when the person keeps order messages."""


def hold_lift(
    suppression_id: int, *, actor: str, reason: str, now: datetime
) -> SuppressionLift | None:
    """Let a held number go: a person read the reply, and it was no opt-out [R-2.4].

    Only a hold: every other row has its own way of ending, or none [R-2.16]. None when it is no
    hold or has ended already. In the caller's transaction.
    """
    found = Suppression.objects.filter(pk=suppression_id, reason="hold").first()
    if found is None:
        return None
    contact = _locked(found.phone)
    row = Suppression.objects.select_for_update().get(pk=found.pk)
    if row.lifted_at is not None:
        return None
    lift = _lift(row, actor=actor, reason=reason, now=now)
    _follow(contact, now)
    lifts_emit([lift])
    return lift


def opt_out_narrow(
    *, phone: str, brand: Brand, evidence: Mapping[str, Any], now: datetime
) -> Suppression | None:
    """Keep order messages of a brand after a STOP, as the person asked; the rest stays blocked [R-2.14].

    Writes the narrower row and then lifts the wider one in the same transaction, so that there is
    no moment without either. None when there is no such opt-out by a reply.
    """
    contact = _locked(phone)
    hashes = phone_hashes(phone) + ([bytes(contact.phone_hash)] if contact else [])
    wide = [
        row
        for row in Suppression.objects.select_for_update()
        .filter(
            suppressions_live(now),
            phone_hash__in=hashes,
            reason="opt_out",
            source="inbound",
            scope="brand",
            brand=brand,
        )
        .order_by("id")
        if "transactional" in row.purposes
    ]
    if not wide:
        return None
    first = wide[0]
    narrow = Suppression.objects.create(
        phone_hash=first.phone_hash,
        hash_key=first.hash_key,
        phone=first.phone,
        contact=first.contact,
        scope="brand",
        brand=brand,
        purposes=list(KEPT),
        reason="opt_out",
        source="inbound",
        language=first.language,
        evidence={**evidence, "narrows": [row.pk for row in wide]},
        created_at=now,
    )
    lifts = [
        _lift(
            row,
            actor="inbound",
            reason="The person keeps messages about orders.",
            ground="narrowed",
            now=now,
        )
        for row in wide
    ]
    lifts_emit(lifts)
    # Told last: what other systems hear at the end is that marketing stays blocked.
    suppression_emit(narrow)
    _follow(contact, now)
    return narrow


def _locked(phone: str | None) -> Contact | None:
    if phone is None:
        return None
    _number_lock(phone)
    return Contact.objects.select_for_update(no_key=True).filter(phone=phone).first()


def _lift(
    row: Suppression, *, actor: str, reason: str, now: datetime, ground: str = "decision"
) -> SuppressionLift:
    row.lifted_at = now
    row.save(update_fields=["lifted_at"])
    return SuppressionLift.objects.create(
        suppression=row, actor=actor[:64], reason=reason[:300], ground=ground, created_at=now
    )


def _follow(contact: Contact | None, now: datetime) -> None:
    if contact is None:
        return
    Contact.objects.filter(pk=contact.pk).update(version=F("version") + 1, updated_at=now)
    send_state_refresh([contact.pk], now=now)
