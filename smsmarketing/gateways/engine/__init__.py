"""One HTTP engine for every transport: many submits at once over kept connections, and the truth
about each.

`Engine.submit_many` keeps a continuous window of requests in flight (no barrier between batches;
perf.md §4) on libcurl's multi interface and calls `on_result` once for each. An engine belongs to
one thread and lives as long as its worker, so connections are reused between calls. It knows no
database and no Django.

Three promises decide whether a message may ever be sent again:

- A request is put on the wire at most once. libcurl repeats a POST by itself when a kept connection
dies before the
  first byte of the answer; the provider may have accepted the first. The body is therefore given
  through a read callback that cannot be rewound, so libcurl must fail instead of repeating (seen
  with libcurl 8.23: two submits became three at the server with POSTFIELDS, and stayed two with the
  callback).
- A GET has no body to watch: it gets a connection of its own, which libcurl does not repeat, and
counts as sent from the moment that the connection is up.
- `NoAnswer.sent` is False only when no byte of the body was handed to libcurl. A provider cannot
accept a POST whose body
  it never got, whatever the error was called.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from smsmarketing.gateways.engine.exchange import Answer, Exchange, NoAnswer, exchange_result
from smsmarketing.gateways.engine.window import MAX_RESPONSE_BYTES, MAX_WINDOW, Engine, Pace
from smsmarketing.gateways.transports.base import SubmitRequest


class Submitter(Protocol):
    """What a run hands its messages to: the HTTP engine, or a bind that a process of its own holds."""

    @property
    def long_lived(self) -> bool:
        """Whether it is such a bind; it carries those transports only, and they go no other way."""
        ...

    def submit_many(
        self,
        requests: Iterable[tuple[int, SubmitRequest] | None],
        on_result: Callable[[int, Exchange], None],
    ) -> int:
        """As `Engine.submit_many`."""
        ...


__all__ = [
    "MAX_RESPONSE_BYTES",
    "MAX_WINDOW",
    "Answer",
    "Engine",
    "Exchange",
    "NoAnswer",
    "Pace",
    "Submitter",
    "exchange_result",
]
