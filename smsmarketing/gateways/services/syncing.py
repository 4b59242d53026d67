"""Reading from providers what they know better: balance, prices and who opted out there. Asked for
without a transaction; the answer and its age are kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from smsmarketing.approvals.policies import policies_match
from smsmarketing.gateways import transports
from smsmarketing.gateways.credentials import CredentialsUnreadable
from smsmarketing.gateways.engine.control import control_send
from smsmarketing.gateways.models import Gateway, GatewaySync
from smsmarketing.gateways.selectors.carriers import config_of
from smsmarketing.gateways.services.lists import opt_outs_take
from smsmarketing.gateways.services.rates import rates_compare, rates_take
from smsmarketing.gateways.transports.base import TransportConfig, TransportDataError
from smsmarketing.gateways.transports.controls import ControlError, Controls, Price
from smsmarketing.operations.errors import InvalidInput

logger = structlog.get_logger("smsmarketing.gateways.syncing")

EVERY: Final = {
    "balance": timedelta(minutes=15),
    "rates": timedelta(hours=24),
    "opt_outs": timedelta(minutes=10),
}
"""How often each is read by itself."""
REST: Final = timedelta(seconds=30)
"""Rest for each second that reading took: a list of 100 000 entries is not read every ten minutes."""
LEASE: Final = timedelta(minutes=15)
_RUNS_MOST: Final = 50


def sync_kinds(gateway: Gateway) -> list[str]:
    """What this gateway's provider documents."""
    controls = transports.controls(gateway.transport)
    able = {
        "balance": controls.balance is not None,
        "rates": controls.prices is not None,
        "opt_outs": controls.opt_outs is not None,
    }
    return [kind for kind, can in able.items() if can]


def sync_request(gateway: Gateway, kind: str, *, now: datetime) -> GatewaySync:
    """Have it read as soon as a worker is free; the caller starts `gateways.syncs_run`."""
    row, _ = GatewaySync.objects.get_or_create(gateway=gateway, kind=kind, defaults={"due_at": now})
    GatewaySync.objects.filter(pk=row.pk, due_at__gt=now).update(due_at=now)
    return row


def syncs_run(*, now: datetime | None = None) -> int:
    """Read what is due, one after the other. Returns how many."""
    at = now or timezone.now()
    ready = Gateway.objects.exclude(state="disabled").exclude(credentials=b"")
    for gateway in ready:
        for kind in sync_kinds(gateway):
            GatewaySync.objects.get_or_create(gateway=gateway, kind=kind, defaults={"due_at": at})
    done = 0
    for _ in range(_RUNS_MOST):
        row = _claim(now or timezone.now())
        if row is None:
            break
        _one(row, now or timezone.now())
        done += 1
    return done


def _claim(now: datetime) -> GatewaySync | None:
    with transaction.atomic():
        row = (
            GatewaySync.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("gateway")
            .exclude(gateway__state="disabled")
            .exclude(gateway__credentials=b"")
            .filter(Q(lease_until=None) | Q(lease_until__lte=now), due_at__lte=now)
            .order_by("due_at", "pk")
            .first()
        )
        if row is not None:
            row.lease_until = now + LEASE
            row.save(update_fields=["lease_until"])
        return row


def _one(row: GatewaySync, now: datetime) -> None:
    controls = transports.controls(row.gateway.transport)
    started = time.monotonic()
    try:
        counts = _WORK[row.kind](row.gateway, config_of(row.gateway), controls, now)
    except CredentialsUnreadable:
        _failed(row, "credentials", "The gateway's credentials cannot be read.", now=now)
    except TransportDataError as exc:
        _failed(row, exc.code, str(exc), now=now)
    except InvalidInput as exc:
        _failed(row, "currency", exc.message, now=now)
    except ControlError as exc:
        soon = timedelta(minutes=1) * 2 ** min(row.failures, 10) if exc.retryable else None
        asked = timedelta(seconds=exc.retry_after_s) if exc.retry_after_s else None
        _failed(
            row,
            exc.code,
            exc.sentence,
            now=now,
            after=max(filter(None, (soon, asked)), default=None),
        )
    else:
        GatewaySync.objects.filter(pk=row.pk, lease_until=row.lease_until).update(
            lease_until=None,
            ok_at=now,
            failed_at=None,
            failures=0,
            error_code="",
            error="",
            counts=counts,
            due_at=now + max(EVERY[row.kind], REST * (time.monotonic() - started)),
        )


def _failed(
    row: GatewaySync, code: str, sentence: str, *, now: datetime, after: timedelta | None = None
) -> None:
    logger.warning("gateway_sync_failed", gateway_id=row.gateway_id, kind=row.kind, problem=code)
    every = EVERY[row.kind]
    GatewaySync.objects.filter(pk=row.pk, lease_until=row.lease_until).update(
        lease_until=None,
        failed_at=now,
        failures=row.failures + 1,
        error_code=code[:40],
        error=sentence[:200],
        due_at=now + (every if after is None else min(after, every)),
    )


def _balance(
    gateway: Gateway, config: TransportConfig, controls: Controls, now: datetime
) -> dict[str, Any]:
    if controls.balance is None:
        return {}
    told = control_send(controls.balance(config))
    if told.unit not in ("points", gateway.currency):
        raise InvalidInput(
            f"The account is in {told.unit}, the gateway here in {gateway.currency}. Make a gateway in"
            f" {told.unit}."
        )
    Gateway.objects.filter(pk=gateway.pk).update(
        balance=told.amount.quantize(Decimal("0.0001")),
        balance_unit="points" if told.unit == "points" else "",
        balance_at=now,
    )
    return {}


def _rates(
    gateway: Gateway, config: TransportConfig, controls: Controls, now: datetime
) -> dict[str, Any]:
    if controls.prices is None:
        return {}
    found: list[Price] = []
    asked = sorted(gateway.countries) if controls.prices_by_country else [""]
    for index, country in enumerate(asked):
        if index and controls.pause_s:
            time.sleep(controls.pause_s)  # the provider's own limit, in a job
        prices: list[Price] = control_send(controls.prices(config, country))
        found += prices
    rows = prices_whole(
        [price for price in found if price.country in gateway.countries], gateway.currency
    )
    percent = rates_compare(gateway, rows, now=now).largest_percent
    if policies_match("rates.import", {"price_change_percent": str(percent), "by_agent": False}):
        raise ControlError(
            f"A price changes by {percent} %, so a person must look at the list and load it with"
            " rates.import. Nothing was taken.",
            code="needs_person",
            retryable=False,
        )
    taken = rates_take(gateway, rows, "sync", now=now)
    return {
        "prices": len(rows),
        "changed": len(taken.changes),
        "confirmed": taken.confirmed,
        "largest_percent": str(taken.largest_percent),
    }


def prices_whole(
    prices: Sequence[Price], currency: str
) -> list[tuple[str, str, Decimal, str, datetime | None]]:
    """The provider's prices as the house keeps them: a country that has operators' prices only gets
    the dearest of them for every other number.
    """
    rows: list[tuple[str, str, Decimal, str, datetime | None]] = [
        (price.country, price.operator, price.price, price.currency or currency, None)
        for price in prices
    ]
    whole = {price.country for price in prices if not price.operator}
    dearest: dict[str, Price] = {}
    for price in prices:
        if price.country not in whole:
            before = dearest.get(price.country)
            dearest[price.country] = (
                price if before is None or price.price > before.price else before
            )
    rows += [
        (country, "", price.price, price.currency or currency, None)
        for country, price in dearest.items()
    ]
    return rows


def _opt_outs(
    gateway: Gateway, config: TransportConfig, controls: Controls, now: datetime
) -> dict[str, Any]:
    if controls.opt_outs is None:
        return {}
    return dict(opt_outs_take(gateway, config, controls.opt_outs, now=now))


_WORK: Final[Mapping[str, Any]] = {"balance": _balance, "rates": _rates, "opt_outs": _opt_outs}
