"""Lookups, networks and senders as values: the fixtures are the providers' own examples, byte for byte."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from smsmarketing.gateways import transports
from smsmarketing.gateways.rules.lookups import RESULTS
from smsmarketing.gateways.transports import smsapi_controls, vertexsms_controls
from smsmarketing.gateways.transports.base import TransportConfig, TransportDataError
from smsmarketing.gateways.transports.controls import (
    Answer,
    ControlError,
    Network,
    Prefix,
    SenderName,
    SenderRequest,
)

CONFIG = TransportConfig(base_url="https://provider.example", credentials={"token": "test-token"})
CALLBACK = b"""{ "id": "1203877133", "error": "0", "imsi": "2460210051600001", "country": "LT",
 "mcc": "246", "mnc": "021" }"""


def answer(body: str, status: int = 200) -> Answer:
    return Answer(status, {}, body.encode())


def test_a_lookup_is_asked_for_with_an_address_for_the_answer() -> None:
    call = vertexsms_controls.lookup(CONFIG, "+37069912345", callback_url="https://us.example/x")
    assert (call.request.method, call.request.url) == ("POST", "https://provider.example/hlr")
    assert dict(call.request.headers)["X-VertexSMS-Token"] == "test-token"
    assert json.loads(call.request.body) == {
        "msisdn": "37069912345",
        "callBackUrl": "https://us.example/x",
    }
    assert call.read(answer("[1203877133]")) == "1203877133"
    with pytest.raises(TransportDataError):
        vertexsms_controls.lookup(CONFIG, "37069912345", callback_url="https://us.example/x")


@pytest.mark.parametrize(
    ("body", "status", "unclear"),
    [
        ("", 200, True),
        ("[]", 200, True),
        ("[1,2]", 200, True),
        ("<html>", 200, True),
        ("x", 500, True),
        ('{"message": "bad"}', 400, False),
        ("", 401, False),
        ("", 429, False),
    ],
)
def test_what_may_have_been_billed_is_told_apart(body: str, status: int, unclear: bool) -> None:
    call = vertexsms_controls.lookup(CONFIG, "+37069912345", callback_url="https://us.example/x")
    with pytest.raises(ControlError) as caught:
        call.read(answer(body, status))
    assert caught.value.unclear is unclear


def test_the_callback_is_read_without_the_imsi() -> None:
    found = vertexsms_controls.lookup_read(CALLBACK)
    assert (found.remote_id, found.result, found.country, found.operator, found.ported) == (
        "1203877133",
        "active",
        "LT",
        "246021",
        False,
    )
    assert "2460210051600001" not in str(found)


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (0, "active"),
        ("40", "unknown_subscriber"),
        (43, "absent"),
        ("41", "barred"),
        ("1", "invalid"),
        (53, "invalid"),
        ("777", "unclear"),
    ],
)
def test_every_code_ends_in_a_word(code: object, result: str) -> None:
    body = {
        "id": 1,
        "error": code,
        "ported": [{"operatorId": 5, "operator": "BITE", "country": "LT"}],
    }
    found = vertexsms_controls.lookup_read(json.dumps(body).encode())
    assert found.result == result
    assert result in RESULTS
    assert (found.ported, found.ported_from) == (True, "BITE")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"id": "1"}', b'{"error": "0"}', b"\xff"]
)
def test_a_callback_that_is_none(body: bytes) -> None:
    with pytest.raises(TransportDataError):
        vertexsms_controls.lookup_read(body)


def test_networks_prefixes_and_operators() -> None:
    assert vertexsms_controls.networks(CONFIG, "LT", page=1).request.url.endswith(
        "/mccmnc/LT?Page=1"
    )
    assert vertexsms_controls.networks(CONFIG, "LT", page=1).read(
        answer('[{"country": "LT", "MCC": "246", "MNC": "01", "operatorId": "1891"}]')
    ) == [Network("LT", "24601", "1891", "")]
    assert vertexsms_controls.prefixes(CONFIG, "LT").read(
        answer('[{"prefix": "3706000", "country": "LT", "operatorId": "2536"}]')
    ) == [Prefix("3706000", "2536")]
    told = vertexsms_controls.operator(CONFIG, "493")
    assert told.request.url.endswith("/operators/493")
    assert told.read(
        answer('{"name": "BITE", "country": "LT", "mcc": "245", "mnc": ["020", "028"]}')
    ) == [Network("LT", "245020", "493", "BITE"), Network("LT", "245028", "493", "BITE")]
    assert told.read(answer("", 404)) == []
    for bad in ("", "../x", "4 9"):
        with pytest.raises(TransportDataError):
            vertexsms_controls.operator(CONFIG, bad)
        with pytest.raises(TransportDataError):
            vertexsms_controls.prefixes(CONFIG, bad)


def test_senders_of_vertexsms() -> None:
    request = SenderRequest("TestSender", "Other", "Some description", "http://client.example/cb")
    call = vertexsms_controls.sender_submit(CONFIG, request)
    assert json.loads(call.request.body) == {
        "name": "TestSender",
        "type": "AlphaNumeric",
        "category": "Other",
        "categoryDescription": "Some description",
        "notificationUrl": "http://client.example/cb",
    }
    assert call.read(answer("123")) == SenderName("TestSender", "unknown", "123", False)
    number = vertexsms_controls.sender_number_submit(CONFIG, "+37069555555")
    assert json.loads(number.request.body) == {"name": "37069555555", "type": "MSISDN"}
    confirm = vertexsms_controls.sender_confirm(CONFIG, "123", "12345")
    assert confirm.request.url.endswith("/senderId/confirm/123")
    assert json.loads(confirm.request.body) == {"code": "12345"}
    confirm.read(answer(""))
    with pytest.raises(ControlError):
        confirm.read(answer("wrong", 400))
    for name, category in (("ab", "Other"), ("twelve chars", "Other"), ("Good", "Nonsense")):
        with pytest.raises(TransportDataError):
            vertexsms_controls.sender_submit(CONFIG, SenderRequest(name, category, "", ""))
    with pytest.raises(TransportDataError):
        vertexsms_controls.sender_confirm(CONFIG, "123/..", "12345")


def test_senders_of_smsapi() -> None:
    page = '{"size": 1, "collection": [{"sender": "Acme", "status": "ACTIVE", "is_default": true}]}'
    assert smsapi_controls.sender_names(CONFIG).read(answer(page)) == [
        SenderName("Acme", "active", "Acme", True)
    ]
    one = smsapi_controls.sender_name(CONFIG, "A&B Co")
    assert one.request.url.endswith("/sms/sendernames/A%26B%20Co")
    assert one.read(answer('{"message": "none", "error": "not_found"}', 404)) is None
    made = smsapi_controls.sender_submit(CONFIG, SenderRequest("Acme", "Other", "", ""))
    assert parse_qs(made.request.body.decode()) == {"sender": ["Acme"]}
    assert made.read(answer('{"sender": "Acme", "status": "INACTIVE"}', 201)).state == "inactive"
    with pytest.raises(ControlError):
        made.read(answer('{"sender": "Acme", "status": "MAYBE"}', 201))
    for name in ("", "twelve chars", "a/b"):
        with pytest.raises(TransportDataError):
            smsapi_controls.sender_name(CONFIG, name)


def test_flags_and_calls_agree() -> None:
    """A flag without a call is a promise: SMSAPI's lookup is documented without its answer."""
    for name in transports.names():
        controls, flags = transports.controls(name), transports.get(name).capabilities
        assert not controls.lookup or flags.hlr, name
        assert not controls.sender_submit or flags.sender_registration, name
        assert (controls.lookup is None) == (controls.lookup_read is None), name
