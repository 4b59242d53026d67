"""Sending a batch with every check on, against a loop that only sends; same run, same tables.

    python -m benchmarks dispatch             on a database of its own
    DATABASE_URL=... python -m benchmarks.dispatch --messages 20000 --in-flight 256

The limit at 0 ms is what no product code could beat: claim 500 rows, a bare libcurl loop
(`http_submit.raw_submits`), one UPDATE for 500 results. The product also checks approval, lease,
suppression, consent, country, sender, quiet hours, cap and ceiling for each message at the last
moment, takes cap slots, keeps the ledger, and paces itself through Redis. At 50 ms the limit is in
flight / latency. Targets (perf.md §7): 0.5 and 0.8. CPU is that of the sending process.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import django

from benchmarks.stub import stub_running

LATENCY_MS = 50.0

_CLAIM = """
SELECT m.id, m.phone, m.body FROM gateways_message m
WHERE m.id BETWEEN %s AND %s AND m.state = 'queued' FOR UPDATE SKIP LOCKED
"""
_WRITE = """
UPDATE gateways_message m SET state = 'accepted', gateway_message_id = r.g, accepted_at = now()
FROM unnest(%s::bigint[], %s::text[]) AS r(id, g) WHERE m.id = r.id
"""


def chunk_loop(batch: Any, base_url: str, messages: int, in_flight: int) -> int:
    """Claim, send and write back in chunks of 500 with nothing in between: the limit."""
    from django.db import connection, transaction

    from benchmarks.http_submit import raw_submits

    for part in batch.slices.order_by("number"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_CLAIM, [part.first_id, part.last_id])
            ids = [row[0] for row in cursor.fetchall()]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_WRITE, [ids, ["1281532560"] * len(ids)])
    return raw_submits(base_url, messages, in_flight)


def product(batch: Any) -> int:
    """The engine of the product; returns how many the stub accepted."""
    from smsmarketing.gateways.dispatch import batch_run

    report = batch_run(batch.pk, max_run_s=600, follow_up=False)
    return int(report.results["accepted"])


def world_for(base_url: str, in_flight: int) -> Any:
    from smsmarketing.gateways.models import Gateway
    from tests.gateways.world import world_make

    world = world_make(base_url=base_url)
    Gateway.objects.filter(pk=world.gateway.pk).update(
        rate_per_second=1_000_000, max_in_flight=in_flight
    )
    world.gateway.refresh_from_db()
    return world


def batch_for(world: Any, messages: int) -> Any:
    contacts = world.contacts_at_noon(messages)
    return world.batch(contacts, purpose="marketing", quiet_mode="normal")


def main() -> int:
    """Print the table; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=256)
    flags = parser.parse_args()
    django.setup()
    from benchmarks.http_submit import measured

    messages, in_flight = flags.messages, flags.in_flight
    print(f"{'':44} {'msg/s':>8} {'CPU µs':>7} {'ratio':>6} {'target':>6}")
    with stub_running() as url:
        world = world_for(url, in_flight)
        warm = batch_for(world, 1_000)
        measured(1_000, lambda: product(warm))
        bare, ours = batch_for(world, messages), batch_for(world, messages)
        limit = measured(messages, lambda: chunk_loop(bare, url, messages, in_flight))
        got = measured(messages, lambda: product(ours))
    fast = got.rate / limit.rate
    print(f"{'0 ms, bare chunk + libcurl loop (limit)':44} {limit.rate:8,.0f} {limit.cpu_us:7.1f}")
    print(f"{'0 ms, product':44} {got.rate:8,.0f} {got.cpu_us:7.1f} {fast:6.2f} {0.5:6}")
    some = min(messages, round(in_flight / LATENCY_MS * 1000 * 3))
    with stub_running(latency_ms=LATENCY_MS) as url:
        slow_batch = batch_for(world_for(url, in_flight), some)
        slow = measured(some, lambda: product(slow_batch))
    most = in_flight / LATENCY_MS * 1000
    kept = slow.rate / most
    print(f"{'50 ms, in flight / latency (limit)':44} {most:8,.0f}")
    print(f"{'50 ms, product':44} {slow.rate:8,.0f} {slow.cpu_us:7.1f} {kept:6.2f} {0.8:6}")
    return 0 if fast >= 0.5 and kept >= 0.8 else 1


if __name__ == "__main__":
    sys.exit(main())
