"""One TCP connection that carries PDUs: what was written of each, what came, and how it ended."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

from smsmarketing.gateways.transports.base import FailureKind
from smsmarketing.gateways.transports.smpp.pdu import Framer, Pdu, PduError

_READ_BYTES = 65536
_PORTS = {"smpp": 2775, "smpps": 3550}
_CONNECT_S = 5.0


class LinkDown(Exception):
    """There is no connection, or no longer. `kind` as in the HTTP engine; the sentence is for people."""

    def __init__(self, kind: FailureKind, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


class Peer(NamedTuple):
    """Where a carrier listens."""

    host: str
    port: int
    tls: bool


def peer_of(base_url: str) -> Peer:
    """Raises LinkDown for what is not smpp://host or smpps://host."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in _PORTS:
        raise LinkDown("bad_request", "The gateway's address is not smpp:// or smpps://.")
    return Peer(host, port or _PORTS[parts.scheme], parts.scheme == "smpps")


class Link:
    """A connected socket. `written` counts the bytes that left: a PDU that ends above it did not."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._framer = Framer()
        self._out = bytearray()
        self.written = 0
        self.queued = 0
        self.heard_at = 0.0
        """On the caller's clock; and when it last asked whether the other side is there."""
        self.asked_at: float | None = None

    @classmethod
    def open(cls, peer: Peer, *, ca_file: str) -> Link:
        """Connect. Raises LinkDown."""
        try:
            stream = socket.create_connection((peer.host, peer.port), timeout=_CONNECT_S)
        except TimeoutError:
            raise LinkDown(
                "connect_timeout", "The gateway did not accept a connection in time."
            ) from None
        except (socket.gaierror, UnicodeError):  # a label of more than 63 letters is no name
            raise LinkDown("dns", "The name of the gateway cannot be resolved.") from None
        except OSError:
            raise LinkDown("connect", "The gateway does not accept connections.") from None
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if peer.tls:
                context = ssl.create_default_context(cafile=ca_file)
                stream = context.wrap_socket(stream, server_hostname=peer.host)
        except OSError:  # every ssl.SSLError is one
            stream.close()
            raise LinkDown(
                "tls", "No trusted TLS connection to the gateway could be made."
            ) from None
        stream.setblocking(False)
        return cls(stream)

    def send(self, raw: bytes) -> int:
        """Queue bytes; returns up to where `written` must come for them to have left."""
        self._out += raw
        self.queued += len(raw)
        return self.queued

    def flush(self) -> None:
        """Write what the socket takes. Raises LinkDown."""
        while self._out:
            try:
                count = self._stream.send(memoryview(self._out)[:_READ_BYTES])
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError:
                raise LinkDown("reset", "The connection to the gateway was lost.") from None
            del self._out[:count]
            self.written += count

    def receive(self) -> tuple[list[Pdu], LinkDown | None]:
        """What came, and how the connection ended if it did: answers before the end still count."""
        found: list[Pdu] = []
        try:
            while True:
                data = self._stream.recv(_READ_BYTES)
                if not data:
                    return found, LinkDown("reset", "The gateway closed the connection.")
                found += self._framer.feed(data)
                if self._framer.broken:
                    raise PduError("length", "The stream cannot be followed any more.")
                if len(data) < _READ_BYTES and not self._buffered:
                    return found, None
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return found, None
        except PduError:
            return found, LinkDown("protocol", "The gateway sent what is not SMPP.")
        except OSError:
            return found, LinkDown("reset", "The connection to the gateway was lost.")

    @property
    def _buffered(self) -> int:
        """Bytes that TLS has read already and poll() knows nothing of."""
        return self._stream.pending() if isinstance(self._stream, ssl.SSLSocket) else 0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()

    def fileno(self) -> int:
        return self._stream.fileno()

    def interest(self) -> int:
        return select.POLLIN | (select.POLLOUT if self._out else 0)


def links_wait(links: list[Link], seconds: float) -> None:
    """Until one of them can be read or written, at most so long."""
    watch = select.poll()
    for link in links:
        if link._buffered:
            return
        watch.register(link.fileno(), link.interest())
    watch.poll(max(0, round(seconds * 1000)))
