"""Submitting over HTTP: the engine with its transport against a bare libcurl loop, same run.

python -m benchmarks.http_submit [--messages 20000] [--in-flight 64]

The bare loop (`raw_submits`) is the limit that perf.md §4 calls best: pycurl multi, kept
connections, a continuous window, JSON out and JSON in, and nothing else. It also repeats a POST on
a dying connection by itself, which a product may not. Dispatch benchmarks measure against it too.

At 0 ms the limit is processor time, so the ratio compares the CPU time of the sending process (the
rate also depends on who else uses the machine). At 50 ms the limit is in flight / latency. Targets:
0.5 and 0.8 (perf.md §7, dispatch). The carrier simulator has to take 5,000 submits a second, so
that it is not what a load test measures.
"""

import argparse
import io
import json
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import pycurl

from benchmarks.stub import stub_running
from smsmarketing.gateways import transports
from smsmarketing.gateways.engine import Engine, Exchange, Submitter, exchange_result
from smsmarketing.gateways.transports.base import OutboundMessage, TransportConfig
from tests.simulator.process import simulator_running

LATENCY_MS = 50.0
CARRIER_RATE = 5_000
TEXT = "Summer sale, 20% off today only in all our shops and online. Code A1B2C3. Reply STOP to end"


class Measured(NamedTuple):
    """One run: wall-clock and own processor time, seconds."""

    messages: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.messages / self.cpu_seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds / self.messages * 1e6


def measured(messages: int, work: Callable[[], int]) -> Measured:
    """Time `work`, which returns how many messages were accepted; all must have been."""
    started, cpu = time.perf_counter(), time.process_time()
    accepted = work()
    result = Measured(messages, time.perf_counter() - started, time.process_time() - cpu)
    assert accepted == messages, f"{accepted} of {messages} were accepted"
    return result


def raw_submits(base_url: str, messages: int, in_flight: int) -> int:
    """Submit over a bare libcurl loop; returns how many answers carried an id."""
    multi = pycurl.CurlMulti()
    headers = ["Content-Type: application/json", "Accept: application/json", "X-VertexSMS-Token: t"]
    idle: list[pycurl.Curl] = []
    for _ in range(in_flight):
        curl = pycurl.Curl()
        curl.setopt(curl.URL, base_url + "/sms")
        curl.setopt(curl.HTTPHEADER, headers)
        curl.setopt(curl.NOSIGNAL, 1)
        idle.append(curl)
    bodies: dict[pycurl.Curl, io.BytesIO] = {}
    started = accepted = 0
    while started < messages or bodies:
        while idle and started < messages:
            curl = idle.pop()
            document = {
                "to": str(37060000000 + started),
                "from": "Shop",
                "message": TEXT,
                "dlrUrl": f"http://127.0.0.1:8000/webhooks/receipts/secret?m={started}",
            }
            bodies[curl] = io.BytesIO()
            curl.setopt(curl.POSTFIELDS, json.dumps(document))
            curl.setopt(curl.WRITEDATA, bodies[curl])
            multi.add_handle(curl)
            started += 1
        multi.perform()
        waiting, ended = 1, 0
        while waiting:
            waiting, good, bad = multi.info_read()
            for curl in [*good, *(item[0] for item in bad)]:
                multi.remove_handle(curl)
                accepted += bool(json.loads(bodies.pop(curl).getvalue())[0])
                idle.append(curl)
                ended += 1
        if bodies and not ended:
            timer = multi.timeout()
            multi.select(min(1.0, timer / 1000) if timer >= 0 else 1.0)
    for curl in idle:
        curl.close()
    multi.close()
    return accepted


def engine_submits(
    engine: Submitter, name: str, config: TransportConfig, messages: int, *, dlr_url: str
) -> int:
    """Submit the same through engine and transport `name`; returns how many were accepted.

    `dlr_url` is what a message asks receipts with, its number put in for {}.
    """
    transport = transports.get(name)
    requests = (
        (
            number,
            transport.submit_request(
                OutboundMessage(
                    message_id=number,
                    to=f"+{37060000000 + number}",
                    sender="Shop",
                    body=TEXT,
                    parts=1,
                    dlr_url=dlr_url.format(number),
                ),
                config,
            ),
        )
        for number in range(1, messages + 1)
    )
    accepted = 0

    def count(_: int, exchange: Exchange) -> None:
        nonlocal accepted
        accepted += exchange_result(transport, exchange).outcome == "accepted"

    engine.submit_many(requests, count)
    return accepted


def _engine_submits(engine: Engine, base_url: str, messages: int, token: str = "t") -> int:
    config = TransportConfig(base_url=base_url, credentials={"token": token})
    url = "http://127.0.0.1:8000/webhooks/receipts/secret?m={}"
    return engine_submits(engine, "vertexsms", config, messages, dlr_url=url)


def _told(one: Measured) -> str:
    return f"{one.rate:8,.0f} {one.per_cpu_second:10,.0f} {one.cpu_us:7.1f}"


def main() -> int:
    """Print the table; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=64)
    flags = parser.parse_args()
    print(f"{'':34} {'msg/s':>8} {'per CPU s':>10} {'CPU µs':>7} {'ratio':>6} {'target':>6}")
    with stub_running() as url, Engine(flags.in_flight) as engine:
        raw = measured(flags.messages, lambda: raw_submits(url, flags.messages, flags.in_flight))
        ours = measured(flags.messages, lambda: _engine_submits(engine, url, flags.messages))
    fast = raw.cpu_us / ours.cpu_us
    print(f"{'0 ms, bare libcurl loop (limit)':34} {_told(raw)}")
    print(f"{'0 ms, engine + transport':34} {_told(ours)} {fast:6.2f} {0.5:6}")
    some = min(flags.messages, round(flags.in_flight / LATENCY_MS * 1000 * 3))
    with stub_running(latency_ms=LATENCY_MS) as url, Engine(flags.in_flight) as engine:
        slow = measured(some, lambda: _engine_submits(engine, url, some))
    limit = flags.in_flight / LATENCY_MS * 1000
    kept = slow.rate / limit
    print(f"{'50 ms, in flight / latency (limit)':34} {limit:8,.0f}")
    print(f"{'50 ms, engine + transport':34} {_told(slow)} {kept:6.2f} {0.8:6}")
    with (
        simulator_running(report_s=0, receipt_delay_ms=60_000) as carrier,
        Engine(flags.in_flight) as engine,
    ):
        full = measured(
            flags.messages,
            lambda: _engine_submits(engine, carrier.base_url, flags.messages, carrier.token),
        )
    carried = full.rate / CARRIER_RATE
    print(f"{'carrier simulator takes':34} {full.rate:8,.0f} {'':18} {carried:6.2f} {1.0:6}")
    return 0 if fast >= 0.5 and kept >= 0.8 and carried >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
