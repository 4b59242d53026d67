"""Which gateway takes a message of this batch now: routes, pins, breakers and prices in memory.

Read when a run begins and again every second, never for a message. Only gateways that were approved
for the batch are ever chosen; the statement that marks a wave checks that again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.utils import timezone

from smsmarketing.gateways.dispatch.claim import Row
from smsmarketing.gateways.models import Batch, Gateway, RouteHealth
from smsmarketing.gateways.rules.routes import (
    Candidate,
    Tried,
    draw_of,
    gateway_choose,
    tried_out,
)
from smsmarketing.gateways.selectors import rates_current, sender_eligibility
from smsmarketing.gateways.selectors.rates import rate_stale
from smsmarketing.gateways.selectors.routes import pins_active, routes_active
from smsmarketing.gateways.services.breakers import probe_take

_REFRESH_S = 1.0
_LOOK_AGAIN = timedelta(seconds=5)
"""When to ask again where a person or a probe decides."""
_OWN_WEIGHT = 100


class Choice(NamedTuple):
    """The gateway for a message, or from when on to ask again."""

    gateway_id: int | None
    wait_until: datetime | None = None


@dataclass(slots=True)
class _Breaker:
    breaker: str
    retry_at: datetime | None
    asked_at: float = 0.0


@dataclass
class RouteTable:
    """The routes of one batch in one run."""

    batch: Batch
    carries: Callable[[Gateway], bool] = lambda gateway: True
    """Whether this process can hand over to a gateway; what only another can is no choice here."""
    gateways: dict[int, Gateway] = field(default_factory=dict)
    _weights: dict[tuple[int, str], float] = field(default_factory=dict)
    _pins: dict[str, int] = field(default_factory=dict)
    _breakers: dict[tuple[int, str], _Breaker] = field(default_factory=dict)
    _prices: dict[tuple[int, str], Decimal] = field(default_factory=dict)
    _cached: dict[str, list[Candidate]] = field(default_factory=dict)
    _seen: dict[str, Decimal] = field(default_factory=dict)
    """What was reserved for a part, by the countries of the messages that were looked at."""
    _read_at: float = float("-inf")

    def __post_init__(self) -> None:
        self._allowed = list(dict.fromkeys([self.batch.gateway_id, *self.batch.route_ids]))
        self.single = len(self._allowed) == 1
        self.refresh(now=timezone.now(), force=True)

    def price(self, gateway_id: int, country: str) -> Decimal | None:
        """What a part costs on a gateway, as it did when the batch was planned; None where the
        planned price holds.
        """
        return None if self.single else self._prices.get((gateway_id, country))

    def refresh(self, *, now: datetime, force: bool = False) -> None:
        """Read what people, other workers and the tuning changed."""
        moment = time.monotonic()
        if not force and moment - self._read_at < _REFRESH_S:
            return
        first = self._read_at == float("-inf")
        self._read_at = moment
        self._cached.clear()
        health = RouteHealth.objects.filter(gateway_id__in=self._allowed)
        percents: dict[tuple[int, str], int] = {}
        before, self._breakers = self._breakers, {}
        for row in health:
            key = (row.gateway_id, row.country)
            percents[key] = row.percent
            if row.breaker != "closed":
                asked = before[key].asked_at if key in before else 0.0
                self._breakers[key] = _Breaker(row.breaker, row.retry_at, asked)
        if first or not self.single:
            found = Gateway.objects.filter(pk__in=self._allowed).exclude(state="disabled")
            self.gateways = {row.pk: row for row in found if self.carries(row)}
        if not self.single:
            self._routes_read(percents, now=now)
        if first and not self.single:
            self._prices_read()

    def _routes_read(self, percents: dict[tuple[int, str], int], *, now: datetime) -> None:
        batch = self.batch
        self._pins = pins_active(purpose=batch.purpose, at=now)
        weights: dict[tuple[int, str], float] = {}
        for gateway_id in self.gateways:
            if gateway_id == batch.gateway_id:
                base: float = _OWN_WEIGHT
            elif gateway_id == batch.gateway.fallback_id:
                base = 0
            else:
                continue
            weights.update({(gateway_id, each): base for each in batch.gateway.countries})
        for route in routes_active(self._allowed, purpose=batch.purpose, sender_id=batch.sender_id):
            weights[route.gateway_id, route.country] = route.weight
        self._weights = {
            key: weight * percents.get(key, 100) / 100 for key, weight in weights.items()
        }

    def _prices_read(self) -> None:
        batch = self.batch
        for gateway_id, gateway in {batch.gateway_id: batch.gateway, **self.gateways}.items():
            statuses = sender_eligibility(batch.sender_id, gateway=gateway, purpose=batch.purpose)
            for country, rate in rates_current(gateway_id, None, batch.created_at).items():
                stale = gateway_id != batch.gateway_id and rate_stale(rate, batch.created_at)
                if not stale and (batch.purpose == "reply" or statuses.get(country) == "allowed"):
                    self._prices[gateway_id, country] = rate.price

    def _candidates(self, country: str) -> list[Candidate]:
        """Every gateway that may carry messages to a country, breakers aside."""
        found = self._cached.get(country)
        if found is None:
            pinned = self._pins.get(country)
            found = [
                Candidate(gateway_id, self._weights[gateway_id, country], price)
                for gateway_id in self.gateways
                if (price := self._prices.get((gateway_id, country))) is not None
                and (gateway_id, country) in self._weights
                and country in self.batch.gateway.countries
            ]
            if any(each.gateway_id == pinned for each in found):
                found = [each for each in found if each.gateway_id == pinned]
            self._cached[country] = found
        return found

    def share(
        self, rows: Iterable[Row], *, now: datetime
    ) -> tuple[dict[int, list[Row]], datetime | None]:
        """The rows by the gateway that takes each now, and when to ask again for those that wait."""
        groups: dict[int, list[Row]] = {}
        waits: list[datetime] = []
        for row in rows:
            choice = self.choose(row, now=now)
            if choice.gateway_id is not None:
                groups.setdefault(choice.gateway_id, []).append(row)
            elif choice.wait_until is not None:
                waits.append(choice.wait_until)
        return groups, min(waits, default=None)

    def choose(self, row: Row, *, now: datetime) -> Choice:
        """The gateway for a message at this moment."""
        own = self.batch.gateway_id
        if self.single:
            if not self._breakers:
                return Choice(own)
            wait = self._rests(own, row.country, now=now)
            return Choice(own) if wait is None else Choice(None, wait)
        candidates = list(self._candidates(row.country))
        if not candidates:
            return Choice(own)  # the checks say why not
        if self._seen.get(row.country, Decimal(-1)) < row.price:
            self._seen[row.country] = row.price
        waits: list[datetime] = []
        while candidates:
            picked = gateway_choose(
                candidates,
                draw=draw_of(row.id, row.attempt),
                tried=row.tried,
                purpose=self.batch.purpose,
                most=row.price,
            )
            if picked is None:
                break
            wait = self._rests(picked, row.country, now=now) if self._breakers else None
            if wait is None:
                return Choice(picked)
            waits.append(wait)
            candidates = [each for each in candidates if each.gateway_id != picked]
        if waits:
            return Choice(None, min(waits))
        if self._pins.get(row.country) in {each.gateway_id for each in candidates}:
            return Choice(None, now + _LOOK_AGAIN)  # pinned to one dearer than was reserved
        return Choice(own)

    def _rests(self, gateway_id: int, country: str, *, now: datetime) -> datetime | None:
        """Until when a gateway is left alone; None when this message may go, as a probe maybe."""
        for key in ((gateway_id, ""), (gateway_id, country)):
            held = self._breakers.get(key)
            if held is None:
                continue
            if held.breaker == "open" and (held.retry_at is None or held.retry_at > now):
                return held.retry_at or now + _LOOK_AGAIN
            moment = time.monotonic()
            if moment - held.asked_at < _REFRESH_S:
                return now + _LOOK_AGAIN
            if not probe_take(gateway_id, key[1], now=now):
                held.asked_at = moment
                return now + _LOOK_AGAIN
        return None

    def moves_on(
        self, row: Row, gateway_id: int, error_class: str | None, error_code: str | None
    ) -> bool:
        """Whether a message that was definitely not accepted has another gateway to go to now."""
        if self.single:
            return False
        before = row.tried.get(gateway_id)
        times = before.times + 1 if before else 1
        if not tried_out(Tried(times, error_class or "", error_code or ""), self.batch.purpose):
            return False
        return any(
            each.gateway_id != gateway_id
            and each.price <= row.price
            and each.gateway_id not in row.tried
            and (each.gateway_id, row.country) not in self._breakers
            and (each.gateway_id, "") not in self._breakers
            for each in self._candidates(row.country)
        )

    def others_than(self, gateway_id: int) -> bool:
        """Whether another gateway, that does not rest as a whole, can carry messages seen here."""
        return any(
            each.gateway_id != gateway_id
            and each.price <= most
            and (each.gateway_id, "") not in self._breakers
            for country, most in self._seen.items()
            for each in self._candidates(country)
        )
