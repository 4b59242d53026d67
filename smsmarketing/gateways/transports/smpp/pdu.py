"""The bytes of SMPP 3.4: headers, framing, optional parameters (SMPP v3.4 §3.2, §5.3).

What comes from the other side is taken leniently inside a PDU (a missing terminator, a cut optional
parameter) and strictly around it: a length that cannot be right ends the connection, because
nothing after it can be understood.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

HEADER: Final = struct.Struct(">IIII")
HEADER_BYTES: Final = 16
MAX_PDU_BYTES: Final = 70_000
"""A message_payload holds at most 64 KiB; nothing that is larger is a PDU."""

GENERIC_NACK: Final = 0x80000000
BIND_RECEIVER: Final = 0x00000001
BIND_TRANSMITTER: Final = 0x00000002
SUBMIT_SM: Final = 0x00000004
DELIVER_SM: Final = 0x00000005
UNBIND: Final = 0x00000006
BIND_TRANSCEIVER: Final = 0x00000009
ENQUIRE_LINK: Final = 0x00000015
ALERT_NOTIFICATION: Final = 0x00000102
DATA_SM: Final = 0x00000103
RESPONSE: Final = 0x80000000
"""Set in the command id of an answer."""

RECEIPTED_MESSAGE_ID: Final = 0x001E
SAR_MSG_REF_NUM: Final = 0x020C
SAR_TOTAL_SEGMENTS: Final = 0x020E
SAR_SEGMENT_SEQNUM: Final = 0x020F
NETWORK_ERROR_CODE: Final = 0x0423
MESSAGE_PAYLOAD: Final = 0x0424
MESSAGE_STATE: Final = 0x0427


class PduError(ValueError):
    """Bytes that are not a PDU. `code` is a stable word; the sentence quotes no data."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU. `raw` is all of it, header included."""

    command: int
    status: int
    sequence: int
    body: bytes = field(repr=False)
    raw: bytes = field(repr=False)


def pdu_encode(command: int, body: bytes = b"", *, status: int = 0, sequence: int = 0) -> bytes:
    """One PDU as bytes."""
    return HEADER.pack(HEADER_BYTES + len(body), command, status, sequence) + body


def sequence_set(raw: bytes, sequence: int) -> bytes:
    """The same PDU under another sequence number."""
    return raw[:12] + sequence.to_bytes(4, "big") + raw[16:]


class Framer:
    """Cuts a stream into PDUs."""

    def __init__(self) -> None:
        self._left = b""
        self.broken = False
        """The stream cannot be followed any more; the connection has to be closed."""

    def feed(self, data: bytes) -> list[Pdu]:
        """The PDUs that `data` completes; those before the place where a stream broke still count.
        Raises PduError when there is none before it.
        """
        stream = self._left + data if self._left else data
        found: list[Pdu] = []
        start, end = 0, len(stream)
        while end - start >= HEADER_BYTES:
            length, command, status, sequence = HEADER.unpack_from(stream, start)
            if not HEADER_BYTES <= length <= MAX_PDU_BYTES:
                self.broken = True
                if not found:
                    raise PduError("length", "The length of a PDU cannot be right.")
                break
            if end - start < length:
                break
            raw = stream[start : start + length]
            found.append(Pdu(command, status, sequence, raw[HEADER_BYTES:], raw))
            start += length
        self._left = stream[start:]
        return found

    @property
    def pending(self) -> int:
        """Bytes of a PDU that is not whole yet."""
        return len(self._left)


def pdus_split(raw: bytes) -> list[Pdu]:
    """The PDUs that these bytes are made of. Raises PduError when something is left over."""
    if len(raw) >= HEADER_BYTES:
        length, command, status, sequence = HEADER.unpack_from(raw)
        if length == len(raw) <= MAX_PDU_BYTES:  # nearly always one
            return [Pdu(command, status, sequence, raw[HEADER_BYTES:], raw)]
    framer = Framer()
    found = framer.feed(raw)
    if framer.pending or framer.broken:
        raise PduError("cut", "The bytes end in the middle of a PDU.")
    return found


class Fields:
    """Reads the fields of a body one after the other."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._body) - self._at

    def octet(self) -> int:
        """Raises PduError at the end of the body."""
        if self.left < 1:
            raise PduError("cut", "The body of the PDU ends too early.")
        value = self._body[self._at]
        self._at += 1
        return value

    def octets(self, count: int) -> bytes:
        if self.left < count:
            raise PduError("cut", "The body of the PDU ends too early.")
        value = self._body[self._at : self._at + count]
        self._at += count
        return value

    def c_octets(self, longest: int) -> str:
        """A string that ends with NUL, at most `longest` octets with it; without a NUL it ends with
        the body.
        """
        end = self._body.find(b"\0", self._at)
        stop = len(self._body) if end < 0 else end
        if stop - self._at >= longest + 1:
            raise PduError("string", "A string of the PDU is too long.")
        value = self._body[self._at : stop]
        self._at = stop if end < 0 else stop + 1
        return value.decode("latin-1")

    def optional(self) -> dict[int, bytes]:
        """The optional parameters that are whole; the first of a repeated one counts."""
        found: dict[int, bytes] = {}
        while self.left >= 4:
            tag, length = struct.unpack_from(">HH", self._body, self._at)
            if self.left - 4 < length:
                break
            self._at += 4
            found.setdefault(tag, self.octets(length))
        return found


def c_octets(value: str, longest: int, what: str) -> bytes:
    """A C-octet string. Raises PduError when it does not fit into `longest` octets with its NUL."""
    raw = value.encode("latin-1", "replace")
    if len(raw) >= longest or b"\0" in raw:
        raise PduError("string", f"The {what} does not fit into SMPP.")
    return raw + b"\0"


def optional_encode(parameters: Mapping[int, bytes] | Iterable[tuple[int, bytes]]) -> bytes:
    """Optional parameters as bytes."""
    pairs = parameters.items() if isinstance(parameters, Mapping) else parameters
    return b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in pairs)
