"""Submitting over SMPP: a bind with its transport against a bare loop of the same codec, same run.

python -m benchmarks.smpp_submit [--messages 20000] [--window 64]

The bare loop encodes each submit_sm with the product's codec, keeps the same window on one socket,
cuts the answers out of the stream, and reads their status and id: nothing else. It looks at no text,
number or validity, cuts no parts, gives no message up in time and cannot say which one an answer
belongs to. The stub answers every submit and does nothing else. What is compared is the CPU time of
the sending process, all its threads, in the best of three rounds. Targets: 0.2 of the loop, and as
many submits a CPU second as smpp34, a client in Rust that people use from Python (a window of tasks,
its own codec and timers).
"""

import argparse
import asyncio
import itertools
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import smpp34

from benchmarks.http_submit import TEXT, Measured, engine_submits, measured
from smsmarketing.gateways.engine.smpp import SmppEngine
from smsmarketing.gateways.transports.base import TransportConfig
from smsmarketing.gateways.transports.smpp.messages import (
    Address,
    ShortMessage,
    message_encode,
    message_id_decode,
)
from smsmarketing.gateways.transports.smpp.pdu import SUBMIT_SM, Framer, pdu_encode

ROUNDS = 3
TARGET = 0.2
AGAINST_RUST = 1.0
_HEADER = struct.Struct(">IIII")
_BIND, _SUBMIT, _RESPONSE = 0x09, 0x04, 0x80000000


class _Smsc(asyncio.Protocol):
    """Answers each PDU as soon as it is whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._left, self._number = transport, b"", 0

    def data_received(self, data: bytes) -> None:
        stream, at, answers = self._left + data, 0, []
        while len(stream) - at >= 16:
            length, command, _, sequence = _HEADER.unpack_from(stream, at)
            if len(stream) - at < length:
                break
            at += length
            body = b"\0"
            if command == _SUBMIT:
                self._number += 1
                body = f"{self._number:08X}\0".encode()
            answers.append(_HEADER.pack(16 + len(body), command | _RESPONSE, 0, sequence) + body)
        self._left = stream[at:]
        self._transport.write(b"".join(answers))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Smsc, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def smsc_running() -> Iterator[int]:
    """The stub in a process of its own; gives its port."""
    command = [sys.executable, "-m", "benchmarks.smpp_submit", "--stub"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def raw_submits(port: int, messages: int, window: int) -> int:
    """Submit over a bare socket; returns how many were answered with status 0 and an id."""
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(_HEADER.pack(23, _BIND, 0, 1) + b"\0\0\0\x34\0\0\0")
        stream.recv(65536)
        source, framer, text = Address(5, 0, "Shop"), Framer(), TEXT.encode("ascii")
        sent = answered = accepted = 0
        while answered < messages:
            out = []
            for _ in range(min(window - (sent - answered), messages - sent)):
                sent += 1
                fields = ShortMessage(
                    source=source,
                    destination=Address(1, 1, str(37060000000 + sent)),
                    registered_delivery=1,
                    short_message=text,
                )
                out.append(pdu_encode(SUBMIT_SM, message_encode(fields), sequence=sent))
            if out:
                stream.sendall(b"".join(out))
            for pdu in framer.feed(stream.recv(65536)):
                answered += 1
                accepted += pdu.status == 0 and bool(message_id_decode(pdu.body))
        return accepted


def rust_submits(port: int, messages: int, window: int) -> int:
    """Submit over smpp34; returns how many were accepted."""

    async def all_of_them() -> int:
        client = smpp34.Client("127.0.0.1", port, "shop", "secret")
        smsc = await client.connect()
        numbers, text = itertools.count(1), TEXT.encode("ascii")
        accepted = 0

        async def lane() -> None:
            nonlocal accepted
            while (number := next(numbers)) <= messages:
                answer = await smsc.submit_sm(
                    str(37060000000 + number),
                    text,
                    source_addr="Shop",
                    source_addr_ton=5,
                    registered_delivery=1,
                )
                accepted += answer.is_success

        await asyncio.gather(*(lane() for _ in range(window)))
        await smsc.unbind()
        return accepted

    return asyncio.run(all_of_them())


def _line(what: str, one: Measured, ratio: float | None = None, target: float = 0.0) -> str:
    told = "" if ratio is None else f" {ratio:6.2f} {target:6}"
    return f"{what:36} {one.rate:8,.0f} {one.per_cpu_second:10,.0f} {one.cpu_us:7.1f}{told}"


def main() -> int:
    """Print the table; exit code 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--stub", action="store_true", help="Be the carrier.")
    flags = parser.parse_args()
    if flags.stub:
        asyncio.run(_serve())
    credentials = {"system_id": "shop", "password": "secret"}
    count, window = flags.messages // ROUNDS, flags.window
    runs: dict[str, list[Measured]] = {"rust": [], "raw": [], "ours": []}
    with smsc_running() as port:
        config = TransportConfig(base_url=f"smpp://127.0.0.1:{port}", credentials=credentials)
        engine = SmppEngine(config, window=window, deliver=lambda pdus: [0] * len(pdus))
        engine.bind()
        for _ in range(ROUNDS):
            runs["rust"].append(measured(count, lambda: rust_submits(port, count, window)))
            runs["raw"].append(measured(count, lambda: raw_submits(port, count, window)))
            runs["ours"].append(
                measured(
                    count, lambda: engine_submits(engine, "smpp", config, count, dlr_url="asked")
                )
            )
        engine.unbind()
    rust, raw, ours = (min(each, key=lambda one: one.cpu_us) for each in runs.values())
    ratio, better = raw.cpu_us / ours.cpu_us, rust.cpu_us / ours.cpu_us
    print(f"{'':36} {'msg/s':>8} {'per CPU s':>10} {'CPU µs':>7} {'ratio':>6} {'target':>6}")
    print(_line("bare loop, same codec (limit)", raw))
    print(_line("bind + transport", ours, ratio, TARGET))
    print(_line("smpp34, against it", rust, better, AGAINST_RUST))
    return 0 if ratio >= TARGET and better >= AGAINST_RUST else 1


if __name__ == "__main__":
    sys.exit(main())
