"""Lists of networks and prefixes as providers tell them: read by a job when somebody wants one, kept with
their age.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import transaction
from django.utils import timezone

from smsmarketing.gateways import transports
from smsmarketing.gateways.credentials import CredentialsUnreadable
from smsmarketing.gateways.engine.control import control_send
from smsmarketing.gateways.models import Gateway, NumberingList
from smsmarketing.gateways.selectors.carriers import config_of
from smsmarketing.gateways.transports.base import TransportConfig, TransportDataError
from smsmarketing.gateways.transports.controls import ControlError, Controls, Network
from smsmarketing.operations.jobs import enqueue

logger = structlog.get_logger("smsmarketing.gateways.numbering")

READ: Final = "gateways.numbering_read"
FRESH: Final = timedelta(days=30)
AGAIN: Final = timedelta(hours=1)
"""Not before this after a failure."""
_LEASE: Final = timedelta(minutes=5)
_LISTS_MOST: Final = 50
_PAGES_MOST: Final = 100
_ROWS_MOST: Final = 50_000


def numbering_want(gateway: Gateway, kind: str, key: str, *, now: datetime) -> NumberingList:
    """The list as it is known. One that is old or was never read is asked for, by a job."""
    row, _ = NumberingList.objects.get_or_create(gateway=gateway, kind=kind, key=key)
    if (row.read_at is None or now - row.read_at > FRESH) and row.due_at is None:
        NumberingList.objects.filter(pk=row.pk, due_at=None).update(due_at=now)
        row.due_at = now
        enqueue(READ)
    return row


def numbering_read(*, now: datetime | None = None) -> int:
    """Read what is wanted. Returns how many lists."""
    for count in range(_LISTS_MOST):
        at = now or timezone.now()
        row = _claim(at)
        if row is None:
            return count
        try:
            controls = transports.controls(row.gateway.transport)
            rows = _WORK[row.kind](controls, config_of(row.gateway), row.key)
        except ControlError as exc:
            _failed(row, exc.code, exc.sentence, at)
        except TransportDataError as exc:
            _failed(row, exc.code, str(exc), at)
        except CredentialsUnreadable:
            _failed(row, "credentials", "The gateway's credentials cannot be read.", at)
        else:
            NumberingList.objects.filter(pk=row.pk).update(
                rows=rows, read_at=at, due_at=None, error_code="", error=""
            )
    return _LISTS_MOST


def _claim(now: datetime) -> NumberingList | None:
    with transaction.atomic():
        row = (
            NumberingList.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("gateway")
            .filter(due_at__lte=now)
            .order_by("due_at", "pk")
            .first()
        )
        if row is not None:
            row.due_at = now + _LEASE
            row.save(update_fields=["due_at"])
        return row


def _failed(row: NumberingList, code: str, sentence: str, now: datetime) -> None:
    logger.warning("numbering_failed", gateway_id=row.gateway_id, kind=row.kind, problem=code)
    NumberingList.objects.filter(pk=row.pk).update(
        due_at=now + AGAIN, error_code=code[:40], error=sentence[:200]
    )


def _networks(controls: Controls, config: TransportConfig, country: str) -> list[dict[str, str]]:
    """Page by page, until one brings nothing new."""
    if controls.networks is None:
        return []
    found: dict[tuple[str, str], Network] = {}
    for page in range(1, _PAGES_MOST + 1):
        rows = control_send(controls.networks(config, country, page=page))
        new = {(row.operator, row.operator_id): row for row in rows}
        if not new.keys() - found.keys():
            break
        found |= new
    return [row._asdict() for row in found.values()]


def _prefixes(controls: Controls, config: TransportConfig, country: str) -> list[dict[str, str]]:
    if controls.prefixes is None:
        return []
    rows = control_send(controls.prefixes(config, country))
    return [row._asdict() for row in rows[:_ROWS_MOST]]


def _operator(controls: Controls, config: TransportConfig, key: str) -> list[dict[str, str]]:
    if controls.operator is None:
        return []
    return [row._asdict() for row in control_send(controls.operator(config, key))]


_WORK: Final[dict[str, Callable[[Controls, TransportConfig, str], list[Any]]]] = {
    "networks": _networks,
    "prefixes": _prefixes,
    "operator": _operator,
}
