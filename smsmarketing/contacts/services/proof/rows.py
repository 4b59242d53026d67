"""The rows of a proof pack: what is kept of each consent, suppression, message and audit entry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from smsmarketing.contacts import selectors
from smsmarketing.contacts.models import ConsentEvent, Contact, Suppression
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.operations.models import AuditAnchor, AuditEntry, AuditHead

if TYPE_CHECKING:
    from smsmarketing.contacts.services.proof.pack import Asked

AUDIT_MOST = 1000
_NUMBER = re.compile(r"(?<![\w+])\+?\d{8,15}(?!\w)")


def consent_row(event: ConsentEvent, number: bytes) -> dict[str, Any]:
    """An event of the ledger with the exact text; whatever columns the ledger has, all of them."""
    skipped = {"id", "contact", "phone_hash", "brand"}
    row: dict[str, Any] = {
        "no": event.pk,
        "for_this_number": bytes(event.phone_hash) == number,
        "voided_by_number_change": event.captured_by == "number_changed",
    }
    for field in event._meta.concrete_fields:
        if field.name not in skipped:
            value = getattr(event, field.attname)
            row[field.attname] = str(value) if field.attname.endswith("file_id") else value
    return row


def suppression_row(row: Suppression, *, full: bool) -> dict[str, Any]:
    """A "no" with its proof [R-2.20], and what ended it."""
    lift = getattr(row, "lift", None)
    return {
        "no": row.pk,
        "scope": row.scope,
        "brand_id": row.brand_id,
        "sender": row.sender,
        "purposes": list(row.purposes),
        "reason": row.reason,
        "source": row.source,
        "language": row.language,
        "evidence": _masked(row.evidence, full),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "lifted_at": row.lifted_at,
        "import_job_id": row.import_job_id,
        "lift": None
        if lift is None
        else {
            field.attname: _told(getattr(lift, field.attname))
            for field in lift._meta.concrete_fields
            if field.name not in {"id", "suppression"}
        },
    }


def _told(value: Any) -> Any:
    return value if isinstance(value, str | int | bool | datetime | None) else str(value)


def _masked(value: Any, full: bool) -> Any:
    """Evidence with numbers masked unless they may be seen. The wording of a text stays exact."""
    if full:
        return value
    if isinstance(value, Mapping):
        return {key: _masked(item, full) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, full) for item in value]
    if isinstance(value, str):
        return _NUMBER.sub(lambda found: phone_mask(found.group()), value)
    return value


def messages_of(contact: Contact | None, asked: Asked, *, now: datetime) -> dict[str, Any]:
    """The messages of the brand to the contact, told by the app that sends them."""
    provider = selectors.proof_messages_provider
    if provider is None or contact is None:
        return {"total": 0, "shown": 0, "rows": []}
    total, rows = provider(contact, asked.brand.pk)
    if not asked.full:
        rows = [{**row, "number": phone_mask(row["number"])} for row in rows]
    return {"total": total, "shown": len(rows), "rows": rows}


def audit_rows(contact: Contact | None) -> dict[str, Any]:
    """The entries about the contact, where the chain stands, and its newest signed anchor."""
    head = AuditHead.objects.filter(id=1).first() or AuditHead()
    anchor = AuditAnchor.objects.order_by("-seq").first()
    entries = AuditEntry.objects.none()
    if contact is not None:
        entries = AuditEntry.objects.filter(
            object_type="contacts.contact", object_id=str(contact.pk)
        ).exclude(operation__in=("contacts.get", "contacts.timeline"))
    return {
        "chain_head": {"seq": head.seq, "hash": head.hash},
        "newest_anchor": None
        if anchor is None
        else {"seq": anchor.seq, "hash": anchor.hash, "at": anchor.at},
        "entries": [
            {
                "seq": entry.seq,
                "at": entry.at,
                "operation": entry.operation,
                "outcome": entry.outcome,
                "by": entry.actor_id,
                "changed": entry.facts.get("changed", []),
                "reason": entry.reason,
                "hash": entry.hash,
            }
            for entry in entries.order_by("-seq")[:AUDIT_MOST]
        ],
    }
