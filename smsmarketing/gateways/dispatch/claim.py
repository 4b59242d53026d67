"""Leases on slices: one worker works on a slice, and only while its lease lasts."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection

from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.gateways.rules.routes import Tried

_CLAIM = """
UPDATE gateways_batchslice s
SET state = 'leased', lease_owner = %(owner)s, lease_until = %(until)s
WHERE s.id = (
    SELECT t.id FROM gateways_batchslice t
    JOIN gateways_batch b ON b.id = t.batch_id AND b.state = 'sending'
    WHERE t.batch_id = %(batch)s AND t.state = 'ready' AND t.not_before <= %(now)s
    ORDER BY t.number
    LIMIT 1
    FOR UPDATE OF t SKIP LOCKED
)
RETURNING s.id, s.first_id, s.last_id, s.crashes
"""
_DUE = """
UPDATE gateways_message SET state = 'queued', reason = '', held_until = NULL
WHERE id BETWEEN %s AND %s AND batch_id = %s AND state = 'held' AND held_until <= %s
"""
_ROWS = """
SELECT m.id, m.phone, m.contact_id, m.country, m.body, m.parts, m.parts * m.price, m.attempt,
       coalesce(c.time_zone, ''), coalesce(c.region, ''),
       CASE WHEN c.phone = m.phone THEN c.phone_hash END, m.price
FROM gateways_message m
LEFT JOIN contacts_contact c ON c.id = m.contact_id
WHERE m.id BETWEEN %s AND %s AND m.batch_id = %s AND m.state = 'queued'
  AND (m.held_until IS NULL OR m.held_until <= %s)
ORDER BY m.id
"""
# What gateways said before to messages that are tried again: decides who is asked next.
_TRIED = """
SELECT a.message_id, a.gateway_id, count(*),
       (array_agg(a.error_class ORDER BY a.number DESC))[1],
       (array_agg(a.error_code ORDER BY a.number DESC))[1]
FROM gateways_attempt a
WHERE a.message_id = ANY(%s) AND a.outcome <> 'not_started'
GROUP BY 1, 2
"""
_RENEW = """
UPDATE gateways_batchslice SET lease_until = %s
WHERE id = ANY(%s) AND lease_owner = %s AND state = 'leased'
"""
_RELEASE = """
WITH rest AS (
    SELECT s.id,
           count(*) FILTER (WHERE m.state IN ('planned', 'queued', 'held', 'handing_over')) AS open,
           min(CASE WHEN m.state = 'handing_over' THEN %(now)s::timestamptz
                    WHEN m.state IN ('queued', 'held') THEN coalesce(m.held_until, %(now)s) END)
               AS next
    FROM gateways_batchslice s
    JOIN gateways_message m ON m.id BETWEEN s.first_id AND s.last_id AND m.batch_id = s.batch_id
    WHERE s.id = %(slice)s
    GROUP BY s.id
)
UPDATE gateways_batchslice s
SET state = CASE WHEN rest.open = 0 OR b.state = 'stopped' THEN 'done' ELSE 'ready' END,
    not_before = greatest(rest.next, %(not_before)s, s.not_before),
    lease_owner = '', lease_until = NULL
FROM rest, gateways_batch b
WHERE s.id = rest.id AND b.id = s.batch_id AND s.lease_owner = %(owner)s AND s.state = 'leased'
RETURNING s.state, s.not_before
"""


@dataclass(slots=True)
class Row:
    """A message that may be handed over next, with what the recipient's clock needs."""

    id: int
    phone: str
    contact_id: int | None
    country: str
    body: str
    parts: int
    cost: Any
    attempt: int
    time_zone: str
    region: str
    phone_hash: bytes | None
    """The contact's own, when the message goes to the number the contact has now."""
    price: Decimal
    """What was reserved for a part."""
    tried: dict[int, Tried] = field(default_factory=dict)
    """By gateway, what it said to earlier tries."""

    @property
    def hashes(self) -> list[bytes]:
        """The number under every key; the contact's stored hash saves computing it [R-4.10]."""
        if self.phone_hash is not None and len(settings.PHONE_HASH_KEYS) == 1:
            return [bytes(self.phone_hash)]
        return phone_hashes(self.phone)


@dataclass(slots=True)
class Lease:
    """A slice in our hands. `outstanding` counts its messages that are marked and not recorded."""

    slice_id: int
    first_id: int
    last_id: int
    crashes: int
    rows: deque[Row]
    outstanding: int = 0
    not_before: datetime | None = None
    """When the rest may go, if this run does not come to it."""


def lease_length() -> timedelta:
    """How long a lease lasts without being renewed. A worker renews it four times in that time; one
    that is too slow loses the slice, and its late answers still correct what became `unknown`.
    """
    return timedelta(seconds=settings.DISPATCH_LEASE_SECONDS)


def slice_claim(batch_id: int, *, owner: str, now: datetime) -> Lease | None:
    """Take the next due slice of a sending batch, committed at once; None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM, {"batch": batch_id, "owner": owner, "until": now + lease_length(), "now": now}
        )
        claimed = cursor.fetchone()
        if claimed is None:
            return None
        slice_id, first_id, last_id, crashes = claimed
        cursor.execute(_DUE, [first_id, last_id, batch_id, now])
        cursor.execute(_ROWS, [first_id, last_id, batch_id, now])
        rows = deque(Row(*row) for row in cursor.fetchall())
        again = {row.id: row for row in rows if row.attempt}
        if again:
            cursor.execute(_TRIED, [list(again)])
            for message_id, gateway_id, *said in cursor.fetchall():
                again[message_id].tried[gateway_id] = Tried(*said)
    return Lease(slice_id, first_id, last_id, crashes, rows)


def slices_renew(slice_ids: Collection[int], *, owner: str, now: datetime) -> None:
    """Prolong our leases."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [now + lease_length(), list(slice_ids), owner])


def slice_release(lease: Lease, *, owner: str, now: datetime) -> tuple[str, datetime] | None:
    """Give a slice back: `done` when nothing in it is left to hand over, else `ready` for later.

    Returns its new state and time, or None when the lease was lost meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _RELEASE,
            {
                "slice": lease.slice_id,
                "owner": owner,
                "now": now,
                "not_before": lease.not_before or now,
            },
        )
        released: tuple[str, datetime] | None = cursor.fetchone()
    return released
