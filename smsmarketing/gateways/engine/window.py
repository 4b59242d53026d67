"""The window of requests in flight and the loop that keeps it full."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

import certifi
import pycurl

from smsmarketing.gateways.engine.connections import Connections
from smsmarketing.gateways.engine.exchange import Exchange, NoAnswer, Slot
from smsmarketing.gateways.transports.base import SubmitRequest

K = TypeVar("K")

MAX_RESPONSE_BYTES = 64 * 1024
MAX_WINDOW = 512
"""libcurl's select() cannot watch more than 1,024 descriptors of the process."""

_IDLE_S = 0.02
_SHORTEST_PACE_S = 0.001
_LONGEST_WAIT_S = 0.5

Pace = Callable[[int], tuple[int, float]]
"""Token bucket: asked with how many are ready, it grants how many may start now and, if none, the
seconds to wait.
"""


class Engine:
    """A window of at most `max_in_flight` requests. Not shared between threads; after a fork it
    starts fresh.
    """

    long_lived = False

    def __init__(
        self,
        max_in_flight: int = 64,
        *,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        ca_file: str | None = None,
    ) -> None:
        """`ca_file`: PEM bundle of trusted authorities, by default certifi's. Raises ValueError for
        a window out of range.
        """
        if not 1 <= max_in_flight <= MAX_WINDOW:
            raise ValueError(f"max_in_flight must be 1 to {MAX_WINDOW}.")
        self.max_in_flight = max_in_flight
        self._max_response_bytes = max_response_bytes
        self._ca_file = ca_file or certifi.where()
        self._inherited: list[object] = []
        self._busy = False
        self._open()

    def _open(self) -> None:
        self._pid = os.getpid()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, self.max_in_flight)
        self._connections = Connections()
        self._idle: list[Slot] = []
        self._active: dict[object, Slot] = {}

    def submit_many(
        self,
        requests: Iterable[tuple[K, SubmitRequest] | None],
        on_result: Callable[[K, Exchange], None],
        *,
        pace: Pace | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> int:
        """Submit all `requests` and call `on_result(key, exchange)` once for each, in order of
        completion.

        The iterable is read only as far as the window has room; it may yield None for "nothing
        ready yet" and is asked again shortly, while the rest stays in flight. When `should_stop`
        turns true nothing more is read or started, what was read but not started is reported as
        `NoAnswer("not_started", sent=False)`, and what is in flight is awaited (at most its
        timeout). Returns the number of requests that were started.

        An exception from the iterable, `pace`, `should_stop` or `on_result` stops in the same way
        and is raised at the end, so no answer that a provider gave is lost because another one
        could not be stored.
        """
        if self._busy:
            raise RuntimeError("This engine is in use; one engine serves one thread and one call.")
        if self._pid != os.getpid():
            self._leave_to_parent()
        run = Run(iter(requests), on_result, pace, should_stop)
        self._busy = True
        try:
            while True:
                run.refill(self.max_in_flight - len(self._active))
                self._start(run)
                self._multi.perform()
                finished = self._collect(run)
                if not self._active and run.finished:
                    break
                if not finished:  # else there is room in the window now
                    self._wait(run)
        finally:
            self._busy = False
            self._abandon()
        if run.error is not None:
            raise run.error
        return run.started

    def close(self) -> None:
        """Close all connections. The engine can be used again afterwards."""
        if self._pid != os.getpid():
            self._leave_to_parent()
            return
        for slot in self._idle:
            slot.curl.close()
        self._multi.close()
        self._open()

    def _leave_to_parent(self) -> None:
        """After a fork: closing the parent's TLS sockets from here would end its connections, so
        they are kept referenced and left alone.
        """
        self._inherited.append((self._multi, self._idle, self._active))
        self._open()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _slot(self) -> Slot:
        return Slot(self._ca_file, self._max_response_bytes, self._connections)

    def _start(self, run: "Run[K]") -> None:
        for _ in range(run.grant()):
            key, request = run.ready.popleft()
            slot = self._idle.pop() if self._idle else self._slot()
            run.started += 1
            try:
                slot.load(key, request)
            except (pycurl.error, ValueError, TypeError, UnicodeError):
                self._idle.append(slot)
                run.report(key, NoAnswer("bad_request", False, 0.0))
                continue
            self._multi.add_handle(slot.curl)
            self._active[slot.curl] = slot

    def _collect(self, run: "Run[K]") -> int:
        """Report what has ended; returns how many that were."""
        count = 0
        waiting = 1
        while waiting:
            waiting, finished, failed = self._multi.info_read()
            for curl in finished:
                self._finish(run, curl, None)
            for curl, code, _ in failed:
                self._finish(run, curl, code)
            count += len(finished) + len(failed)
        return count

    def _finish(self, run: "Run[K]", curl: object, code: int | None) -> None:
        slot = self._active.pop(curl)
        self._multi.remove_handle(curl)
        if slot.stale:
            # Nothing was sent: the kept connection turned out closed.
            slot.on_new_connection()
            self._multi.add_handle(curl)
            self._active[curl] = slot
            return
        exchange = slot.exchange(code)
        key = slot.key
        self._idle.append(slot)
        run.report(key, exchange)  # type: ignore[arg-type]  # keys of this run

    def _wait(self, run: "Run[K]") -> None:
        pause = run.pause_s(room=len(self._active) < self.max_in_flight)
        if not self._active:
            time.sleep(pause)
            return
        timer_ms = self._multi.timeout()
        if timer_ms == 0:
            return
        if timer_ms > 0:
            pause = min(pause, timer_ms / 1000)
        if self._multi.select(pause) == -1:  # no descriptor yet, as during a name look-up
            time.sleep(min(pause, _IDLE_S))

    def _abandon(self) -> None:
        """Only after an interrupt in mid-flight (a signal's exception): those keys get no result,
        they are unknown.
        """
        for curl, slot in self._active.items():
            self._multi.remove_handle(curl)
            slot.curl.close()
        self._active.clear()


class Run(Generic[K]):
    """The state of one `submit_many` call: what is ready to start, and whether more may."""

    def __init__(
        self,
        source: Iterator[tuple[K, SubmitRequest] | None],
        on_result: Callable[[K, Exchange], None],
        pace: Pace | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.ready: deque[tuple[K, SubmitRequest]] = deque()
        self.started = 0
        self.error: Exception | None = None
        self._source = source
        self._on_result = on_result
        self._pace = pace
        self._should_stop = should_stop
        self._exhausted = False
        self._stopped = False
        self._not_before = 0.0
        self._starved = False

    @property
    def finished(self) -> bool:
        return self._exhausted and not self.ready

    def refill(self, room: int) -> None:
        """Read from the source until `room` are ready, it has none just now, or we must stop."""
        if self._should_stop is not None and not self._stopped:
            try:
                if self._should_stop():
                    self._stop(None)
            except Exception as error:  # noqa: BLE001  # raised by submit_many at its end
                self._stop(error)
        self._starved = False
        while not self._exhausted and len(self.ready) < room:
            try:
                item = next(self._source)
            except StopIteration:
                self._exhausted = True
            except Exception as error:  # noqa: BLE001
                self._stop(error)
            else:
                if item is None:
                    self._starved = True
                    return
                self.ready.append(item)

    def grant(self) -> int:
        """How many of the ready requests may start now; after a stop none, and they are reported
        so.
        """
        if self._stopped:
            self._give_back()
        wanted = len(self.ready)
        if not wanted or self._pace is None:
            return wanted
        if time.monotonic() < self._not_before:
            return 0
        try:
            granted, wait_s = self._pace(wanted)
        except Exception as error:  # noqa: BLE001
            self._stop(error)
            self._give_back()
            return 0
        if granted < wanted:
            self._not_before = time.monotonic() + max(_SHORTEST_PACE_S, wait_s)
        return max(0, min(granted, wanted))

    def report(self, key: K, exchange: Exchange) -> None:
        try:
            self._on_result(key, exchange)
        except Exception as error:  # noqa: BLE001
            self._stop(error)

    def end(self) -> None:
        """Read and start nothing more."""
        self._stop(None)

    def fail(self, error: Exception) -> None:
        """The same, and `error` is raised at the end."""
        self._stop(error)

    def _stop(self, error: Exception | None) -> None:
        """Read and start nothing more. The first error is kept for the caller."""
        self.error = self.error or error
        self._exhausted = self._stopped = True

    def _give_back(self) -> None:
        while self.ready:
            key, _ = self.ready.popleft()
            self.report(key, NoAnswer("not_started", False, 0.0))

    def pause_s(self, *, room: bool) -> float:
        """The longest we may sleep before there can be something to start."""
        if self.ready:
            return min(_LONGEST_WAIT_S, max(0.0, self._not_before - time.monotonic()))
        return _IDLE_S if room and self._starved else _LONGEST_WAIT_S
