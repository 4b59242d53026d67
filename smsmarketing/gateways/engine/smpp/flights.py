"""Submits that wait for their answers: one PDU of each message is on the link at a time.

The parts of a message go one after the other, so a refusal of the first is a refusal of all, and
nothing of it went out.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from smsmarketing.gateways.engine.exchange import Answer
from smsmarketing.gateways.transports.smpp.pdu import HEADER, HEADER_BYTES
from smsmarketing.gateways.transports.smpp.transport import PARTS_HEADER

K = TypeVar("K")
_MOST_LATE = 10_000


@dataclass(slots=True)
class Flight(Generic[K]):
    """One message on its way. `index` is the part that is on the link."""

    key: K
    pdus: list[bytes] = field(repr=False)
    started: float
    index: int = 0
    answers: list[bytes] = field(default_factory=list, repr=False)
    sent_at: float = 0.0
    ends_at: int = 0
    """Byte of the link at which its PDU ends."""
    tries: int = 0
    """Of the part that is on the link, when it was throttled."""

    @property
    def last(self) -> bool:
        return self.index + 1 >= len(self.pdus)

    def answer(self, now: float) -> Answer:
        """All that was answered, for the transport to read."""
        return Answer(
            200,
            {PARTS_HEADER: str(len(self.pdus))},
            b"".join(self.answers),
            True,
            now - self.started,
        )


class LateAnswers(Generic[K]):
    """Submits that were given up, by sequence number: their ids are still worth knowing."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[K, int, int]] = OrderedDict()

    def add(self, sequence: int, flight: Flight[K]) -> None:
        self._kept[sequence] = (flight.key, flight.index + 1, len(flight.pdus))
        if len(self._kept) > _MOST_LATE:
            self._kept.popitem(last=False)

    def take(self, sequence: int) -> tuple[K, int, int] | None:
        """Key, number of the part and how many there are."""
        return self._kept.pop(sequence, None)

    def clear(self) -> None:
        self._kept.clear()


def request_pdus(body: bytes) -> list[bytes]:
    """The PDUs of a submit that the transport described. Raises ValueError for other bytes."""
    found, at = [], 0
    while at < len(body):
        if len(body) - at < HEADER_BYTES:
            raise ValueError("The request is no sequence of PDUs.")
        length = HEADER.unpack_from(body, at)[0]
        if not HEADER_BYTES <= length <= len(body) - at:
            raise ValueError("The request is no sequence of PDUs.")
        found.append(body[at : at + length])
        at += length
    if not found:
        raise ValueError("The request has no PDU.")
    return found
