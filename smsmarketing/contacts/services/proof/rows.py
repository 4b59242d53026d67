"""The rows of a proof pack: what is kept of each consent, suppression, message and audit entry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts import selectors
from smsmarketing.contacts.models import (
    ConsentEvent,
    ConsentSeal,
    Contact,
    DoubleOptIn,
    Suppression,
)
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.contacts.selectors.numbers import NumberSpan
from smsmarketing.contacts.selectors.seals import row_digest, row_is_sealed
from smsmarketing.operations.models import AuditAnchor, AuditEntry, AuditHead

if TYPE_CHECKING:
    from smsmarketing.contacts.services.proof.pack import Asked

AUDIT_MOST = 1000
_TRACES = ("ip", "user_agent")
_NUMBER = re.compile(r"(?<![\w+])\+?\d{8,15}(?!\w)")


def consent_row(event: ConsentEvent, number: bytes, *, full: bool) -> dict[str, Any]:
    """An event of the ledger with the exact text; whatever columns the ledger has, all of them, but
    for the internet address and the browser when the number is masked.
    """
    skipped = {"id", "phone_hash", "brand", *([] if full else _TRACES)}
    row: dict[str, Any] = {
        "no": event.pk,
        "for_this_number": bytes(event.phone_hash) == number,
        "voided_by_number_change": event.captured_by == "number_changed",
    }
    for field in event._meta.concrete_fields:
        if field.name not in skipped:
            value = getattr(event, field.attname)
            row[field.attname] = _told(value) if field.name != "double_opt_in" else value
    for name in ("source_url", "captured_by", "evidence_file"):
        row[name] = _masked(row[name], full)
    return row


def double_opt_in_rows(own: Q, brand: Brand, *, full: bool) -> list[dict[str, Any]]:
    """The requests to confirm that went to the numbers, oldest first [R-4.6]."""
    rows = DoubleOptIn.objects.filter(own, brand=brand).order_by("pk")
    names = ("state", "purposes", "request_text", "token_hash", "source_url", "asked_by", "reason")
    times = ("requested_at", "sent_at", "expires_at", "ended_at")
    ids = ("form_version_id", "message_id", "reply_inbound_id")
    return [
        {"no": row.pk}
        | {name: getattr(row, name) for name in (*names, *times, *ids, *(_TRACES if full else ()))}
        | {"source_url": _masked(row.source_url, full)}
        for row in rows
    ]


def seals_of(
    events: Sequence[ConsentEvent],
) -> tuple[dict[int, dict[str, Any]], list[dict[str, Any]]]:
    """For each sealed event its seal and whether it is still the row that was sealed; and the seals.

    The newest rows are not sealed yet; they have none.
    """
    marks: dict[int, dict[str, Any]] = {}
    seals: dict[int, ConsentSeal] = {}
    for event in events:
        seal = next((row for row in seals.values() if row.from_id <= event.pk <= row.to_id), None)
        if seal is None:
            rows = ConsentSeal.objects.filter(to_id__gte=event.pk, from_id__lte=event.pk)
            seal = rows.order_by("to_id").first()
        if seal is None:
            continue
        seals[seal.number] = seal
        marks[event.pk] = {
            "number": seal.number,
            "row_sha256": row_digest(event.pk, seal).hex(),
            "row_is_as_sealed": row_is_sealed(event.pk, seal),
        }
    told = ("number", "scheme", "from_id", "to_id", "rows", "rows_digest", "previous", "digest")
    return marks, [
        {name: getattr(seals[number], name) for name in (*told, "sealed_at")}
        for number in sorted(seals)
    ]


def former_rows(spans: Sequence[NumberSpan], *, full: bool) -> list[dict[str, Any]]:
    """The numbers the contact had before, oldest first, and until when."""
    former = [(span.until, span) for span in spans if span.until is not None]
    return [
        {
            "number": "unknown"
            if not span.phone
            else span.phone
            if full
            else phone_mask(span.phone),
            "number_fingerprint": span.phone_hash.hex(),
            "since": span.since,
            "until": until,
        }
        for until, span in sorted(former, key=lambda item: item[0])
    ]


def suppressions_once(rows: Sequence[Suppression]) -> list[Suppression]:
    """One "no" once: a new key of the hashes gave a known one a second row [R-4.10]. The first has
    the proof; where only one of them ended both are told.
    """
    first = {row.pk: row for row in rows}

    def repeats(row: Suppression) -> bool:
        before = first.get(row.evidence.get("taken_over_from"))
        return before is not None and before.lifted_at == row.lifted_at

    return [row for row in rows if not repeats(row)]


def suppression_rows(rows: Sequence[Suppression], *, full: bool) -> list[dict[str, Any]]:
    """What stood against the number, each "no" once."""
    return [suppression_row(row, full=full) for row in suppressions_once(rows)]


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
        "repeated_at": row.repeated_at,
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
    """Evidence with numbers masked unless they may be seen. Everything else in a text stays exact."""
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
        rows = [
            {**row, "number": phone_mask(row["number"]), "body": _masked(row["body"], asked.full)}
            for row in rows
        ]
    return {"total": total, "shown": len(rows), "rows": rows}


def audit_rows(contact: Contact | None) -> dict[str, Any]:
    """The entries about the contact, where the chain stands, and its newest signed anchor."""
    head = AuditHead.objects.filter(id=1).first() or AuditHead()
    anchor = AuditAnchor.objects.order_by("-seq").first()
    entries = AuditEntry.objects.none()
    if contact is not None:
        entries = AuditEntry.objects.filter(
            object_type="contacts.contact", object_id=str(contact.pk)
        )
        # A number that a proof or an export gave out has an entry beside the act's own.
        entries = entries.exclude(operation__in=("contacts.get", "contacts.timeline")).exclude(
            outcome="revealed", operation__in=("contacts.consent_proof", "contacts.export_person")
        )
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
