"""An opt-out by link: like a STOP, from this commit on, also for a number that is erased here."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

from django.db import transaction

from smsmarketing.contacts import selectors
from smsmarketing.contacts.models import Contact, Suppression
from smsmarketing.contacts.rules.suppressions import purposes_default
from smsmarketing.contacts.selectors.opt_out_links import LinkTarget, link_opted_out
from smsmarketing.contacts.services.locks import number_lock
from smsmarketing.contacts.services.outbound import suppression_emit
from smsmarketing.contacts.services.suppressions import suppression_add
from smsmarketing.operations.audit import audit_append_system

Choice = Literal["marketing", "all"]
PURPOSES_OF_CHOICE: dict[Choice, tuple[str, ...]] = {
    "marketing": ("marketing", "notification"),
    "all": ("marketing", "notification", "transactional"),
}


def opt_out_by_link(
    target: LinkTarget, *, choice: Choice | None, ip: str, user_agent: str, now: datetime
) -> bool:
    """Suppress the number behind the link for the whole brand; False when it held already.

    Without a choice (one click, no form) the effect is that of a STOP [R-2.14]. Everything is
    committed when this returns.
    """
    purposes = purposes_default("opt_out", plus_one=target.plus_one)
    if choice is not None:
        purposes = PURPOSES_OF_CHOICE[choice]
    with transaction.atomic():
        number_lock(target.phone_hash.hex())
        if set(purposes) <= link_opted_out(target, now):
            return False
        evidence = _evidence(target, choice, ip, user_agent, now)
        row = _suppress(target, purposes, evidence, now)
        audit_append_system(
            operation="contacts.opt_out_link",
            outcome="opt_out",
            object_type="contacts.suppression",
            object_id=str(row.pk),
            facts={
                "brand_id": target.brand.pk,
                "choice": choice or "one_click",
                "message_id": evidence.get("message_id"),
            },
        )
    return True


def _suppress(
    target: LinkTarget, purposes: Collection[str], evidence: dict[str, Any], now: datetime
) -> Suppression:
    holder = Contact.objects.filter(phone_hash=target.phone_hash).first()
    if holder is not None and holder.phone is not None:
        return suppression_add(
            phone=holder.phone,
            scope="brand",
            reason="opt_out",
            source="web",
            evidence=evidence,
            brand=target.brand,
            purposes=purposes,
            language=target.brand.language,
            at=now,
        )
    # Erased here, or no contact's number any more: only the hash is left, and it is enough.
    row = Suppression.objects.create(
        phone_hash=target.phone_hash,
        hash_key=holder.hash_key if holder is not None else "",
        scope="brand",
        brand=target.brand,
        purposes=list(purposes),
        reason="opt_out",
        source="web",
        language=target.brand.language,
        evidence=evidence,
        created_at=now,
    )
    suppression_emit(row)
    return row


def _evidence(
    target: LinkTarget, choice: Choice | None, ip: str, user_agent: str, now: datetime
) -> dict[str, Any]:
    """Proof of who asked for what, and in answer to which text [R-2.20]."""
    evidence: dict[str, Any] = {
        "token": target.token,
        "contact_id": target.contact.pk,
        "purpose_of_text": target.purpose,
        "choice": choice or "one_click",
        "said_at": now.isoformat(),
        "ip": ip[:45],
        "user_agent": user_agent[:300],
    }
    provider = selectors.last_message_provider
    if provider is not None:
        evidence |= provider(target.contact.pk, target.brand.pk)
    return evidence
