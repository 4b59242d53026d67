"""How the engine tells what failed: before anything left, after it may have, and cut answers."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smsmarketing.gateways.engine import Answer, Engine, Exchange, NoAnswer
from smsmarketing.gateways.transports.base import Timeout
from tests.gateways.peers import (
    IMPATIENT,
    OK,
    PATIENT,
    Peer,
    answering,
    results,
    run,
)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(8) as instance:
        yield instance


class TestNothingLeft:
    """What failed before the body left this machine is not accepted, and only that."""

    def one(self, engine: Engine, base_url: str, timeout: Timeout = PATIENT) -> NoAnswer:
        (exchange,) = run(engine, base_url, 1, timeout).values()
        assert isinstance(exchange, NoAnswer)
        assert exchange.sent is False
        assert results({1: exchange})[1].definitely_not_accepted
        return exchange

    def test_connection_refused(self, engine: Engine) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        assert self.one(engine, f"http://127.0.0.1:{port}").kind == "connect"

    def test_unknown_host(self, engine: Engine) -> None:
        assert self.one(engine, "http://carrier.invalid").kind == "dns"

    @pytest.mark.parametrize(
        "base_url", ["ftp://127.0.0.1", "http://127.0.0.1:99999", "http://[::"]
    )
    def test_unusable_address(self, engine: Engine, base_url: str) -> None:
        assert self.one(engine, base_url).kind == "bad_request"

    def test_no_tls_on_the_other_side(self, engine: Engine) -> None:
        with Peer(lambda client, _: client.sendall(b"220 mail.example ESMTP\r\n")) as peer:
            assert self.one(engine, peer.base_url.replace("http", "https")).kind == "tls"
            assert not peer.received

    def test_tls_that_never_completes(self, engine: Engine) -> None:
        def talk(client: socket.socket, _: Peer) -> None:
            while client.recv(65536):
                continue

        with Peer(talk) as peer:
            secure = peer.base_url.replace("http", "https")
            assert self.one(engine, secure, IMPATIENT).kind == "connect_timeout"

    def test_certificate_nobody_signed(self, engine: Engine, tmp_path: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(tmp_path))

        def talk(client: socket.socket, peer: Peer) -> None:
            try:
                with context.wrap_socket(client, server_side=True) as secure:
                    peer.received.append(secure.recv(1))
            except ssl.SSLError:
                return

        with Peer(talk) as peer:
            assert self.one(engine, peer.base_url.replace("http", "https")).kind == "tls"
            assert b"".join(peer.received) == b""


class TestMayHaveLeft:
    def one(self, peer: Peer) -> NoAnswer:
        with Engine(1) as engine:
            (exchange,) = run(engine, peer.base_url, 1, IMPATIENT).values()
        assert isinstance(exchange, NoAnswer)
        assert exchange.sent is True
        assert not results({1: exchange})[1].definitely_not_accepted
        assert len(peer.received) == 1
        return exchange

    def test_silence(self) -> None:
        def talk(client: socket.socket, peer: Peer) -> None:
            peer.request(client)
            client.recv(1)

        with Peer(talk) as peer:
            assert self.one(peer).kind == "timeout"

    def test_closed_without_an_answer(self) -> None:
        with Peer(lambda client, peer: peer.request(client) and None) as peer:
            assert self.one(peer).kind == "reset"

    def test_not_http(self) -> None:
        with Peer(answering(b"+OK queued\r\n")) as peer:
            assert self.one(peer).kind == "protocol"

    def test_headers_without_end(self) -> None:
        with Peer(answering(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")) as peer:
            assert self.one(peer).kind == "timeout"

    def test_an_interim_answer_only(self) -> None:
        with Peer(answering(b"HTTP/1.1 102 Processing\r\n\r\n")) as peer:
            assert self.one(peer).kind == "timeout"

    def test_a_kept_connection_that_dies_is_not_repeated(self) -> None:
        """libcurl repeats a POST itself when a reused connection closes before the first byte."""

        def talk(client: socket.socket, peer: Peer) -> None:
            peer.request(client)
            client.sendall(OK)
            peer.request(client)  # accepted, and the connection closes without a word

        with Peer(talk) as peer, Engine(1) as engine:
            (first,) = run(engine, peer.base_url, 1).values()
            (second,) = run(engine, peer.base_url, 1).values()
            assert isinstance(first, Answer)
            assert second == NoAnswer("reset", True, pytest.approx(second.seconds))
            assert len(peer.received) == 2


def test_kept_connections_that_were_closed_meanwhile_are_replaced() -> None:
    """A carrier that restarts closes all of them at once: those messages must not become unknown.

    libcurl itself looks only once a second, so without the engine's own check these are lost.
    """
    asked, closed = threading.Barrier(4), threading.Barrier(5)

    def talk(client: socket.socket, peer: Peer) -> None:
        peer.request(client)
        asked.wait(5)
        client.sendall(OK)
        client.shutdown(socket.SHUT_WR)
        closed.wait(5)

    with Peer(talk) as peer, Engine(4) as engine:
        for _ in range(5):
            assert [type(item) for item in run(engine, peer.base_url, 4).values()] == [Answer] * 4
            closed.wait(5)
        assert len(peer.received) == 20
        assert peer.connections == 20


class TestAnswers:
    def one(self, payload: bytes, timeout: Timeout = PATIENT, **options: Any) -> Exchange:
        with Peer(answering(payload)) as peer, Engine(1, **options) as engine:
            (exchange,) = run(engine, peer.base_url, 1, timeout).values()
            assert len(peer.received) == 1
            return exchange

    def test_a_large_body_is_cut_at_the_cap(self) -> None:
        payload = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000
        exchange = self.one(payload, max_response_bytes=1000)
        assert isinstance(exchange, Answer)
        assert (len(exchange.body), exchange.complete) == (1000, False)
        assert results({1: exchange})[1].outcome == "ambiguous"

    def test_a_refusal_counts_though_its_body_is_cut(self) -> None:
        cut = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 500\r\n\r\n<html>"
        exchange = self.one(cut, IMPATIENT)
        assert isinstance(exchange, Answer)
        assert exchange.complete is False
        assert results({1: exchange})[1].error_class == "auth"

    def test_a_redirect_is_not_followed(self) -> None:
        with Peer(answering(OK)) as other:
            head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other.base_url}/sms\r\n"
            exchange = self.one(head.encode() + b"Content-Length: 0\r\n\r\n")
            assert isinstance(exchange, Answer)
            assert exchange.status == 307
            assert other.connections == 0

    def test_the_final_answer_counts_after_an_interim_one(self) -> None:
        exchange = self.one(b"HTTP/1.1 100 Continue\r\nX-Old: 1\r\n\r\n" + OK)
        assert isinstance(exchange, Answer)
        assert (exchange.status, exchange.body) == (200, b'["1"]')
        assert "x-old" not in exchange.headers

    def test_a_chunked_answer_is_read(self) -> None:
        exchange = self.one(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n["\r\n3\r\n1"]\r\n0\r\n\r\n'
        )
        assert isinstance(exchange, Answer)
        assert (exchange.body, exchange.complete) == (b'["1"]', True)

    def test_no_header_or_body_is_shown_in_a_repr(self) -> None:
        exchange = self.one(b"HTTP/1.1 400 Bad\r\nX-To: 3706\r\nContent-Length: 4\r\n\r\n3706")
        assert "3706" not in repr(exchange)


def _certificate(folder: Any) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)
