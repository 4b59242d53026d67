"""A GET without a body, and addresses that a request must not reach."""

from __future__ import annotations

import socket

from smsmarketing.gateways.engine import Answer, Engine, Exchange, NoAnswer
from smsmarketing.gateways.transports.base import SubmitRequest
from tests.gateways.peers import IMPATIENT, OK, PATIENT, Peer


def head(client: socket.socket, peer: Peer) -> bytes:
    """Read a request that has no body."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError
        data += piece
    peer.received.append(data)
    return data


def ask(base_url: str, count: int = 1, **more: object) -> dict[int, Exchange]:
    found: dict[int, Exchange] = {}
    request = SubmitRequest("GET", f"{base_url}/send?to=1", (), b"", **{"timeout": PATIENT, **more})
    with Engine(1) as engine:
        engine.submit_many(((n, request) for n in range(count)), found.__setitem__)
    return found


def test_a_get_is_answered_on_a_connection_of_its_own() -> None:
    def talk(client: socket.socket, peer: Peer) -> None:
        while True:
            head(client, peer)
            client.sendall(OK)

    with Peer(talk) as peer:
        found = ask(peer.base_url, 3)
    assert [type(each) for each in found.values()] == [Answer] * 3
    assert (len(peer.received), peer.connections) == (3, 3)
    assert peer.received[0].startswith(b"GET /send?to=1 HTTP/1.1")


def test_a_get_that_is_cut_off_may_have_arrived_and_is_not_repeated() -> None:
    with Peer(lambda client, peer: head(client, peer) and None) as peer:
        found = ask(peer.base_url, 2)
    assert all(isinstance(each, NoAnswer) and each.sent for each in found.values())
    assert len(peer.received) == 2


def test_silence_after_a_get_is_doubt_and_no_listener_is_not() -> None:
    with Peer(lambda client, peer: bool(client.recv(9999)) and bool(client.recv(9))) as peer:
        (silent,) = ask(peer.base_url, timeout=IMPATIENT).values()
    with socket.socket() as unheard:  # bound, so that nobody else takes it; not listening
        unheard.bind(("127.0.0.1", 0))
        (closed,) = ask(f"http://127.0.0.1:{unheard.getsockname()[1]}").values()
    assert isinstance(silent, NoAnswer)
    assert (silent.kind, silent.sent) == ("timeout", True)
    assert isinstance(closed, NoAnswer)
    assert (closed.kind, closed.sent) == ("connect", False)


def test_nothing_is_sent_to_an_address_that_is_not_allowed() -> None:
    """[R-10.8]"""
    asked: list[str] = []

    def never(address: str) -> bool:
        asked.append(address)
        return False

    with Peer(lambda client, peer: head(client, peer) and None) as peer:
        (found,) = ask(peer.base_url, may_connect=never).values()
    assert isinstance(found, NoAnswer)
    assert (found.kind, found.sent) == ("address", False)
    assert (asked, peer.received) == (["127.0.0.1"], [])
