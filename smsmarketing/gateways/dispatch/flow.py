"""The flow of one run: waves are marked while earlier ones are still on the wire.

At most `window` messages are marked and not recorded at any moment: that is what a crash can make
`unknown`. Half a window is marked at a time, so one half is in flight while the other is recorded.
All database work happens between network events, each in its own short transaction [R-10.16].
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from smsmarketing.gateways import services
from smsmarketing.gateways.dispatch.claim import (
    Lease,
    Row,
    lease_length,
    slice_claim,
    slice_release,
    slices_renew,
)
from smsmarketing.gateways.dispatch.meter import AnswerMeter
from smsmarketing.gateways.dispatch.outcome import (
    Health,
    not_expressible,
    not_started,
    result_of,
)
from smsmarketing.gateways.dispatch.quiet import Window
from smsmarketing.gateways.dispatch.road import Road
from smsmarketing.gateways.dispatch.roads import Roads
from smsmarketing.gateways.dispatch.session import deadlock_again
from smsmarketing.gateways.dispatch.table import RouteTable
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
from smsmarketing.gateways.services.breakers import breaker_stop
from smsmarketing.gateways.services.suspects import SUSPECT_CLASSES, suspect_suppress
from smsmarketing.gateways.transports.base import SubmitRequest, SubmitResult, TransportDataError

_LONGEST_PACE_WAIT_S = 1.0
"""A longer wait gives the slices back instead of holding a worker."""
_FLUSH_S = 0.2
_MOST_LEASES = 3
_CAUTIOUS_AFTER = 2
"""Crashes after which a slice goes message by message, so a poison one harms only itself."""


@dataclass(slots=True)
class _Sent:
    """A marked message on its way."""

    lease: Lease
    row: Row
    attempt: int
    road: Road
    price: Decimal | None
    """Of a part on that road; None: as planned."""


@dataclass
class Flow:
    """The state of one run; `run` does the work, `close` gives everything back."""

    road: Road
    """The batch's own: what all its roads have in common is read here."""
    roads: Roads
    table: RouteTable
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
    healths: defaultdict[int, Health] = field(default_factory=lambda: defaultdict(Health))
    faults: dict[int, str] = field(default_factory=dict)
    """Gateways that refused the account, with what they said."""
    accepted_by: Counter[int] = field(default_factory=Counter)
    meter: AnswerMeter = field(init=False)
    _leases: dict[int, Lease] = field(default_factory=dict)
    _outstanding: dict[int, _Sent] = field(default_factory=dict)
    _unsent: set[int] = field(default_factory=set)
    _answered: list[Result] = field(default_factory=list)
    _suspects: list[tuple[_Sent, SubmitResult]] = field(default_factory=list)
    _flushed_at: float = field(default_factory=time.monotonic)
    _renewed_at: float = field(default_factory=time.monotonic)
    _finished: list[int] = field(default_factory=list)
    _pace_until: float = 0.0

    def __post_init__(self) -> None:
        self.meter = AnswerMeter(self.road.plan.brand_id)
        self._half = max(1, self.window // 2)
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
        self.meter.push()

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
        """Mark the next rows of a lease, each by the gateway that takes it now, and send them."""
        wanted = 1 if lease.crashes >= _CAUTIOUS_AFTER else min(room, len(lease.rows))
        now = timezone.now()
        self.table.refresh(now=now)
        groups, again_at = self.table.share([lease.rows.popleft() for _ in range(wanted)], now=now)
        if again_at is not None:  # what waits stays queued; its slice comes back then
            lease.not_before = min(lease.not_before or again_at, again_at)
        waits: list[float] = []
        requests: list[tuple[int, SubmitRequest]] = []
        for gateway_id, rows in groups.items():  # all are marked before one leaves: the lease holds
            described, wait_s = self._part(lease, gateway_id, rows)
            requests += described
            if wait_s is not None:
                waits.append(wait_s)
            if self.halt is not None:
                break
        for message_id, request in requests:
            self._unsent.discard(message_id)
            yield message_id, request
        if self.halt is not None:
            return
        if waits and len(waits) == len(groups):
            self._pace_until = time.monotonic() + min(waits)
        if lease.outstanding == 0 and not lease.rows and lease.slice_id in self._leases:
            self._release(lease)

    def _part(
        self, lease: Lease, gateway_id: int, rows: list[Row]
    ) -> tuple[list[tuple[int, SubmitRequest]], float | None]:
        """Mark rows that go by one gateway; the requests of those that may go, and how long to wait
        when its rate allows none.
        """
        road, pace = self.roads.road(gateway_id), self.roads.pace(gateway_id)
        granted, wait_s = pace.take(len(rows))
        lease.rows.extendleft(reversed(rows[granted:]))
        if granted == 0:
            return [], wait_s
        rows = rows[:granted]
        now = timezone.now()
        clock = self.roads.clock(gateway_id)
        windows = {row.id: clock.window(row, now) for row in rows}
        candidates = [self._candidate(row, windows[row.id], gateway_id) for row in rows]
        marked = deadlock_again(
            lambda: wave_mark(
                road.plan, candidates, slice_ids=list(self._leases), owner=self.owner, now=now
            )
        )
        if isinstance(marked, Halt):
            pace.return_unused(granted)
            if marked.gateway and self.table.others_than(gateway_id):
                lease.rows.extendleft(reversed(rows))
                self.table.refresh(now=now, force=True)
            else:
                self.halt = marked
            return [], None
        going = [each for each in marked if each.state == "handing_over"]
        self.results.update(each.state for each in marked if each.state != "handing_over")
        pace.return_unused(granted - len(going))
        self.waves += 1
        self.handed_over += len(going)
        by_id = {row.id: row for row in rows}
        requests = []
        for each in going:
            request = self._described(lease, by_id[each.id], each, windows[each.id], road)
            if request is not None:
                requests.append((each.id, request))
        self._unsent.update(message_id for message_id, _ in requests)
        return requests, None

    def _candidate(self, row: Row, window: Window, gateway_id: int) -> Candidate:
        price = self.table.price(gateway_id, row.country)
        cost = row.cost if price is None else row.parts * price
        return Candidate(
            row.id, row.contact_id, row.hashes, cost, window.opens_at, window.shut, price
        )

    def _described(
        self, lease: Lease, row: Row, marked: Marked, window: Window, road: Road
    ) -> SubmitRequest | None:
        """The request for a marked message; one that the transport cannot express is refused."""
        gateway_id = road.plan.gateway_id
        price = self.table.price(gateway_id, row.country)
        self._outstanding[row.id] = _Sent(lease, row, marked.attempt, road, price)
        lease.outstanding += 1
        try:
            return road.request(row, closes_at=window.closes_at, now=timezone.now())
        except TransportDataError as exc:
            if exc.code == "credentials":
                self.healths[gateway_id].at_fault = str(exc)
                self._answered.append(not_started(row.id, marked.attempt))
            else:
                on = self.table.moves_on(row, gateway_id, "content", exc.code)
                self._answered.append(not_expressible(row.id, marked.attempt, exc.code, on))
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
        submit = exchange_result(sent.road.transport, exchange)
        gateway_id = sent.road.plan.gateway_id
        self.healths[gateway_id].note(submit)
        self.roads.unclear(gateway_id).note(sent.row, sent.attempt, exchange, submit)
        cost = sent.row.cost if sent.price is None else sent.row.parts * sent.price
        self.meter.note(gateway_id, sent.row.country, submit, cost)
        self._answered.append(
            result_of(
                submit,
                message_id=message_id,
                attempt=sent.attempt,
                purpose=self.road.plan.purpose,
                moves_on=(
                    submit.definitely_not_accepted
                    and self.table.moves_on(
                        sent.row, gateway_id, submit.error_class, submit.error_code
                    )
                ),
            )
        )
        if submit.error_class in SUSPECT_CLASSES:
            self._suspects.append((sent, submit))
        flying = len(self._outstanding) - len(self._answered)
        worth_it = len(self._answered) >= self._half // 2 and flying <= self._half
        if worth_it or flying == 0 or len(self._answered) >= self._half:
            self._flush()

    def _flush(self) -> None:
        """Record the answers, give back finished slices, and judge the gateway."""
        self._flushed_at = time.monotonic()
        if not self._answered:
            return
        by_gateway: defaultdict[int, list[Result]] = defaultdict(list)
        for result in self._answered:
            by_gateway[self._outstanding[result.id].road.plan.gateway_id].append(result)
        for gateway_id, results in by_gateway.items():
            self._record(gateway_id, results)
        self._suspects_report()
        self._judge()

    def _record(self, gateway_id: int, answered: list[Result]) -> None:
        """Record what one gateway answered."""
        results = [self._priced(each) if each.state == "queued" else each for each in answered]
        deadlock_again(
            lambda: wave_record(
                self.roads.road(gateway_id).plan,
                results,
                slice_ids=list(self._leases),
                owner=self.owner,
                now=timezone.now(),
                crashed=any(lease.crashes for lease in self._leases.values()),
                unclear=self.roads.unclear(gateway_id).rows,
            )
        )
        self.roads.unclear(gateway_id).rows.clear()
        recorded = {result.id for result in results}
        self._answered = [each for each in self._answered if each.id not in recorded]
        self.results.update(result.state for result in results)
        for result in results:
            self.accepted_by[gateway_id] += result.state == "accepted"
            lease = self._outstanding.pop(result.id).lease
            lease.outstanding -= 1
            if lease.outstanding == 0 and not lease.rows:
                self._release(lease)

    def _priced(self, result: Result) -> Result:
        sent = self._outstanding[result.id]
        if sent.price is None:
            return result
        return replace(result, price_marked=sent.price, price_planned=sent.row.price)

    def _judge(self) -> None:
        """Rest a sick gateway while another can go on; else halt the batch."""
        for gateway_id, health in self.healths.items():
            verdict, why = health.verdict()
            if verdict == "go" or self.halt is not None:
                continue
            stopped = bool(health.at_fault) or health.unclear_share
            if stopped:
                if health.at_fault:
                    self.faults[gateway_id] = why
                breaker_stop(gateway_id, reason=why, now=timezone.now())
                self.table.refresh(now=timezone.now(), force=True)
            content = verdict == "pause" and not stopped
            if not content and self.table.others_than(gateway_id):
                health.forget()
                continue
            self.halt = Halt(why if verdict == "pause" else "rest", pause=verdict == "pause")

    def _suspects_report(self) -> None:
        suspects, self._suspects = self._suspects, []
        for sent, submit in suspects:
            suspect_suppress(
                phone=sent.row.phone,
                error_class=submit.error_class or "",
                error_code=submit.error_code or "",
                message_id=sent.row.id,
                gateway_id=sent.road.plan.gateway_id,
                brand_id=self.road.plan.brand_id,
                sender_value=self.road.plan.sender_value,
            )

    def _tend(self) -> None:
        """Small duties between waves."""
        now = time.monotonic()
        if self.meter.due():
            self.meter.push()
            self.table.refresh(now=timezone.now(), force=True)
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
