"""What every transport owes: its documented samples, caution in doubt, and no exception on any bytes."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.gateways import transports
from smsmarketing.gateways.transports.base import (
    ERROR_CLASSES,
    MESSAGE_ID_PARAMETER,
    RECEIPT_STATUSES,
    FailureKind,
    InboundEvent,
    ReceiptEvent,
    TransportDataError,
)
from smsmarketing.gateways.transports.inbound import MAX_TEXT_CHARACTERS
from tests.gateways.transports.cases import CASES, NUMBER, Case, message

NAMES = [case.definition or case.name for case in CASES]
every = pytest.mark.parametrize("case", CASES, ids=NAMES)


def test_every_transport_has_its_samples() -> None:
    """But for those that are no HTTP: tests/gateways/smpp has theirs."""
    named = {case.name for case in CASES if not case.definition}
    assert sorted([*named, "generic", *transports.bound_names()]) == list(transports.names())


@every
class TestSubmit:
    def test_one_request_with_body_number_and_callback(self, case: Case) -> None:
        request = case.transport.submit_request(message(), case.config)
        assert request.method == "POST"
        assert urlsplit(request.url).path == case.path
        assert NUMBER[1:].encode() in request.body
        assert request.body

    def test_waits_three_seconds_to_connect_and_ten_to_read(self, case: Case) -> None:
        """[R-10.14]"""
        assert case.transport.submit_request(message(), case.config).timeout == (3.0, 10.0)

    @pytest.mark.parametrize("number", ["37069912345", "+0123456789", "+1", "", "+3706991234\n"])
    def test_refuses_what_is_not_e164(self, case: Case, number: str) -> None:
        with pytest.raises(TransportDataError) as refusal:
            case.transport.submit_request(message(to=number), case.config)
        assert refusal.value.code == "not_e164"

    def test_names_a_missing_credential(self, case: Case) -> None:
        for field in case.transport.credential_fields:
            if not field.required:
                continue
            left = {name: value for name, value in case.credentials.items() if name != field.name}
            config = type(case.config)(base_url="https://api.example", credentials=left)
            with pytest.raises(TransportDataError) as refusal:
                case.transport.submit_request(message(), config)
            assert refusal.value.code == "credentials"

    def test_never_rounds_a_validity_up(self, case: Case) -> None:
        """[R-3.5] a longer validity than planned could deliver inside the quiet hours."""
        limits = case.transport.capabilities.validity_range_s
        if limits is None or limits[0] < 2:
            return
        with pytest.raises(TransportDataError) as refusal:
            case.transport.submit_request(message(validity_s=limits[0] - 1), case.config)
        assert refusal.value.code == "validity"

    def test_shows_no_number_text_or_secret_in_a_repr(self, case: Case) -> None:
        """[R-4.12] a repr may land in a log."""
        request = case.transport.submit_request(message(body="Secret sale"), case.config)
        result = case.transport.submit_result(400, {}, f'"{NUMBER} Secret sale"'.encode())
        shown = f"{message(body='Secret sale')!r}{request!r}{case.config!r}{result!r}"
        for secret in (NUMBER[1:], "Secret sale", "secret-value-1", "secret-path"):
            assert secret not in shown


@every
class TestAnswers:
    def test_reads_the_documented_acceptance(self, case: Case) -> None:
        status, body = case.accepted
        result = case.transport.submit_result(status, {}, body)
        assert (result.outcome, result.definitely_not_accepted) == ("accepted", False)
        assert (result.gateway_message_id, result.parts_billed) == (case.accepted_id, case.parts)

    def test_reads_the_documented_refusals(self, case: Case) -> None:
        for status, body, outcome, error_class, code in case.refusals:
            result = case.transport.submit_result(status, {}, body)
            found = (result.outcome, result.error_class, result.error_code)
            assert found == (outcome, error_class, code)
            assert result.error_text
            assert result.definitely_not_accepted is (outcome not in {"duplicate", "ambiguous"})

    @pytest.mark.parametrize("status", [500, 502, 504, 408])
    def test_doubts_what_may_have_been_taken(self, case: Case, status: int) -> None:
        """A server error may come after the message was queued: never handed over again by itself."""
        for body in (b"", b"<html>Bad gateway</html>", b'{"half":'):
            result = case.transport.submit_result(status, {}, body)
            assert (result.outcome, result.definitely_not_accepted) == ("ambiguous", False)

    def test_doubts_an_acceptance_it_cannot_read(self, case: Case) -> None:
        for body in (
            b"",
            b"<html>OK</html>",
            b"{}",
            b"[]",
            b'{"list": [{}]}',
            case.accepted[1][:-2],
        ):
            result = case.transport.submit_result(case.accepted[0], {}, body)
            assert (result.outcome, result.definitely_not_accepted) == ("ambiguous", False)

    def test_a_moved_address_stops_the_gateway(self, case: Case) -> None:
        result = case.transport.submit_result(301, {}, b"")
        assert (result.outcome, result.error_class) == ("rejected", "auth")

    @pytest.mark.parametrize("kind", ["dns", "connect", "connect_timeout", "tls", "bad_request"])
    def test_nothing_left_means_not_accepted(self, case: Case, kind: FailureKind) -> None:
        result = case.transport.transport_failure(kind, sent=False)
        assert result.definitely_not_accepted

    @pytest.mark.parametrize("kind", ["timeout", "reset", "protocol"])
    def test_something_left_means_doubt(self, case: Case, kind: FailureKind) -> None:
        result = case.transport.transport_failure(kind, sent=True)
        assert (result.outcome, result.definitely_not_accepted) == ("ambiguous", False)

    @settings(max_examples=25, deadline=None)
    @given(
        status=st.integers(100, 599),
        body=st.one_of(
            st.binary(max_size=200),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(
                            ["data", "id", "code", "errors", "list", "messages", "status", "sid"]
                        ),
                        inner,
                        max_size=4,
                    )
                ),
                max_leaves=8,
            ).map(lambda value: json.dumps(value).encode()),
        ),
    )
    def test_no_bytes_raise(self, case: Case, status: int, body: bytes) -> None:
        result = case.transport.submit_result(status, {"retry-after": "soon"}, body)
        assert result.error_class is None or result.error_class in ERROR_CLASSES
        assert result.outcome != "accepted" or 200 <= status < 300


def test_a_slow_down_in_words_is_understood() -> None:
    """Vonage answers 429 with a sentence that holds the seconds."""
    case = next(each for each in CASES if each.name == "vonage")
    result = case.transport.submit_result(*(429, {}, case.refusals[-1][1]))
    assert result.retry_after_s == 7


@every
class TestWebhooks:
    def test_reads_the_documented_receipts(self, case: Case) -> None:
        for body, status, code in case.receipts:
            query = {} if case.ids_in_body else {MESSAGE_ID_PARAMETER: "41"}
            (event,) = case.transport.webhook_events(
                body, {"content-type": case.content_type}, query
            )
            assert isinstance(event, ReceiptEvent)
            assert (event.status, event.error_code) == (status, code)
            assert event.our_message_id == 41
            assert event.status in RECEIPT_STATUSES

    def test_reads_a_reply(self, case: Case) -> None:
        if not case.transport.capabilities.inbound:
            return
        (event,) = case.transport.webhook_events(
            case.reply, {"content-type": case.content_type}, {}
        )
        assert isinstance(event, InboundEvent)
        assert (event.sender, event.recipient, event.text) == (NUMBER, case.reply_to, "STOP")
        assert event.gateway_message_id

    def test_cuts_a_text_that_no_phone_sends(self, case: Case) -> None:
        """A refusal is repeated for ever, and the "no" in it with it."""
        if not case.transport.capabilities.inbound:
            return
        long = case.reply.replace(b"STOP", b"STOP" + b"x" * 20_000)
        (event,) = case.transport.webhook_events(long, {"content-type": case.content_type}, {})
        assert isinstance(event, InboundEvent)
        assert len(event.text) == MAX_TEXT_CHARACTERS

    def test_answers_what_the_provider_expects(self, case: Case) -> None:
        ack = case.transport.webhook_ack()
        assert (ack.status, ack.body) == (200, case.ack)

    @settings(max_examples=25, deadline=None)
    @given(body=st.binary(max_size=300), junk=st.text(max_size=20))
    def test_other_bytes_are_refused_in_one_way(self, case: Case, body: bytes, junk: str) -> None:
        """No other exception, and no refusal quotes a number of what it refuses."""
        for content_type in (case.content_type, "text/plain", ""):
            said = ""
            try:
                case.transport.webhook_events(
                    body + NUMBER.encode(),
                    {"content-type": content_type},
                    {MESSAGE_ID_PARAMETER: junk},
                )
            except TransportDataError as refusal:
                said = str(refusal)
            assert NUMBER[1:] not in said

    def test_cut_and_huge_bodies_are_refused(self, case: Case) -> None:
        body = case.receipts[0][0]
        for broken in (b"", body[:5], b"x" * 70_000, b"[" * 5000, b"\xff\xfe\x00"):
            with pytest.raises(TransportDataError):
                case.transport.webhook_events(broken, {"content-type": case.content_type}, {})


def test_every_error_table_speaks_our_words() -> None:
    for case in CASES:
        for code, meaning in case.transport.errors.items():
            assert len(code) <= 32
            assert meaning.error_class in ERROR_CLASSES
            assert meaning.meaning.endswith(".")
            assert meaning.status is None or meaning.status in RECEIPT_STATUSES
