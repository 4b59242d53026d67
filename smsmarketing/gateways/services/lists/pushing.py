"""Putting numbers on a provider's blacklist and taking them off: claimed under a lease, sent without
a transaction, recorded while the lease is ours.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection, transaction

from smsmarketing.contacts.models import Suppression
from smsmarketing.contacts.rules.phone import PhoneError, phone_parse
from smsmarketing.gateways import transports
from smsmarketing.gateways.credentials import CredentialsUnreadable
from smsmarketing.gateways.engine.control import control_send
from smsmarketing.gateways.models import Gateway, GatewayListing
from smsmarketing.gateways.selectors.carriers import config_of
from smsmarketing.gateways.services.waves import WAVE, WAVES_MOST, waves_run
from smsmarketing.gateways.transports.base import TransportConfig, TransportDataError
from smsmarketing.gateways.transports.controls import ControlError, Controls
from smsmarketing.webhooks.rules.outcomes import retry_delay

logger = structlog.get_logger("smsmarketing.gateways.lists")

LEASE: Final = timedelta(seconds=300)

_CLAIM = """
    UPDATE gateways_gatewaylisting l SET lease_until = %(lease)s, attempts = l.attempts + 1
    FROM (
        SELECT x.id FROM gateways_gateway g
        CROSS JOIN LATERAL (
            SELECT x.id, x.next_at FROM gateways_gatewaylisting x
            WHERE x.gateway_id = g.id AND x.state = 'pending' AND x.next_at <= %(now)s
                AND (x.lease_until IS NULL OR x.lease_until <= %(now)s)
            ORDER BY x.next_at, x.id LIMIT %(wave)s FOR UPDATE SKIP LOCKED
        ) x
        WHERE g.state <> 'disabled' AND g.transport = ANY(%(transports)s)
            AND g.opt_out_push <> 'none'
        ORDER BY x.next_at, x.id LIMIT %(wave)s
    ) due WHERE l.id = due.id RETURNING l.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One number at one provider."""

    listing_id: int
    lease_until: datetime
    version: int
    attempts: int
    wanted: bool
    ours: bool
    remote_id: str
    phone: str = field(repr=False)
    controls: Controls
    config: TransportConfig | None
    done: str = ""
    """The state it comes to without a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it."""

    state: str
    ours: bool = False
    remote_id: str = ""
    error_code: str = ""
    error: str = ""
    retry: bool = False
    retry_after_s: int | None = None


def listings_push(*, waves: int = WAVES_MOST, now: datetime | None = None) -> int:
    """Tell the providers what is due until nothing is. Returns how many were tried."""
    return waves_run(_claim, errand_run, _record, waves=waves, now=now)


def _claim(now: datetime) -> list[Errand]:
    lease = now + LEASE
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                _CLAIM,
                {
                    "now": now,
                    "lease": lease,
                    "wave": WAVE,
                    "transports": list(transports.names_with("takes_opt_outs")),
                },
            )
            ids = [row[0] for row in cursor.fetchall()]
        rows = list(GatewayListing.objects.filter(pk__in=ids).select_related("gateway"))
        held = Suppression.objects.filter(
            phone_hash__in=[row.phone_hash for row in rows], phone__isnull=False
        )
        numbers = {
            bytes(hashed): str(phone) for hashed, phone in held.values_list("phone_hash", "phone")
        }
        configs = {row.gateway_id: _config(row.gateway) for row in rows}
        return [
            _errand(row, numbers.get(bytes(row.phone_hash), ""), configs[row.gateway_id], lease)
            for row in rows
        ]


def _config(gateway: Gateway) -> TransportConfig | None:
    try:
        return config_of(gateway)
    except CredentialsUnreadable:
        logger.error("gateway_credentials_unreadable", gateway_id=gateway.pk)
        return None


def _errand(
    row: GatewayListing, phone: str, config: TransportConfig | None, lease: datetime
) -> Errand:
    done = ""
    if phone and not row.ours and _country(phone) not in row.gateway.countries:
        done = "elsewhere"
    return Errand(
        listing_id=row.pk,
        lease_until=lease,
        version=row.version,
        attempts=row.attempts,
        wanted=row.wanted,
        ours=row.ours,
        remote_id=row.remote_id,
        phone=phone,
        controls=transports.controls(row.gateway.transport),
        config=config,
        done=done,
    )


def _country(phone: str) -> str:
    try:
        return phone_parse(phone).country
    except PhoneError:
        return ""


def errand_run(errand: Errand) -> Result:
    """In a thread without a database connection: sockets only."""
    if errand.done:
        return Result(state=errand.done, ours=errand.ours, remote_id=errand.remote_id)
    if errand.config is None:
        return _failed(errand, "credentials", "The gateway's credentials cannot be read.")
    if not errand.phone and not errand.remote_id:
        return _failed(errand, "erased", "The number was erased before the provider was told.")
    try:
        return _put_on(errand, errand.config) if errand.wanted else _take_off(errand, errand.config)
    except ControlError as exc:
        return _failed(errand, exc.code, exc.sentence, retry=exc.retryable, after=exc.retry_after_s)
    except TransportDataError as exc:
        return _failed(errand, exc.code, str(exc))


def _put_on(errand: Errand, config: TransportConfig) -> Result:
    """Looks first: an entry that somebody else made stays theirs. After an add whose answer was lost
    the entry that is found is ours. "It is there already" is what was wanted.
    """
    find, add = errand.controls.blocked_find, errand.controls.block_add
    if find is None or add is None or not errand.phone:
        return Result(state="synced", ours=errand.ours, remote_id=errand.remote_id)
    found = control_send(find(config, errand.phone))
    if found is not None:
        return Result(state="synced", ours=errand.ours, remote_id=found.entry_id)
    try:
        made = control_send(add(config, errand.phone))
    except ControlError as exc:
        there = None if exc.retryable else control_send(find(config, errand.phone))
        if there is not None:  # somebody was faster
            return Result(state="synced", ours=errand.ours, remote_id=there.entry_id)
        failed = _failed(
            errand, exc.code, exc.sentence, retry=exc.retryable, after=exc.retry_after_s
        )
        return replace(failed, ours=errand.ours or exc.unclear)
    return Result(state="synced", ours=True, remote_id=made.entry_id if made else "")


def _take_off(errand: Errand, config: TransportConfig) -> Result:
    find, remove = errand.controls.blocked_find, errand.controls.block_remove
    if find is None or remove is None:
        return Result(state="kept", ours=errand.ours, remote_id=errand.remote_id)
    if not errand.ours:  # others put it there, or nobody did
        found = control_send(find(config, errand.phone)) if errand.phone else None
        return Result(state="kept" if found else "synced")
    entry_id = errand.remote_id
    if not entry_id and errand.phone:
        found = control_send(find(config, errand.phone))
        entry_id = found.entry_id if found else ""
    if entry_id:
        control_send(remove(config, entry_id))
    return Result(state="synced")


def _failed(
    errand: Errand, code: str, sentence: str, *, retry: bool = False, after: int | None = None
) -> Result:
    return Result(
        state="failed",
        ours=errand.ours,
        remote_id=errand.remote_id,
        error_code=code[:40],
        error=sentence[:200],
        retry=retry,
        retry_after_s=after,
    )


def _record(errand: Errand, result: Result, now: datetime) -> None:
    """Only while the lease is ours: of a worker that came too late nothing counts but that it made the
    entry. When what is wanted changed meanwhile, what was done is noted and the row stays pending.
    """
    with transaction.atomic():
        row = GatewayListing.objects.select_for_update().filter(pk=errand.listing_id).first()
        if row is None:
            return
        if row.lease_until != errand.lease_until:
            if result.ours and not row.ours:
                GatewayListing.objects.filter(pk=row.pk).update(ours=True)
            return
        same = row.version == errand.version
        row.lease_until = None
        row.ours, row.remote_id = result.ours, result.remote_id
        if same:
            _settled(row, result, now)
        row.save()


def _settled(row: GatewayListing, result: Result, now: datetime) -> None:
    row.error_code, row.error = result.error_code, result.error
    delay = None
    if result.retry:
        delay = retry_delay(
            row.attempts, retry_after_s=result.retry_after_s, chance=random.SystemRandom()
        )
    if delay is not None:
        row.next_at = now + delay
        return
    row.state, row.finished_at = result.state, now
