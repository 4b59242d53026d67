"""Counting, cutting and repairing message texts (compliance §1)."""

import json
from pathlib import Path

import pytest
import smsutil
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsmarketing.gateways.rules import encoding
from smsmarketing.gateways.rules.encoding import (
    GSM_BASIC,
    GSM_EXTENSION,
    SplitMode,
    TextInvalid,
    offending_characters,
    smart_replacement,
    text_check,
    text_clean,
    text_count,
    text_is_gsm,
    text_normalise,
    text_replace_lookalikes,
    text_slices,
)

VECTORS = json.loads((Path(__file__).parent / "data" / "sms_vectors.json").read_text())
MODES: tuple[SplitMode, ...] = ("codepoint", "grapheme")
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"

gsm_texts = st.text(alphabet=GSM_BASIC + GSM_EXTENSION, max_size=700)
wide_texts = st.text(
    alphabet=st.sampled_from("a中€😀🇮🇹\u0301\u200d" + FAMILY[0]),
    max_size=400,
)
any_texts = st.one_of(gsm_texts, wide_texts, st.text(max_size=300))


def wire_units(text: str, encoding_name: str) -> int:
    if encoding_name == "GSM-7":
        return sum(2 if character in GSM_EXTENSION else 1 for character in text)
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vectors(vector: dict[str, object]) -> None:
    """[R-1.1] [R-1.2] [R-1.3]: all 65 vectors, in code-point, grapheme and 16-bit mode."""
    text = str(vector["text"])
    count = text_count(text)
    assert (count.units, count.parts) == (vector["units"], vector["parts"])
    assert text_count(text, split_mode="grapheme").parts == vector["parts_cluster"]
    assert text_count(text, ref16=True).parts == vector["parts_ref16"]
    if text:
        assert count.encoding == vector["encoding"]


def test_there_are_65_vectors() -> None:
    assert len(VECTORS) == 65


def test_capacity_and_remaining() -> None:
    assert text_count("a" * 159) == ("GSM-7", 159, 1, 160, 1)
    assert text_count("a" * 161) == ("GSM-7", 161, 2, 153, 145)
    assert text_count("a" * 161, ref16=True) == ("GSM-7", 161, 2, 152, 143)
    assert text_count("中" * 69) == ("UCS-2", 69, 1, 70, 1)
    assert text_count("中" * 71) == ("UCS-2", 71, 2, 67, 63)
    # The escape pair does not fit in the first part, so the second holds 154 septets: a third.
    assert text_count("a" * 152 + "€" + "b" * 152) == ("GSM-7", 306, 3, 153, 152)
    assert text_count("") == ("GSM-7", 0, 0, 160, 160)


def test_control_codes_are_not_gsm() -> None:
    for character in ("\x1b", "\x00", "\t", "`", "ç"):
        assert text_count(f"a{character}").encoding == "UCS-2"
        assert not text_is_gsm(character)
    assert text_count("a\x00€") == ("UCS-2", 3, 1, 70, 67)


def test_a_cluster_longer_than_a_part_is_cut_at_code_points() -> None:
    tower = "a" + "\u0301" * 140
    slices = text_slices(tower, split_mode="grapheme")
    assert [len(piece) for piece in slices] == [67, 67, 7]
    assert text_count(tower, split_mode="grapheme").parts == 3


def test_grapheme_mode_keeps_the_family_together() -> None:
    """[R-1.3]: V43."""
    text = "中" * 64 + FAMILY + "中" * 59
    assert text_slices(text, split_mode="grapheme")[1].startswith(FAMILY)
    assert len(text_slices(text)) == 2


@given(any_texts, any_texts, st.sampled_from(MODES), st.booleans())
def test_more_text_never_needs_fewer_parts(x: str, y: str, mode: SplitMode, ref16: bool) -> None:
    """Property (a)."""
    before = text_count(x, split_mode=mode, ref16=ref16)
    assert before.parts <= text_count(x + y, split_mode=mode, ref16=ref16).parts


@given(any_texts, st.sampled_from(MODES), st.booleans())
@example("\f" * 81, "codepoint", False)
def test_slices(text: str, mode: SplitMode, ref16: bool) -> None:
    """Properties (b), (c), (d) and (f)."""
    count = text_count(text, split_mode=mode, ref16=ref16)
    slices = text_slices(text, split_mode=mode, ref16=ref16)
    assert "".join(slices) == text
    assert len(slices) == count.parts
    sizes = [wire_units(piece, count.encoding) for piece in slices]
    assert sum(sizes) == count.units
    assert all(0 < size <= count.capacity for size in sizes)
    assert count.remaining == count.capacity - (sizes[-1] if sizes else 0)
    assert count.parts >= -(-count.units // count.capacity)
    for piece in slices:
        assert piece.encode("utf-16-le")  # half a surrogate pair would not encode


@given(gsm_texts, st.booleans())
def test_gsm_never_needs_more_parts_than_ucs2(text: str, ref16: bool) -> None:
    """Property (e)."""
    forced = encoding._ucs2_count(text, split_mode="codepoint", ref16=ref16)
    assert text_count(text, ref16=ref16).parts <= forced.parts


lookalike_texts = st.text(alphabet="abcé “”’–…\u00a0\u200b\t\u2126\u0301čň½", max_size=200)


@given(st.one_of(any_texts, lookalike_texts))
def test_replacement_is_idempotent(text: str) -> None:
    """Property (g)."""
    for replace in (text_replace_lookalikes, smart_replacement):
        once = replace(text)
        assert replace(once.text).text == once.text
        rebuilt, end = "", 0
        for change in once.changes:
            assert text[change.position :].startswith(change.original)
            rebuilt += text[end : change.position] + change.replacement
            end = change.position + len(change.original)
        assert rebuilt + text[end:] == once.text


@settings(max_examples=200)
@given(st.one_of(gsm_texts, wide_texts).filter(bool))
def test_smsutil_agrees(text: str) -> None:
    """Oracle, where smsutil is right: it takes ESC for text, and "" for UCS-2."""
    oracle = smsutil.split(text)
    count = text_count(text)
    assert count.encoding == ("GSM-7" if oracle.encoding == "gsm0338" else "UCS-2")
    assert count.parts == len(oracle.parts)
    assert text_slices(text) == [part.content for part in oracle.parts]
    units = oracle.total_bytes if count.encoding == "GSM-7" else oracle.total_bytes // 2
    assert count.units == units


def test_newlines() -> None:
    """[R-1.5]."""
    assert text_normalise("a\r\nb\rc\nd") == "a\nb\nc\nd"
    assert text_count(text_normalise("\r\n" * 80)).units == 80
    assert text_count("\r\n" * 80).units == 160


def test_clean_makes_outside_values_sendable() -> None:
    assert text_clean("Ann\x00e\tB\r\nC\x1b\x85\ud800") == "Anne B\nC"
    assert text_clean("Žofia 🎉 a\u00a0b") == "Žofia 🎉 a\u00a0b"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It’s 50% off – today only…", "It's 50% off - today only..."),
        ("«Sale»", '"Sale"'),
        ("a\u00a0b", "a b"),
        ("x\ty", "x y"),
        ("ex.am\u200bple", "ex.ample"),
        ("100\u202f€", "100 €"),
        ("Don’t miss ☕", "Don’t miss ☕"),
        ("café – član", "café – član"),
        ("cafe\u0301 \u2126", "café Ω"),
        ("‹Ａ›", "<A>"),
        ("plain", "plain"),
    ],
)
def test_lookalikes(before: str, after: str) -> None:
    """Compliance §1.5, before → after."""
    replacement = text_replace_lookalikes(before)
    assert replacement.text == after
    assert bool(replacement.changes) == (before != after)


def test_changes_name_every_position() -> None:
    """[R-1.7]."""
    replacement = text_replace_lookalikes("It’s … ok")
    assert [(c.position, c.original, c.replacement) for c in replacement.changes] == [
        (2, "’", "'"),
        (5, "…", "..."),
    ]


def test_smart_replacement_needs_a_saved_part() -> None:
    """Compliance §1.5: GSM-7 and at least one part saved."""
    assert smart_replacement("It’s on").changes == ()
    long = "It’s on " + "a" * 100
    assert smart_replacement(long).text == long.replace("’", "'")


def test_offending_characters() -> None:
    offenders = offending_characters("Ačiū – cafe\u0301 😀 €")
    assert [(o.position, o.character, o.replacement, o.plain_letter) for o in offenders] == [
        (1, "č", None, "c"),
        (3, "ū", None, "u"),
        (5, "–", "-", None),
        (10, "e\u0301", "é", "e"),
        (13, "😀", None, None),
    ]
    assert offenders[0].name == "U+010D LATIN SMALL LETTER C WITH CARON"
    assert offending_characters("Iz g\u030c")[0].position == 4
    assert offending_characters("Hi {name} €") == []


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("", "EMPTY_TEXT", None),
        (" \n ", "EMPTY_TEXT", None),
        ("a\tb", "CONTROL_CHARACTER", 1),
        ("a\r\nb", "CONTROL_CHARACTER", 1),
        ("ab\x1b", "CONTROL_CHARACTER", 2),
        ("ab\x0c", "CONTROL_CHARACTER", 2),
        ("ab\x9f", "CONTROL_CHARACTER", 2),
        ("a\ud83d", "INVALID_CHARACTER", 1),
        ("a" * 39016, "TOO_MANY_PARTS", None),
    ],
)
def test_refused_texts(text: str, code: str, position: int | None) -> None:
    """V01 and V60 are refused; control codes too (compliance §1.1)."""
    with pytest.raises(TextInvalid) as refusal:
        text_check(text)
    assert (refusal.value.code, refusal.value.position) == (code, position)
    assert str(refusal.value).endswith(".")


def test_the_ceiling_is_255_parts_or_the_route_s_own() -> None:
    """[R-1.9]; V59 is the last text that the header can number."""
    assert text_check("a" * 39015).parts == 255
    assert text_check("a" * 459, parts_max=3).parts == 3
    with pytest.raises(TextInvalid, match="at most 3"):
        text_check("a" * 460, parts_max=3)
