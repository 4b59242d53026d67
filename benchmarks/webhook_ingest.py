"""Webhooks through the web server: how many receipts a second are kept, and how long a provider waits.

    python -m benchmarks webhook_ingest       on a database of its own, durable
    DATABASE_URL=... python -m benchmarks.webhook_ingest --calls 3000 --in-flight 4

gunicorn serves the product as in production (its configuration file), and beside it, in the same
processes, a bare WSGI function that does one INSERT and answers: the limit. The same client posts the
same bodies to both, over kept connections, and times every call. Nothing but the middleware, the
check of secret and address, and the reading of the receipt lies between the two. Targets: at least
0.35 of the limit's rate, and p99 under 100 ms, which [R-10.3] promises to providers (on a machine that
is busy with other things: under three times the limit's), with every receipt in the table afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pycurl
from django.db import connection

from smsmarketing.wsgi import application as product

TARGET = 0.35
P99_MS = 100.0
P99_TIMES = 3.0
_BARE = "/bare/"
_INSERT = (
    "INSERT INTO gateways_receipt (gateway_id, kind, message_id, raw, content_type, received_at,"
    " state, note) VALUES (%s, 'dlr', %s, %s, '', now(), 'unusable', '')"
)


class Ingested(NamedTuple):
    """One run: calls a second, and what a call took, milliseconds."""

    rate: float
    p50: float
    p99: float


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """The product, and the limit beside it. gunicorn is started with this."""
    if not environ["PATH_INFO"].startswith(_BARE):
        return product(environ, start_response)
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    _, _, gateway_id, message_id = environ["PATH_INFO"].split("/")
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [int(gateway_id), int(message_id), body])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"OK"]


@contextmanager
def served() -> Iterator[str]:
    """gunicorn with the product's configuration; gives its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "benchmarks.webhook_ingest:application"]
    process = subprocess.Popen(
        [*command, "--bind", f"127.0.0.1:{port}", "--log-level", "error"],
        env={**os.environ, "ALLOWED_HOSTS": "127.0.0.1"},
    )
    try:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None, "gunicorn ended"
            assert time.monotonic() < deadline, "gunicorn does not listen"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def ingest(calls: Sequence[tuple[str, bytes]], in_flight: int) -> Ingested:
    """POST all calls with so many at once; every answer must be 200 and OK."""
    multi, took = pycurl.CurlMulti(), []
    waiting = iter(calls)
    idle = [pycurl.Curl() for _ in range(in_flight)]
    started, active, left = time.perf_counter(), 0, True
    for curl in idle:
        curl.setopt(curl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
        curl.setopt(curl.WRITEFUNCTION, lambda data: None)
    while active or left:
        while idle and left:
            call = next(waiting, None)
            if call is None:
                left = False
                break
            curl = idle.pop()
            curl.setopt(curl.URL, call[0])
            curl.setopt(curl.POSTFIELDS, call[1])
            multi.add_handle(curl)
            active += 1
        multi.perform()
        more = 1
        while more:
            more, good, bad = multi.info_read()
            assert not bad, bad
            for curl in good:
                assert curl.getinfo(curl.RESPONSE_CODE) == 200, curl.getinfo(curl.RESPONSE_CODE)
                took.append(curl.getinfo(curl.TOTAL_TIME) * 1000)
                multi.remove_handle(curl)
                idle.append(curl)
                active -= 1
        if active:
            multi.select(0.5)
    seconds = time.perf_counter() - started
    took.sort()
    return Ingested(len(took) / seconds, took[len(took) // 2], took[int(len(took) * 0.99)])


def main() -> int:
    """Print the table; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3_000)
    parser.add_argument("--in-flight", type=int, default=4)
    flags = parser.parse_args()
    from smsmarketing.gateways.models import Message, Receipt
    from tests.gateways.world import world_make

    world = world_make()
    batch = world.batch(world.contacts(flags.calls))
    Message.objects.filter(batch=batch).update(
        state="accepted", attempt=1, gateway_id=world.gateway.pk
    )
    ids = list(Message.objects.filter(batch=batch).values_list("pk", flat=True))
    bodies = [
        json.dumps({"id": f"g{pk}", "status": "1", "mcc": "246", "mnc": "01"}).encode()
        for pk in ids
    ]
    with served() as base:
        product = f"{base}/webhooks/{world.gateway.slug}/{world.secret}/dlr/"
        bare = f"{base}{_BARE}{world.gateway.pk}/"
        found = {}
        for what, prefix in (("bare", bare), ("product", product)):
            calls = [(f"{prefix}{pk}", body) for pk, body in zip(ids, bodies, strict=True)]
            ingest(calls[:200], flags.in_flight)
            kept = Receipt.objects.count()
            found[what] = ingest(calls, flags.in_flight)
            assert Receipt.objects.count() - kept == len(ids), "a receipt is missing"
    limit, ours = found["bare"], found["product"]
    ratio = ours.rate / limit.rate
    print(f"{'':40} {'each s':>8} {'p50 ms':>7} {'p99 ms':>7} {'ratio':>6} {'target':>6}")
    print(
        f"{'bare function, one INSERT (limit)':40} {limit.rate:8,.0f} {limit.p50:7.1f} {limit.p99:7.1f}"
    )
    print(
        f"{'product':40} {ours.rate:8,.0f} {ours.p50:7.1f} {ours.p99:7.1f} {ratio:6.2f} {TARGET:6}"
    )
    in_time = ours.p99 < max(P99_MS, P99_TIMES * limit.p99)
    return 0 if ratio >= TARGET and in_time else 1


if __name__ == "__main__":
    sys.exit(main())
