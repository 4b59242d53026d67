"""One bind of one gateway: connect, send what is due, keep what comes, until told to stop."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone

from smsmarketing.gateways import transports
from smsmarketing.gateways.binds.health import BindRow
from smsmarketing.gateways.binds.work import batches_due
from smsmarketing.gateways.credentials import CredentialsUnreadable
from smsmarketing.gateways.dispatch import batch_run
from smsmarketing.gateways.engine import MAX_WINDOW
from smsmarketing.gateways.engine.smpp import BindRefused, LinkDown, SmppEngine
from smsmarketing.gateways.intake import deliveries_take
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.selectors.carriers import config_of
from smsmarketing.gateways.services.part_ids import part_id_note
from smsmarketing.gateways.transports.base import TransportDataError
from smsmarketing.gateways.transports.smpp.pdu import Pdu
from smsmarketing.gateways.transports.smpp.transport import status_refusal

logger = structlog.get_logger("smsmarketing.gateways.binds")

RUN_S: Final = 10.0
"""A batch gives way to the next after so long."""
_TICK_S = 5.0
_LOOK_S = 0.3
"""How soon a batch is found that was released while the bind was idle."""
_URGENT_S = 0.5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_LONGEST_REFUSED_S = 300.0


@dataclass
class BindProcess:
    """Holds the bind of one gateway. `should_stop` is asked often; `ca_file` is for tests."""

    slug: str
    should_stop: Callable[[], bool]
    ca_file: str | None = None
    first_wait_s: float = _FIRST_WAIT_S
    _chance: random.Random = field(default_factory=random.Random)
    _failures: int = 0
    _ticked_at: float = 0.0
    _looked_at: float = 0.0
    _urgent: bool = False
    _stale: bool = False
    _row: BindRow | None = None

    def run(self) -> int:
        """Until told to stop (0), or until the gateway is disabled, gone or no SMPP one (3)."""
        while not self.should_stop():
            try:
                gateway = Gateway.objects.filter(slug=self.slug).first()
                if not self._carried(gateway) or gateway is None:
                    return 3
                self._hold(gateway)
            except (OperationalError, InterfaceError):
                logger.exception("bind_without_database", gateway=self.slug)
                connection.close()
                self._wait(_LONGEST_WAIT_S)
        return 0

    def _carried(self, gateway: Gateway | None) -> bool:
        return (
            gateway is not None
            and gateway.state != "disabled"
            and gateway.transport in transports.bound_names()
        )

    def _hold(self, gateway: Gateway) -> None:
        """One attempt: take the row, bind, serve, and give everything back."""
        if self._row is None or self._row.gateway_id != gateway.pk:
            self._row = BindRow(gateway.pk)
        row = self._row
        if not row.take():
            logger.info("bind_held_elsewhere", gateway_id=gateway.pk)
            self._pause(_TICK_S)
            return
        try:
            row.binding()
            engine = self._bound(gateway, row)
            if engine is not None:
                self._serve(gateway, row, engine)
        finally:
            if self.should_stop():
                row.release()

    def _bound(self, gateway: Gateway, row: BindRow) -> SmppEngine | None:
        """The bound engine; None after waiting when it could not be bound."""
        longest, lasting = _LONGEST_WAIT_S, False
        try:
            engine = self._engine(gateway)
            engine.bind()
        except BindRefused as refused:
            result = status_refusal(refused.status)
            why = f"{result.error_code}: {result.error_text}"
            lasting = result.error_class in {"auth", "account"}
            longest = _LONGEST_REFUSED_S
        except LinkDown as down:
            why = str(down)
        except (TransportDataError, CredentialsUnreadable) as wrong:
            why, lasting, longest = str(wrong), True, _LONGEST_REFUSED_S
        else:
            self._failures = 0
            row.bound()
            logger.info("bind_made", gateway_id=gateway.pk)
            return engine
        self._failures += 1
        row.lost(why, lasting=lasting)
        logger.warning("bind_failed", gateway_id=gateway.pk, why=why)
        self._wait(longest, row)
        return None

    def _engine(self, gateway: Gateway) -> SmppEngine:
        def deliver(pdus: Sequence[Pdu]) -> list[int]:
            return deliveries_take(gateway, pdus)

        def late(message_id: int, number: int, total: int, part_id: str) -> None:
            part_id_note(
                gateway,
                message_id=message_id,
                number=number,
                total=total,
                part_id=part_id,
                now=timezone.now(),
            )

        return SmppEngine(
            config_of(gateway),
            window=min(gateway.max_in_flight, MAX_WINDOW),
            deliver=deliver,
            late=late,
            ca_file=self.ca_file,
        )

    def _serve(self, gateway: Gateway, row: BindRow, engine: SmppEngine) -> None:
        """Send and receive until the link drops, the gateway changes, or we are told to stop."""
        self._stale = False
        try:
            while engine.bound and not self._stale and not self.should_stop():
                if not self._tick(gateway, row, engine):
                    break
                due = batches_due(gateway.pk, timezone.now())
                if due:
                    self._batch(gateway, row, engine, *due[0])
                else:
                    engine.idle(_LOOK_S)
        finally:
            why = engine.why_down
            engine.unbind()
            if why and not self.should_stop():
                self._failures += 1
                row.lost(why)
                logger.warning("bind_lost", gateway_id=gateway.pk, why=why)
                self._wait(_LONGEST_WAIT_S, row)

    def _batch(
        self, gateway: Gateway, row: BindRow, engine: SmppEngine, batch_id: int, urgent: bool
    ) -> None:
        def stop() -> bool:
            if self.should_stop() or not engine.bound:
                return True
            if not self._tick(gateway, row, engine):
                self._stale = True
                return True
            return not urgent and self._urgent_waits(gateway)

        self._urgent = False
        batch_run(batch_id, max_run_s=RUN_S, should_stop=stop, engine=engine, follow_up=False)

    def _urgent_waits(self, gateway: Gateway) -> bool:
        """Whether something that people wait for came while another batch is sent."""
        now = time.monotonic()
        if not self._urgent and now - self._looked_at > _URGENT_S:
            self._looked_at = now
            self._urgent = any(urgent for _, urgent in batches_due(gateway.pk, timezone.now())[:1])
        return self._urgent

    def _tick(self, gateway: Gateway, row: BindRow, engine: SmppEngine) -> bool:
        """Every few seconds: renew the hold, tell how the link is; False when the bind must be made
        anew because settings or holder changed.
        """
        now = time.monotonic()
        if now - self._ticked_at < _TICK_S:
            return True
        self._ticked_at = now
        if not connection.in_atomic_block:
            close_old_connections()
        heard = timezone.now() - timedelta(seconds=max(0.0, now - engine.heard_at))
        same = (
            Gateway.objects.filter(pk=gateway.pk)
            .exclude(state="disabled")
            .filter(
                base_url=gateway.base_url,
                credentials=gateway.credentials,
                options=gateway.options,
                max_in_flight=gateway.max_in_flight,
            )
            .exists()
        )
        return row.renew(heard_at=heard) and same

    def _wait(self, longest: float, row: BindRow | None = None) -> None:
        """Back off: doubling, with jitter, so that many binds do not come back together."""
        wait = min(longest, self.first_wait_s * 2 ** min(max(self._failures - 1, 0), 10))
        self._pause(wait * (0.5 + self._chance.random()), row)

    def _pause(self, seconds: float, row: BindRow | None = None) -> None:
        deadline = time.monotonic() + seconds
        renewed = time.monotonic()
        while (left := deadline - time.monotonic()) > 0 and not self.should_stop():
            time.sleep(min(0.1, left))
            if row is not None and time.monotonic() - renewed > _TICK_S:
                renewed = time.monotonic()
                row.renew()
