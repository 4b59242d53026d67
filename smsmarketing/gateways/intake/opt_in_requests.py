"""Sending the requests to confirm by SMS that contacts wrote down [R-4.6]: each once, or explained."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from smsmarketing.contacts.models import DoubleOptIn
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.selectors import suppressed_phones
from smsmarketing.contacts.selectors.double_opt_in import ANSWER_WITHIN
from smsmarketing.gateways import services
from smsmarketing.gateways.models import Batch, Gateway, Message, Rate, SenderId
from smsmarketing.gateways.rules.encoding import text_count
from smsmarketing.gateways.selectors import rates_current
from smsmarketing.gateways.services import MessageRow
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.states import transition_apply

logger = structlog.get_logger("smsmarketing.gateways.opt_in_requests")

_REACHED = ("accepted", "delivered", "undelivered", "unknown", "handing_over")


def opt_in_requests_send(*, now: datetime | None = None, limit: int = 200) -> int:
    """Queue the text of each request that has none yet; returns how many.

    One transaction a request, locked and skipped when another worker has it: the message and the
    mark on the request are committed together, so that it is sent once.
    """
    moment = now or timezone.now()
    queued = 0
    for pk in _waiting(moment, limit):
        with transaction.atomic():
            row = (
                DoubleOptIn.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("brand__team")
                .filter(pk=pk, state="requested", message_id=None)
                .first()
            )
            if row is not None:
                queued += _send(row, moment)
    return queued


def opt_in_requests_follow(*, now: datetime | None = None, limit: int = 500) -> int:
    """Write down what became of the texts: handed over (24 hours run from then), or why not."""
    moment = now or timezone.now()
    moved = 0
    with transaction.atomic():
        rows = DoubleOptIn.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            state="requested", message_id__isnull=False
        )
        for row in rows.order_by("id")[:limit]:
            moved += _follow(row, moment)
    return moved


def _waiting(now: datetime, limit: int) -> list[int]:
    rows = DoubleOptIn.objects.filter(state="requested", message_id=None, expires_at__gt=now)
    return list(rows.order_by("id").values_list("pk", flat=True)[:limit])


def _send(row: DoubleOptIn, now: datetime) -> int:
    phone = row.phone or ""
    if suppressed_phones([phone], brand_id=row.brand_id, purpose="marketing", now=now):
        _refuse(row, "suppressed", now)
        return 0
    country = phone_parse(phone).country
    road = _road(row, country, now)
    if road is None:
        _refuse(row, "no_sender_or_rate", now)
        return 0
    try:
        with transaction.atomic():
            _queue(row, phone, country, *road, now)
    except OperationError as exc:
        logger.warning("opt_in_request_refused", double_opt_in=row.pk, why=exc.code)
        _refuse(row, exc.code.lower(), now)
        return 0
    return 1


def _road(row: DoubleOptIn, country: str, now: datetime) -> tuple[SenderId, Gateway, Rate] | None:
    """A sender that the person can answer, and the gateway it was last used on, or the cheapest."""
    senders = SenderId.objects.select_related("brand", "team").filter(
        brand_id=row.brand_id,
        state="verified",
        can_receive=True,
        eligibility__country=country,
        eligibility__status="allowed",
    )
    for sender in senders.order_by("id"):
        last = Batch.objects.filter(sender=sender).order_by("-id").first()
        found = []
        for gateway in Gateway.objects.exclude(state="disabled").filter(
            countries__contains=[country], currency=sender.team.currency
        ):
            rate = rates_current(gateway, [country], now).get(country)
            if rate is not None:
                used = last is not None and last.gateway_id == gateway.pk
                found.append((not used, rate.price, gateway.pk, gateway, rate))
        if found:
            *_, gateway, rate = min(found)
            return sender, gateway, rate
    return None


def _queue(
    row: DoubleOptIn,
    phone: str,
    country: str,
    sender: SenderId,
    gateway: Gateway,
    rate: Rate,
    now: datetime,
) -> None:
    count = text_count(row.request_text)
    batch = services.batch_create(
        team=sender.team,
        brand=sender.brand,
        sender=sender,
        gateway=gateway,
        label="Request to confirm an opt-in",
        purpose="opt_in",
        cost_ceiling=rate.price * count.parts,
        currency=gateway.currency,
        not_after=row.requested_at + ANSWER_WITHIN,
        now=now,
    )
    services.messages_copy(
        batch,
        [
            MessageRow(
                contact_id=row.contact_id,
                phone=phone,
                country=country,
                body=row.request_text,
                encoding=count.encoding,
                parts=count.parts,
                price=rate.price,
            )
        ],
    )
    row.message_id = Message.objects.get(batch=batch).pk
    row.save(update_fields=["message_id"])
    services.batch_release(batch, now=now)


def _follow(row: DoubleOptIn, now: datetime) -> int:
    message = Message.objects.filter(pk=row.message_id or 0).first()
    if message is None:
        _refuse(row, "message_gone", now)
        return 1
    if message.handed_at is not None and message.state in _REACHED:
        row.sent_at, row.expires_at = message.handed_at, message.handed_at + ANSWER_WITHIN
        transition_apply(row, "send", save=["sent_at", "expires_at"])
        return 1
    if message.final_at is not None:
        _refuse(row, message.reason or message.state, now)
        return 1
    return 0


def _refuse(row: DoubleOptIn, reason: str, now: datetime) -> None:
    row.reason, row.ended_at = reason[:40], now
    transition_apply(row, "refuse", save=["reason", "ended_at"])
