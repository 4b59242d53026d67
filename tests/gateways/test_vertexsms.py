"""The VertexSMS transport against the bytes of its documentation (seed 002; providers.md A1)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.gateways import transports
from smsmarketing.gateways.transports.base import (
    ERROR_CLASSES,
    MESSAGE_ID_PARAMETER,
    RECEIPT_STATUSES,
    InboundEvent,
    OutboundMessage,
    ReceiptEvent,
    SubmitResult,
    TransportConfig,
    TransportDataError,
)
from smsmarketing.gateways.transports.inbound import address_normal, inbound_ack, inbound_events

VERTEXSMS = transports.get("vertexsms")
CONFIG = TransportConfig(
    base_url="https://api.vertexsms.com",
    credentials={"token": "eB52vNTPL9fO3rDrx8pYmVnj6nqceHNhnqceHNh"},
)
JSON = {"content-type": "application/json"}


def message(**changes: Any) -> OutboundMessage:
    return OutboundMessage(
        **{
            "message_id": 41,
            "to": "+37069912345",
            "sender": "API",
            "body": "Test SMS 001",
            "parts": 1,
            **changes,
        }
    )


def receipt(body: object, query: dict[str, str] | None = None) -> ReceiptEvent:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    (event,) = VERTEXSMS.webhook_events(raw, JSON, query or {})
    assert isinstance(event, ReceiptEvent)
    return event


class TestSubmitRequest:
    def test_is_the_request_of_the_documentation(self) -> None:
        request = VERTEXSMS.submit_request(message(), CONFIG)

        assert (request.method, request.url) == ("POST", "https://api.vertexsms.com/sms")
        assert dict(request.headers) == {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-VertexSMS-Token": "eB52vNTPL9fO3rDrx8pYmVnj6nqceHNhnqceHNh",
        }
        assert json.loads(request.body) == {
            "to": "37069912345",
            "from": "API",
            "message": "Test SMS 001",
        }

    def test_waits_three_seconds_to_connect_and_ten_to_read(self) -> None:
        """[R-10.14]"""
        assert VERTEXSMS.submit_request(message(), CONFIG).timeout == (3.0, 10.0)

    def test_carries_every_optional_field_that_is_set(self) -> None:
        request = VERTEXSMS.submit_request(
            message(
                sender="+37069555555",
                body="Žinutė 👋",
                validity_s=3600,
                priority="low",
                dlr_url="https://sms.example/hook?m=41",
                test_mode="1",
            ),
            CONFIG,
        )

        assert json.loads(request.body) == {
            "to": "37069912345",
            "from": "37069555555",
            "message": "Žinutė 👋",
            "expireIn": 3600,
            "priority": "low",
            "dlrUrl": "https://sms.example/hook?m=41",
            "testMode": "1",
        }

    def test_cuts_a_validity_above_the_longest(self) -> None:
        request = VERTEXSMS.submit_request(message(validity_s=999_999), CONFIG)
        assert json.loads(request.body)["expireIn"] == 432_000

    def test_refuses_a_validity_that_would_have_to_be_rounded_up(self) -> None:
        """A longer validity than planned could deliver inside the quiet hours."""
        with pytest.raises(TransportDataError) as refusal:
            VERTEXSMS.submit_request(message(validity_s=359), CONFIG)
        assert refusal.value.code == "validity"

    @pytest.mark.parametrize("number", ["37069912345", "+0123456789", "+1", "", "+3706991234\n"])
    def test_refuses_what_is_not_e164(self, number: str) -> None:
        with pytest.raises(TransportDataError) as refusal:
            VERTEXSMS.submit_request(message(to=number), CONFIG)
        assert refusal.value.code == "not_e164"
        assert not number or number not in str(refusal.value)

    @pytest.mark.parametrize("token", ["", "two\r\nlines", "žodis"])
    def test_refuses_a_token_that_is_no_header(self, token: str) -> None:
        config = TransportConfig(base_url="https://x.example", credentials={"token": token})
        with pytest.raises(TransportDataError) as refusal:
            VERTEXSMS.submit_request(message(), config)
        assert refusal.value.code == "token"

    def test_shows_no_number_text_or_token_in_a_repr(self) -> None:
        planned = message(body="Secret sale", dlr_url="https://sms.example/secret-path")
        request = VERTEXSMS.submit_request(planned, CONFIG)
        result = VERTEXSMS.submit_result(400, {}, b'{"message": "37069912345 Secret sale"}')
        shown = f"{planned!r}{request!r}{CONFIG!r}{result!r}"

        for secret in ("69912345", "Secret sale", "eB52vNTPL9", "secret-path"):
            assert secret not in shown


class TestSubmitResult:
    def test_reads_the_answer_of_the_documentation(self) -> None:
        result = VERTEXSMS.submit_result(200, {"x-vertexsms-amount-sent": "1"}, b'["1281532560"]')

        assert result == SubmitResult(
            outcome="accepted",
            definitely_not_accepted=False,
            gateway_message_id="1281532560",
            parts_billed=1,
            raw=b'["1281532560"]',
        )

    @pytest.mark.parametrize("body", [b"[1203877133]", b' [ "1203877133", "1203877134" ]\n'])
    def test_takes_number_ids_and_the_first_of_several(self, body: bytes) -> None:
        result = VERTEXSMS.submit_result(200, {}, body)
        assert (result.outcome, result.gateway_message_id) == ("accepted", "1203877133")
        assert result.parts_billed is None

    @pytest.mark.parametrize("parts", ["", "0", "-1", "many", "256", "9999", "1.5", "²"])
    def test_leaves_nonsense_parts_unknown(self, parts: str) -> None:
        result = VERTEXSMS.submit_result(200, {"x-vertexsms-amount-sent": parts}, b'["1"]')
        assert (result.outcome, result.parts_billed) == ("accepted", None)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"  ",
            b"<!doctype html><p>Welcome to the hotel network",
            b"[]",
            b"{}",
            b'{"message": "ok"}',
            b'["12815',
            b"[null]",
            b"[true]",
            b'[["1"]]',
            b'[""]',
            b'["a\\u0000b"]',
            b"\xff\xfe",
            b"null",
            b"[" * 60_000,
            b"[" + b"9" * 10_000 + b"]",
            b'["1"]' + b" " * 70_000,
        ],
    )
    def test_calls_a_200_without_a_readable_id_ambiguous(self, body: bytes) -> None:
        result = VERTEXSMS.submit_result(200, {}, body)
        assert (result.outcome, result.error_class) == ("ambiguous", "ambiguous")
        assert not result.definitely_not_accepted

    @pytest.mark.parametrize(
        ("status", "outcome", "error_class", "not_accepted"),
        [
            (301, "rejected", "auth", True),
            (302, "ambiguous", "ambiguous", False),
            (400, "rejected", "content", True),
            (401, "rejected", "auth", True),
            (403, "rejected", "auth", True),
            (404, "rejected", "auth", True),
            (405, "rejected", "auth", True),
            (408, "ambiguous", "ambiguous", False),
            (409, "retryable", "soft", True),
            (418, "rejected", "content", True),
            (429, "throttled", "throttle", True),
            (500, "ambiguous", "ambiguous", False),
            (501, "ambiguous", "ambiguous", False),
            (502, "ambiguous", "ambiguous", False),
            (503, "throttled", "throttle", True),
            (504, "ambiguous", "ambiguous", False),
            (999, "ambiguous", "ambiguous", False),
        ],
    )
    def test_reads_each_status(
        self, status: int, outcome: str, error_class: str, not_accepted: bool
    ) -> None:
        result = VERTEXSMS.submit_result(status, {}, b"")
        assert (result.outcome, result.error_class, result.definitely_not_accepted) == (
            outcome,
            error_class,
            not_accepted,
        )
        assert result.error_code == f"http_{status}"
        assert result.error_text

    @pytest.mark.parametrize(
        ("field", "error_class"),
        [("from", "sender"), ("to", "hard"), ("message", "content"), ("dlrUrl", "content")],
    )
    def test_reads_which_field_a_400_refuses(self, field: str, error_class: str) -> None:
        body = {"message": f"Invalid value for field '{field}'. It is 37069912345."}
        result = VERTEXSMS.submit_result(400, {}, json.dumps(body).encode())

        assert (result.outcome, result.error_class) == ("rejected", error_class)
        assert result.error_code == f"http_400_{field}"
        assert "37069912345" not in result.error_text

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [("120", 120), ("", None), ("Wed, 21 Oct 2026", None), ("1" * 9, None)],
    )
    def test_reads_how_long_to_wait(self, value: str, seconds: int | None) -> None:
        result = VERTEXSMS.submit_result(503, {"retry-after": value}, b"")
        assert result.retry_after_s == seconds

    @pytest.mark.parametrize(
        ("kind", "error_class"),
        [
            ("dns", "soft"),
            ("connect", "soft"),
            ("connect_timeout", "soft"),
            ("not_started", "soft"),
            ("tls", "auth"),
            ("bad_request", "auth"),
        ],
    )
    def test_calls_a_failure_before_sending_not_accepted(self, kind: Any, error_class: str) -> None:
        result = VERTEXSMS.transport_failure(kind, sent=False)
        assert (result.outcome, result.error_class) == ("retryable", error_class)
        assert result.definitely_not_accepted

    @pytest.mark.parametrize("kind", ["timeout", "reset", "protocol", "tls", "connect"])
    def test_calls_any_failure_after_sending_ambiguous(self, kind: Any) -> None:
        result = VERTEXSMS.transport_failure(kind, sent=True)
        assert (result.outcome, result.error_class) == ("ambiguous", "ambiguous")
        assert not result.definitely_not_accepted

    @given(
        status=st.integers(0, 999),
        body=st.binary(max_size=200) | st.text().map(str.encode),
        headers=st.dictionaries(
            st.sampled_from(["retry-after", "x-vertexsms-amount-sent"]), st.text(max_size=10)
        ),
    )
    def test_never_raises_and_only_2xx_is_accepted(
        self, status: int, body: bytes, headers: dict[str, str]
    ) -> None:
        result = VERTEXSMS.submit_result(status, headers, body)
        if result.outcome == "accepted":
            assert 200 <= status < 300
            assert result.gateway_message_id
        else:
            assert result.error_class in ERROR_CLASSES
        assert result.definitely_not_accepted == (
            result.outcome in {"rejected", "throttled", "retryable"}
        )


class TestReceipts:
    def test_reads_the_receipt_of_the_documentation(self) -> None:
        event = receipt(
            b'{ "id": "1281532560", "status": "1", "error": 0, "mcc": "246", "mnc": "021" }',
            {MESSAGE_ID_PARAMETER: "41"},
        )
        assert event == ReceiptEvent(
            gateway_message_id="1281532560",
            status="delivered",
            raw_status="1",
            mcc="246",
            mnc="021",
            our_message_id=41,
        )
        assert event.code_known

    @pytest.mark.parametrize("status", [1, "1", "01", " 1 "])
    def test_takes_the_status_as_number_or_text(self, status: object) -> None:
        assert receipt({"id": 7, "status": status}).status == "delivered"

    @pytest.mark.parametrize(
        ("error", "status", "error_class"),
        [
            (1, "undelivered", "hard"),
            (2, "expired", "soft"),
            (20, "rejected", "account"),
            (21, "rejected", "content"),
            (22, "rejected", "duplicate"),
            (23, "rejected", "throttle"),
            (24, "rejected", "account"),
            (40, "undelivered", "soft"),
            (41, "undelivered", "hard"),
            (43, "undelivered", "soft"),
            (51, "undelivered", "soft"),
            (53, "undelivered", "hard"),
            (999, "failed", "soft"),
        ],
    )
    @pytest.mark.parametrize("as_text", [False, True])
    def test_reads_each_documented_code(
        self, error: int, status: str, error_class: str, as_text: bool
    ) -> None:
        event = receipt({"id": "7", "status": 2, "error": str(error) if as_text else error})
        assert (event.status, event.error_code, event.error_class) == (
            status,
            str(error),
            error_class,
        )
        assert event.error_text
        assert event.code_known

    def test_reads_an_expired_delivery_period(self) -> None:
        assert receipt({"id": "7", "status": 16, "error": 2}).status == "expired"

    def test_keeps_an_unknown_error_code_raw(self) -> None:
        """[R-10.4] not guessed; that it was not delivered is certain."""
        event = receipt({"id": "7", "status": 2, "error": 77})
        assert (event.status, event.error_code, event.error_class) == ("undelivered", "77", None)
        assert not event.code_known

    @pytest.mark.parametrize("status", [8, "DELIVRD", "0", -1])
    def test_keeps_an_unknown_status_raw(self, status: object) -> None:
        """[R-10.4]"""
        event = receipt({"id": "7", "status": status})
        assert (event.status, event.raw_status) == ("unknown", str(status))
        assert not event.code_known

    @pytest.mark.parametrize("ours", ["", "x", "-1", "0", "1" * 19, "１２"])
    def test_ignores_a_message_id_of_ours_that_is_none(self, ours: str) -> None:
        assert (
            receipt({"id": "7", "status": 1}, {MESSAGE_ID_PARAMETER: ours}).our_message_id is None
        )

    def test_drops_a_network_code_that_is_none(self) -> None:
        event = receipt({"id": "7", "status": 1, "mcc": {"a": 1}, "mnc": "9999"})
        assert (event.mcc, event.mnc) == (None, None)
        assert receipt({"id": "7", "status": 1, "mcc": 246}).mcc == "246"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "empty"),
            (b'{"id": "7", "stat', "not_json"),
            (b"[" * 60_000, "not_json"),
            (b'{"id": ' + b"9" * 10_000 + b"}", "not_json"),
            (b"\xff\xfe\x00", "not_utf8"),
            (b" " * 70_000 + b"{}", "too_large"),
            (b"[]", "not_an_object"),
            (b'"OK"', "not_an_object"),
            (b"{}", "no_id"),
            (b'{"id": null, "status": 1}', "no_id"),
            (b'{"id": {"id": "7"}, "status": 1}', "no_id"),
            (b'{"id": "a b", "status": 1}', "no_id"),
            (b'{"id": "7"}', "no_status"),
            (b'{"id": "7", "status": true}', "no_status"),
            (b'{"id": "7", "status": [1]}', "no_status"),
            (b'{"id": "7", "status": 1.0}', "no_status"),
            (b'{"id": "7", "status": 2, "error": {"code": 43}}', "bad_error"),
        ],
    )
    def test_refuses_what_is_no_receipt(self, body: bytes, code: str) -> None:
        with pytest.raises(TransportDataError) as refusal:
            VERTEXSMS.webhook_events(body, JSON, {})
        assert refusal.value.code == code

    @given(
        body=st.binary(max_size=300)
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(["id", "status", "error", "mcc", "mnc", "x"]), inner, max_size=6
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
        query=st.dictionaries(st.just(MESSAGE_ID_PARAMETER), st.text(max_size=25)),
    )
    def test_raises_only_its_own_error(self, body: bytes, query: dict[str, str]) -> None:
        try:
            events = VERTEXSMS.webhook_events(body, JSON, query)
        except TransportDataError:
            return
        (event,) = events
        assert isinstance(event, ReceiptEvent)
        assert event.status in RECEIPT_STATUSES
        assert event.gateway_message_id.isprintable()
        assert event.raw_status.isprintable()

    def test_acknowledges_with_ok_and_nothing_else(self) -> None:
        ack = VERTEXSMS.webhook_ack()
        assert (ack.status, ack.body) == (200, b"OK")


def test_promises_only_what_the_provider_documents() -> None:
    """providers.md A1: inbound, balance, idempotency and a client reference are not documented."""
    can = VERTEXSMS.capabilities
    assert (can.dlr, can.rates, can.test_mode, can.validity_range_s) == (
        True,
        True,
        True,
        (360, 432_000),
    )
    for promise in ("inbound", "balance", "idempotency_key", "client_reference", "mms"):
        assert getattr(can, promise) is False
    assert not can.webhook_signature


def test_every_documented_code_has_class_meaning_and_state() -> None:
    for code, meaning in VERTEXSMS.errors.items():
        assert code.isdigit()
        assert meaning.error_class in ERROR_CLASSES
        assert meaning.status in RECEIPT_STATUSES
        assert meaning.meaning.endswith(".")


def test_an_unknown_transport_is_named() -> None:
    with pytest.raises(KeyError, match="vertexsms"):
        transports.get("carrier-pigeon")


class TestInbound:
    def read(self, body: object, content_type: str = "application/json") -> InboundEvent:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        (event,) = inbound_events(raw, {"content-type": content_type}, {})
        return event

    def test_reads_json(self) -> None:
        event = self.read(
            {
                "from": "+370 699 12345",
                "to": "1234",
                "text": "STOP",
                "id": "in-1",
                "received_at": "2026-11-21T10:00:00+02:00",
            }
        )
        assert event == InboundEvent(
            gateway_message_id="in-1",
            sender="+37069912345",
            recipient="1234",
            text="STOP",
            received_at=datetime(2026, 11, 21, 8, 0, tzinfo=UTC),
        )

    def test_reads_a_form_with_an_unescaped_plus(self) -> None:
        event = self.read(
            b"from=+37069912345&to=37060000000&text=stop+please%21",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        assert (event.sender, event.recipient, event.text) == (
            "+37069912345",
            "+37060000000",
            "stop please!",
        )

    def test_does_not_lose_a_stop_over_a_bad_optional_field(self) -> None:
        event = self.read(
            {"from": 37069912345, "to": [], "text": "STOP", "id": {}, "received_at": "yesterday"}
        )
        assert (event.sender, event.text) == ("+37069912345", "STOP")
        assert (event.gateway_message_id, event.recipient, event.received_at) == (None, "", None)

    @pytest.mark.parametrize(
        ("given_as", "normal"),
        [
            ("0037069912345", "+37069912345"),
            ("(370) 699-123-45", "+37069912345"),
            ("12345", "12345"),
            ("Bank", "Bank"),
            ("061234567", "061234567"),
            ("", None),
            ("x" * 41, None),
            (True, None),
            (10**15, None),
            ("٠٠٣٧٠٦٩٩١٢", None),
        ],
    )
    def test_brings_addresses_to_one_form(self, given_as: object, normal: str | None) -> None:
        assert address_normal(given_as) == normal

    def test_makes_the_text_storable(self) -> None:
        event = self.read(b'{"from": "37069912345", "text": "a\\u0000b\\ud800c \\ud83d\\udc4b"}')
        assert event.text == "a\ufffdb\ufffdc 👋"
        assert event.text.encode()

    def test_shows_neither_number_nor_text_in_a_repr(self) -> None:
        shown = repr(self.read({"from": "37069912345", "text": "STOP it"}))
        assert "69912345" not in shown
        assert "STOP it" not in shown

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "empty"),
            (b'{"from": "37069912345", "tex', "not_json"),
            (b"[]", "not_an_object"),
            (b'{"text": "STOP"}', "no_sender"),
            (b'{"from": {}, "text": "STOP"}', "no_sender"),
            (b'{"from": "37069912345"}', "no_text"),
            (b'{"from": "37069912345", "text": 7}', "no_text"),
            (b'{"from": "37069912345", "text": "' + b"x" * 10_001 + b'"}', "too_large"),
            (b"\xff", "not_utf8"),
        ],
    )
    def test_refuses_what_is_no_message(self, body: bytes, code: str) -> None:
        with pytest.raises(TransportDataError) as refusal:
            inbound_events(body, JSON, {})
        assert refusal.value.code == code

    @pytest.mark.parametrize("body", [b"from=%FF&text=x", b"&".join([b"a=1"] * 60)])
    def test_refuses_what_is_no_form(self, body: bytes) -> None:
        with pytest.raises(TransportDataError) as refusal:
            self.read(body, "application/x-www-form-urlencoded")
        assert refusal.value.code == "not_a_form"

    @given(
        body=st.binary(max_size=300)
        | st.dictionaries(
            st.sampled_from(["from", "to", "text", "id", "received_at"]),
            st.none() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.none()),
        ).map(lambda value: json.dumps(value).encode()),
        form=st.booleans(),
    )
    def test_raises_only_its_own_error(self, body: bytes, form: bool) -> None:
        content_type = "application/x-www-form-urlencoded" if form else "application/json"
        try:
            event = self.read(body, content_type)
        except TransportDataError:
            return
        assert event.sender
        assert "\x00" not in event.text
        assert event.text.encode() is not None

    def test_acknowledges(self) -> None:
        assert inbound_ack().status == 200
