"""Replies: stored, understood and obeyed in one transaction, before the gateway gets its answer.

[R-2.8] a STOP is suppressed in the transaction that stores it. Keywords decide, no model [R-2.7].
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.rules.inbound import LIST_VERSION, Classification, inbound_classify
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.contacts.selectors.double_opt_in import double_opt_in_pending
from smsmarketing.contacts.services import (
    suppressed_phones,
    suppression_add,
    suppression_lift_scope,
)
from smsmarketing.contacts.services.double_opt_in import (
    double_opt_in_confirm,
    double_opt_in_deny,
)
from smsmarketing.contacts.services.events import event_note
from smsmarketing.contacts.services.holds import opt_out_narrow
from smsmarketing.gateways.intake.replies import reply_send, scope_question_open
from smsmarketing.gateways.models import Gateway, InboundMessage, Message, SenderId
from smsmarketing.gateways.transports.base import InboundEvent
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.errors import OperationError

logger = structlog.get_logger("smsmarketing.gateways.inbound")


def inbound_receive(
    gateway: Gateway, event: InboundEvent, *, raw: bytes, now: datetime | None = None
) -> InboundMessage:
    """Store a reply and do what it asks: STOP, START, HELP, or a note for a person.

    Everything is committed when this returns. The same reply again (same id of the gateway) is the
    row of the first, without effect [R-10.2].
    """
    moment = now or timezone.now()
    with transaction.atomic():
        return _receive(gateway, event, raw, moment)


def _receive(gateway: Gateway, event: InboundEvent, raw: bytes, now: datetime) -> InboundMessage:
    sender = _sender_of(event.recipient)
    contact = Contact.objects.filter(phone=event.sender).first()
    brand = sender.brand if sender is not None else _brand_last_sent(contact, gateway)
    country = contact.country if contact is not None else _country(event.sender)
    waits = double_opt_in_pending(
        event.sender, brand_id=brand.pk if brand is not None else None, now=now
    )
    found = inbound_classify(
        event.text,
        country=country,
        pending_double_opt_in=waits is not None,
        opted_out=_opted_out(event.sender, brand, now),
        scope_asked=scope_question_open(event.sender, brand, now),
        names=_names(contact, brand),
    )
    found = _provider_heard(event, found)
    message, created = InboundMessage.objects.get_or_create(
        gateway=gateway,
        external_id=_external_id(event, raw),
        defaults={
            "phone": event.sender[:40],
            "phone_hash": phone_hash(event.sender),
            "contact_id": contact.pk if contact is not None else None,
            "to": event.recipient[:40],
            "brand": brand,
            "text": event.text,
            "normalised": found.normalised,
            "action": found.action,
            "level": found.level,
            "keyword": found.keyword[:40],
            "language": found.language[:12],
            "raw": raw,
            "received_at": event.received_at or now,
            "stored_at": now,
        },
    )
    if created:
        _obey(message, sender, found, now, waits=waits is not None)
        _note(message)
    return message


def _provider_heard(event: InboundEvent, found: Classification) -> Classification:
    """A provider that already blocks the person on its side is believed: its word for "no" may be one
    that only it knows. Its word for START or HELP is not: that only our own rules may say.
    """
    if event.provider_action != "stop" or found.action == "opt_out":
        return found
    return replace(found, action="opt_out", level="exact", keyword="provider")


def _note(message: InboundMessage) -> None:
    """The reply as an event of the contact, so that segments can ask for it; without its text."""
    if message.contact_id is None or message.brand is None:
        return
    event_note(
        team_id=message.brand.team_id,
        contact_id=message.contact_id,
        kind="sms_reply",
        external_id=str(message.pk),
        at=message.stored_at,
        properties={"state": message.action},
    )


def _names(contact: Contact | None, brand: Brand | None) -> list[str]:
    """Names that may stand beside an opt-out word without making it another message."""
    names = [contact.first_name, contact.last_name] if contact is not None else []
    return names + ([brand.name, brand.name_in_texts] if brand is not None else [])


def _obey(
    message: InboundMessage,
    sender: SenderId | None,
    found: Classification,
    now: datetime,
    *,
    waits: bool,
) -> None:
    """Change what the reply asks to change, and answer it where an answer is owed.

    A YES to an open request answers that request and lifts nothing: a STOP that commits while it
    waits for the number's lock stands. Only START takes a STOP back then.
    """
    changed = confirmed = False
    if found.action in {"opt_out", "hold_review"} and message.phone.startswith("+"):
        changed = _suppress(message, sender, found, now)
    elif found.action == "opt_in" and message.brand is not None:
        answers = waits and found.keyword == "yes"
        restored = not answers and _restore(message, sender, found, now)
        confirmed = _confirm(message, now)
        changed = restored or confirmed
    elif found.action == "keep_orders" and message.brand is not None:
        changed = _narrow(message, sender, found, now)
    answered = (
        sender is not None
        and (changed or found.action == "help")
        and found.action in {"opt_out", "opt_in", "help"}
        and reply_send(message, sender, action="confirmed" if confirmed else found.action, now=now)
    )
    if changed:
        audit_append_system(
            operation="inbound.receive",
            outcome=found.action,
            object_type="gateways.inboundmessage",
            object_id=str(message.pk),
            facts={
                "level": found.level,
                "suppression_id": message.suppression_id,
                "brand_id": message.brand_id,
                "answered": answered,
            },
        )


def _suppress(
    message: InboundMessage, sender: SenderId | None, found: Classification, now: datetime
) -> bool:
    """STOP: the whole brand, all senders [R-2.14]; every brand when nobody can say which one.

    A hold stops marketing only, until a person decides [R-2.4]. True when this is a new opt-out:
    the second STOP gets no further text [R-2.10].
    """
    held = found.action == "hold_review"
    everywhere = "purpose" if held else "global"
    suppression = suppression_add(
        phone=message.phone,
        scope="brand" if message.brand is not None else everywhere,
        reason="hold" if held else "opt_out",
        source="inbound",
        evidence=_evidence(message, sender, found),
        brand=message.brand,
        revokes=not held,
        language=message.language if message.language != "*" else "",
        at=now,
    )
    message.suppression_id = suppression.pk
    message.save(update_fields=["suppression_id"])
    double_opt_in_deny(message.phone, message.brand, inbound_id=message.pk, now=now)
    return bool(suppression.evidence.get("inbound_id") == message.pk)


def _restore(
    message: InboundMessage, sender: SenderId | None, found: Classification, now: datetime
) -> bool:
    """START: only what an earlier STOP to this brand removed [R-2.12]."""
    assert message.brand is not None  # noqa: S101 - the caller looked
    try:
        with transaction.atomic():
            lifts = suppression_lift_scope(
                phone=message.phone,
                brand=message.brand,
                actor="inbound",
                reason=f"The person wrote {found.keyword.upper()}"[:300],
                evidence=_evidence(message, sender, found),
                sender=sender.value if sender is not None else "",
                language=message.language if message.language != "*" else "",
                at=now,
            )
    except OperationError as exc:
        logger.warning("inbound_start_refused", inbound_id=message.pk, why=exc.code)
        return False
    return bool(lifts)


def _narrow(
    message: InboundMessage, sender: SenderId | None, found: Classification, now: datetime
) -> bool:
    """The answer to the scope question: order messages stay, the rest of the opt-out too [R-2.14]."""
    assert message.brand is not None  # noqa: S101 - the caller looked
    kept = opt_out_narrow(
        phone=message.phone,
        brand=message.brand,
        evidence=_evidence(message, sender, found),
        now=now,
    )
    if kept is None:
        return False
    message.suppression_id = kept.pk
    message.save(update_fields=["suppression_id"])
    return True


def _confirm(message: InboundMessage, now: datetime) -> bool:
    """YES or START answers an open request to confirm an opt-in, if there is one [R-4.6]."""
    assert message.brand is not None  # noqa: S101 - the caller looked
    events = double_opt_in_confirm(
        message.phone,
        message.brand,
        inbound_id=message.pk,
        language=message.language if message.language != "*" else "",
        now=now,
    )
    if events and message.contact_id is None:
        message.contact_id = events[0].contact_id
        message.save(update_fields=["contact_id"])
    return bool(events)


def _evidence(
    message: InboundMessage, sender: SenderId | None, found: Classification
) -> dict[str, Any]:
    """Proof of what was said, to whom, when, and how it was understood [R-2.20]."""
    return {
        "inbound_id": message.pk,
        "text": message.text[:1000],
        "normalised": found.normalised[:1000],
        "level": found.level,
        "keyword": found.keyword,
        "list_version": str(LIST_VERSION),
        "from": message.phone,
        "to": message.to,
        "sender_id": sender.pk if sender is not None else None,
        "gateway_id": message.gateway_id,
        "gateway_message_id": message.external_id,
        "received_at": message.received_at.isoformat(),
        "stored_at": message.stored_at.isoformat(),
    }


def _external_id(event: InboundEvent, raw: bytes) -> str:
    """What makes a reply the same one. Without an id of the gateway and without its time, two equal
    bodies are two replies: the second STOP after a START must not be taken for the first.
    """
    if event.gateway_message_id:
        return event.gateway_message_id
    if event.received_at is not None:
        return f"sha256:{hashlib.sha256(raw).hexdigest()}"
    return f"own:{uuid4()}"


def _sender_of(recipient: str) -> SenderId | None:
    """Our sender that the person wrote to, whoever's team it is."""
    if not recipient:
        return None
    spellings = {recipient, recipient.lstrip("+"), f"+{recipient.lstrip('+')}"}
    return (
        SenderId.objects.select_related("brand", "team")
        .filter(value__in=spellings)
        .order_by("id")
        .first()
    )


def _brand_last_sent(contact: Contact | None, gateway: Gateway) -> Brand | None:
    """The brand of the last message this gateway carried to the person."""
    if contact is None:
        return None
    last = (
        Message.objects.select_related("batch__brand")
        .filter(contact_id=contact.pk, gateway_id=gateway.pk)
        .order_by("-id")
        .first()
    )
    return last.batch.brand if last is not None else None


def _opted_out(phone: str, brand: Brand | None, now: datetime) -> bool:
    words = suppressed_phones(
        [phone], brand_id=brand.pk if brand is not None else None, purpose="marketing", now=now
    )
    return words.get(phone) == "opted_out"


def _country(phone: str) -> str:
    try:
        return phone_parse(phone).country
    except PhoneError:
        return ""
