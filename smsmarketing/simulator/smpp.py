"""The carrier over SMPP: binds, submits with the same faults, receipts and replies on the bind.

The password is the token. Ids are hexadecimal in the answer; a receipt names them in hexadecimal or
in decimal, with or without optional parameters, as carriers do. Faults by name: http_400 invalid
number, http_401 and http_403 not allowed, http_429 throttled, http_500, http_501 and http_503 system
error, hang no answer, reset a TCP RST, html_200 and empty_200 bytes that are no SMPP, cut half an answer.
"""

import asyncio
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from smsmarketing.simulator.carrier import Carrier
from smsmarketing.simulator.schedule import Schedule
from smsmarketing.simulator.smpp_wire import (
    BINDS,
    Pdu,
    Submitted,
    WireError,
    deliver_body,
    pack,
    submit_unpack,
    unpack,
    word,
)

_RESPONSE = 0x80000000
_STATUSES = {
    "http_400": 0x0B,
    "http_401": 0x0E,
    "http_403": 0x0F,
    "http_429": 0x58,
    "http_500": 0x08,
    "http_501": 0x08,
    "http_503": 0x08,
}
_STATES = {"delivered": ("DELIVRD", 2), "expired": ("EXPIRED", 3)}
_LONGEST_RETRY_S = 30.0


@dataclass(slots=True)
class Delivery:
    """One deliver_sm to make until it is taken."""

    system_id: str
    body: bytes
    kind: str
    epoch: int
    attempts: int = 0


class SmppDesk:
    """All binds of the carrier."""

    def __init__(self, carrier: Carrier, *, capacity: int) -> None:
        self.carrier = carrier
        self.binds: list[SmppBind] = []
        self._schedule: Schedule[Delivery] = Schedule(self._due, capacity=capacity)
        self._unanswered = 0
        carrier.more_pending.append(lambda: len(self._schedule) + self._unanswered)

    def connection(self) -> "SmppBind":
        return SmppBind(self)

    def plan(self, delay_s: float, delivery: Delivery) -> None:
        counts = self._counts(delivery)
        counts["planned"] += 1
        if not self._schedule.add(delay_s, delivery):
            counts["dropped"] += 1

    def _counts(self, delivery: Delivery) -> dict[str, int]:
        tally = self.carrier.tally
        return tally.receipts if delivery.kind == "receipt" else tally.replies

    def _due(self, delivery: Delivery) -> None:
        if delivery.epoch != self.carrier.epoch:
            return
        counts = self._counts(delivery)
        counts["sent"] += 1
        counts["repeated"] += 1 if delivery.attempts else 0
        delivery.attempts += 1
        for bind in self.binds:
            if bind.system_id == delivery.system_id and bind.mode in {"receiver", "transceiver"}:
                self._unanswered += 1
                bind.deliver(delivery)
                return
        self.finished(delivery, taken=False, sent=False)

    def finished(self, delivery: Delivery, *, taken: bool, sent: bool = True) -> None:
        self._unanswered -= 1 if sent else 0
        if delivery.epoch != self.carrier.epoch:
            return
        if taken:
            self._counts(delivery)["acked"] += 1
            return
        pause = self.carrier.settings.receipt_retry_ms / 1000 * 2 ** min(delivery.attempts - 1, 10)
        if not self._schedule.add(min(max(pause, 0.01), _LONGEST_RETRY_S), delivery):
            self._counts(delivery)["dropped"] += 1


class SmppBind(asyncio.Protocol):
    """One connection."""

    def __init__(self, desk: SmppDesk) -> None:
        self._desk = desk
        self._carrier = desk.carrier
        self._stream: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._sequence = 0
        self._sent: dict[int, Delivery] = {}
        self.system_id = ""
        self.mode = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of create_server
        self._stream = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._stream = None
        if self in self._desk.binds:
            self._desk.binds.remove(self)
        for delivery in self._sent.values():
            self._desk.finished(delivery, taken=False)
        self._sent.clear()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            for pdu in unpack(self._buffer):
                self._handle(pdu)
        except WireError:
            self.abort()

    def write(self, raw: bytes) -> None:
        if self._stream is not None:
            self._stream.write(raw)

    def abort(self) -> None:
        if self._stream is not None:
            self._stream.abort()

    def close(self) -> None:
        """The carrier ends the bind."""
        self._sequence += 1
        self.write(pack(6, sequence=self._sequence))
        if self._stream is not None:
            self._stream.close()

    def deliver(self, delivery: Delivery) -> None:
        self._sequence += 1
        self._sent[self._sequence] = delivery
        self.write(pack(5, delivery.body, sequence=self._sequence))

    def _handle(self, pdu: Pdu) -> None:
        if pdu.command in BINDS:
            self._bind(pdu)
        elif pdu.command == 0x15:
            self.write(pack(0x15 | _RESPONSE, sequence=pdu.sequence))
        elif pdu.command == 6:
            self.write(pack(6 | _RESPONSE, sequence=pdu.sequence))
            if self._stream is not None:
                self._stream.close()
        elif pdu.command == 5 | _RESPONSE:
            delivery = self._sent.pop(pdu.sequence, None)
            if delivery is not None:
                self._desk.finished(delivery, taken=pdu.status == 0)
        elif pdu.command == 4:
            self._submit(pdu)
        elif not pdu.command & _RESPONSE:
            self.write(pack(_RESPONSE, status=3, sequence=pdu.sequence))

    def _bind(self, pdu: Pdu) -> None:
        system_id, at = word(pdu.body, 0)
        password, _ = word(pdu.body, at)
        status = 0 if password == self._carrier.settings.token else 0x0E
        if not status:
            self.system_id, self.mode = system_id, BINDS[pdu.command]
            self._desk.binds.append(self)
        self.write(
            pack(pdu.command | _RESPONSE, b"simulator\0", status=status, sequence=pdu.sequence)
        )

    def _submit(self, pdu: Pdu) -> None:
        carrier = self._carrier
        carrier.tally.requests += 1
        if self.mode not in {"transmitter", "transceiver"}:
            carrier.tally.refused["unbound"] += 1
            self._answer(pdu, status=4)
            return
        submit = submit_unpack(pdu.body)
        fault, ending = carrier.fault_draw(submit.to)
        if fault != "none" and not fault.endswith("_after_accept"):
            carrier.tally.refused[fault] += 1
            self._faulty(pdu, fault, "")
            return
        number = self._accept(submit, fault, ending)
        if fault == "none":
            self._later(lambda: self._answer(pdu, f"{number:08X}"))
        else:
            self._faulty(pdu, fault.removesuffix("_after_accept"), f"{number:08X}")

    def _answer(self, pdu: Pdu, message_id: str = "", *, status: int = 0) -> None:
        body = message_id.encode() + b"\0" if not status else b""
        self.write(pack(4 | _RESPONSE, body, status=status, sequence=pdu.sequence))

    def _later(self, work: Callable[[], None]) -> None:
        settings = self._carrier.settings
        if settings.latency_ms:
            asyncio.get_running_loop().call_later(settings.latency_ms / 1000, work)
        else:
            work()

    def _faulty(self, pdu: Pdu, fault: str, message_id: str) -> None:
        if fault == "hang":
            return
        if fault == "reset":
            self.abort()
        elif fault == "cut":
            whole = pack(4 | _RESPONSE, message_id.encode() + b"\0", sequence=pdu.sequence)
            self.write(whole[:-3])
            if self._stream is not None:
                self._stream.close()
        elif fault in _STATUSES:
            self._later(lambda: self._answer(pdu, status=_STATUSES[fault]))
        else:
            self.write(b"<html>Welcome to the network</html>")

    def _accept(self, submit: Submitted, fault: str, ending: str) -> int:
        carrier, settings = self._carrier, self._carrier.settings
        number = carrier.next_id() & 0x7FFFFFFF
        key = f"smpp://carrier/{submit.to}.{submit.part}.{zlib.crc32(submit.text.encode()):08x}"
        carrier.tally.accept(key, 1)
        outcome = carrier.outcome_draw(ending)
        carrier.tally.messages.append(
            {
                "id": f"{number:08X}",
                "to": submit.to,
                "from": submit.source,
                "message": submit.text,
                "parts": submit.parts,
                "part": submit.part,
                "validity": submit.validity,
                "accepted_at": time.time(),
                "outcome": outcome,
                "fault": fault,
            }
        )
        if submit.wants_receipt and outcome != "none":
            self._plan_receipts(submit, number, outcome, slow=ending == "99906")
        reply = carrier.reply_draw(ending) if submit.part == submit.parts else ""
        if reply:
            body = deliver_body(submit.to, submit.source, reply.encode("ascii"), receipt=False)
            self._plan(settings.reply_delay_ms / 1000, body, "reply")
        return number

    def _plan_receipts(self, submit: Submitted, number: int, outcome: str, *, slow: bool) -> None:
        carrier, settings = self._carrier, self._carrier.settings
        delay_s = (settings.receipt_slow_ms if slow else settings.receipt_delay_ms) / 1000
        if carrier.happens(settings.receipt_early_share):
            delay_s = 0.0
        outcomes = [outcome]
        if carrier.happens(settings.receipt_duplicate_share):
            outcomes.append(outcome)
        for position, each in enumerate(outcomes):
            body = receipt_body(submit, number, each)
            self._plan(delay_s + position * 0.05, body, "receipt")

    def _plan(self, delay_s: float, body: bytes, kind: str) -> None:
        self._desk.plan(delay_s, Delivery(self.system_id, body, kind, self._carrier.epoch))


def receipt_body(submit: Submitted, number: int, outcome: str) -> bytes:
    """By Appendix B; odd ids in decimal, and every third with optional parameters only."""
    word, state = _STATES.get(outcome, ("UNDELIV", 5))
    error = outcome if outcome.isdecimal() else "000"
    told = str(number) if number % 2 else f"{number:x}"
    moment = datetime.now(UTC).strftime("%y%m%d%H%M")
    text = (
        f"id:{told} sub:001 dlvrd:001 submit date:{moment} done date:{moment} stat:{word}"
        f" err:{error:0>3} text:"
    )
    if number % 3:
        return deliver_body(submit.to, submit.source, text.encode(), receipt=True)
    tags = {0x001E: f"{number:08X}".encode() + b"\0", 0x0427: bytes((state,))}
    if int(error):
        tags[0x0423] = b"\x03" + int(error).to_bytes(2, "big")  # 3: GSM
    return deliver_body(submit.to, submit.source, b"", receipt=True, tags=tags)
