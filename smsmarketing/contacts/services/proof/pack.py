"""Gathering a proof pack: plain values, the same bytes for the same facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact, Suppression
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.rules.phone import phone_mask
from smsmarketing.contacts.rules.proof import (
    ConsentFact,
    NumberFact,
    SuppressionFact,
    Verdict,
    sendable_at,
)
from smsmarketing.contacts.selectors.numbers import (
    NumberSpan,
    number_spans,
    spans_q,
    suppression_then,
)
from smsmarketing.contacts.services.proof.owners import Owners, gone_at, owners_of
from smsmarketing.contacts.services.proof.rows import (
    audit_rows,
    consent_row,
    double_opt_in_rows,
    former_rows,
    messages_of,
    seals_of,
    suppression_rows,
)
from smsmarketing.operations.canonical import canonical_json
from smsmarketing.operations.types import Actor

FORMAT = "smsmarketing.proof-pack/1"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a pack is about. `contact` or `phone` (E.164, also unknown or erased) is given."""

    brand: Brand
    purpose: str
    at: datetime
    contact: Contact | None = None
    phone: str | None = None
    full: bool = False
    reason: str = ""


def pack_bytes(pack: dict[str, Any]) -> bytes:
    """The canonical JSON (RFC 8785): what the pack's SHA-256 is over, and the JSON file itself."""
    return canonical_json(pack)


def pack_gather(asked: Asked, *, actor: Actor, now: datetime) -> tuple[dict[str, Any], Verdict]:
    """Everything on record about the number for the brand, and the verdict at the moment asked for.

    Rows of the ledger and of the suppression list are complete up to `now`, so that a court sees
    also what came later; each check names the rows it stands on. An erased number is found by its
    fingerprint: its "no" is told, and that the profile was erased [R-4.9].
    """
    owners = _owners(asked)
    contact = owners.then
    hashes = _hashes(asked, contact)
    events = _events(owners, hashes, asked.brand)
    spans = number_spans([contact]) if contact is not None else []
    blocks = _suppressions(asked, hashes, spans)
    number, line_now = _number_at(asked, contact, events, spans)
    of_number = hashes if number in hashes else {number}
    own = [event for event in events if contact is not None and event.contact_id == contact.pk]
    verdict = sendable_at(
        NumberFact(id=number.hex(), line_type=line_now, gone=gone_at(contact, asked.at)),
        [_consent_fact(event) for event in own],
        [_suppression_fact(row) for row in blocks if bytes(row.phone_hash) in of_number],
        brand_id=asked.brand.pk,
        purpose=asked.purpose,
        at=asked.at,
    )
    marks, seals = seals_of(events)
    pack = {
        "format": FORMAT,
        "question": _question(asked, contact, number),
        "verdict": _verdict(verdict),
        "person": _person(contact),
        "consents": [
            consent_row(event, number, full=asked.full) | {"seal": marks.get(event.pk)}
            for event in events
        ],
        "former_numbers": former_rows(spans, full=asked.full),
        "double_opt_ins": double_opt_in_rows(
            _theirs(asked, hashes, spans, "requested_at", ("ended_at",)),
            asked.brand,
            full=asked.full,
        ),
        "suppressions": suppression_rows(blocks, full=asked.full),
        "messages": messages_of(contact, asked, now=now),
        "seals": seals,
        "audit": audit_rows(contact),
        "limits": [*_LIMITS, *([] if asked.full else [_LEFT_OUT])],
        "generated": {"at": now, "by": actor.principal, "reason": asked.reason},
    }
    return _plain(pack), verdict


_LIMITS = (
    "The line type is the one known now; earlier ones are not kept.",
    "A contact that was in the trash and came back shows no trace of it in the check of the contact;"
    " the audit entries do.",
    "An event counts from the time it was recorded here, not from the time the person spoke.",
)
_LEFT_OUT = (
    "Left out, together with the full number: the internet address and the browser that consents were"
    " given from. A pack with the full number has them."
)


def _question(asked: Asked, contact: Contact | None, number: bytes) -> dict[str, Any]:
    phone = asked.phone or (contact.phone if contact else None)
    return {
        "brand_id": asked.brand.pk,
        "brand": asked.brand.name,
        "purpose": asked.purpose,
        "at": asked.at,
        "number": _shown(phone, asked.full),
        "number_fingerprint": number.hex(),
        "fingerprint_is": "HMAC-SHA-256 of the E.164 number under a key of this installation",
        "fingerprint_key": contact.hash_key if contact else "",
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "sendable": verdict.sendable,
        "reason": verdict.reason,
        "checks": [
            {
                "order": order,
                "check": check.name,
                "passed": check.passed,
                "found": check.found,
                "rule": check.rule,
                "rows": list(check.rows),
            }
            for order, check in enumerate(verdict.checks, start=1)
        ],
    }


def _owners(asked: Asked) -> Owners:
    if asked.contact is not None:
        return Owners(every=(asked.contact,), then=asked.contact)
    return owners_of(asked.phone or "", asked.brand, at=asked.at)


def _hashes(asked: Asked, contact: Contact | None) -> set[bytes]:
    """The number under every key [R-4.10]; an erased contact has only the hash that was kept."""
    phone = asked.phone or (contact.phone if contact else None)
    hashes = set(phone_hashes(phone)) if phone else set()
    if contact is not None and not asked.phone:
        hashes.add(bytes(contact.phone_hash))
    return hashes


def _events(owners: Owners, hashes: set[bytes], brand: Brand) -> list[ConsentEvent]:
    """The ledger of the contact for the brand, oldest first, and what other owners of the number
    said under it. A number that nobody has had has none: every event belongs to a contact.
    """
    if owners.then is None:
        return []
    others = Q(contact__in=[row.pk for row in owners.every], phone_hash__in=hashes)
    rows = ConsentEvent.objects.filter(Q(contact=owners.then) | others, brand=brand)
    return list(rows.order_by("captured_at", "id"))


def _theirs(
    asked: Asked,
    hashes: set[bytes],
    spans: Sequence[NumberSpan],
    begun: str,
    ended: tuple[str, ...],
) -> Q:
    """Asked for a number all its rows; and those of the contact's numbers while they were its own: a
    former number that is somebody else's now tells nothing of that other person.
    """
    number = Q(phone_hash__in=hashes) if asked.phone or not spans else Q(pk__in=[])
    return number | spans_q(spans, begun=begun, ended=ended)


def _suppressions(
    asked: Asked, hashes: set[bytes], spans: Sequence[NumberSpan]
) -> list[Suppression]:
    own = _theirs(asked, hashes, spans, "created_at", ("lifted_at", "expires_at"))
    rows = Suppression.objects.filter(own).filter(Q(brand=None) | Q(brand=asked.brand))
    found = list(rows.select_related("lift", "brand").order_by("created_at", "id"))
    return found if asked.phone else [suppression_then(row, spans) for row in found]


def _number_at(
    asked: Asked,
    contact: Contact | None,
    events: Sequence[ConsentEvent],
    spans: Sequence[NumberSpan],
) -> tuple[bytes, str]:
    """The hash of the number at the moment, and its line type.

    Asked for a number, it is that number. Asked for a contact, it is the one the contact had then
    [R-4.3].
    """
    if asked.phone:
        hashes = phone_hashes(asked.phone)
        own = {bytes(event.phone_hash) for event in events}
        if contact is not None:
            own.add(bytes(contact.phone_hash))
        match = next((item for item in hashes if item in own), hashes[0])
        same = contact is not None and bytes(contact.phone_hash) == match
        return match, contact.line_type if contact is not None and same else "unknown"
    if contact is None:
        raise ValueError("a pack is about a contact or a number")
    former = [(span.until, span.phone_hash) for span in spans if span.until is not None]
    for until, hashed in sorted(former):
        if until > asked.at:
            return hashed, "unknown"
    return bytes(contact.phone_hash), contact.line_type


def _consent_fact(event: ConsentEvent) -> ConsentFact:
    return ConsentFact(
        id=event.pk,
        number=bytes(event.phone_hash).hex(),
        direction=event.direction,
        purpose=event.purpose,
        captured_at=event.captured_at,
        recorded_at=event.recorded_at,
        expires_at=event.expires_at,
        disclosure_text=event.disclosure_text,
        method=event.method,
        source=event.source_url or event.evidence_file,
    )


def _suppression_fact(row: Suppression) -> SuppressionFact:
    return SuppressionFact(
        id=row.pk,
        scope=row.scope,
        reason=row.reason,
        brand_id=row.brand_id,
        purposes=tuple(row.purposes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        lifted_at=row.lifted_at,
    )


def _person(contact: Contact | None) -> dict[str, Any]:
    if contact is None:
        return {"known": False}
    return {
        "known": True,
        "contact_id": contact.pk,
        "country": contact.country,
        "line_type": contact.line_type,
        "source": contact.source,
        "created_at": contact.created_at,
        "trashed_at": None if contact.erased_at else contact.trashed_at,
        "erased_at": contact.erased_at,
    }


def _shown(phone: str | None, full: bool) -> str:
    if phone is None:
        return "erased"
    return phone if full else phone_mask(phone)


def _plain(value: Any) -> Any:
    """Times as ISO 8601 in UTC, so that the canonical form is the same everywhere."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
