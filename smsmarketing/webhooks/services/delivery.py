"""Sending what stands in the outbox: claimed under a lease, sent without a transaction, recorded.

A worker that dies leaves a lease that runs out; the row is then sent again with the same id, so a
receiver may get an event twice and must look at `Webhook-Id`. Nothing is lost, and what is not taken
within a day is `failed`, where people see it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.operations.canonical import canonical_json
from smsmarketing.operations.encryption import SecretUnreadable
from smsmarketing.webhooks import client
from smsmarketing.webhooks.models import WebhookDelivery, WebhookEndpoint
from smsmarketing.webhooks.rules.signing import (
    ID_HEADER,
    KIND_HEADER,
    SIGNATURE_HEADER,
    signature,
)
from smsmarketing.webhooks.services.outcomes import outcome_record
from smsmarketing.webhooks.services.secrets import secrets_holding

logger = structlog.get_logger("smsmarketing.webhooks")

LEASE = timedelta(seconds=60)
WAVE = 16
_PER_ENDPOINT = 4
_WAVES_MOST = 200

Send = Callable[..., client.Reply]

_CLAIM = """
    UPDATE webhooks_webhookdelivery d
    SET lease_until = %(lease)s, attempts = d.attempts + 1
    FROM (
        SELECT due.id FROM webhooks_webhookendpoint p
        CROSS JOIN LATERAL (
            SELECT x.id, x.next_at FROM webhooks_webhookdelivery x
            WHERE x.endpoint_id = p.id AND x.state = 'pending' AND x.next_at <= %(now)s
                AND (x.lease_until IS NULL OR x.lease_until <= %(now)s)
            ORDER BY x.next_at, x.id
            LIMIT CASE WHEN p.failing_since IS NULL THEN %(each)s ELSE 1 END
            FOR UPDATE SKIP LOCKED
        ) due
        ORDER BY due.next_at, due.id LIMIT %(wave)s
    ) chosen
    WHERE d.id = chosen.id
    RETURNING d.id
"""
"""A few of each endpoint, and one of an endpoint that fails: a dead receiver holds nobody up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One request, ready to be sent outside of any transaction."""

    delivery_id: int
    attempts: int
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    fault: str = ""


def deliveries_run(
    *, send: Send = client.request, chance: random.Random | None = None, waves: int = _WAVES_MOST
) -> int:
    """Send what is due until nothing is, or the waves are used up. Returns how many were tried."""
    tried = 0
    for _ in range(waves):
        parcels = parcels_claim(now=timezone.now())
        if not parcels:
            break
        wave_send(parcels, send=send, chance=chance)
        tried += len(parcels)
    return tried


def wave_send(
    parcels: Sequence[Parcel], *, send: Send = client.request, chance: random.Random | None = None
) -> None:
    """Send the parcels at the same time, and record each answer as it comes."""
    with ThreadPoolExecutor(max_workers=len(parcels)) as pool:
        replies = pool.map(lambda parcel: _sent(parcel, send), parcels)
        for parcel, reply in zip(parcels, replies, strict=True):
            outcome_record(
                parcel.delivery_id,
                attempts=parcel.attempts,
                reply=reply,
                now=timezone.now(),
                chance=chance or random.SystemRandom(),
            )


def _sent(parcel: Parcel, send: Send) -> client.Reply:
    """In a thread without a database connection: sockets only."""
    if parcel.fault:
        return client.Reply(error=parcel.fault)
    return send("POST", parcel.url, headers=parcel.headers, body=parcel.body)


def parcels_claim(*, now: datetime) -> list[Parcel]:
    """Take what is due under a lease, in one short transaction, and sign it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                _CLAIM, {"now": now, "lease": now + LEASE, "each": _PER_ENDPOINT, "wave": WAVE}
            )
            ids = [row[0] for row in cursor.fetchall()]
        rows = WebhookDelivery.objects.filter(pk__in=ids).select_related("event", "endpoint")
        return [_parcel(row, now) for row in rows.order_by("next_at", "id")]


def _parcel(row: WebhookDelivery, now: datetime) -> Parcel:
    body = canonical_json(
        {
            "id": str(row.event.pk),
            "kind": row.event.kind,
            "occurred_at": row.event.occurred_at,
            "data": row.event.payload,
        }
    )
    try:
        mark = signature(
            body, secrets=secrets_holding(row.endpoint, now=now), at=int(now.timestamp())
        )
    except SecretUnreadable:
        logger.error("webhook_secret_unreadable", endpoint_id=row.endpoint_id)
        return Parcel(
            delivery_id=row.pk,
            attempts=row.attempts,
            url=row.endpoint.url,
            body=b"",
            headers={},
            fault="secret",
        )
    return Parcel(
        delivery_id=row.pk,
        attempts=row.attempts,
        url=row.endpoint.url,
        body=body,
        headers={
            "Content-Type": "application/json",
            ID_HEADER: str(row.event.pk),
            KIND_HEADER: row.event.kind,
            SIGNATURE_HEADER: mark,
        },
    )


def deliveries_due(*, now: datetime) -> bool:
    """Whether something waits that no worker has: for the sweep."""
    rows = WebhookDelivery.objects.filter(
        state="pending", next_at__lte=now, endpoint__in=WebhookEndpoint.objects.all()
    )
    return rows.exclude(lease_until__gt=now).exists()
