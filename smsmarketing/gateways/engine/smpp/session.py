"""The bind, and submits on it: a window, answers in any order, deliveries in between.

Three promises as in the HTTP engine: every submit is put on the link at most once; `sent` is False
only when its PDU did not leave this machine whole; what is on a link that drops is never sent again
by itself. A first part that is throttled goes back to the caller and through all its checks; a later
one is offered again here, for the phone has the others already.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import certifi

from smsmarketing.gateways.engine.exchange import Exchange, NoAnswer
from smsmarketing.gateways.engine.smpp.flights import Flight, LateAnswers, request_pdus
from smsmarketing.gateways.engine.smpp.link import Link, LinkDown, links_wait, peer_of
from smsmarketing.gateways.engine.window import MAX_WINDOW, Run
from smsmarketing.gateways.transports.base import FailureKind, SubmitRequest, TransportConfig
from smsmarketing.gateways.transports.smpp.messages import carries_message, message_id_decode
from smsmarketing.gateways.transports.smpp.options import options_read
from smsmarketing.gateways.transports.smpp.pdu import (
    ALERT_NOTIFICATION,
    ENQUIRE_LINK,
    GENERIC_NACK,
    RESPONSE,
    SUBMIT_SM,
    UNBIND,
    Pdu,
    pdu_encode,
    sequence_set,
)
from smsmarketing.gateways.transports.smpp.statuses import (
    BIND_LOST,
    INVALID_COMMAND,
    TEMPORARY,
    THROTTLES,
)
from smsmarketing.gateways.transports.smpp.transport import bind_request

K = TypeVar("K")
Deliver = Callable[[Sequence[Pdu]], Sequence[int]]
"""Keeps receipts and replies; returns the status that each is answered with."""
Late = Callable[[int, int, int, str], None]
"""Told the message, part, parts and id of an answer that came after the submit was given up."""

_PAUSES_S = (0.25, 0.5, 1.0, 2.0, 4.0, 5.0)
_PART_TRIES = 8
_IDLE_S = 0.02
_LONGEST_WAIT_S = 0.5
_UNBIND_S = 5.0


class BindRefused(Exception):
    """The carrier answered the bind with this command_status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The bind was refused with {status:#010x}.")
        self.status = status


class SmppEngine:
    """One bind. Belongs to one thread. A submit's key is our message id."""

    long_lived = True

    def __init__(
        self,
        config: TransportConfig,
        *,
        window: int,
        deliver: Deliver,
        late: Late | None = None,
        ca_file: str | None = None,
        chance: random.Random | None = None,
    ) -> None:
        if not 1 <= window <= MAX_WINDOW:
            raise ValueError(f"window must be 1 to {MAX_WINDOW}.")
        self._config = config
        self._options = options_read(config.options)
        self._deliver = deliver
        self._late_told = late
        self._ca_file = ca_file or certifi.where()
        self._chance = chance or random.Random()  # noqa: S311 - spreads retries, is no secret
        self._most = window
        self._window = float(window)
        self._links: list[Link] = []
        self._down: LinkDown | None = None
        self._sequence = 0
        self._flights: dict[int, Flight[int]] = {}
        self._waiting: list[tuple[float, Flight[int]]] = []
        self._late: LateAnswers[int] = LateAnswers()
        self._paused_until = 0.0
        self._throttled = 0
        self._run: Run[int] | None = None
        self.heard_at = 0.0
        """When the carrier last said anything, on time.monotonic()."""

    @property
    def bound(self) -> bool:
        return bool(self._links) and self._down is None

    @property
    def why_down(self) -> str:
        return str(self._down) if self._down is not None else ""

    # --- the bind ------------------------------------------------------------------------------

    def bind(self) -> None:
        """Connect and log in. Raises LinkDown or BindRefused; nothing stays open then. Raises
        TransportDataError when the credentials cannot be used.
        """
        pair = self._options.bind_mode == "pair"
        kinds = ("transmitter", "receiver") if pair else ("transceiver",)
        requests = [bind_request(kind, self._config) for kind in kinds]
        peer = peer_of(self._config.base_url)
        self.close()
        self._down = None
        try:
            for request in requests:
                link = Link.open(peer, ca_file=self._ca_file)
                self._links.append(link)
                self._log_in(link, request)
        except (LinkDown, BindRefused):
            self.close()
            raise
        self._window = float(self._most)
        self._throttled = 0
        self._paused_until = 0.0
        self._late.clear()  # numbers begin again

    def _log_in(self, link: Link, request: bytes) -> None:
        sequence = self._next()
        link.send(sequence_set(request, sequence))
        deadline = time.monotonic() + self._options.response_s
        while time.monotonic() < deadline:
            link.flush()
            links_wait([link], deadline - time.monotonic())
            pdus, down = link.receive()
            for pdu in pdus:
                if pdu.sequence == sequence and pdu.command & RESPONSE:
                    if pdu.status or pdu.command == GENERIC_NACK:
                        raise BindRefused(pdu.status or INVALID_COMMAND)
                    self._take(link, pdus[pdus.index(pdu) + 1 :])
                    link.heard_at = self.heard_at = time.monotonic()
                    return
            if down is not None:
                raise down
        raise LinkDown("timeout", "The gateway did not answer the bind in time.")

    def unbind(self) -> None:
        """Say goodbye, wait a moment for the answer, and close. What still comes is kept."""
        if self.bound:
            for link in self._links:
                link.send(pdu_encode(UNBIND, sequence=self._next()))
            deadline = time.monotonic() + _UNBIND_S
            while self.bound and time.monotonic() < deadline:
                self._pump(min(_LONGEST_WAIT_S, deadline - time.monotonic()))
        self.close()

    def close(self) -> None:
        for link in self._links:
            link.close()
        self._links.clear()

    def idle(self, seconds: float) -> None:
        """Take what comes while there is nothing to submit."""
        deadline = time.monotonic() + seconds
        while self.bound and (left := deadline - time.monotonic()) > 0:
            self._tend()
            self._pump(left)

    # --- submits -------------------------------------------------------------------------------

    def submit_many(
        self,
        requests: Iterable[tuple[int, SubmitRequest] | None],
        on_result: Callable[[int, Exchange], None],
    ) -> int:
        """As `Engine.submit_many`. Ends early when the link drops: what was on it is reported as
        sent without an answer, what was not as not started.
        """
        if self._run is not None:
            raise RuntimeError("This bind is in use; it serves one call at a time.")
        run = self._run = Run(iter(requests), on_result, None, None)
        try:
            while True:
                self._tend()
                if not self.bound:
                    run.end()
                    self._give_up()
                run.refill(self._room())
                self._start(run)
                if not self._flights and not self._waiting and run.finished:
                    break
                if self.bound:
                    self._pump(self._patience(run))
        finally:
            self._run = None
        if run.error is not None:
            raise run.error
        return run.started

    def _room(self) -> int:
        if time.monotonic() < self._paused_until:
            return 0
        return max(0, int(self._window) - len(self._flights) - len(self._waiting))

    def _start(self, run: Run[int]) -> None:
        now = time.monotonic()
        due = [flight for at, flight in self._waiting if at <= now]
        self._waiting = [each for each in self._waiting if each[0] > now]
        for flight in due:
            self._put(flight, now)
        for _ in range(min(run.grant(), self._room())):
            key, request = run.ready.popleft()
            run.started += 1
            try:
                pdus = request_pdus(request.body)
            except ValueError:
                run.report(key, NoAnswer("bad_request", False, 0.0))
                continue
            self._put(Flight(key, pdus, now), now)

    def _put(self, flight: Flight[int], now: float) -> None:
        sequence = self._next()
        flight.sent_at = now
        flight.ends_at = self._links[0].send(sequence_set(flight.pdus[flight.index], sequence))
        self._flights[sequence] = flight

    def _patience(self, run: Run[int]) -> float:
        now = time.monotonic()
        wait = _IDLE_S if self._room() or not self._flights else _LONGEST_WAIT_S
        if self._paused_until > now:
            wait = self._paused_until - now
        soonest = min((at for at, _ in self._waiting), default=now + _LONGEST_WAIT_S)
        return max(0.0, min(wait, _LONGEST_WAIT_S, soonest - now))

    def _report(self, flight: Flight[int], exchange: Exchange) -> None:
        if self._run is not None:
            self._run.report(flight.key, exchange)

    # --- what comes ----------------------------------------------------------------------------

    def _pump(self, seconds: float) -> None:
        """One round: write, wait, read, answer."""
        lost: LinkDown | None = None
        for link in self._links:
            try:
                link.flush()
            except LinkDown as gone:
                lost = gone
        links_wait(self._links, 0 if lost else seconds)
        for link in self._links:
            pdus, down = link.receive()
            if pdus:
                link.heard_at = self.heard_at = time.monotonic()
                link.asked_at = None
                self._take(link, pdus)
            lost = lost or down
        if lost is not None and self._down is None:
            self._down = lost

    def _take(self, link: Link, pdus: Sequence[Pdu]) -> None:
        deliveries = []
        for pdu in pdus:
            if pdu.command in {SUBMIT_SM | RESPONSE, GENERIC_NACK}:
                self._answered(pdu)
            elif carries_message(pdu):
                deliveries.append(pdu)
            elif pdu.command == ENQUIRE_LINK:
                link.send(pdu_encode(ENQUIRE_LINK | RESPONSE, sequence=pdu.sequence))
            elif pdu.command == UNBIND:
                link.send(pdu_encode(UNBIND | RESPONSE, sequence=pdu.sequence))
                self._drop("reset", "The gateway ended the bind.")
            elif pdu.command == UNBIND | RESPONSE:
                self._drop("reset", "The bind was ended.")
            elif not pdu.command & RESPONSE and pdu.command != ALERT_NOTIFICATION:
                nack = pdu_encode(GENERIC_NACK, status=INVALID_COMMAND, sequence=pdu.sequence)
                link.send(nack)
        if deliveries:
            self._deliveries(link, deliveries)
        if self._down is not None:
            with contextlib.suppress(LinkDown):
                link.flush()  # our last answers, as far as the socket takes them

    def _deliveries(self, link: Link, pdus: Sequence[Pdu]) -> None:
        try:
            statuses = self._deliver(pdus)
        except Exception as error:  # noqa: BLE001 - raised by submit_many at its end
            statuses = [TEMPORARY] * len(pdus)
            if self._run is not None:
                self._run.fail(error)
        for pdu, status in zip(pdus, statuses, strict=True):
            answer = pdu_encode(pdu.command | RESPONSE, b"\0", status=status, sequence=pdu.sequence)
            link.send(answer)

    def _answered(self, pdu: Pdu) -> None:
        flight = self._flights.pop(pdu.sequence, None)
        if flight is None:
            self._answered_late(pdu)
            return
        now = time.monotonic()
        if pdu.status in THROTTLES:
            self._slow_down(now)
            flight.tries += 1
            if flight.index and flight.tries < _PART_TRIES:
                self._waiting.append((max(self._paused_until, now + _IDLE_S), flight))
                return
        elif pdu.status == BIND_LOST:
            self._drop("reset", "The gateway says that the bind does not allow submits.")
        flight.answers.append(pdu.raw)
        if pdu.status or pdu.command == GENERIC_NACK or flight.last:
            if not pdu.status:
                self._speed_up()
            self._report(flight, flight.answer(now))
            return
        flight.index, flight.tries = flight.index + 1, 0
        if self.bound:
            self._put(flight, now)
        else:
            self._waiting.append((now, flight))

    def _answered_late(self, pdu: Pdu) -> None:
        late = self._late.take(pdu.sequence)
        if late is not None and pdu.status == 0 and self._late_told is not None:
            try:
                self._late_told(*late, message_id_decode(pdu.body))
            except Exception as error:  # noqa: BLE001 - raised by submit_many at its end
                if self._run is not None:
                    self._run.fail(error)

    def _slow_down(self, now: float) -> None:
        """Halve the window and pause, once for all answers of the same moment."""
        if now < self._paused_until:
            return
        pause = _PAUSES_S[min(self._throttled, len(_PAUSES_S) - 1)]
        self._throttled += 1
        self._window = max(1.0, self._window / 2)
        self._paused_until = now + pause * (0.75 + self._chance.random() / 2)

    def _speed_up(self) -> None:
        if self._window < self._most:
            self._window = min(float(self._most), self._window + 1 / self._window)
        elif self._throttled:
            self._throttled = 0

    # --- duties --------------------------------------------------------------------------------

    def _tend(self) -> None:
        """Ask whether a silent carrier is there, and give up what waited too long for its answer."""
        now = time.monotonic()
        for link in self._links:
            if link.asked_at is not None and now - link.asked_at > self._options.response_s:
                self._drop("timeout", "The gateway does not answer enquire_link.")
            elif link.asked_at is None and now - link.heard_at > self._options.enquire_s:
                link.asked_at = now
                link.send(pdu_encode(ENQUIRE_LINK, sequence=self._next()))
        late = now - self._options.response_s
        while self._flights:
            sequence, flight = next(iter(self._flights.items()))
            if flight.sent_at > late:
                return
            del self._flights[sequence]
            self._late.add(sequence, flight)
            self._report(flight, NoAnswer("timeout", True, now - flight.started))

    def _give_up(self) -> None:
        """The link is gone: tell of every submit what is certain about it."""
        now = time.monotonic()
        link = self._links[0] if self._links else None
        for flight in list(self._flights.values()):
            left = link is None or flight.ends_at <= link.written
            if left:
                self._report(flight, NoAnswer("reset", True, now - flight.started))
            else:
                self._not_left(flight, now)
        for _, flight in self._waiting:
            self._not_left(flight, now)
        self._flights.clear()
        self._waiting.clear()

    def _not_left(self, flight: Flight[int], now: float) -> None:
        if flight.answers:  # earlier parts are there
            self._report(flight, flight.answer(now))
        else:
            self._report(flight, NoAnswer("not_started", False, now - flight.started))

    def _drop(self, kind: FailureKind, sentence: str) -> None:
        if self._down is None:
            self._down = LinkDown(kind, sentence)

    def _next(self) -> int:
        self._sequence = self._sequence % 0x7FFFFFFE + 1
        return self._sequence
