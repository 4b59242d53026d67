"""SMPP as a transport: submits, answers, receipts and replies, all without a socket."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.gateways.rules.part_ids import id_canonical, id_forms
from smsmarketing.gateways.transports.base import (
    ERROR_CLASSES,
    RECEIPT_STATUSES,
    InboundEvent,
    ReceiptEvent,
    TransportConfig,
    TransportDataError,
)
from smsmarketing.gateways.transports.smpp import Smpp
from smsmarketing.gateways.transports.smpp.messages import (
    Address,
    ShortMessage,
    message_decode,
    message_encode,
)
from smsmarketing.gateways.transports.smpp.options import options_read
from smsmarketing.gateways.transports.smpp.pdu import (
    DELIVER_SM,
    GENERIC_NACK,
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    RECEIPTED_MESSAGE_ID,
    RESPONSE,
    SUBMIT_SM,
    pdu_encode,
    pdus_split,
)
from smsmarketing.gateways.transports.smpp.statuses import NAMES
from smsmarketing.gateways.transports.smpp.transport import (
    bind_request,
    source_address,
    validity_text,
)
from tests.gateways.transports.cases import NUMBER, message

SMPP = Smpp()
APPENDIX_B = (
    "id:0123456789 sub:001 dlvrd:001 submit date:2611281200 done date:2611281201 stat:{} err:{}"
    " text:Sale today"
)


def config(**options: str) -> TransportConfig:
    return TransportConfig(
        base_url="smpp://127.0.0.1:2775",
        credentials={"system_id": "shop", "password": "secret-value-1"},
        options=options,
    )


def submitted(options: dict[str, str] | None = None, **changes: Any) -> list[ShortMessage]:
    request = SMPP.submit_request(message(**changes), config(**(options or {})))
    return [message_decode(pdu) for pdu in pdus_split(request.body)]


def answer(status: int = 0, message_id: str = "7", command: int = SUBMIT_SM | RESPONSE) -> bytes:
    return pdu_encode(command, message_id.encode() + b"\0" if message_id else b"", status=status)


def delivered(
    text: str = "", *, esm_class: int = 4, source: str = "37069912345", **optional: bytes
) -> bytes:
    tags = {"id": RECEIPTED_MESSAGE_ID, "state": MESSAGE_STATE, "error": NETWORK_ERROR_CODE}
    body = message_encode(
        ShortMessage(
            source=Address(1, 1, source),
            destination=Address(5, 0, "37060000001"),
            esm_class=esm_class,
            short_message=text.encode("latin-1"),
            optional={tags[name]: value for name, value in optional.items()},
        )
    )
    return pdu_encode(DELIVER_SM, body, sequence=3)


def receipt(text: str = "", **more: Any) -> ReceiptEvent:
    (event,) = SMPP.webhook_events(delivered(text, **more), {}, {})
    assert isinstance(event, ReceiptEvent)
    return event


class TestSubmit:
    def test_says_who_to_whom_and_asks_for_a_receipt(self) -> None:
        (sent,) = submitted(validity_s=3661, priority="high")
        assert sent.source == Address(5, 0, "Shop")
        assert sent.destination == Address(1, 1, NUMBER[1:])
        assert (sent.text, sent.registered_delivery, sent.priority) == (b"Sale today", 1, 1)
        assert sent.validity == "000000010101000R"

    def test_asks_for_none_where_none_is_wanted(self) -> None:
        (sent,) = submitted(dlr_url="")
        assert sent.registered_delivery == 0
        assert sent.validity == ""

    def test_a_long_text_is_one_message_of_several_pdus(self) -> None:
        first, second = submitted(body="x" * 200, parts=2)
        assert (first.esm_class, second.esm_class) == (0x40, 0x40)
        assert first.concat == (41, 2, 1)
        assert second.concat == (41, 2, 2)
        first, second = submitted({"long_text": "sar"}, body="x" * 200, parts=2)
        assert (first.esm_class, second.concat) == (0, (41, 2, 2))
        (whole,) = submitted({"long_text": "payload"}, body="x" * 200, parts=2)
        assert (whole.short_message, whole.text) == (b"", b"x" * 200)

    @pytest.mark.parametrize(
        ("sender", "expected"),
        [
            ("Shop", Address(5, 0, "Shop")),
            ("ACME 24", Address(5, 0, "ACME 24")),
            ("+37060000001", Address(1, 1, "37060000001")),
            ("37060000001", Address(1, 1, "37060000001")),
            ("1234", Address(3, 0, "1234")),
        ],
    )
    def test_types_of_number(self, sender: str, expected: Address) -> None:
        assert source_address(sender, options_read({})) == expected

    def test_a_carrier_may_want_other_types(self) -> None:
        options = options_read({"source_ton": "0", "source_npi": "1"})
        assert source_address("1234", options) == Address(0, 1, "1234")

    def test_a_carrier_may_refuse_a_validity(self) -> None:
        (sent,) = submitted({"validity": "none"}, validity_s=3600)
        assert sent.validity == ""

    def test_never_rounds_a_validity_up(self) -> None:
        """[R-3.5]"""
        with pytest.raises(TransportDataError) as refusal:
            submitted(validity_s=59)
        assert refusal.value.code == "validity"
        assert validity_text(604_800) == "000007000000000R"

    @pytest.mark.parametrize("number", ["37069912345", "+1", "", "+3706991234\n"])
    def test_refuses_what_is_not_e164(self, number: str) -> None:
        with pytest.raises(TransportDataError) as refusal:
            submitted(to=number)
        assert refusal.value.code == "not_e164"

    def test_a_wrong_setting_is_the_gateways_fault(self) -> None:
        for options in ({"alphabet": "klingon"}, {"enquire_s": "4"}, {"colour": "red"}):
            with pytest.raises(TransportDataError) as refusal:
                submitted(options)
            assert refusal.value.code == "credentials"

    def test_shows_no_number_text_or_secret_in_a_repr(self) -> None:
        """[R-4.12]"""
        request = SMPP.submit_request(message(body="Secret sale"), config())
        (sent,) = submitted(body="Secret sale")
        shown = f"{request!r}{sent!r}{config()!r}{pdus_split(request.body)!r}{receipt('id:1 stat:DELIVRD')!r}"
        for secret in (NUMBER[1:], "Secret sale", "secret-value-1"):
            assert secret not in shown


class TestBind:
    def test_logs_in_as_version_3_4(self) -> None:
        (pdu,) = pdus_split(bind_request("transceiver", config(system_type="SMS")))
        assert pdu.command == 9
        assert pdu.body == b"shop\0secret-value-1\0SMS\0\x34\0\0\0"

    def test_names_a_missing_credential(self) -> None:
        for missing in ("system_id", "password"):
            left = {"system_id": "a", "password": "b"}
            del left[missing]
            with pytest.raises(TransportDataError) as refusal:
                bind_request("receiver", TransportConfig(base_url="smpp://x", credentials=left))
            assert refusal.value.code == "credentials"


class TestAnswers:
    def test_an_id_is_an_acceptance(self) -> None:
        result = SMPP.submit_result(200, {}, answer(message_id="0000B3FC"))
        assert (result.outcome, result.gateway_message_id) == ("accepted", "0000B3FC")
        assert result.part_ids == ("0000B3FC",)
        assert not result.definitely_not_accepted

    def test_so_is_an_answer_without_one(self) -> None:
        result = SMPP.submit_result(200, {}, answer(message_id=""))
        assert (result.outcome, result.gateway_message_id, result.part_ids) == (
            "accepted",
            None,
            ("",),
        )

    def test_all_parts_or_doubt(self) -> None:
        both = answer(message_id="1") + answer(message_id="2")
        result = SMPP.submit_result(200, {"smpp-parts": "2"}, both)
        assert (result.outcome, result.part_ids) == ("accepted", ("1", "2"))
        for half in (answer(message_id="1"), answer(message_id="1") + answer(0x58, "")):
            result = SMPP.submit_result(200, {"smpp-parts": "2"}, half)
            assert (result.outcome, result.definitely_not_accepted) == ("ambiguous", False)
            assert "1 of 2" in result.error_text

    @pytest.mark.parametrize(
        ("status", "outcome", "error_class", "code"),
        [
            (0x0B, "rejected", "hard", "ESME_RINVDSTADR"),
            (0x0A, "rejected", "sender", "ESME_RINVSRCADR"),
            (0x14, "throttled", "throttle", "ESME_RMSGQFUL"),
            (0x58, "throttled", "throttle", "ESME_RTHROTTLED"),
            (0x08, "retryable", "soft", "ESME_RSYSERR"),
            (0x45, "retryable", "soft", "ESME_RSUBMITFAIL"),
            (0x0E, "rejected", "auth", "ESME_RINVPASWD"),
            (0x101, "rejected", "account", "ESME_RPROHIBITED"),
            (0x01, "rejected", "content", "ESME_RINVMSGLEN"),
            (0x4FF, "retryable", "soft", "0x000004FF"),
        ],
    )
    def test_a_status_says_what_follows(
        self, status: int, outcome: str, error_class: str, code: str
    ) -> None:
        """[R-10.13]"""
        for command in (SUBMIT_SM | RESPONSE, GENERIC_NACK):
            result = SMPP.submit_result(200, {}, answer(status, "", command))
            assert (result.outcome, result.error_class, result.error_code) == (
                outcome,
                error_class,
                code,
            )
            assert result.definitely_not_accepted
            assert result.error_text.endswith(".")

    def test_every_status_of_the_specification_has_a_meaning(self) -> None:
        for status in NAMES:
            result = SMPP.submit_result(200, {}, answer(status, ""))
            assert result.error_class in ERROR_CLASSES
            assert result.outcome in {"rejected", "retryable", "throttled"}

    @given(st.binary(max_size=120), st.integers(100, 599))
    @settings(max_examples=200, deadline=None)
    def test_no_bytes_raise(self, body: bytes, status: int) -> None:
        result = SMPP.submit_result(status, {"smpp-parts": "x"}, body)
        assert result.outcome != "accepted" or 200 <= status < 300

    @pytest.mark.parametrize("body", [b"", b"\0" * 3, answer()[:-1], pdu_encode(0x15)])
    def test_what_is_no_answer_is_doubt(self, body: bytes) -> None:
        result = SMPP.submit_result(200, {}, body)
        assert (result.outcome, result.definitely_not_accepted) == ("ambiguous", False)


class TestReceipts:
    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("DELIVRD", "delivered"),
            ("DELIVERED", "delivered"),
            ("delivrd", "delivered"),
            ("EXPIRED", "expired"),
            ("DELETED", "rejected"),
            ("UNDELIV", "undelivered"),
            ("UNDELIVERABLE", "undelivered"),
            ("ACCEPTD", "accepted"),
            ("ACCEPTED", "accepted"),
            ("ENROUTE", "accepted"),
            ("REJECTD", "rejected"),
            ("REJECTED", "rejected"),
            ("FAILED", "failed"),
            ("UNKNOWN", "unknown"),
            ("BANANA", "unknown"),
        ],
    )
    def test_by_text(self, word: str, status: str) -> None:
        event = receipt(APPENDIX_B.format(word, "000"))
        assert (event.gateway_message_id, event.status) == ("0123456789", status)
        assert event.status in RECEIPT_STATUSES
        assert event.error_code is None
        assert event.recipient == "37069912345"

    @pytest.mark.parametrize(
        "text",
        [
            "id:0000B3FC sub:001 dlvrd:001 submit date:2611281200 done date:2611281201"
            " stat:DELIVRD err:000 text:",
            "id:0000B3FC submit date:261128120000 done date:261128120159 stat:DELIVRD err:0",
            "id: 0000B3FC stat: DELIVRD",
            "ID:0000B3FC STAT:DELIVRD ERR:00A",
            "id:0000B3FC status:DELIVRD",
            "id:0000B3FC sub:1 dlvrd:1 submit date:- done date:garbage stat:DELIVRD err:X text:id:9"
            " stat:UNDELIV",
        ],
    )
    def test_every_carrier_writes_it_in_its_own_way(self, text: str) -> None:
        event = receipt(text)
        assert (event.gateway_message_id, event.status) == ("0000B3FC", "delivered")

    @pytest.mark.parametrize(
        ("told", "code"), [("069", "69"), ("1A", "1A"), ("0A0", "0A0"), ("000", None)]
    )
    def test_keeps_the_networks_code(self, told: str, code: str | None) -> None:
        """In one spelling: a parameter tells the number 69 without zeros."""
        event = receipt(APPENDIX_B.format("UNDELIV", told))
        assert (event.error_code, event.error_class) == (code, "soft")

    def test_optional_parameters_come_first(self) -> None:
        event = receipt(
            APPENDIX_B.format("UNDELIV", "069"), id=b"B3FC\0", state=b"\2", error=b"\3\0\0"
        )
        assert (event.gateway_message_id, event.status, event.error_code) == (
            "B3FC",
            "delivered",
            None,
        )
        event = receipt(id=b"B3FC\0", state=b"\5", error=b"\3\0\x22")
        assert (event.status, event.error_code) == ("undelivered", "34")

    @pytest.mark.parametrize(
        ("text", "code"), [("", "no_id"), ("stat:DELIVRD", "no_id"), ("id:7 sub:1", "no_status")]
    )
    def test_what_says_nothing_is_unusable(self, text: str, code: str) -> None:
        with pytest.raises(TransportDataError) as refusal:
            receipt(text)
        assert refusal.value.code == code

    @pytest.mark.parametrize(
        ("kept", "told"),
        [
            ("0000B3FC", "B3FC"),
            ("0000B3FC", "b3fc"),
            ("B3FF", "46079"),
            ("46079", "0000B3FF"),
            ("46079", "00046079"),
            ("5f3e-aa01", "5F3E-AA01"),
        ],
    )
    def test_an_id_is_found_in_another_form(self, kept: str, told: str) -> None:
        """Jasmin and Kannel, as seen (providers.md A12)."""
        assert id_canonical(kept) in id_forms(told)

    @given(st.text(max_size=80))
    @settings(max_examples=200, deadline=None)
    def test_no_id_raises(self, told: str) -> None:
        assert len(id_canonical(told)) <= 64
        assert id_forms(told)[0] == id_canonical(told)


class TestReplies:
    def test_reads_what_a_person_wrote(self) -> None:
        (event,) = SMPP.webhook_events(delivered("STOP", esm_class=0), {}, {})
        assert isinstance(event, InboundEvent)
        assert (event.sender, event.recipient, event.text) == (NUMBER, "+37060000001", "STOP")

    def test_a_persons_text_that_looks_like_a_receipt_is_a_text(self) -> None:
        """Otherwise anybody could say of a message that it was delivered."""
        (event,) = SMPP.webhook_events(
            delivered(APPENDIX_B.format("DELIVRD", "000"), esm_class=0), {}, {}
        )
        assert isinstance(event, InboundEvent)

    @given(st.binary(max_size=300))
    @settings(max_examples=200, deadline=None)
    def test_other_bytes_are_refused_in_one_way(self, body: bytes) -> None:
        for raw in (body, pdu_encode(DELIVER_SM, body + NUMBER.encode())):
            said = ""
            try:
                SMPP.webhook_events(raw, {}, {})
            except TransportDataError as refusal:
                said = str(refusal)
            assert NUMBER[1:] not in said

    def test_nothing_comes_over_http(self) -> None:
        assert SMPP.webhook_methods == frozenset()
