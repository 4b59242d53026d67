"""The bytes of SMPP: round trips, foreign codecs, and streams that lie."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
import smpp34
from hypothesis import given, settings
from hypothesis import strategies as st
from smpp.pdu.pdu_encoding import PDUEncoder

from smsmarketing.gateways.transports.smpp.messages import (
    UDHI,
    Address,
    Concat,
    ShortMessage,
    message_decode,
    message_encode,
    message_id_decode,
)
from smsmarketing.gateways.transports.smpp.pdu import (
    DATA_SM,
    DELIVER_SM,
    MAX_PDU_BYTES,
    MESSAGE_PAYLOAD,
    SUBMIT_SM,
    Framer,
    PduError,
    pdu_encode,
    pdus_split,
    sequence_set,
)

WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
OCTET = st.integers(0, 255)
ADDRESS = st.builds(Address, OCTET, OCTET, WORD)
MESSAGE = st.builds(
    ShortMessage,
    source=ADDRESS,
    destination=ADDRESS,
    short_message=st.binary(max_size=254),
    service_type=WORD.map(lambda word: word[:5]),
    esm_class=OCTET,
    protocol_id=OCTET,
    priority=OCTET,
    schedule=WORD.map(lambda word: word[:16]),
    validity=WORD.map(lambda word: word[:16]),
    registered_delivery=OCTET,
    replace_if_present=OCTET,
    data_coding=OCTET,
    default_message=OCTET,
    optional=st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=40), max_size=4),
)
PLAIN = ShortMessage(
    source=Address(5, 0, "Shop"), destination=Address(1, 1, "37069912345"), short_message=b"Hi"
)


def whole(message: ShortMessage, command: int = SUBMIT_SM, sequence: int = 7) -> bytes:
    return pdu_encode(command, message_encode(message), sequence=sequence)


@given(MESSAGE)
@settings(max_examples=200, deadline=None)
def test_a_message_comes_back_as_it_went(message: ShortMessage) -> None:
    (pdu,) = pdus_split(whole(message))
    assert message_decode(pdu) == message


@given(MESSAGE.filter(lambda message: message.source.value.isalnum()))
@settings(max_examples=100, deadline=None)
def test_a_foreign_codec_reads_the_same(message: ShortMessage) -> None:
    """smpp34 is Rust by another author."""
    told: Any = smpp34.decode(whole(message))
    assert (told.source_addr_ton, told.source_addr_npi, told.source_addr) == message.source
    assert (told.dest_addr_ton, told.dest_addr_npi, told.destination_addr) == message.destination
    assert told.short_message == message.short_message
    assert (told.esm_class, told.data_coding) == (message.esm_class, message.data_coding)
    assert (told.validity_period, told.registered_delivery) == (
        message.validity,
        message.registered_delivery,
    )
    assert {each.tag: each.value for each in told.tlvs} == dict(message.optional)


def test_a_foreign_codec_writes_what_we_read() -> None:
    given_ = smpp34.DeliverSm(
        "37069912345",
        "Shop",
        b"id:7 stat:DELIVRD",
        esm_class=4,
        source_addr_ton=1,
        source_addr_npi=1,
        tlvs=[smpp34.Tlv(smpp34.TLV_MESSAGE_STATE, b"\2")],
        sequence_number=9,
    )
    (pdu,) = pdus_split(given_.encode())
    message = message_decode(pdu)
    assert (pdu.command, pdu.sequence) == (DELIVER_SM, 9)
    assert message.source == Address(1, 1, "37069912345")
    assert message.text == b"id:7 stat:DELIVRD"
    assert message.optional == {0x0427: b"\2"}


def test_a_second_foreign_codec_reads_a_submit() -> None:
    told = PDUEncoder().decode(BytesIO(whole(PLAIN)))
    assert told.params["destination_addr"] == b"37069912345"
    assert told.params["short_message"] == b"Hi"
    assert told.seqNum == 7


class TestStreams:
    @given(st.lists(MESSAGE, min_size=1, max_size=4), st.integers(1, 60))
    @settings(max_examples=60, deadline=None)
    def test_pdus_come_out_however_the_stream_is_cut(
        self, messages: list[ShortMessage], size: int
    ) -> None:
        stream = b"".join(whole(each, sequence=number) for number, each in enumerate(messages))
        framer, found = Framer(), []
        for start in range(0, len(stream), size):
            found += framer.feed(stream[start : start + size])
        assert [message_decode(each) for each in found] == messages
        assert [each.sequence for each in found] == list(range(len(messages)))
        assert framer.pending == 0

    @pytest.mark.parametrize("length", [0, 15, MAX_PDU_BYTES + 1, 0xFFFFFFFF])
    def test_a_length_that_cannot_be_ends_the_stream(self, length: int) -> None:
        """A huge one must not make us wait for gigabytes, nor keep them."""
        with pytest.raises(PduError) as refusal:
            Framer().feed(length.to_bytes(4, "big") + bytes(12))
        assert refusal.value.code == "length"

    def test_half_a_pdu_waits(self) -> None:
        framer = Framer()
        assert framer.feed(whole(PLAIN)[:20]) == []
        assert framer.pending == 20
        with pytest.raises(PduError):
            pdus_split(whole(PLAIN)[:20])

    def test_another_number_changes_nothing_else(self) -> None:
        assert sequence_set(whole(PLAIN, sequence=0), 77) == whole(PLAIN, sequence=77)


class TestBodies:
    @given(st.binary(max_size=300), st.sampled_from([SUBMIT_SM, DELIVER_SM, DATA_SM]))
    @settings(max_examples=300, deadline=None)
    def test_other_bytes_are_refused_in_one_way(self, body: bytes, command: int) -> None:
        (pdu,) = pdus_split(pdu_encode(command, body))
        try:
            message = message_decode(pdu)
        except PduError:
            return
        assert message.concat is None or 1 <= message.concat.number <= message.concat.total
        assert isinstance(message.text, bytes)

    @pytest.mark.parametrize("cut", range(1, 25))
    def test_a_cut_body_is_refused(self, cut: int) -> None:
        (pdu,) = pdus_split(pdu_encode(DELIVER_SM, message_encode(PLAIN)[:-cut]))
        with pytest.raises(PduError):
            message_decode(pdu)

    def test_a_cut_optional_parameter_is_left_out(self) -> None:
        """Some carriers end a PDU within one; the text before it still counts."""
        body = message_encode(PLAIN) + bytes.fromhex("0427000502")
        (pdu,) = pdus_split(pdu_encode(DELIVER_SM, body))
        assert message_decode(pdu) == PLAIN

    def test_what_does_not_fit_is_never_cut(self) -> None:
        with pytest.raises(PduError):
            message_encode(
                ShortMessage(source=Address(5, 0, "x" * 21), destination=PLAIN.destination)
            )
        with pytest.raises(PduError):
            message_encode(
                ShortMessage(
                    source=PLAIN.source, destination=PLAIN.destination, short_message=b"x" * 255
                )
            )

    def test_an_id_may_lack_its_end(self) -> None:
        assert message_id_decode(b"0000B3FC\0") == "0000B3FC"
        assert message_id_decode(b"0000B3FC") == "0000B3FC"
        assert message_id_decode(b"") == ""
        assert message_id_decode(b"x" * 200) == ""

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ("050003aa0201", Concat(0xAA, 2, 1)),
            ("06080412340302", Concat(0x1234, 3, 2)),
            ("0b05041581000000030a0302", Concat(0x0A, 3, 2)),
            ("050003aa0203", None),  # the third of two
            ("050003aa0100", None),
            ("0500", None),
            ("ff0003aa0201", None),
            ("", None),
        ],
    )
    def test_reads_the_header_of_a_part(self, data: str, expected: Concat | None) -> None:
        """3GPP TS 23.040 §9.2.3.24"""
        for place in ("short_message", "payload"):
            raw = bytes.fromhex(data)
            message = ShortMessage(
                source=PLAIN.source,
                destination=PLAIN.destination,
                esm_class=UDHI,
                short_message=raw if place == "short_message" else b"",
                optional={} if place == "short_message" else {MESSAGE_PAYLOAD: raw},
            )
            assert message.concat == expected
