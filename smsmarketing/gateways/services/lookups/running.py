"""Asking the providers: claimed and committed as asked before anything goes out, so a number is asked for
once; what cannot be known counts as asked and billed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from smsmarketing.gateways import transports
from smsmarketing.gateways.credentials import CredentialsUnreadable, webhook_secret_read
from smsmarketing.gateways.engine.control import control_send
from smsmarketing.gateways.models import Gateway, NumberLookup
from smsmarketing.gateways.selectors.carriers import config_of
from smsmarketing.gateways.services.lookups.money import lookups_book
from smsmarketing.gateways.services.waves import WAVE, WAVES_MOST, waves_run
from smsmarketing.gateways.transports.base import TransportConfig, TransportDataError
from smsmarketing.gateways.transports.controls import ControlError, LookupCall
from smsmarketing.webhooks.rules.outcomes import retry_delay

logger = structlog.get_logger("smsmarketing.gateways.lookups")

WAITS: Final = timedelta(hours=24)
"""How long an answer is waited for; a later one is still taken."""
RETRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One number to ask for."""

    lookup_id: int
    attempts: int
    phone: str = field(repr=False)
    ask: LookupCall | None
    config: TransportConfig | None
    callback_url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of asking. Without `taken` it was certainly not asked for."""

    taken: bool
    remote_id: str = ""
    error_code: str = ""
    error: str = ""
    retry: bool = False
    retry_after_s: int | None = None


def lookups_run(*, waves: int = WAVES_MOST, now: datetime | None = None) -> int:
    """Ask for what is due and end what was waited for too long. Returns how many were asked for."""
    asked = waves_run(_claim, question_send, _record, waves=waves, now=now)
    _overdue_end(now or timezone.now())
    return asked


def _claim(now: datetime) -> list[Question]:
    """Commit them as asked first: whoever dies afterwards leaves a lookup that waits, never a second one."""
    with transaction.atomic():
        rows = list(
            NumberLookup.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state="queued", next_at__lte=now)
            .select_related("gateway")
            .order_by("next_at", "pk")[:WAVE]
        )
        for row in rows:
            row.state, row.asked_at, row.next_at = "asked", now, now + WAITS
            row.attempts += 1
        NumberLookup.objects.bulk_update(rows, ["state", "asked_at", "next_at", "attempts"])
    roads = {row.gateway_id: _road(row.gateway) for row in rows}
    return [
        Question(
            lookup_id=row.pk,
            attempts=row.attempts,
            phone=row.phone,
            ask=transports.controls(row.gateway.transport).lookup,
            config=roads[row.gateway_id][0],
            callback_url=f"{roads[row.gateway_id][1]}{row.pk}",
        )
        for row in rows
    ]


def _road(gateway: Gateway) -> tuple[TransportConfig | None, str]:
    try:
        config = config_of(gateway)
        secret = webhook_secret_read(gateway)
    except CredentialsUnreadable:
        logger.error("gateway_credentials_unreadable", gateway_id=gateway.pk)
        return None, ""
    base = settings.PUBLIC_BASE_URL.rstrip("/")
    return config, f"{base}/webhooks/{gateway.slug}/{secret}/lookup/"


def question_send(question: Question) -> Reply:
    """In a thread without a database connection: sockets only."""
    if not question.phone:
        return Reply(taken=False, error_code="erased", error="The number was erased before.")
    if question.ask is None or question.config is None:
        return Reply(
            taken=False,
            error_code="credentials",
            error="The gateway's credentials cannot be read. Enter them again.",
        )
    try:
        call = question.ask(question.config, question.phone, callback_url=question.callback_url)
        return Reply(taken=True, remote_id=control_send(call))
    except TransportDataError as exc:
        return Reply(taken=False, error_code=exc.code, error=str(exc))
    except ControlError as exc:
        return Reply(
            taken=exc.unclear,
            error_code=exc.code,
            error=exc.sentence,
            retry=exc.retryable and not exc.unclear,
            retry_after_s=exc.retry_after_s,
        )


def _record(question: Question, reply: Reply, now: datetime) -> None:
    """The answer may have come first: then only what it did not say is added."""
    with transaction.atomic():
        row = (
            NumberLookup.objects.select_for_update(of=("self",))
            .filter(pk=question.lookup_id)
            .first()
        )
        if row is None or row.state != "asked" or row.attempts != question.attempts:
            return
        row.error_code, row.error = reply.error_code[:40], reply.error[:200]
        delay = None
        if reply.retry and row.attempts < RETRIES:
            delay = retry_delay(
                row.attempts, retry_after_s=reply.retry_after_s, chance=random.SystemRandom()
            )
        if reply.taken:
            row.remote_id, row.phone = reply.remote_id, ""
        elif delay is not None:
            row.state, row.asked_at, row.next_at = "queued", None, now + delay
        else:
            row.state, row.asked_at, row.ended_at, row.phone = "failed", None, now, ""
        row.save()
        if row.state != "queued":
            lookups_book([row], now=now)


def _overdue_end(now: datetime) -> None:
    """No answer within a day: billed all the same, and shown as such."""
    with transaction.atomic():
        rows = list(
            NumberLookup.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state="asked", next_at__lte=now)
            .order_by("pk")[:500]
        )
        for row in rows:
            row.state, row.ended_at, row.phone = "no_answer", now, ""
        NumberLookup.objects.bulk_update(rows, ["state", "ended_at", "phone"])
        lookups_book(rows, now=now)
