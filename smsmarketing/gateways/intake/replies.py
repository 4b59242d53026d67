"""Automatic answers: one confirmation of an opt-out, the help line, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import transaction

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import Contact
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.contacts.rules.public_words import public_words
from smsmarketing.gateways import services
from smsmarketing.gateways.models import InboundMessage, Message, SenderId
from smsmarketing.gateways.rules.encoding import text_count
from smsmarketing.gateways.selectors import rates_current
from smsmarketing.gateways.services import MessageRow
from smsmarketing.operations.errors import OperationError

logger = structlog.get_logger("smsmarketing.gateways.replies")

CONFIRM_WITHIN = timedelta(minutes=5)
"""A confirmation of an opt-out goes out within this, or not at all [R-2.10]."""
HELP_WITHIN = timedelta(hours=1)
ONE_ANSWER_IN = timedelta(hours=24)
"""Loop guard: at most one automatic answer of a kind per number in this time [R-2.10]."""


SCOPE_ANSWER_WITHIN = timedelta(hours=24)
"""How long ORDERS counts as the answer to the scope question; without one, all stays revoked [R-2.14]."""


def reply_text(brand: Brand, action: str, language: str = "") -> str:
    """What the answer says: brand, no marketing, no link [R-2.10]; HELP names a contact and STOP
    [R-2.13].

    `action` is opt_out, scope_question (a confirmation that asks what to keep), opt_in, confirmed or help. In
    the language given, else in the brand's.
    """
    if action == "help":
        return brand.help_line
    if action == "confirmed":  # a double opt-in: how to get help and how to end it
        words = public_words("opt_in", language or brand.language)["sms_confirmed"]
        return words.format(brand=brand.name_in_texts)
    answers = public_words("replies", language or brand.language)
    return answers[action].replace("{brand}", brand.name_in_texts)


def reply_language(brand: Brand, found: str, contact: Contact | None) -> str:
    """The person's own language when it is known, else that of their word, else the brand's."""
    known = contact.language if contact is not None else ""
    return known or (found if found not in ("", "*") else "") or brand.language


def scope_question_open(phone: str, brand: Brand | None, now: datetime) -> bool:
    """Whether the person was asked what to keep after a STOP to this brand, and may still answer."""
    if brand is None or not phone.startswith("+1"):
        return False
    return InboundMessage.objects.filter(
        phone_hash=phone_hash(phone),
        brand=brand,
        scope_asked=True,
        stored_at__gt=now - SCOPE_ANSWER_WITHIN,
    ).exists()


def reply_send(message: InboundMessage, sender: SenderId, *, action: str, now: datetime) -> bool:
    """Queue the answer to a reply, from the number that was written to. False when none is due.

    None when the sender cannot send, the writer is no phone number (short codes and names are never
    answered), the gateway answers STOP itself [R-2.11], or the same answer went out within a day. A
    refusal on the way never undoes the opt-out.
    """
    if not _due(message, sender, action, now):
        return False
    try:
        with transaction.atomic():
            _queue(message, sender, action, now)
    except OperationError as exc:
        logger.warning("reply_refused", inbound_id=message.pk, why=exc.code)
        return False
    return True


def _due(message: InboundMessage, sender: SenderId, action: str, now: datetime) -> bool:
    able = sender.can_receive and sender.state == "verified" and message.phone.startswith("+")
    if not able or (action == "opt_out" and message.gateway.handles_stop_replies):
        return False
    return not (
        InboundMessage.objects.filter(
            phone_hash=message.phone_hash,
            action=action,
            reply_message_id__isnull=False,
            stored_at__gt=now - ONE_ANSWER_IN,
        ).exists()
    )


def _queue(message: InboundMessage, sender: SenderId, action: str, now: datetime) -> None:
    gateway = message.gateway
    country = _country_of(message)
    rate = rates_current(gateway, [country], now).get(country)
    price = rate.price if rate is not None else Decimal(0)
    asks = action == "opt_out" and message.phone.startswith("+1")
    contact = Contact.objects.filter(pk=message.contact_id or 0).first()
    language = reply_language(sender.brand, message.language, contact)
    body = reply_text(sender.brand, "scope_question" if asks else action, language)
    count = text_count(body)
    batch = services.batch_create(
        team=sender.team,
        brand=sender.brand,
        sender=sender,
        gateway=gateway,
        label=f"Answer to {action.replace('_', ' ')}",
        purpose="reply",
        cost_ceiling=price * count.parts,
        currency=gateway.currency,
        not_after=now + (CONFIRM_WITHIN if action == "opt_out" else HELP_WITHIN),
        now=now,
    )
    services.messages_copy(
        batch,
        [
            MessageRow(
                contact_id=message.contact_id,
                phone=message.phone,
                country=country,
                body=body,
                encoding=count.encoding,
                parts=count.parts,
                price=price,
            )
        ],
    )
    message.reply_message_id = Message.objects.get(batch=batch).pk
    message.scope_asked = asks
    message.save(update_fields=["reply_message_id", "scope_asked"])
    services.batch_release(batch, now=now)


def _country_of(message: InboundMessage) -> str:
    try:
        return phone_parse(message.phone).country
    except PhoneError:
        return ""
