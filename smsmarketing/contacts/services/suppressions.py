"""Recording a "no" at once, and the one way in which a person takes it back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import ConsentEvent, Contact, Suppression, SuppressionLift
from smsmarketing.contacts.phones import hash_key_id, phone_hash, phone_hashes
from smsmarketing.contacts.rules.source_urls import source_kept
from smsmarketing.contacts.rules.suppressions import (
    EXPIRING_REASONS,
    LIFTABLE_REASONS,
    PURPOSES,
    REASONS,
    SCOPES,
    purposes_default,
)
from smsmarketing.contacts.selectors.consent import consent_newest_first
from smsmarketing.contacts.selectors.suppressions import suppressions_live
from smsmarketing.contacts.services.consent_end import REVOKING_REASONS, consents_end
from smsmarketing.contacts.services.locks import number_lock
from smsmarketing.contacts.services.outbound import consents_emit, lifts_emit, suppression_emit
from smsmarketing.contacts.services.states import send_state_refresh, send_states_settle
from smsmarketing.operations.errors import InvalidInput

_number_lock = number_lock


def suppression_add(
    *,
    phone: str,
    scope: str,
    reason: str,
    source: str,
    evidence: Mapping[str, Any],
    brand: Brand | None = None,
    sender: str = "",
    purposes: Collection[str] = (),
    language: str = "",
    expires_at: datetime | None = None,
    revokes: bool = True,
    at: datetime | None = None,
) -> Suppression:
    """Record that a number (E.164, known or not) must not be texted; it holds from this commit on.

    Without `purposes` the reason's own apply [R-2.14]. A row that already covers all of this is
    returned instead of a second one, and notes that it was said again, which makes a lift that was
    asked before stale; a wider one is added beside the narrower. In the caller's transaction: the
    send states follow and the contact's version grows, so that a stale upsert cannot overwrite the
    opt-out [R-8.7]; the team's own systems are told after the commit. A consent that this ends is
    revoked in the ledger too (docs/adr/0033), unless `revokes` is False: a "no" still to be
    confirmed. Raises InvalidInput: a scope without its brand or sender, an unknown reason or
    purpose, an end for what a person said.
    """
    _checked(scope, reason, purposes, brand=brand, sender=sender, expires_at=expires_at)
    now = at or timezone.now()
    wanted = tuple(purposes) or purposes_default(reason, plus_one=phone.startswith("+1"))
    number_lock(phone)
    # NO KEY: whoever records events of the contact (KEY SHARE) keeps nobody's "no" waiting.
    contact = Contact.objects.select_for_update(no_key=True).filter(phone=phone).first()
    hashed = bytes(contact.phone_hash) if contact else phone_hash(phone)
    found = _covering(
        hashed, scope, reason, wanted, brand=brand, sender=sender, expires_at=expires_at, now=now
    )
    if found is not None and not _repeated(found, now):
        found = None
    suppression = found or Suppression.objects.create(
        phone_hash=hashed,
        hash_key=contact.hash_key if contact else hash_key_id(),
        phone=phone,
        contact=contact,
        scope=scope,
        brand=brand,
        sender=sender,
        purposes=list(wanted),
        reason=reason,
        source=source,
        language=language,
        evidence=dict(evidence),
        created_at=now,
        expires_at=expires_at,
    )
    ended = _consents_revoke(contact, suppression, wanted, now) if contact and revokes else 0
    if found is None or ended:
        _contact_follow(contact, hashed, now)
    if found is None:
        suppression_emit(suppression)
    return suppression


def _consents_revoke(
    contact: Contact, suppression: Suppression, purposes: Collection[str], now: datetime
) -> int:
    if suppression.reason not in REVOKING_REASONS or suppression.expires_at is not None:
        return 0
    evidence = suppression.evidence
    return consents_end(
        [contact.pk],
        at=now,
        captured_by=str(evidence.get("recorded_by") or suppression.source),
        brand_id=suppression.brand_id,
        purposes=purposes or None,
        source=suppression.source,
        evidence_file=_evidence_name(evidence, suppression),
        language=suppression.language,
    )


def _evidence_name(evidence: Mapping[str, Any], suppression: Suppression) -> str:
    """What a consent event names as its proof: the message itself, else the suppression's own."""
    inbound_id = evidence.get("inbound_id")
    return f"inbound:{inbound_id}" if inbound_id else f"suppression:{suppression.pk}"


def _repeated(found: Suppression, now: datetime) -> bool:
    """Note that it was said again. False when a lift that was being written at this moment came
    first: the "no" is newer, so it needs a row of its own.
    """
    rows = Suppression.objects.filter(pk=found.pk, lifted_at=None)
    return bool(
        rows.update(version=F("version") + 1, repeated_at=Greatest(F("repeated_at"), Value(now)))
    )


def _checked(
    scope: str,
    reason: str,
    purposes: Collection[str],
    *,
    brand: Brand | None,
    sender: str,
    expires_at: datetime | None,
) -> None:
    faults: dict[str, str] = {}
    if scope not in SCOPES:
        faults["scope"] = f"Give one of: {', '.join(SCOPES)}."
    if reason not in REASONS:
        faults["reason"] = f"Give one of: {', '.join(REASONS)}."
    if unknown := sorted(set(purposes) - set(PURPOSES)):
        faults["purposes"] = f"Unknown: {', '.join(unknown)}. Known are: {', '.join(PURPOSES)}."
    if scope == "brand" and brand is None:
        faults["brand"] = "A suppression of scope brand needs the brand."
    if scope == "sender" and not sender:
        faults["sender"] = "A suppression of scope sender needs the sender."
    if scope == "global" and brand is not None:
        faults["brand"] = "A global suppression holds for every brand; leave the brand out."
    if expires_at is not None and reason in REASONS and reason not in EXPIRING_REASONS:
        faults["expires_at"] = "What a person or their carrier said does not run out."
    if faults:
        raise InvalidInput("The suppression is not complete. Mend the fields.", field_errors=faults)


def _covering(
    hashed: bytes,
    scope: str,
    reason: str,
    purposes: Collection[str],
    *,
    brand: Brand | None,
    sender: str,
    expires_at: datetime | None,
    now: datetime,
) -> Suppression | None:
    rows = Suppression.objects.filter(
        suppressions_live(now),
        phone_hash=hashed,
        scope=scope,
        reason=reason,
        brand=brand,
        sender=sender,
    ).order_by("id")
    for row in rows:
        wide = not row.purposes or (bool(purposes) and set(purposes) <= set(row.purposes))
        lasting = row.expires_at is None or (
            expires_at is not None and expires_at <= row.expires_at
        )
        if wide and lasting:
            return row
    return None


def _contact_follow(contact: Contact | None, hashed: bytes, now: datetime) -> None:
    if contact is None:
        transaction.on_commit(lambda: _settle(hashed))
        return
    Contact.objects.filter(pk=contact.pk).update(version=F("version") + 1, updated_at=now)
    send_state_refresh([contact.pk], now=now)


def _settle(hashed: bytes) -> None:
    with transaction.atomic():
        send_states_settle([hashed])


def suppression_lift_scope(
    *,
    phone: str,
    brand: Brand,
    actor: str,
    reason: str,
    evidence: Mapping[str, Any],
    sender: str = "",
    language: str = "",
    at: datetime | None = None,
) -> list[SuppressionLift]:
    """START: end what an earlier STOP to this brand (or to this sender) began, and nothing else.

    Complaints, invalid, reassigned, blocked and legal numbers stay as they are, and so do global
    rows [R-2.12]. Each lift is a row of its own; the suppression stays, with the time of its lift
    [R-2.16]. `evidence` is the inbound message: `text`, `inbound_id` and what else is known. The
    fresh consent event carries the disclosure of the newest earlier consent; without one the
    contact stays consent_incomplete, for the person was told nothing. Empty when there was nothing
    to lift.
    """
    now = at or timezone.now()
    number_lock(phone)
    contact = Contact.objects.select_for_update(no_key=True).filter(phone=phone).first()
    hashes = phone_hashes(phone) + ([bytes(contact.phone_hash)] if contact else [])
    rows = [
        row
        for row in Suppression.objects.select_for_update()
        .filter(
            phone_hash__in=hashes,
            lifted_at=None,
            reason__in=LIFTABLE_REASONS,
            scope__in=("brand", "sender", "purpose"),
            brand=brand,
        )
        .order_by("id")
        if row.scope != "sender" or row.sender.lower() == sender.lower()
    ]
    if not rows:
        return []
    event = _restart_events(contact, brand, evidence, language, now) if contact else None
    lifts = []
    for row in rows:
        row.lifted_at = now
        row.save(update_fields=["lifted_at"])
        lifts.append(
            SuppressionLift.objects.create(
                suppression=row, actor=actor, reason=reason, consent_event=event, created_at=now
            )
        )
    if contact is not None:
        Contact.objects.filter(pk=contact.pk).update(version=F("version") + 1, updated_at=now)
        send_state_refresh([contact.pk], now=now)
    lifts_emit(lifts)
    return lifts


def _restart_events(
    contact: Contact, brand: Brand, evidence: Mapping[str, Any], language: str, now: datetime
) -> ConsentEvent:
    """The consents that a START is: the message is the evidence, the disclosure the earlier one.

    For marketing, and for each other purpose that the STOP had revoked. Returns that of marketing.
    """
    events = ConsentEvent.objects.filter(
        contact=contact, brand=brand, phone_hash=contact.phone_hash
    )
    revoked = {
        event.purpose
        for event in consent_newest_first(events, by="purpose")
        if event.direction == "revoked"
    }
    made = {}
    for purpose in sorted({"marketing", *revoked}):
        granted = events.filter(purpose=purpose, direction="granted")
        before = consent_newest_first(granted).first()
        made[purpose] = ConsentEvent.objects.create(
            contact=contact,
            phone_hash=contact.phone_hash,
            brand=brand,
            direction="granted",
            purpose=purpose,
            basis="express",
            method="keyword_reply",
            source_url=source_kept(before.source_url, contact.phone or "") if before else "",
            form_version=before.form_version if before else "",
            hosted_form_version_id=before.hosted_form_version_id if before else None,
            disclosure_text=before.disclosure_text if before else "",
            disclosure_hash=before.disclosure_hash if before else "",
            language=language or (before.language if before else ""),
            captured_at=now,
            captured_by="inbound",
            evidence_file=f"inbound:{evidence.get('inbound_id', '')}",
            country=contact.country,
            recorded_at=now,
        )
    consents_emit([event.pk for event in made.values()], at=now)
    return made["marketing"]
