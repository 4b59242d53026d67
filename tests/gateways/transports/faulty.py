"""A provider that takes messages and then does what no documentation says: raw sockets on loopback."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

RESET = b"\1\0\0\0\0\0\0\0"
"""SO_LINGER on, for no time: close() sends RST."""


class Words(NamedTuple):
    """What a provider says, as status and body."""

    accepted: tuple[int, bytes]
    refused: tuple[int, bytes]
    both: tuple[int, bytes]


class FaultyProvider:
    """Speaks for every provider in turn: who is asked is seen by the path. `fault` names a method."""

    def __init__(self, words: Mapping[str, Words]) -> None:
        self._words = words
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.fault = ""
        self.accepted: Counter[tuple[str, str]] = Counter()
        """Messages that it took, by fault and path."""
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(client, self.fault), daemon=True).start()

    def _one(self, client: socket.socket, fault: str) -> None:
        talk: Callable[[socket.socket], None] = getattr(self, f"_{fault}")
        with client:
            try:
                talk(client)
            except OSError:
                return

    # --- what it does ----------------------------------------------------------------------------

    def _html(self, client: socket.socket) -> None:
        self._say(client, self._take(client).accepted[0], b"<html><h1>It works!</h1></html>")

    def _html_502(self, client: socket.socket) -> None:
        self._take(client)
        self._say(client, 502, b"<html><h1>Bad Gateway</h1></html>")

    def _empty(self, client: socket.socket) -> None:
        self._say(client, self._take(client).accepted[0], b"")

    def _slow(self, client: socket.socket) -> None:
        self._take(client)
        client.recv(1)  # until the other side gives up

    def _cut(self, client: socket.socket) -> None:
        status, body = self._take(client).accepted
        self._say(client, status, body[: len(body) // 2], length=len(body))

    def _cut_error(self, client: socket.socket) -> None:
        """It says 200 and begins an error that it does not end."""
        body = self._read(client).refused[1]
        self._say(client, 200, body[:-1], length=len(body))

    def _error(self, client: socket.socket) -> None:
        self._say(client, *self._read(client).refused)

    def _contradiction(self, client: socket.socket) -> None:
        self._say(client, *self._take(client).both)

    def _not_http(self, client: socket.socket) -> None:
        self._take(client)
        client.sendall(b"+OK queued\r\n")

    def _tls(self, client: socket.socket) -> None:
        client.recv(1)
        client.sendall(b"220 mail.example ESMTP\r\n")

    def _reset_before(self, client: socket.socket) -> None:
        """Before it has read the body."""
        client.recv(1, socket.MSG_PEEK)
        self._reset(client)

    def _reset_after(self, client: socket.socket) -> None:
        self._take(client)
        self._reset(client)

    def _reset_within(self, client: socket.socket) -> None:
        """In the middle of its own headers."""
        self._take(client)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Ty")
        self._reset(client)

    # --- how -------------------------------------------------------------------------------------

    def _take(self, client: socket.socket) -> Words:
        """Read a request whole and count its message as accepted."""
        return self._words[self._request(client, count=True)]

    def _read(self, client: socket.socket) -> Words:
        return self._words[self._request(client, count=False)]

    def _request(self, client: socket.socket, *, count: bool) -> str:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more(client)
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])
        }
        missing = int(headers.get("content-length", "0")) - len(body)
        while missing > 0:
            missing -= len(self._more(client))
        path = lines[0].split(" ")[1].partition("?")[0]
        if count:
            with self._lock:
                self.accepted[self.fault, path] += 1
        return path

    def _more(self, client: socket.socket) -> bytes:
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError
        return piece

    def _say(
        self, client: socket.socket, status: int, body: bytes, *, length: int | None = None
    ) -> None:
        told = len(body) if length is None else length
        head = f"HTTP/1.1 {status} Said\r\nContent-Length: {told}\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode() + body)

    def _reset(self, client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
