"""Numbers that gateways found dead: retired for a time, and back when a text arrives (compliance §2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from smsmarketing.contacts.models import Contact, Suppression, SuppressionLift
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.selectors.suppressions import suppressions_live
from smsmarketing.contacts.services.outbound import lifts_emit
from smsmarketing.contacts.services.states import send_state_refresh
from smsmarketing.contacts.services.suppressions import _number_lock, suppression_add

RETIRING: Final = ("invalid", "landline", "unknown_subscriber", "unreachable")
"""Reasons a gateway's answers may retire a number for; each ends by itself."""


def retire_days(reason: str) -> int:
    """How long a number stays retired, days."""
    return {
        "invalid": settings.NUMBER_INVALID_DAYS,
        "landline": settings.NUMBER_INVALID_DAYS,
        "unknown_subscriber": settings.NUMBER_UNKNOWN_DAYS,
        "unreachable": settings.NUMBER_UNREACHABLE_DAYS,
    }[reason]


def number_retire(
    *, phone: str, reason: str, evidence: Mapping[str, Any], at: datetime | None = None
) -> Suppression:
    """Suppress a number of every brand until the reason lapses, in the caller's transaction.

    Unreachable holds for marketing only: a code or a notice may still be tried.
    """
    now = at or timezone.now()
    return suppression_add(
        phone=phone,
        scope="purpose" if reason == "unreachable" else "global",
        reason=reason,
        source="gateway",
        evidence=evidence,
        expires_at=now + timedelta(days=retire_days(reason)),
        at=now,
    )


def numbers_revive(delivered: Mapping[str, int], *, at: datetime) -> int:
    """Lift what gateways retired of numbers to which a text was delivered after all.

    Only rows of source gateway and of RETIRING: what a person said, or a person entered, stays
    [R-2.12]. `delivered` is phone → id of the message that arrived; one that is older than the
    message which retired the number proves nothing. Returns how many rows were lifted. In the
    caller's transaction; numbers are locked in order.
    """
    owner = {hashed: phone for phone in delivered for hashed in phone_hashes(phone)}
    found = (
        Suppression.objects.filter(
            suppressions_live(at), source="gateway", reason__in=RETIRING, phone_hash__in=list(owner)
        )
        .values_list("phone_hash", flat=True)
        .distinct()
    )
    lifted = 0
    for phone in sorted({owner[bytes(hashed)] for hashed in found}):
        with transaction.atomic():
            lifted += _revive(phone, delivered[phone], at)
    return lifted


def _revive(phone: str, message_id: int, at: datetime) -> int:
    _number_lock(phone)
    contact = Contact.objects.select_for_update(no_key=True).filter(phone=phone).first()
    found = Suppression.objects.select_for_update().filter(
        suppressions_live(at),
        source="gateway",
        reason__in=RETIRING,
        phone_hash__in=phone_hashes(phone),
    )
    rows = [
        row
        for row in found.order_by("id")
        if int(row.evidence.get("message_id") or 0) <= message_id
    ]
    lifts = []
    for row in rows:
        row.lifted_at = at
        row.save(update_fields=["lifted_at"])
        lifts.append(
            SuppressionLift.objects.create(
                suppression=row,
                actor="system:receipts",
                reason=f"A text was delivered to the number (message {message_id}).",
                ground="number_checked",
                created_at=at,
            )
        )
    if rows and contact is not None:
        Contact.objects.filter(pk=contact.pk).update(version=F("version") + 1, updated_at=at)
        send_state_refresh([contact.pk], now=at)
    lifts_emit(lifts)
    return len(rows)
