"""The VertexSMS transport against the bytes of its documentation (seed 002; providers.md A1)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.gateways import transports
from smsmarketing.gateways.transports.base import (
    ERROR_CLASSES,
    RECEIPT_STATUSES,
    OutboundMessage,
    SubmitResult,
    TransportConfig,
    TransportDataError,
)

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
        assert refusal.value.code == "credentials"

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
