"""Texts on the wire: the same parts as were counted, and the same text at the other end."""

from __future__ import annotations

import pytest
import smsutil
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.gateways.rules.encoding import (
    GSM_BASIC,
    GSM_EXTENSION,
    text_count,
    text_is_gsm,
)
from smsmarketing.gateways.transports.base import TransportDataError
from smsmarketing.gateways.transports.smpp.texts import (
    LONG_TEXTS,
    LongText,
    gsm7_decode,
    gsm7_encode,
    text_decode,
    text_segments,
)

GSM = st.text(st.sampled_from(GSM_BASIC + GSM_EXTENSION), min_size=1, max_size=800)
ANY = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x1FAFF, exclude_categories=["Cs"]),
    min_size=1,
    max_size=300,
)


def segments(text: str, long_text: LongText = "udh", **more: object) -> list[object]:
    return text_segments(
        text,
        **{  # type: ignore[arg-type]
            "reference": 300,
            "alphabet": "gsm7",
            "long_text": long_text,
            "planned": 255,
            **more,
        },
    )


@given(st.one_of(GSM, ANY), st.sampled_from(LONG_TEXTS))
@settings(max_examples=150, deadline=None)
def test_the_parts_are_those_that_were_counted(text: str, long_text: LongText) -> None:
    """[R-1.2], [R-1.3]"""
    planned = text_count(text).parts
    found = text_segments(
        text, reference=300, alphabet="gsm7", long_text=long_text, planned=planned
    )
    if long_text == "payload":
        assert len(found) == 1
        data = found[0].optional.get(0x0424, found[0].short_message)
        assert text_decode(data, found[0].data_coding) == text
        return
    assert len(found) == planned
    assert all(len(each.short_message) <= 160 for each in found)
    assert {each.data_coding for each in found} == {0 if text_is_gsm(text) else 8}
    bare = [each.short_message[6:] if each.header else each.short_message for each in found]
    assert "".join(text_decode(each, found[0].data_coding) for each in bare) == text


@given(GSM)
@settings(max_examples=100, deadline=None)
def test_septets_are_those_of_another_author(text: str) -> None:
    ours = gsm7_encode(text)
    assert gsm7_decode(ours) == text
    assert bytes(ours) == bytes(smsutil.encode(text))


def test_a_header_counts_the_parts() -> None:
    first, second = text_segments(
        "x" * 161, reference=300, alphabet="gsm7", long_text="udh", planned=2
    )
    assert first.short_message[:6] == bytes((5, 0, 3, 300 & 0xFF, 2, 1))
    assert second.short_message == bytes((5, 0, 3, 300 & 0xFF, 2, 2)) + b"x" * 8


def test_segments_count_the_parts() -> None:
    _, second = text_segments("x" * 161, reference=300, alphabet="gsm7", long_text="sar", planned=2)
    assert not second.header
    assert second.optional == {0x020C: b"\x01\x2c", 0x020E: b"\2", 0x020F: b"\2"}


def test_more_parts_than_were_paid_are_refused() -> None:
    with pytest.raises(TransportDataError) as refusal:
        segments("x" * 161, planned=1)
    assert refusal.value.code == "parts"


@pytest.mark.parametrize(
    ("alphabet", "text", "coding", "data"),
    [
        ("gsm7", "@é{", 0, b"\x00\x05\x1b\x28"),
        ("latin1", "@é{", 3, b"@\xe9{"),
        ("latin1_default", "@é{", 0, b"@\xe9{"),
        ("gsm7", "č", 8, b"\x01\x0d"),
        ("latin1", "č", 8, b"\x01\x0d"),
        ("gsm7", "😀", 8, b"\xd8\x3d\xde\x00"),
    ],
)
def test_each_gateway_gets_its_alphabet(alphabet: str, text: str, coding: int, data: bytes) -> None:
    (segment,) = text_segments(
        text,
        reference=1,
        alphabet=alphabet,
        long_text="udh",
        planned=1,  # type: ignore[arg-type]
    )
    assert (segment.data_coding, segment.short_message) == (coding, data)


def test_what_the_alphabet_has_not_is_refused_and_never_changed() -> None:
    with pytest.raises(TransportDataError) as refusal:
        segments("10 €", alphabet="latin1")
    assert refusal.value.code == "alphabet"


@pytest.mark.parametrize(
    ("data", "coding", "text"),
    [
        (b"STOP", 0, "STOP"),
        (b"\x00 \x1b\x65", 0, "@ €"),
        (b"caf\xe9", 0, "café"),
        (b"caf\xe9", 3, "café"),
        (b"STOP", 1, "STOP"),
        (b"\x00S\x00T\x00O\x00P", 8, "STOP"),
        (b"\x00S\x00T\x00O\x00P", 0x18, "STOP"),
        (b"STOP", 0xF1, "STOP"),
        (b"STOP", 0xF5, "STOP"),
        (b"\xd8\x3d\xde\x00", 8, "😀"),
        (b"\x00S\x00", 8, "S\ufffd"),
    ],
)
def test_replies_are_read_by_their_coding(data: bytes, coding: int, text: str) -> None:
    assert text_decode(data, coding) == text


@given(st.binary(max_size=200), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_no_reply_is_unreadable(data: bytes, coding: int) -> None:
    assert isinstance(text_decode(data, coding), str)
