"""Which kept connections the other side has closed, told before a request is put on one.

libcurl looks whether an idle connection is still open at most once a second. A carrier that
restarts closes all of them at once, and every submit that is put on a closed one within that second
would be lost in the unknown. So each reuse is checked: one poll() on the socket, found by its local
port.
"""

import os
import select
import socket
from collections.abc import Iterable

_RDHUP: int = getattr(select, "POLLRDHUP", 0)  # Linux; elsewhere only a full close is seen
_CLOSED = _RDHUP | select.POLLHUP | select.POLLERR
_MOST = 4096


class Connections:
    """The sockets of one engine's kept connections, by local port."""

    def __init__(self) -> None:
        self._polls: dict[int, select.poll] = {}

    def opened(self, local_port: int, descriptors: Iterable[int]) -> None:
        """A connection from `local_port` is up; its socket is one of those just created for it."""
        if (
            len(self._polls) >= _MOST
        ):  # ports of connections long gone; those that live go unwatched
            self._polls.clear()
        self._polls.pop(local_port, None)
        for descriptor in descriptors:
            if _local_port(descriptor) == local_port:
                watch = select.poll()
                watch.register(descriptor, _RDHUP)
                self._polls[local_port] = watch

    def closed(self, local_port: int) -> bool:
        """Whether the peer has closed the connection from `local_port`; False when not watched."""
        watch = self._polls.get(local_port)
        return watch is not None and any(events & _CLOSED for _, events in watch.poll(0))


def _local_port(descriptor: int) -> int | None:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as own:
            port: int = own.getsockname()[1]
            return port
    except (OSError, IndexError):  # an attempt that was given up, such as the other address family
        return None
