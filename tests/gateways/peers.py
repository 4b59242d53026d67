"""What the engine's tests talk to: raw TCP servers of their own, and submits to send them."""

import socket
import threading
from collections.abc import Callable
from typing import Any

from smsmarketing.gateways import transports
from smsmarketing.gateways.engine import Engine, Exchange, exchange_result
from smsmarketing.gateways.transports.base import (
    OutboundMessage,
    SubmitRequest,
    SubmitResult,
    Timeout,
    TransportConfig,
)

VERTEXSMS = transports.get("vertexsms")
PATIENT = Timeout(5.0, 10.0)  # the machine may be busy
IMPATIENT = Timeout(0.5, 0.2)  # where silence is the point
NUMBER = "+37069912345"


def submit(message_id: int, base_url: str, timeout: Timeout = PATIENT) -> SubmitRequest:
    """The request for our message `message_id`."""
    return VERTEXSMS.submit_request(
        OutboundMessage(
            message_id=message_id,
            to=NUMBER,
            sender="Shop",
            body="Hello",
            parts=1,
            dlr_url=f"http://127.0.0.1:9/receipts/secret?m={message_id}",
        ),
        TransportConfig(base_url=base_url, credentials={"token": "test-token"}, timeout=timeout),
    )


def run(
    engine: Engine, base_url: str, count: int, timeout: Timeout = PATIENT, **options: Any
) -> dict[int, Exchange]:
    exchanges: dict[int, Exchange] = {}
    requests = ((number, submit(number, base_url, timeout)) for number in range(1, count + 1))
    engine.submit_many(requests, exchanges.__setitem__, **options)
    return exchanges


def results(exchanges: dict[int, Exchange]) -> dict[int, SubmitResult]:
    return {key: exchange_result(VERTEXSMS, item) for key, item in exchanges.items()}


class Peer:
    """A raw TCP server of a test: gives each connection to `talk` and keeps what arrived."""

    def __init__(self, talk: Callable[[socket.socket, "Peer"], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._talk = talk
        self.received: list[bytes] = []
        self.connections = 0
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        with client:
            try:
                self._talk(client, self)
            except OSError:
                return

    def request(self, client: socket.socket) -> bytes:
        """Read one whole request; its bytes are kept."""
        data = b""
        while not data.endswith(b"}"):
            piece = client.recv(65536)
            if not piece:
                raise ConnectionError
            data += piece
        self.received.append(data)
        return data

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n["1"]'


def answering(payload: bytes) -> Callable[[socket.socket, Peer], None]:
    def talk(client: socket.socket, peer: Peer) -> None:
        while True:
            peer.request(client)
            client.sendall(payload)

    return talk
