"""SMS encodings: which alphabet a text needs, how many parts it costs and where it is cut.

Sources: 3GPP TS 23.038 §6.2.1 (GSM 7-bit alphabet) and TS 23.040 §9.2.3.24 (concatenation
header). Rules [R-1.1], [R-1.2], [R-1.3], [R-1.5]. Units are septets for GSM-7 and UTF-16 code
units for UCS-2. National language tables are not applied ([R-1.6]).
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from wcwidth import iter_graphemes

from smsmarketing.gateways.rules.lookalikes import character_replacement, plain_letter

Encoding = Literal["GSM-7", "UCS-2"]
SplitMode = Literal["codepoint", "grapheme"]

GSM7: Final = "GSM-7"
UCS2: Final = "UCS-2"
PARTS_MAX: Final = 255  # the "total parts" octet of the concatenation header

# TS 23.038 basic table in septet order, without ESC (0x1B), which is a control code and no text.
GSM_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Sent as ESC + septet: two septets that must stay in the same part.
GSM_EXTENSION: Final = "\f^{}\\[~]|€"

# One C-level pass classifies every character: charmap_encode turns an extension character into
# byte 1..10, a basic one into 11..137 and drops all others. NUL must be entry 0 of the table
# (CPython needs it to build the fast map), so a NUL shows up as byte 0 and is sorted out after.
_CODES = "\0" + GSM_EXTENSION + GSM_BASIC
_CHARMAP = codecs.charmap_build(_CODES + "\ufffe" * (256 - len(_CODES)))
_BASIC_BYTES = bytes(range(1 + len(GSM_EXTENSION), 256))
_charmap_encode = codecs.charmap_encode

_NOT_GSM_PATTERN = re.compile(f"[^{re.escape(GSM_BASIC + GSM_EXTENSION)}]")
# A GSM-7 character with combining marks behind it, or any character outside GSM-7.
_SUSPECT_PATTERN = re.compile(f"[A-Za-z][\u0300-\u036f]+|{_NOT_GSM_PATTERN.pattern}")
# C0 and C1 controls other than LF, and lone surrogates (no UTF-16 text can hold them).
_REFUSED_PATTERN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_STRIPPED_PATTERN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ESC = b"\xff"  # stands for the escape septet; no code reaches 255


class TextInvalid(ValueError):
    """A text that cannot be sent.

    ``code`` is EMPTY_TEXT, CONTROL_CHARACTER, INVALID_CHARACTER or TOO_MANY_PARTS; ``position`` is
    the zero-based index of the first character at fault, or None; ``str()`` says what to do next.
    """

    def __init__(self, code: str, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.position = position


class TextCount(NamedTuple):
    """What a text costs on the wire.

    ``capacity`` is the room of each part in units: the single-message room while one part is
    enough, the room beside the concatenation header otherwise. ``remaining`` is what is still
    free in the last part. An empty text has no parts.
    """

    encoding: Encoding
    units: int
    parts: int
    capacity: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Offender:
    """A character that is not in GSM-7 and so makes the whole text UCS-2 ([R-1.1]).

    ``position`` is the zero-based index in the text; ``name`` is like "U+2019 RIGHT SINGLE
    QUOTATION MARK"; ``replacement`` is what ``text_replace_lookalikes`` would put there (it may
    be empty: leave it out) or None; ``plain_letter`` is the letter without its accent, which
    changes the spelling and is therefore never applied without being asked for.
    """

    position: int
    character: str
    name: str
    replacement: str | None
    plain_letter: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One replaced place: ``position`` is the zero-based index in the text before the change."""

    position: int
    original: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """A text after replacement and every place that was changed, in text order ([R-1.7])."""

    text: str
    changes: tuple[Change, ...]


def text_normalise(text: str) -> str:
    """Turn CRLF and lone CR into LF, so that a text pasted on Windows costs no more ([R-1.5])."""
    if "\r" in text:
        return text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def text_clean(text: str) -> str:
    """Normalise newlines, turn tabs into spaces and drop control characters and lone surrogates.

    For values that come from outside (contact fields); a template's own text is refused instead.
    """
    if text.isprintable():
        return text
    return _STRIPPED_PATTERN.sub("", text_normalise(text).replace("\t", " "))


def text_is_gsm(text: str) -> bool:
    """Tell whether every character is in the GSM-7 basic or extension table ([R-1.1])."""
    return _NOT_GSM_PATTERN.search(text) is None


def text_count(text: str, *, split_mode: SplitMode = "codepoint", ref16: bool = False) -> TextCount:
    """Count a text exactly as it will be cut into parts.

    ``split_mode="grapheme"`` keeps whole user-perceived characters together (Twilio, [R-1.3]);
    ``ref16`` is for gateways with 16-bit concatenation references. Newlines are counted as they
    stand: call ``text_normalise`` first. Never refuses; see ``text_check``.
    """
    codes = _charmap_encode(text, "ignore", _CHARMAP)[0]
    if len(codes) == len(text):
        extension = codes.translate(None, _BASIC_BYTES)
        units = len(codes) + len(extension)
        if not extension or 0 not in extension:
            if units <= 160:
                return TextCount(GSM7, units, 1 if units else 0, 160, 160 - units)
            capacity = 152 if ref16 else 153
            if extension:
                return _packed(
                    GSM7, units, capacity, _gsm_ends(_septets(codes, extension), capacity)
                )
            parts = -(-units // capacity)
            return TextCount(GSM7, units, parts, capacity, parts * capacity - units)
    return _ucs2_count(text, split_mode=split_mode, ref16=ref16)


def _ucs2_count(text: str, *, split_mode: SplitMode, ref16: bool) -> TextCount:
    wire = text.encode("utf-16-le", "surrogatepass")
    units = len(wire) >> 1
    if units <= 70:
        return TextCount(UCS2, units, 1, 70, 70 - units)
    capacity = 66 if ref16 else 67
    if split_mode == "grapheme":
        return _packed(UCS2, units, capacity, _grapheme_ends(text, capacity))
    if units == len(text):  # no surrogate pairs: nothing is indivisible
        parts = -(-units // capacity)
        return TextCount(UCS2, units, parts, capacity, parts * capacity - units)
    return _packed(UCS2, units, capacity, _ucs2_ends(wire, capacity))


def _packed(encoding: Encoding, units: int, capacity: int, ends: list[int]) -> TextCount:
    last_start = ends[-2] if len(ends) > 1 else 0
    return TextCount(encoding, units, len(ends), capacity, capacity - (units - last_start))


def _septets(codes: bytes, extension: bytes) -> bytes:
    """One byte per septet: every extension code gets an escape in front."""
    for code in set(extension):
        pair = bytes((code,))
        codes = codes.replace(pair, _ESC + pair)
    return codes


def _gsm_ends(septets: bytes, capacity: int) -> list[int]:
    """End of each part in septets; an escape pair is never split ([R-1.2])."""
    ends: list[int] = []
    start = 0
    while len(septets) - start > capacity:
        start += capacity
        if septets.startswith(_ESC, start - 1):
            start -= 1
        ends.append(start)
    ends.append(len(septets))
    return ends


def _ucs2_ends(wire: bytes, capacity: int) -> list[int]:
    """End of each part in UTF-16 units; a surrogate pair is never split ([R-1.3])."""
    ends: list[int] = []
    total = len(wire) >> 1
    start = 0
    while total - start > capacity:
        start += capacity
        high = wire[2 * start - 1] & 0xFC == 0xD8
        if high and wire[2 * start + 1] & 0xFC == 0xDC:
            start -= 1
        ends.append(start)
    ends.append(total)
    return ends


def _grapheme_ends(text: str, capacity: int) -> list[int]:
    """End of each part in UTF-16 units; whole grapheme clusters stay together where they fit."""
    ends: list[int] = []
    position = used = 0
    for cluster in iter_graphemes(text):
        for atom in _cluster_atoms(cluster, capacity):
            size = len(atom.encode("utf-16-le", "surrogatepass")) >> 1
            if used + size > capacity:
                ends.append(position)
                used = 0
            position += size
            used += size
    ends.append(position)
    return ends


def _cluster_atoms(cluster: str, capacity: int) -> Iterator[str]:
    """A cluster that no part can hold (stacked combining marks) falls apart into code points."""
    size = len(cluster.encode("utf-16-le", "surrogatepass")) >> 1
    if size > capacity:
        yield from cluster
    else:
        yield cluster


def text_slices(
    text: str, *, split_mode: SplitMode = "codepoint", ref16: bool = False
) -> list[str]:
    """Cut a text into the parts that ``text_count`` counts; joined they give the text again."""
    count = text_count(text, split_mode=split_mode, ref16=ref16)
    if count.parts <= 1:
        return [text] if text else []
    if count.encoding == GSM7:
        codes = _charmap_encode(text, "strict", _CHARMAP)[0]
        septets = _septets(codes, codes.translate(None, _BASIC_BYTES))
        ends = _gsm_ends(septets, count.capacity)
        return [
            codecs.charmap_decode(septets[start:end].replace(_ESC, b""), "strict", _CODES)[0]
            for start, end in zip([0, *ends[:-1]], ends, strict=True)
        ]
    wire = text.encode("utf-16-le", "surrogatepass")
    ends = (
        _grapheme_ends(text, count.capacity)
        if split_mode == "grapheme"
        else _ucs2_ends(wire, count.capacity)
    )
    return [
        wire[2 * start : 2 * end].decode("utf-16-le", "surrogatepass")
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def text_check(
    text: str,
    *,
    split_mode: SplitMode = "codepoint",
    ref16: bool = False,
    parts_max: int = PARTS_MAX,
) -> TextCount:
    """Count a text that is about to be stored or sent, or refuse it.

    ``parts_max`` is the route's own ceiling ([R-1.9]); 255 is what the header can say at most.
    Raises TextInvalid: EMPTY_TEXT, CONTROL_CHARACTER, INVALID_CHARACTER, TOO_MANY_PARTS.
    """
    if not text or text.isspace():
        raise TextInvalid("EMPTY_TEXT", "The text is empty. Write the message first.")
    refusal = text_refusal(text)
    if refusal is not None:
        raise refusal
    count = text_count(text, split_mode=split_mode, ref16=ref16)
    ceiling = min(parts_max, PARTS_MAX)
    if count.parts > ceiling:
        raise TextInvalid(
            "TOO_MANY_PARTS",
            f"The text needs {count.parts} parts ({count.encoding}, {count.units} units) but at"
            f" most {ceiling} are possible here. Shorten it.",
        )
    return count


def text_refusal(text: str) -> TextInvalid | None:
    """The first character that no text may hold (compliance §1.1), as an error to raise."""
    found = _REFUSED_PATTERN.search(text)
    if found is None:
        return None
    character, position = found.group(), found.start()
    name = character_name(character)
    if "\ud800" <= character <= "\udfff":
        return TextInvalid(
            "INVALID_CHARACTER",
            f"Position {position + 1} holds half of a character ({name}). Type it again.",
            position=position,
        )
    advice = {"\t": "Use a space instead.", "\r": "Use a plain line feed for a new line."}
    return TextInvalid(
        "CONTROL_CHARACTER",
        f"Position {position + 1} holds the control character {name}, which phones do not show."
        f" {advice.get(character, 'Remove it.')}",
        position=position,
    )


def character_name(character: str) -> str:
    """Name a character for people: "U+2019 RIGHT SINGLE QUOTATION MARK"."""
    known = unicodedata.name(character, "")
    return f"U+{ord(character):04X} {known or unicodedata.category(character)}"


def offending_characters(text: str) -> list[Offender]:
    """List every character that forces UCS-2, in text order, with a suggested replacement.

    A letter followed by combining marks is listed as one when Unicode knows a single GSM-7
    character for it ("e" + U+0301 is "é"). A text that is already GSM-7 gives an empty list.
    """
    offenders: list[Offender] = []
    for found in _SUSPECT_PATTERN.finditer(text):
        suspect = found.group()
        replacement = _suspect_replacement(suspect)
        if len(suspect) > 1 and replacement is not None:
            offenders.append(_offender(suspect, found.start(), replacement))
            continue
        offenders += [
            _offender(character, found.start() + index, _suspect_replacement(character))
            for index, character in enumerate(suspect)
            if not text_is_gsm(character)
        ]
    return offenders


def _offender(suspect: str, position: int, replacement: str | None) -> Offender:
    name = " + ".join(character_name(character) for character in suspect)
    return Offender(position, suspect, name, replacement, plain_letter(suspect))


def _suspect_replacement(suspect: str) -> str | None:
    """GSM-7 text that stands for one suspect, or None."""
    replacement = (
        character_replacement(suspect)
        if len(suspect) == 1
        else unicodedata.normalize("NFC", suspect)
    )
    return replacement if replacement is not None and text_is_gsm(replacement) else None


def text_replace_lookalikes(text: str) -> Replacement:
    """Write look-alikes plainly, if that makes the whole text GSM-7; otherwise change nothing.

    Replacing some while others keep the text in UCS-2 would alter it for no gain (compliance
    §1.5). Accents are kept. Doing it twice changes nothing more.
    """
    pieces: list[str] = []
    changes: list[Change] = []
    end = 0
    for found in _SUSPECT_PATTERN.finditer(text):
        replacement = _suspect_replacement(found.group())
        if replacement is None:
            return Replacement(text, ())
        pieces += (text[end : found.start()], replacement)
        end = found.end()
        changes.append(Change(found.start(), found.group(), replacement))
    pieces.append(text[end:])
    return Replacement("".join(pieces), tuple(changes))


def smart_replacement(
    text: str, *, split_mode: SplitMode = "codepoint", ref16: bool = False
) -> Replacement:
    """``text_replace_lookalikes``, kept only when it saves at least one part."""
    replacement = text_replace_lookalikes(text)
    if not replacement.changes:
        return replacement
    before = text_count(text, split_mode=split_mode, ref16=ref16)
    after = text_count(replacement.text, split_mode=split_mode, ref16=ref16)
    return replacement if after.parts < before.parts else Replacement(text, ())
