"""Control calls: fixtures of the providers' documents, and every bad answer over a real socket."""

from __future__ import annotations

import socket
from decimal import Decimal
from typing import Any

import pytest

from smsmarketing.gateways import transports
from smsmarketing.gateways.engine.control import control_send
from smsmarketing.gateways.transports import account_controls, smsapi_controls
from smsmarketing.gateways.transports.base import Timeout, TransportConfig, TransportDataError
from smsmarketing.gateways.transports.controls import Answer, Balance, ControlError, Price
from tests.gateways.peers import Peer

CREDENTIALS = {
    "token": "test-token",
    "account_sid": "AC0",
    "auth_token": "test",
    "api_key": "abcd1234",
    "api_secret": "test",
}


def config(base_url: str = "https://provider.example", **more: Any) -> TransportConfig:
    return TransportConfig(base_url=base_url, credentials=CREDENTIALS, **more)


def answer(body: str, status: int = 200) -> Answer:
    return Answer(status, {}, body.encode())


def test_what_is_declared_is_what_can_be_asked() -> None:
    """A flag without a call is a promise; only hlr and sender_registration are not calls yet."""
    for name in transports.names():
        flags, controls = transports.get(name).capabilities, transports.controls(name)
        assert controls.takes_opt_outs == flags.suppression_sync, name
        assert not controls.balance or flags.balance, name
        assert not controls.prices or flags.rates, name
    assert transports.names_with("takes_opt_outs") == ("smsapi",)
    assert transports.controls("vertexsms").balance is None  # not documented


def test_balances() -> None:
    read = smsapi_controls.balance(config()).read
    assert read(answer('{"username": "x", "points": 100.5}')) == Balance(Decimal("100.5"), "points")
    assert read(answer('{"points": -2}')) == Balance(Decimal("-2"), "points")
    told = account_controls.twilio_balance(config())
    assert told.request.url.endswith("/2010-04-01/Accounts/AC0/Balance.json")
    assert told.read(answer('{"balance": "-0.5", "currency": "USD"}')) == Balance(
        Decimal("-0.5"), "USD"
    )
    assert account_controls.vonage_balance(config()).read(
        answer('{"value": 10.17127500, "autoReload": false}')
    ) == Balance(Decimal("10.171275"), "EUR")
    assert account_controls.infobip_balance(config()).read(
        answer('{"balance": 47.79134, "currency": "EUR"}')
    ) == Balance(Decimal("47.79134"), "EUR")


def test_prices() -> None:
    vertex = account_controls.vertexsms_prices(config(), "")
    assert dict(vertex.request.headers)["X-VertexSMS-Token"] == "test-token"
    assert vertex.read(
        answer(
            '[{"CountryName": "Taiwan", "CountryCode": "TW", "Operator": "x", "Network": "y",'
            ' "MCC": "466", "MNC": "92", "Rate": "0.039"},'
            ' {"CountryName": "Taiwan", "CountryCode": "TW", "MCC": "466", "MNC": null, "Rate": "0.04"}]'
        )
    ) == [
        Price("TW", "46692", Decimal("0.039"), ""),
        Price("TW", "", Decimal("0.04"), ""),
    ]
    twilio = account_controls.twilio_prices(config("https://api.twilio.com"), "LT")
    assert twilio.request.url == "https://pricing.twilio.com/v1/Messaging/Countries/LT"
    assert twilio.read(
        answer(
            '{"iso_country": "LT", "price_unit": "usd", "outbound_sms_prices": [{"mcc": "246",'
            ' "mnc": "01", "prices": [{"current_price": "0.05"}, {"current_price": "0.07"}]}]}'
        )
    ) == [Price("LT", "24601", Decimal("0.07"), "USD")]
    vonage = account_controls.vonage_prices(config(), "LT")
    assert vonage.read(
        answer(
            '{"countryCode": "LT", "currency": "EUR", "defaultPrice": "0.03", "networks":'
            ' [{"type": "mobile", "price": "0.02", "currency": "EUR", "mcc": "246", "mnc": "03"}]}'
        )
    ) == [Price("LT", "", Decimal("0.03"), "EUR"), Price("LT", "24603", Decimal("0.02"), "EUR")]
    with pytest.raises(ControlError, match="cannot be read"):  # the answer is of another country
        vonage.read(answer('{"countryCode": "LV", "currency": "EUR", "defaultPrice": "0.03"}'))


def test_the_blacklist_is_never_emptied_by_accident() -> None:
    """`DELETE /blacklist/phone_numbers` without an id removes every number."""
    for entry_id in ("", "/", "..", "?all", "a/b", "a b"):
        with pytest.raises(TransportDataError):
            smsapi_controls.block_remove(config(), entry_id)
    told = smsapi_controls.block_remove(config(), "0f0f0f0f0f0f0f0f0f0f0f0f")
    assert told.request.url.endswith("/blacklist/phone_numbers/0f0f0f0f0f0f0f0f0f0f0f0f")
    told.read(answer("", 204))
    told.read(answer("", 404))
    with pytest.raises(ControlError):
        told.read(answer("", 500))


def test_only_the_exact_number_is_found() -> None:
    body = (
        '{"size": 2, "collection": [{"id": "a1", "phone_number": "483272012001", "created_at": null},'
        ' {"id": "a2", "phone_number": "48327201200", "expire_at": null,'
        ' "created_at": "2017-07-21T17:32:28Z"}]}'
    )
    found = smsapi_controls.blocked_find(config(), "+48327201200").read(answer(body))
    assert found is not None
    assert found.entry_id == "a2"
    assert smsapi_controls.blocked_find(config(), "+4832720120").read(answer(body)) is None


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (200, "<html>Sign in</html>", "unreadable", True),
        (200, "", "unreadable", True),
        (200, '{"points": "many"}', "unreadable", True),
        (200, "[]", "unreadable", True),
        (200, '{"error": 101, "message": "Authorization failed"}', "101", False),
        (200, '{"error": 201, "message": "x"}', "201", True),
        (200, '{"error": 77777, "message": "x"}', "77777", False),
        (401, '{"message": "x", "error": "authorization_failed"}', "http_401", False),
        (403, "<html>", "http_403", False),
        (404, "<html>", "http_404", False),
        (302, "", "http_302", False),
        (429, "", "http_429", True),
        (503, "<html>", "http_503", True),
    ],
)
def test_answers_that_are_none(status: int, body: str, code: str, retryable: bool) -> None:
    with pytest.raises(ControlError) as caught:
        smsapi_controls.balance(config()).read(answer(body, status))
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert "queued" not in caught.value.sentence


def _peer(raw: bytes) -> Peer:
    def talk(client: socket.socket, peer: Peer) -> None:
        client.recv(65536)
        client.sendall(raw)

    return Peer(talk)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"points": 1', "net_reset"),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"po', "net_reset"),
        (b"", "net_reset"),
        (b"SSH-2.0-hello\r\n", "net_reset"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "http_302",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", "unreadable"),
    ],
)
def test_cut_off_and_foreign_answers(raw: bytes, code: str) -> None:
    peer = _peer(raw)
    with pytest.raises(ControlError) as caught:
        control_send(smsapi_controls.balance(config(peer.base_url)))
    assert caught.value.code == code
    assert peer.connections == 1  # nothing is followed or repeated


def test_nobody_answers_or_too_late_or_too_much() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ControlError) as caught:
        control_send(smsapi_controls.balance(config(f"http://127.0.0.1:{port}")))
    assert (caught.value.code, caught.value.retryable) == ("net_connect", True)

    def silent(client: socket.socket, peer: Peer) -> None:
        client.recv(65536)
        client.recv(1)

    slow = config(Peer(silent).base_url, timeout=Timeout(1.0, 0.2))
    with pytest.raises(ControlError) as caught:
        control_send(smsapi_controls.balance(slow))
    assert caught.value.code == "net_timeout"

    def dripping(client: socket.socket, peer: Peer) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            client.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")

    with pytest.raises(ControlError) as caught:
        control_send(smsapi_controls.balance(config(Peer(dripping).base_url)))
    assert caught.value.code == "too_large"
    with pytest.raises(ControlError) as caught:
        control_send(smsapi_controls.balance(config("http://[::bad")))
    assert caught.value.code == "net_address"
