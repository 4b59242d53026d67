"""SMPP 3.4 bytes as the simulated carrier reads and writes them; no code of the product."""

import struct
from dataclasses import dataclass, field

_HEADER = struct.Struct(">IIII")
_MOST = 100_000
BINDS = {1: "receiver", 2: "transmitter", 9: "transceiver"}
_ESCAPES = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~"}
_ESCAPES |= {0x3E: "]", 0x40: "|", 0x65: "€"}
_SEPTETS = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


class WireError(ValueError):
    """The bytes are no SMPP."""


@dataclass(frozen=True, slots=True)
class Pdu:
    command: int
    status: int
    sequence: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Submitted:
    """One submit_sm."""

    source: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    wants_receipt: bool
    validity: str
    part: int
    parts: int


def pack(command: int, body: bytes = b"", *, status: int = 0, sequence: int = 0) -> bytes:
    return _HEADER.pack(16 + len(body), command, status, sequence) + body


def unpack(buffer: bytearray) -> list[Pdu]:
    """Take the whole PDUs off the front of `buffer`. Raises WireError."""
    found = []
    while len(buffer) >= 16:
        length, command, status, sequence = _HEADER.unpack_from(buffer)
        if not 16 <= length <= _MOST:
            raise WireError("length")
        if len(buffer) < length:
            break
        found.append(Pdu(command, status, sequence, bytes(buffer[16:length])))
        del buffer[:length]
    return found


def word(body: bytes, at: int) -> tuple[str, int]:
    """The string at `at`, and where the next field begins."""
    end = body.find(b"\0", at)
    if end < 0:
        raise WireError("string")
    return body[at:end].decode("latin-1"), end + 1


def submit_unpack(body: bytes) -> Submitted:
    """Raises WireError (also for IndexError: a body that ends too early)."""
    try:
        _, at = word(body, 0)
        source, at = word(body, at + 2)
        to, at = word(body, at + 2)
        esm_class = body[at]
        _, at = word(body, at + 3)
        validity, at = word(body, at)
        wants, _, coding, _, length = body[at : at + 5]
        data, at = body[at + 5 : at + 5 + length], at + 5 + length
        tags = _tags(body, at)
        data = data or tags.get(0x0424, b"")
        part, parts = 1, 1
        if esm_class & 0x40:
            head, data = data[1 : 1 + data[0]], data[1 + data[0] :]
            if head[:2] == b"\0\3":
                parts, part = head[3], head[4]
        elif 0x020E in tags:
            parts, part = tags[0x020E][0], tags[0x020F][0]
    except (IndexError, ValueError) as error:
        raise WireError("body") from error
    return Submitted(source, to, text_read(data, coding), bool(wants & 1), validity, part, parts)


def _tags(body: bytes, at: int) -> dict[int, bytes]:
    found = {}
    while at + 4 <= len(body):
        tag, length = struct.unpack_from(">HH", body, at)
        found[tag] = body[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def text_read(data: bytes, coding: int) -> str:
    if coding == 8:
        return data.decode("utf-16-be", "replace")
    if coding:
        return data.decode("latin-1")
    out, escaped = [], False
    for code in data:
        if escaped:
            out.append(_ESCAPES.get(code, " "))
        elif code != 0x1B:
            out.append(_SEPTETS[code] if code < 128 else "?")
        escaped = code == 0x1B and not escaped
    return "".join(out)


def deliver_body(
    source: str, to: str, text: bytes, *, receipt: bool, tags: dict[int, bytes] | None = None
) -> bytes:
    extra = b"".join(
        struct.pack(">HH", tag, len(value)) + value for tag, value in (tags or {}).items()
    )
    return b"".join(
        (
            b"\0\1\1" + source.encode("latin-1", "replace")[:20] + b"\0",
            b"\1\1" + to.encode("latin-1", "replace")[:20] + b"\0",
            bytes((4 if receipt else 0, 0, 0)) + b"\0\0",
            bytes((0, 0, 0, 0, len(text))),
            text,
            extra,
        )
    )
