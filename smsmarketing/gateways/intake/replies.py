"""Automatic answers: one confirmation of an opt-out, the help line, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import transaction

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
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


def reply_text(brand: Brand, action: str) -> str:
    """What the answer says: brand, no marketing, no link [R-2.10]; HELP names a contact and STOP
    [R-2.13].
    """
    if action == "opt_out":
        return f"{brand.name_in_texts}: You opted out and will get no more messages from us."
    if action == "opt_in":
        return f"{brand.name_in_texts}: You will get our messages again. Reply STOP to opt out."
    return brand.help_line


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
    body = reply_text(sender.brand, action)
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
    message.save(update_fields=["reply_message_id"])
    services.batch_release(batch, now=now)


def _country_of(message: InboundMessage) -> str:
    try:
        return phone_parse(message.phone).country
    except PhoneError:
        return ""
