"""What kind of file an upload is: type, encoding, delimiter, header. Pure, on its first bytes."""

from __future__ import annotations

import codecs
import csv
import io
import re
from typing import Final

SIZE_MAX: Final = 50 * 1024 * 1024
ROWS_MAX: Final = 1_000_000
COLUMNS_MAX: Final = 200
CELL_MAX: Final = 5000
SAMPLE_BYTES: Final = 256 * 1024

# Name → Python codec. The names are what people choose from.
ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf-8-bom": "utf-8-sig",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "latin-1": "latin-1",
    "big5": "big5hkscs",
    "gb18030": "gb18030",
}
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_SEP_LINE = re.compile(r'"?sep=(?P<mark>[,;|\t])"?[ \t]*(\r\n|\n|\r)', re.IGNORECASE)
_NUMBER_LIKE = re.compile(r"'?(\+|00)?[0-9][0-9 ().-]{6,18}(\.0)?|[0-9.,]+[eE]\+[0-9]+")

_SIGNATURES: Final = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3", "a database"),
    (b"{\\rtf", "a rich-text document"),
)
_TEXT_SIGNATURES: Final = (
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML"),
    (b"<table", "a web page"),
    (b"<head", "a web page"),
    (b"<meta", "a web page"),
    (b"<body", "a web page"),
    (b'{"', "JSON"),
    (b"[{", "JSON"),
)


class FileRefused(Exception):
    """An upload that cannot be read as CSV. `code` is a stable word, `message` says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def file_type_check(head: bytes) -> None:
    """Raise FileRefused when the first bytes are not text in one of the encodings."""
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise FileRefused("FILE_EMPTY", "The file is empty. Upload a CSV file with a header row.")
    found = next((name for mark, name in _SIGNATURES if head.startswith(mark)), "")
    # UTF-16 text has a NUL in every other place: a web page is one in any encoding.
    start = head[:64].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:16].lower()
    found = found or next((name for mark, name in _TEXT_SIGNATURES if start.startswith(mark)), "")
    if not found and b"\x00" in head and not _utf16(head):
        found = "a binary file"
    if found:
        raise FileRefused(
            "FILE_TYPE",
            f"This is {found}, not CSV text. Export the list as CSV and upload that file.",
        )


def encoding_detect(head: bytes) -> str:
    """The likeliest key of ENCODINGS for a file that begins with `head`. People can choose another.

    Marks at the beginning decide; then strict UTF-8; then, of the old encodings, the one whose
    double bytes fall most into the range of everyday characters; at last Latin-1.
    """
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-bom"
    utf16 = _utf16(head)
    if utf16:
        return utf16
    if _decodes(head, "utf-8"):
        return "utf-8"
    mixed_check(head)
    scores = {
        name: _everyday(head, first, last)
        for name, first, last in (("big5", 0xA4, 0xC6), ("gb18030", 0xB0, 0xD7))
        if _decodes(head, ENCODINGS[name])
    }
    best = max(scores, key=lambda name: scores[name], default="")
    return best if best and scores[best] >= 0.6 else "latin-1"


def mixed_check(head: bytes) -> None:
    """Raise FileRefused for text that is mostly UTF-8 with bytes of another encoding between: read
    in either way, some names come out wrong.
    """
    decoded = head.decode("utf-8", errors="surrogateescape")
    strange = [place for place, each in enumerate(decoded) if "\udc80" <= each <= "\udcff"]
    proper = sum(each > "\x7f" and not "\ud800" <= each <= "\udfff" for each in decoded)
    if proper >= 2 * len(strange) and proper:
        line = decoded[: strange[0]].count("\n") + 1
        raise FileRefused(
            "ENCODING_MIXED",
            f"The file mixes encodings: line {line} is not UTF-8 like the rest. Two files were"
            " probably joined. Save the whole file as UTF-8 again.",
        )


def sep_line(text: str) -> tuple[str, str]:
    """(delimiter, rest) of a text that begins with a spreadsheet's `sep=;` line; else ("", text)."""
    found = _SEP_LINE.match(text)
    return (found["mark"], text[found.end() :]) if found else ("", text)


def delimiter_detect(header: str) -> str:
    """The delimiter that stands most often outside quotes in the header line; comma when none."""
    outside = "".join(header.split('"')[::2])
    counts = {mark: outside.count(mark) for mark in DELIMITERS.values()}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def text_of(head: bytes, encoding: str, *, whole: bool) -> str:
    """The decoded sample; half a character at the cut end is left out. Raises FileRefused."""
    decoder = codecs.getincrementaldecoder(ENCODINGS[encoding])("strict")
    try:
        return decoder.decode(head, final=whole).removeprefix("\ufeff")
    except UnicodeDecodeError as exc:
        line = head[: exc.start].count(b"\n") + 1
        raise FileRefused(
            "ENCODING",
            f"Line {line} is not {encoding} text. Choose the encoding the file was saved in.",
        ) from None


def rows_of(text: str, delimiter: str, *, whole: bool = False) -> list[list[str]]:
    """The rows of a sample, without a last row that is cut. Raises FileRefused for broken quoting;
    in a `whole` file also for a quote that nothing closes.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    begun = 0
    try:
        for row in reader:
            rows.append(row)
            begun = reader.line_num
    except csv.Error as exc:
        if "unexpected end of data" in str(exc):
            if whole:
                raise quoting_refused(begun + 1, exc) from None
        else:
            raise quoting_refused(reader.line_num, exc) from None
    return rows


def quoting_refused(line: int, exc: csv.Error) -> FileRefused:
    """The answer to a row that no CSV reader understands, with its line in the file."""
    text = str(exc)
    if "field larger" in text:
        why = "a cell there is huge: a quote before it is probably not closed"
    elif "unexpected end" in text:
        why = "a quoted cell that begins there is never closed"
    elif "NUL" in text:
        why = "there is a NUL character: the file is damaged or not text"
    else:
        why = "a quoted cell must end with a quote, and a quote inside is written twice"
    return FileRefused(
        "QUOTING", f"The quoting is broken at line {line}: {why}. Mend it and retry."
    )


def header_check(header: list[str]) -> list[str]:
    """The column names, trimmed. Raises FileRefused for empty, repeated or too many ones."""
    names = [name.replace("\ufeff", "").strip() for name in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise FileRefused("HEADER", "The first row is empty. It must name the columns.")
    if len(names) > COLUMNS_MAX:
        raise FileRefused("HEADER", f"There are more than {COLUMNS_MAX} columns. Leave some out.")
    if any(len(name) > 120 for name in names):
        raise FileRefused("HEADER", "A column name is longer than 120 characters. Shorten it.")
    if any(_NUMBER_LIKE.fullmatch(name) for name in names):
        raise FileRefused(
            "NO_HEADER",
            "The first row holds a phone number. Put a row with the names of the columns above it.",
        )
    if any("\x00" in name for name in names):
        raise FileRefused("HEADER", "A column name holds a NUL character. Export the file again.")
    empty = [str(index + 1) for index, name in enumerate(names) if not name]
    if empty:
        raise FileRefused("HEADER", f"Column {', '.join(empty)} has no name. Name every column.")
    seen: dict[str, str] = {}
    for name in names:
        if name.casefold() in seen:
            raise FileRefused("HEADER", f'Two columns are called "{name}". Rename one.')
        seen[name.casefold()] = name
    return names


def _utf16(head: bytes) -> str:
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    sample = head[:4096]
    even, odd = sample[0::2], sample[1::2]
    if not odd:
        return ""
    for name, mostly, seldom in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if mostly.count(0) >= 0.3 * len(mostly) and not seldom.count(0):
            return name
    return ""


def _decodes(head: bytes, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    try:
        decoder.decode(head, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _everyday(head: bytes, first: int, last: int) -> float:
    """Share of the double-byte characters whose lead byte lies in the range; 0 without any."""
    leads = hits = 0
    index = 0
    while index < len(head) - 1:
        if head[index] < 0x80:
            index += 1
            continue
        leads += 1
        hits += first <= head[index] <= last and head[index + 1] >= 0x40
        index += 2
    return hits / leads if leads else 0.0
