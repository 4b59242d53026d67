"""The flow of one run: waves are marked while earlier ones are still on the wire.

At most `window` messages are marked and not recorded at any moment: that is what a crash can make
`unknown`. Half a window is marked at a time, so one half is in flight while the other is recorded.
All database work happens between network events, each in its own short transaction [R-10.16].
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.gateways import services
from smsmarketing.gateways.dispatch.claim import (
    Lease,
    Row,
    lease_length,
    slice_claim,
    slice_release,
    slices_renew,
)
from smsmarketing.gateways.dispatch.outcome import Health, not_started, result_of
from smsmarketing.gateways.dispatch.pace import Pace
from smsmarketing.gateways.dispatch.quiet import Clock
from smsmarketing.gateways.dispatch.road import Road
from smsmarketing.gateways.dispatch.unclear import UnclearAnswers
from smsmarketing.gateways.dispatch.waves import (
    Candidate,
    Halt,
    Marked,
    Result,
    wave_mark,
    wave_record,
)
from smsmarketing.gateways.engine import Exchange, NoAnswer, Submitter, exchange_result
from smsmarketing.gateways.models import Batch
from smsmarketing.gateways.services.suspects import SUSPECT_CLASSES, suspect_suppress
from smsmarketing.gateways.transports.base import SubmitRequest, SubmitResult, TransportDataError

_LONGEST_PACE_WAIT_S = 1.0
"""A longer wait gives the slices back instead of holding a worker."""
_FLUSH_S = 0.2
_MOST_LEASES = 3
_CAUTIOUS_AFTER = 2
"""Crashes after which a slice goes message by message, so a poison one harms only itself."""
_DEADLOCK = "40P01"

T = TypeVar("T")


@dataclass(slots=True)
class _Sent:
    """A marked message on its way."""

    lease: Lease
    row: Row
    attempt: int


@dataclass
class Flow:
    """The state of one run; `run` does the work, `close` gives everything back."""

    road: Road
    pace: Pace
    owner: str
    window: int
    ends_at: float
    should_stop: Callable[[], bool]
    halt: Halt | None = None
    more: bool = False
    """True when the run ended before everything due was sent."""
    waves: int = 0
    handed_over: int = 0
    results: Counter[str] = field(default_factory=Counter)
    health: Health = field(default_factory=Health)
    _leases: dict[int, Lease] = field(default_factory=dict)
    _outstanding: dict[int, _Sent] = field(default_factory=dict)
    _unsent: set[int] = field(default_factory=set)
    _answered: list[Result] = field(default_factory=list)
    _suspects: list[tuple[Row, SubmitResult]] = field(default_factory=list)
    _flushed_at: float = field(default_factory=time.monotonic)
    _renewed_at: float = field(default_factory=time.monotonic)
    _finished: list[int] = field(default_factory=list)
    _pace_until: float = 0.0

    def __post_init__(self) -> None:
        self._clock = Clock(self.road)
        self._unclear = UnclearAnswers(self.road.transport, self.road.secrets)
        self._half = max(1, self.window // 2)
        self._one_key = len(settings.PHONE_HASH_KEYS) == 1
        self._renew_s = lease_length().total_seconds() / 4

    def run(self, engine: Submitter) -> None:
        """Send until nothing is due, time is up, or something stops the batch."""
        engine.submit_many(self._source(), self._on_result)

    def close(self) -> None:
        """Record what is known, take back what was marked and never left, give back the slices.

        What left without a word stays `handing_over`; when its lease ends it becomes `unknown`.
        """
        for message_id in self._unsent & self._outstanding.keys():
            self._answered.append(not_started(message_id, self._outstanding[message_id].attempt))
        self._flush()
        for lease in list(self._leases.values()):
            if lease.outstanding == 0:
                self._release(lease)
        if self._finished:
            services.batch_settle(Batch(pk=self.road.plan.batch_id), slice_ids=self._finished)

    # --- out -----------------------------------------------------------------------------------

    def _source(self) -> Iterator[tuple[int, SubmitRequest] | None]:
        while True:
            self._tend()
            if self.halt is not None:
                return
            if self.should_stop() or time.monotonic() >= self.ends_at:
                self.more = True
                return
            if self._paced():
                return
            room = self.window - len(self._outstanding)
            if room < self._half or time.monotonic() < self._pace_until:
                yield None
                continue
            lease = self._lease_with_rows()
            if lease is None and len(self._leases) < _MOST_LEASES:
                return
            if lease is None:
                yield None
                continue
            yield from self._wave(lease, min(self._half, room))

    def _lease_with_rows(self) -> Lease | None:
        """A lease with rows left; claims the next slice when none of ours has any."""
        for lease in self._leases.values():
            if lease.rows:
                return lease
        while len(self._leases) < _MOST_LEASES:
            claimed = slice_claim(self.road.plan.batch_id, owner=self.owner, now=timezone.now())
            if claimed is None:
                return None
            self._leases[claimed.slice_id] = claimed
            if claimed.rows:
                return claimed
            self._release(claimed)
        return None

    def _wave(self, lease: Lease, room: int) -> Iterator[tuple[int, SubmitRequest] | None]:
        wanted = 1 if lease.crashes >= _CAUTIOUS_AFTER else min(room, len(lease.rows))
        granted, wait_s = self.pace.take(wanted)
        if granted == 0:
            self._pace_until = time.monotonic() + wait_s
            return
        rows = [lease.rows.popleft() for _ in range(granted)]
        now = timezone.now()
        windows = {row.id: self._clock.window(row, now) for row in rows}
        marked = self._again(
            lambda: wave_mark(
                self.road.plan,
                [
                    Candidate(
                        row.id,
                        row.contact_id,
                        self._hashes(row),
                        row.cost,
                        windows[row.id].opens_at,
                        windows[row.id].shut,
                    )
                    for row in rows
                ],
                slice_ids=list(self._leases),
                owner=self.owner,
                now=now,
            )
        )
        if isinstance(marked, Halt):
            self.halt = marked
            self.pace.return_unused(granted)
            return
        going = [each for each in marked if each.state == "handing_over"]
        self.results.update(each.state for each in marked if each.state != "handing_over")
        self.pace.return_unused(granted - len(going))
        self.waves += 1
        self.handed_over += len(going)
        by_id = {row.id: row for row in rows}
        requests = []
        for each in going:
            request = self._described(lease, by_id[each.id], each, windows[each.id].closes_at)
            if request is not None:
                requests.append((each.id, request))
        self._unsent.update(message_id for message_id, _ in requests)
        for message_id, request in requests:
            self._unsent.discard(message_id)
            yield message_id, request

    def _hashes(self, row: Row) -> list[bytes]:
        """The number under every key; the contact's stored hash saves computing it [R-4.10]."""
        if row.phone_hash is not None and self._one_key:
            return [bytes(row.phone_hash)]
        return phone_hashes(row.phone)

    def _described(
        self, lease: Lease, row: Row, marked: Marked, closes_at: object
    ) -> SubmitRequest | None:
        """The request for a marked message; one that the transport cannot express is refused."""
        self._outstanding[row.id] = _Sent(lease, row, marked.attempt)
        lease.outstanding += 1
        try:
            return self.road.request(row, closes_at=closes_at, now=timezone.now())  # type: ignore[arg-type]
        except TransportDataError as exc:
            if exc.code == "credentials":
                self.health.at_fault = str(exc)
                self._answered.append(not_started(row.id, marked.attempt))
            else:
                self._answered.append(
                    Result(
                        id=row.id,
                        attempt=marked.attempt,
                        state="rejected",
                        reason="not_expressible",
                        outcome="rejected",
                        error_code=exc.code,
                        error_class="content",
                    )
                )
            return None

    def _paced(self) -> bool:
        """Whether the next message may go so late that the slices are better given back."""
        wait_s = self._pace_until - time.monotonic()
        if wait_s <= _LONGEST_PACE_WAIT_S or self._outstanding:
            return False
        for lease in self._leases.values():
            lease.not_before = timezone.now() + timedelta(seconds=wait_s)
        return True

    # --- back ----------------------------------------------------------------------------------

    def _on_result(self, message_id: int, exchange: Exchange) -> None:
        sent = self._outstanding[message_id]
        if isinstance(exchange, NoAnswer) and exchange.kind == "not_started":
            self._answered.append(not_started(message_id, sent.attempt))
            return
        submit = exchange_result(self.road.transport, exchange)
        self.health.note(submit)
        self._unclear.note(sent.row, sent.attempt, exchange, submit)
        self._answered.append(
            result_of(
                submit,
                message_id=message_id,
                attempt=sent.attempt,
                purpose=self.road.plan.purpose,
            )
        )
        if submit.error_class in SUSPECT_CLASSES:
            self._suspects.append((sent.row, submit))
        flying = len(self._outstanding) - len(self._answered)
        worth_it = len(self._answered) >= self._half // 2 and flying <= self._half
        if worth_it or flying == 0 or len(self._answered) >= self._half:
            self._flush()

    def _flush(self) -> None:
        """Record the answers, give back finished slices, and judge the gateway."""
        self._flushed_at = time.monotonic()
        if not self._answered:
            return
        answered = self._answered
        self._again(
            lambda: wave_record(
                self.road.plan,
                answered,
                slice_ids=list(self._leases),
                owner=self.owner,
                now=timezone.now(),
                crashed=any(lease.crashes for lease in self._leases.values()),
                unclear=self._unclear.rows,
            )
        )
        self._answered = []
        self._unclear.rows.clear()
        self.results.update(result.state for result in answered)
        for result in answered:
            lease = self._outstanding.pop(result.id).lease
            lease.outstanding -= 1
            if lease.outstanding == 0 and not lease.rows:
                self._release(lease)
        self._suspects_report()
        verdict, why = self.health.verdict()
        if verdict != "go" and self.halt is None:
            self.halt = Halt(why if verdict == "pause" else "rest", pause=verdict == "pause")

    def _suspects_report(self) -> None:
        suspects, self._suspects = self._suspects, []
        for row, submit in suspects:
            suspect_suppress(
                phone=row.phone,
                error_class=submit.error_class or "",
                error_code=submit.error_code or "",
                message_id=row.id,
                gateway_id=self.road.plan.gateway_id,
                brand_id=self.road.plan.brand_id,
                sender_value=self.road.plan.sender_value,
            )

    def _tend(self) -> None:
        """Small duties between waves."""
        now = time.monotonic()
        if self._answered and now - self._flushed_at > _FLUSH_S:
            self._flush()
        if self._leases and now - self._renewed_at > self._renew_s:
            self._renewed_at = now
            slices_renew(list(self._leases), owner=self.owner, now=timezone.now())

    def _release(self, lease: Lease) -> None:
        self._leases.pop(lease.slice_id, None)
        released = slice_release(lease, owner=self.owner, now=timezone.now())
        if released is not None and released[0] == "done":
            self._finished.append(lease.slice_id)

    def _again(self, work: Callable[[], T]) -> T:
        """Repeat a transaction that lost a deadlock; it left nothing behind."""
        for _ in range(3):
            try:
                return work()
            except OperationalError as exc:
                if getattr(exc.__cause__, "sqlstate", "") != _DEADLOCK:
                    raise
        return work()
