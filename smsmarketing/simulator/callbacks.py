"""Posting receipts and replies to the product: kept connections, loopback only, bounded."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_TIMEOUT_S = 10.0
_MAX_ANSWER = 64 * 1024


@dataclass(slots=True)
class Callback:
    """One POST to make. `wants_ok`: only 200 with the body `OK` counts as taken (receipts)."""

    host: str
    port: int
    target: str
    content_type: str
    body: bytes
    wants_ok: bool
    kind: str
    epoch: int = 0
    """The number of resets before it was planned; what a reset overtook is not counted."""
    attempts: int = 0

    def wire(self) -> bytes:
        head = (
            f"POST {self.target} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode("ascii") + self.body


Finished = Callable[[Callback, bool], None]


class CallbackClient:
    """Sends callbacks over at most `connections` kept connections to each address.

    `finished(callback, taken)` is called once for each `post`; repeating is the caller's decision.
    """

    def __init__(self, finished: Finished, *, connections: int) -> None:
        self.finished = finished
        self._connections = connections
        self._pools: dict[tuple[str, int], _Pool] = {}
        self._sweeper: asyncio.Task[None] | None = None

    def post(self, callback: Callback) -> None:
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        address = (callback.host, callback.port)
        pool = self._pools.get(address)
        if pool is None:
            pool = self._pools[address] = _Pool(address, self, self._connections)
        pool.queue.append(callback)
        pool.pump()

    def queued(self) -> int:
        """Callbacks that wait for a connection or an answer."""
        return sum(len(pool.queue) + pool.busy() for pool in self._pools.values())

    def clear(self) -> None:
        """Forget what is not on the wire yet."""
        for pool in self._pools.values():
            pool.queue.clear()

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for pool in self._pools.values():
            pool.close()

    async def _sweep(self) -> None:
        """One clock for all time limits; a timer for each callback would cost more than the POST."""
        while True:
            await asyncio.sleep(1.0)
            limit = asyncio.get_running_loop().time() - _TIMEOUT_S
            for pool in self._pools.values():
                pool.drop_older_than(limit)


class _Pool:
    def __init__(self, address: tuple[str, int], client: CallbackClient, connections: int) -> None:
        self.queue: deque[Callback] = deque()
        self._address = address
        self._client = client
        self._room = connections
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    def busy(self) -> int:
        return len(self._open) - len(self._idle)

    def pump(self) -> None:
        while self.queue and self._idle:
            self._idle.pop().send(self.queue.popleft())
        missing = min(len(self.queue), self._room - len(self._open)) - len(self._connecting)
        for _ in range(missing):
            task = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self), *self._address
                )
        except OSError:  # TimeoutError is one
            failed = list(self.queue)
            self.queue.clear()
            for callback in failed:
                self._client.finished(callback, False)
            return
        self._open.add(connection)
        self.ready(connection)

    def ready(self, connection: "_Connection") -> None:
        self._idle.append(connection)
        self.pump()

    def done(self, callback: Callback, taken: bool) -> None:
        self._client.finished(callback, taken)

    def lost(self, connection: "_Connection") -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self.pump()

    def drop_older_than(self, limit: float) -> None:
        for connection in list(self._open):
            if connection.callback is not None and connection.since < limit:
                connection.abort()

    def close(self) -> None:
        for task in self._connecting:
            task.cancel()
        for connection in list(self._open):
            connection.abort()


class _Connection(asyncio.Protocol):
    """One kept connection; one callback at a time."""

    def __init__(self, pool: _Pool) -> None:
        self.callback: Callback | None = None
        self.since = 0.0
        self._pool = pool
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # TCP gives nothing else
        self._transport = transport

    def send(self, callback: Callback) -> None:
        self.callback = callback
        self.since = asyncio.get_running_loop().time()
        self._buffer.clear()
        if self._transport is not None:
            self._transport.write(callback.wire())

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _MAX_ANSWER:
            self.abort()
            return
        answer = _answer(self._buffer, ended=False)
        if answer is not None:
            self._finish(*answer)

    def connection_lost(self, _: Exception | None) -> None:
        answer = _answer(self._buffer, ended=True)
        self._transport = None
        callback, self.callback = self.callback, None
        if callback is not None:
            self._pool.done(callback, answer is not None and _taken(callback, *answer[:2]))
        self._pool.lost(self)

    def _finish(self, status: int, body: bytes, keep: bool) -> None:
        callback, self.callback = self.callback, None
        self._buffer.clear()
        if callback is not None:
            self._pool.done(callback, _taken(callback, status, body))
        if keep and callback is not None:
            self._pool.ready(self)
        else:
            self.abort()


def _taken(callback: Callback, status: int, body: bytes) -> bool:
    if callback.wants_ok:
        return status == 200 and body.strip() == b"OK"
    return 200 <= status < 300


def _answer(buffer: bytearray, *, ended: bool) -> tuple[int, bytes, bool] | None:
    """Status, body and whether the connection may be kept; None while the answer is incomplete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0 or not buffer.startswith(b"HTTP/1."):
        return None
    head = bytes(buffer[:end]).lower()
    status_word = head[9:12]
    status = int(status_word) if status_word.isdigit() else 0
    body = bytes(buffer[end + 4 :])
    keep = b"connection: close" not in head and head[7:8] == b"1" and not ended
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        word = head[at + 17 :].split(b"\r\n", 1)[0].strip()
        length = int(word) if word.isdigit() and len(word) < 9 else 0
        return (status, body[:length], keep) if len(body) >= length else None
    if b"transfer-encoding: chunked" in head:
        whole = _unchunked(body)
        return None if whole is None else (status, whole, keep)
    return (status, body, False) if ended else None


def _unchunked(body: bytes) -> bytes | None:
    pieces: list[bytes] = []
    at = 0
    while True:
        line_end = body.find(b"\r\n", at)
        if line_end < 0:
            return None
        word = body[at:line_end].split(b";", 1)[0].strip()
        try:
            size = int(word, 16)
        except ValueError:
            return None
        at = line_end + 2
        if size == 0:
            return b"".join(pieces) if body.endswith(b"\r\n\r\n") or body[at:] == b"\r\n" else None
        if len(body) < at + size + 2:
            return None
        pieces.append(body[at : at + size])
        at += size + 2
