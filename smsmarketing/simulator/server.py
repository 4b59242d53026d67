"""A small HTTP/1.1 server for the simulator: kept connections, and faults a proper server refuses.

It reads one request at a time from a connection and does what the application's `Action` says:
answer after a delay, never answer, cut the answer, or reset the connection.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

_MAX_HEAD = 32 * 1024
_MAX_BODY = 1024 * 1024
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


@dataclass(slots=True)
class Request:
    """A request; header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(slots=True)
class Action:
    """What to do with the connection. `hang` closes after `delay_s`; `cut` sends and then closes."""

    kind: Literal["answer", "hang", "reset", "cut"]
    payload: bytes = b""
    delay_s: float = 0.0


def answer(
    status: int, body: bytes, content_type: str = "application/json", extra: str = ""
) -> bytes:
    """The bytes of a complete answer. `extra` is header lines, each with its line end."""
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\nContent-Type: {content_type}\r\n"
        f"Cache-control: no-cache\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


class Connection(asyncio.Protocol):
    """One client. The next request is read only after the last was answered (no pipelining)."""

    def __init__(self, handle: Callable[[Request], Action], live: set["Connection"]) -> None:
        self._handle = handle
        self._live = live
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last = False
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # TCP gives nothing else
        self._transport = transport
        self._live.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self.waiting = False
        self._live.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self.waiting:
            if len(self._buffer) > _MAX_HEAD + _MAX_BODY:
                self.abort()
            return
        self._next()

    def _next(self) -> None:
        while not self.waiting and self._buffer and self._transport is not None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MAX_HEAD:
                    self._refuse(400, b"Too many headers.")
                return
            request = _parse_head(bytes(self._buffer[:end]))
            length = _length(request)
            if request is None or length is None:
                self._refuse(400, b"This is not a request with Content-Length.")
                return
            if length > _MAX_BODY:
                self._refuse(413, b"The body is too large.")
                return
            if len(self._buffer) < end + 4 + length:
                return
            request.body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._last = request.headers.get("connection", "").lower() == "close"
            self._do(self._handle(request))

    def _do(self, action: Action) -> None:
        if action.delay_s > 0:
            self.waiting = True
            self._timer = asyncio.get_running_loop().call_later(
                action.delay_s, self._complete, action
            )
        else:
            self._complete(action)

    def _complete(self, action: Action) -> None:
        if self._transport is None:
            return
        if action.kind == "answer":
            self._transport.write(action.payload)
            if self._last:
                self._transport.close()
            elif self.waiting:
                self.waiting = False
                self._next()
        elif action.kind == "cut":
            self._transport.write(action.payload)
            self._transport.close()
        else:  # a reset, or a hanging connection whose time is over
            self.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close with a TCP RST, as a crashed peer or a proxy that gives up does."""
        if self._transport is None:
            return
        raw: socket.socket = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _refuse(self, status: int, sentence: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer(status, sentence, "text/plain", "Connection: close\r\n"))
            self._transport.close()
        self._buffer.clear()


def _parse_head(head: bytes) -> Request | None:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, separator, value = line.partition(":")
        if not separator:
            return None
        headers[name.lower()] = value.strip()
    path, _, query = words[1].partition("?")
    return Request(words[0], path, query, headers, b"")


def _length(request: Request | None) -> int | None:
    if request is None or "transfer-encoding" in request.headers:
        return None
    word = request.headers.get("content-length", "0")
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else None
