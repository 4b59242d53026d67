"""The hardened HTTP client against real servers on loopback [R-10.8]."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from smsmarketing.webhooks import client
from smsmarketing.webhooks.client import Limits, Reply
from smsmarketing.webhooks.rules.addresses import AddressPolicy
from tests.webhooks.receiver import Receiver, certificate_make

OWN = AddressPolicy(allow_private=True)
PATIENT = Limits(connect_s=5, total_s=20)


def ask(url: str, **options: Any) -> Reply:
    return client.request("POST", url, body=b"{}", **{"policy": OWN, "limits": PATIENT, **options})


def test_a_request_arrives_with_its_headers_and_body() -> None:
    with Receiver() as receiver:
        reply = client.request(
            "POST",
            receiver.url,
            headers={"Webhook-Id": "7", "Content-Type": "application/json"},
            body=b'{"a":1}',
            policy=OWN,
            limits=PATIENT,
        )
    assert (reply.status, reply.error, reply.body) == (200, "", b"OK")
    request = receiver.requests[0]
    assert (request.method, request.path, request.body) == ("POST", "/in", b'{"a":1}')
    assert request.headers["webhook-id"] == "7"
    assert "cookie" not in request.headers
    assert "authorization" not in request.headers


def test_loopback_is_refused_without_the_setting(settings: Any) -> None:
    """The default of INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES; nothing reaches the server."""
    assert settings.INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES is False
    with Receiver() as receiver:
        reply = client.request("POST", receiver.url, body=b"{}")
        named = ask(
            "https://hooks.example.com/",
            policy=AddressPolicy(),
            resolve=lambda host, port: ["127.0.0.1"],
        )
        assert receiver.requests == []
    assert reply.error == "url_scheme"
    assert named.error == "address_private"


def test_the_name_is_looked_up_once_and_the_checked_address_is_used() -> None:
    """Rebinding: a second lookup would answer otherwise, and is never made. Host stays the name."""
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    with Receiver() as receiver:
        reply = ask(f"http://hooks.example.com:{receiver.port}/in", resolve=resolve)
    assert reply.status == 200
    assert asked == ["hooks.example.com"]
    assert receiver.requests[0].headers["host"] == f"hooks.example.com:{receiver.port}"


def test_a_name_that_turns_private_between_two_requests_is_refused_the_second_time() -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    seen = [
        ask(
            "https://hooks.example.com/",
            policy=AddressPolicy(),
            limits=Limits(connect_s=0.05, total_s=0.05),
            resolve=lambda host, port: next(answers),
        ).error
        for _ in range(2)
    ]
    assert seen[0] in {"timeout", "connect", "tls", "reset"}
    assert seen[1] == "address_private"


def test_the_certificate_is_checked_for_the_name_and_sni_is_kept(tmp_path: Path) -> None:
    """Pinned to an address, and yet verified as the name."""
    tls, trusted = certificate_make(tmp_path, "hooks.example.com")
    with Receiver(tls=tls) as receiver:
        options: dict[str, Any] = {"resolve": lambda host, port: ["127.0.0.1"]}
        good = ask(f"https://hooks.example.com:{receiver.port}/in", ca_file=trusted, **options)
        other = ask(f"https://other.example.com:{receiver.port}/in", ca_file=trusted, **options)
        unknown = ask(f"https://hooks.example.com:{receiver.port}/in", **options)
    assert (good.status, good.error) == (200, "")
    assert receiver.server_names[0] == "hooks.example.com"
    assert other.error == "tls"
    assert unknown.error == "tls"
    assert len(receiver.requests) == 1


def test_redirects_are_not_followed_unless_asked() -> None:
    with Receiver(
        lambda r: (302, {"Location": "/next"}, b"") if r.path == "/in" else (200, {}, b"")
    ) as receiver:
        reply = ask(receiver.url)
        followed = ask(receiver.url, limits=Limits(connect_s=5, total_s=20, redirects=3))
    assert reply.status == 302
    assert followed.status == 200
    assert [request.path for request in receiver.requests] == ["/in", "/in", "/next"]


def test_each_hop_is_checked_again() -> None:
    """A redirect to a metadata service is refused even where private addresses are allowed."""
    target = "http://169.254.169.254/latest/meta-data/"
    with Receiver(lambda request: (307, {"Location": target}, b"")) as receiver:
        reply = ask(receiver.url, limits=Limits(connect_s=5, total_s=20, redirects=3))
    assert (reply.error, reply.url) == ("address_refused", target)
    assert len(receiver.requests) == 1


def test_redirects_end() -> None:
    with Receiver(lambda request: (302, {"Location": "/in"}, b"")) as receiver:
        reply = ask(receiver.url, limits=Limits(connect_s=5, total_s=20, redirects=3))
    assert reply.status == 302
    assert len(receiver.requests) == 4


@pytest.mark.parametrize(
    ("size", "cut"), [(64 * 1024, False), (64 * 1024 + 1, True), (900_000, True)]
)
def test_a_long_answer_is_cut(size: int, cut: bool) -> None:
    """[R-10.6]: at most 64 KiB are read."""
    with Receiver(lambda request: (200, {}, b"x" * size)) as receiver:
        reply = ask(receiver.url)
    assert (reply.status, reply.cut) == (200, cut)
    assert len(reply.body) == 64 * 1024


def test_endless_headers_end_the_exchange() -> None:
    with Receiver(
        lambda request: (200, {f"X-{n}": "y" * 1000 for n in range(90)}, b"")
    ) as receiver:
        reply = ask(receiver.url)
    assert reply.error == "protocol"


def test_a_server_that_drips_is_given_up() -> None:
    """The time counts for the whole answer, not for each byte."""
    release = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        peer, _ = listener.accept()
        with peer:
            try:
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not release.wait(0.02):
                    peer.sendall(b"x")
            except OSError:
                pass

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        reply = ask(address, limits=Limits(connect_s=5, total_s=0.3))
    finally:
        release.set()
        thread.join()
        listener.close()
    assert (reply.status, reply.error) == (None, "timeout")


def test_a_resolver_that_hangs_is_given_up() -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        release.wait()
        return ["127.0.0.1"]

    reply = ask("https://hooks.example.com/", limits=Limits(dns_s=0.05), resolve=resolve)
    release.set()
    assert reply.error == "dns"


def test_a_closed_port_is_an_error_word() -> None:
    with Receiver() as receiver:
        pass
    assert ask(receiver.url).error == "connect"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{proxy.port}")
        assert ask(receiver.url).status == 200
    assert proxy.requests == []
