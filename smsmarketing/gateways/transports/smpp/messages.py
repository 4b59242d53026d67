"""submit_sm, deliver_sm and data_sm: the three PDUs that carry a message (SMPP v3.4 §4.4, 4.6, 4.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from smsmarketing.gateways.transports.smpp.pdu import (
    DATA_SM,
    DELIVER_SM,
    MESSAGE_PAYLOAD,
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
    Fields,
    Pdu,
    PduError,
    c_octets,
    optional_encode,
)

UDHI: Final = 0x40
"""esm_class: the text begins with a user data header."""
RECEIPT_BITS: Final = 0x3C
"""esm_class: what kind of report it is; all clear = a message of a person."""


class Address(NamedTuple):
    """Type of number, numbering plan, and the address itself."""

    ton: int
    npi: int
    value: str


class Concat(NamedTuple):
    """Which part of which longer message this is."""

    reference: int
    total: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage:
    """The fields of submit_sm and deliver_sm; data_sm leaves some at their defaults."""

    source: Address = field(repr=False)
    destination: Address = field(repr=False)
    short_message: bytes = field(default=b"", repr=False)
    service_type: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority: int = 0
    schedule: str = ""
    validity: str = ""
    registered_delivery: int = 0
    replace_if_present: int = 0
    data_coding: int = 0
    default_message: int = 0
    optional: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    @property
    def user_data(self) -> bytes:
        """The text as it is on the wire, wherever it is, with its header when it has one."""
        return self.short_message or self.optional.get(MESSAGE_PAYLOAD, b"")

    @property
    def text(self) -> bytes:
        """The text without its header."""
        data = self.user_data
        return data[1 + data[0] :] if self.esm_class & UDHI and data else data

    @property
    def concat(self) -> Concat | None:
        """Which part this is, by header or by optional parameters; None for a whole message."""
        return _by_header(self.user_data) if self.esm_class & UDHI else _by_sar(self.optional)


def message_encode(message: ShortMessage) -> bytes:
    """The body of submit_sm or deliver_sm. Raises PduError when a field does not fit."""
    if len(message.short_message) > 254:
        raise PduError("text", "The text does not fit into one PDU.")
    return b"".join(
        (
            c_octets(message.service_type, 6, "service type"),
            _address_encode(message.source, "sender"),
            _address_encode(message.destination, "recipient"),
            bytes((message.esm_class, message.protocol_id, message.priority)),
            c_octets(message.schedule, 17, "schedule"),
            c_octets(message.validity, 17, "validity"),
            bytes(
                (
                    message.registered_delivery,
                    message.replace_if_present,
                    message.data_coding,
                    message.default_message,
                    len(message.short_message),
                )
            ),
            message.short_message,
            optional_encode(message.optional),
        )
    )


def message_decode(pdu: Pdu) -> ShortMessage:
    """What a submit_sm, deliver_sm or data_sm says. Raises PduError."""
    fields = Fields(pdu.body)
    service_type = fields.c_octets(6)
    longest = 65 if pdu.command == DATA_SM else 21
    source, destination = _address_decode(fields, longest), _address_decode(fields, longest)
    esm_class = fields.octet()
    if pdu.command == DATA_SM:
        registered, coding = fields.octet(), fields.octet()
        return ShortMessage(
            source=source,
            destination=destination,
            service_type=service_type,
            esm_class=esm_class,
            registered_delivery=registered,
            data_coding=coding,
            optional=fields.optional(),
        )
    protocol, priority = fields.octet(), fields.octet()
    # Some carriers put whole sentences where a deliver_sm has nothing to say.
    schedule, validity = fields.c_octets(65), fields.c_octets(65)
    registered, replace, coding, default = (fields.octet() for _ in range(4))
    length = fields.octet()
    return ShortMessage(
        source=source,
        destination=destination,
        short_message=fields.octets(length),
        service_type=service_type,
        esm_class=esm_class,
        protocol_id=protocol,
        priority=priority,
        schedule=schedule,
        validity=validity,
        registered_delivery=registered,
        replace_if_present=replace,
        data_coding=coding,
        default_message=default,
        optional=fields.optional(),
    )


def carries_message(pdu: Pdu) -> bool:
    """Whether the PDU is one that brings a receipt or a reply."""
    return pdu.command in {DELIVER_SM, DATA_SM}


def message_id_decode(body: bytes) -> str:
    """The message id of a submit_sm_resp; empty when it has none."""
    try:
        return Fields(body).c_octets(65).strip()
    except PduError:
        return ""


def _address_encode(address: Address, what: str) -> bytes:
    return bytes((address.ton, address.npi)) + c_octets(address.value, 21, what)


def _address_decode(fields: Fields, longest: int) -> Address:
    ton, npi = fields.octet(), fields.octet()
    return Address(ton, npi, fields.c_octets(longest))


def _by_header(data: bytes) -> Concat | None:
    """Concatenation by user data header: 8-bit (IEI 0) or 16-bit (IEI 8) reference (TS 23.040 §9.2.3.24)."""
    if not data or data[0] >= len(data):
        return None
    at, end = 1, 1 + data[0]
    while at + 2 <= end:
        kind, length = data[at], data[at + 1]
        value = data[at + 2 : at + 2 + length]
        if at + 2 + length > end:
            return None
        if kind == 0 and length == 3:
            return _concat(value[0], value[1], value[2])
        if kind == 8 and length == 4:
            return _concat(int.from_bytes(value[:2], "big"), value[2], value[3])
        at += 2 + length
    return None


def _by_sar(optional: Mapping[int, bytes]) -> Concat | None:
    values = [
        int.from_bytes(optional.get(tag, b"")[:2], "big")
        for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM)
    ]
    present = all(
        tag in optional for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM)
    )
    return _concat(*values) if present else None


def _concat(reference: int, total: int, number: int) -> Concat | None:
    return Concat(reference, total, number) if 1 <= number <= total <= 255 and total > 1 else None
