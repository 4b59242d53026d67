"""A scripted SMSC of the tests' own, and the product's engine bound to it."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from smsmarketing.gateways import transports
from smsmarketing.gateways.engine import Exchange, exchange_result
from smsmarketing.gateways.engine.smpp import SmppEngine
from smsmarketing.gateways.transports.base import (
    SubmitRequest,
    SubmitResult,
    TransportConfig,
)
from smsmarketing.gateways.transports.smpp.pdu import Framer, Pdu, PduError, pdu_encode
from tests.gateways.transports.cases import message

SMPP = transports.get("smpp")
RESPONSE = 0x80000000
OPEN: list[SmppEngine] = []
"""Engines that tests have made; closed with their SMSC."""


class Client:
    """One connection as the SMSC sees it."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.bound_as = 0
        """The command of its bind."""
        self._framer = Framer()
        self._ready: list[Pdu] = []

    def read(self) -> Pdu:
        while not self._ready:
            data = self.stream.recv(65536)
            if not data:
                raise ConnectionError
            self._ready += self._framer.feed(data)
        return self._ready.pop(0)

    def send(self, command: int, body: bytes = b"", **more: int) -> None:
        self.stream.sendall(pdu_encode(command, body, **more))

    def accept(self, pdu: Pdu, message_id: str = "1") -> None:
        self.send(pdu.command | RESPONSE, message_id.encode() + b"\0", sequence=pdu.sequence)

    def refuse(self, pdu: Pdu, status: int) -> None:
        self.send(pdu.command | RESPONSE, status=status, sequence=pdu.sequence)

    def reset(self) -> None:
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.stream.close()


class Smsc:
    """Answers binds, then gives each connection to `talk`; what it raises is kept."""

    def __init__(
        self, talk: Callable[[Client, Smsc], None], *, tls: ssl.SSLContext | None = None
    ) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._talk, self._tls = talk, tls
        port = self._listener.getsockname()[1]
        self.base_url = f"smpp{'s' if tls else ''}://{'localhost' if tls else '127.0.0.1'}:{port}"
        self.binds: list[int] = []
        self.seen: queue.Queue[Pdu] = queue.Queue()
        self._threads: list[threading.Thread] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._one, args=(stream,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _one(self, stream: socket.socket) -> None:
        try:
            if self._tls is not None:
                stream = self._tls.wrap_socket(stream, server_side=True)
            with stream:
                client = Client(stream)
                bind = client.read()
                client.bound_as = bind.command
                self.binds.append(bind.command)
                client.accept(bind, "smsc")
                self._talk(client, self)
        except (OSError, PduError):
            return

    def __enter__(self) -> Smsc:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        while OPEN:
            OPEN.pop().close()
        for thread in self._threads:
            thread.join(10)


def config(base_url: str, **options: str) -> TransportConfig:
    return TransportConfig(
        base_url=base_url,
        credentials={"system_id": "shop", "password": "secret"},
        options={"enquire_s": "5", **options},
    )


def engine(base_url: str, *, window: int = 8, options: dict[str, str] | None = None, **more: Any):  # type: ignore[no-untyped-def]
    """A bound engine."""
    kept: list[bytes] = []

    def deliver(pdus: Sequence[Pdu]) -> list[int]:
        kept.extend(pdu.raw for pdu in pdus)
        return [0] * len(pdus)

    bound = SmppEngine(
        config(base_url, **(options or {})),
        window=window,
        deliver=more.pop("deliver", deliver),
        **more,
    )
    OPEN.append(bound)
    bound.bind()
    bound.kept = kept  # type: ignore[attr-defined]
    return bound


def idle_until(bound: SmppEngine, reached: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Let the bind take what comes until that is so; AssertionError when it never gets there."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, bound.why_down
        bound.idle(0.05)


def request(number: int, **changes: Any) -> SubmitRequest:
    changes = {"to": f"+3706{number:07d}", "message_id": number, **changes}
    return SMPP.submit_request(message(**changes), config("smpp://127.0.0.1"))


def submit(bound: SmppEngine, count: int, **changes: Any) -> dict[int, SubmitResult]:
    """What became of `count` messages."""
    exchanges: dict[int, Exchange] = {}
    bound.submit_many(
        ((number, request(number, **changes)) for number in range(1, count + 1)),
        exchanges.__setitem__,
    )
    return {key: exchange_result(SMPP, each) for key, each in exchanges.items()}
