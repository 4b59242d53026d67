"""Circuit breakers: what gateways answered is counted here, and decides who may go on [R-10.17].

PostgreSQL holds them, so that all workers see the same. Lock order: health rows by gateway and
country, nothing else in the same transaction but tallies before them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import connection, transaction

from smsmarketing.accounts.models import User
from smsmarketing.approvals.services.notes import people_notify
from smsmarketing.gateways.models import Gateway, RouteHealth
from smsmarketing.gateways.rules.routes import (
    PROBES,
    PROBES_AGAIN,
    STOP_REST_S,
    WINDOW,
    Meter,
    breaker_after,
    rest_next,
    tally_since,
)
from smsmarketing.gateways.services.gateways import gateway_degrade

logger = structlog.get_logger("smsmarketing.gateways.breakers")

_FORGET_REST = timedelta(minutes=10)
"""So long after it closed, the next rest begins small again and people are told again."""
_WATCHERS = ("technical", "operations")

_TALLY = """
INSERT INTO gateways_routetally AS t (gateway_id, country, brand_id, since, accepted, refused,
    unavailable, unclear, delivered, undelivered, filtered, missing, cost, waits)
SELECT u.g, u.c, %(brand)s, %(since)s, u.accepted, u.refused, u.unavailable, u.unclear, 0, 0, 0, 0, u.cost,
    '{}'
FROM unnest(%(g)s::bigint[], %(c)s::text[], %(accepted)s::bigint[], %(refused)s::bigint[],
    %(unavailable)s::bigint[], %(unclear)s::bigint[], %(cost)s::numeric[])
    AS u(g, c, accepted, refused, unavailable, unclear, cost)
ORDER BY u.g, u.c
ON CONFLICT (gateway_id, country, brand_id, since) DO UPDATE SET
    accepted = t.accepted + excluded.accepted, refused = t.refused + excluded.refused,
    unavailable = t.unavailable + excluded.unavailable, unclear = t.unclear + excluded.unclear,
    cost = t.cost + excluded.cost
"""
_ROWS = """
INSERT INTO gateways_routehealth (gateway_id, country, breaker, reason, rest_s, probes_left, calls,
    failures, percent, percent_note)
SELECT u.g, u.c, 'closed', '', 0, 0, 0, 0, 100, ''
FROM unnest(%s::bigint[], %s::text[]) AS u(g, c) ORDER BY u.g, u.c
ON CONFLICT (gateway_id, country) DO NOTHING
"""
# One statement gives a probe to exactly one worker; those that never came back are given again.
_PROBE = """
UPDATE gateways_routehealth SET
    breaker = 'half_open',
    changed_at = CASE WHEN breaker = 'open' THEN %(now)s ELSE changed_at END,
    probes_left = CASE WHEN breaker = 'open' OR probed_at < %(lost)s THEN %(probes)s
                       ELSE probes_left END - 1,
    probed_at = %(now)s
WHERE gateway_id = %(gateway)s AND country = %(country)s AND (
    (breaker = 'open' AND retry_at <= %(now)s)
    OR (breaker = 'half_open' AND (probes_left > 0 OR probed_at < %(lost)s))
)
"""


@dataclass(slots=True)
class Answers:
    """What a gateway said about messages to one country since the last time."""

    accepted: int = 0
    refused: int = 0
    unavailable: int = 0
    unclear: int = 0
    cost: Decimal = field(default_factory=Decimal)

    @property
    def bad(self) -> int:
        return self.unavailable + self.unclear


def answers_push(
    answers: Mapping[tuple[int, str], Answers], *, brand_id: int, now: datetime
) -> None:
    """Count answers into the tallies, and open or close the breakers that they concern."""
    keys = sorted(answers)
    if not keys:
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                _TALLY,
                {
                    "brand": brand_id,
                    "since": tally_since(now),
                    "g": [gateway for gateway, _ in keys],
                    "c": [country for _, country in keys],
                    **{
                        name: [getattr(answers[key], name) for key in keys]
                        for name in ("accepted", "refused", "unavailable", "unclear", "cost")
                    },
                },
            )
        _judge(answers, keys, now)


def _judge(
    answers: Mapping[tuple[int, str], Answers], keys: Sequence[tuple[int, str]], now: datetime
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [[g for g, _ in keys], [c for _, c in keys]])
    rows = RouteHealth.objects.select_for_update(no_key=True).filter(
        gateway_id__in={gateway for gateway, _ in keys},
        country__in={"", *(country for _, country in keys)},
    )
    whole: dict[int, Answers] = {}
    for (gateway, _), each in answers.items():
        total = whole.setdefault(gateway, Answers())
        total.accepted += each.accepted + each.refused
        total.unavailable += each.bad
    for row in rows.order_by("gateway_id", "country"):
        if row.country:
            if found := answers.get((row.gateway_id, row.country)):
                _count(row, good=found.accepted + found.refused, bad=found.bad, now=now)
        elif row.breaker == "half_open":
            total = whole[row.gateway_id]
            _count(row, good=total.accepted, bad=total.bad, now=now)


def _count(row: RouteHealth, *, good: int, bad: int, now: datetime) -> None:
    """Add to the window of a locked row, and move its breaker."""
    if row.window_at is None or row.window_at <= now - WINDOW:
        row.window_at, row.calls, row.failures = now, 0, 0
    row.calls += good + bad
    row.failures += bad
    after = breaker_after(row.breaker, Meter(row.calls, row.failures), good=good, bad=bad)
    if after == "open" and row.breaker != "open":
        share = round(100 * row.failures / max(row.calls, 1))
        _open(row, f"{row.failures} of {row.calls} submits failed ({share} %).", now)
    elif after == "closed" and row.breaker != "closed":
        _close(row, now)
    row.save()


def _open(row: RouteHealth, reason: str, now: datetime, *, first_s: int = 0) -> None:
    fresh = row.changed_at is None or (
        row.breaker == "closed" and row.changed_at <= now - _FORGET_REST
    )
    row.rest_s = rest_next(0 if fresh else row.rest_s, **({"first_s": first_s} if first_s else {}))
    row.breaker, row.reason, row.changed_at = "open", reason[:200], now
    row.retry_at = now + timedelta(seconds=row.rest_s)
    row.trouble_at = now
    row.window_at, row.calls, row.failures = now, 0, 0
    logger.warning("breaker_open", gateway_id=row.gateway_id, country=row.country, why=row.reason)
    if fresh:
        where = f" for {row.country}" if row.country else ""
        watchers_tell(f"{row.gateway.name}{where} rests: {row.reason}")


def _close(row: RouteHealth, now: datetime) -> None:
    row.breaker, row.reason, row.changed_at, row.retry_at = "closed", "", now, None
    row.window_at, row.calls, row.failures = now, 0, 0
    logger.info("breaker_closed", gateway_id=row.gateway_id, country=row.country)


def health_lock(gateway_id: int, country: str) -> RouteHealth:
    """The health row, made when missing, locked until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [[gateway_id], [country]])
    return RouteHealth.objects.select_for_update(no_key=True, of=("self",)).get(
        gateway_id=gateway_id, country=country
    )


def breaker_stop(gateway_id: int, *, reason: str, now: datetime) -> None:
    """The provider refuses the account or gives no clear answers: the whole gateway rests, is
    shown as degraded, and people are told. Probes find out when it is well again.
    """
    with transaction.atomic():
        row = health_lock(gateway_id, "")
        if row.breaker != "open":
            _open(row, reason, now, first_s=STOP_REST_S)
            row.save()
    with transaction.atomic():
        gateway_degrade(Gateway(pk=gateway_id), reason=reason)


def breaker_set(
    gateway_id: int, country: str, *, opened: bool, reason: str, now: datetime
) -> RouteHealth:
    """A person opens a breaker, until a person closes it, or closes one. In their transaction."""
    row = health_lock(gateway_id, country)
    if opened:
        row.breaker, row.reason, row.changed_at, row.retry_at = "open", reason[:200], now, None
    else:
        _close(row, now)
        row.rest_s = 0
    row.save()
    return row


def probe_take(gateway_id: int, country: str, *, now: datetime) -> bool:
    """Whether one message may try whether a resting gateway is well again; one at a time."""
    with connection.cursor() as cursor:
        cursor.execute(
            _PROBE,
            {
                "gateway": gateway_id,
                "country": country,
                "now": now,
                "lost": now - PROBES_AGAIN,
                "probes": PROBES,
            },
        )
        return int(cursor.rowcount) == 1


def watchers_tell(text: str) -> None:
    """A note to the people who look after gateways."""
    people = User.objects.filter(is_active=True, is_agent=False, roles__key__in=_WATCHERS)
    people_notify(list(people.distinct().order_by("pk")[:50]), "gateway", text)
