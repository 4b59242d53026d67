"""Receipts: taking them durably against a bare view with one INSERT, and applying them.

    python -m benchmarks receipts             on a database of its own
    DATABASE_URL=... python -m benchmarks.receipts --receipts 3000

Both views are called directly, one after the other: HTTP server, sockets and middleware, equal for
both, stay out of the ratio, which is therefore the harder one. The product's view compares the secret in constant
time, checks the address and reads the receipt before it answers `OK`. Targets (perf.md §7): >= 0.7
of the bare view, and applied faster than they are taken.
"""

from __future__ import annotations

import argparse
import json
import sys
from time import perf_counter, process_time
from typing import Any

import django


def bare_view(request: Any, slug: str, secret: str, message_id: int) -> Any:
    """One INSERT and an answer: the least that is durable."""
    from django.db import connection
    from django.http import HttpResponse
    from django.utils import timezone

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gateways_receipt (gateway_id, kind, message_id, raw, content_type,"
            " received_at, state, note) VALUES (1, 'dlr', %s, %s, '', %s, 'unusable', '')",
            [message_id, request.body, timezone.now()],
        )
    return HttpResponse(b"OK", content_type="text/plain")


def rate_of(view: Any, world: Any, ids: list[int]) -> tuple[float, float]:
    """(receipts a second, processor µs each) of a view."""
    from django.core.handlers.wsgi import WSGIRequest
    from django.test import RequestFactory

    factory = RequestFactory()
    requests = [
        factory.post(
            f"/webhooks/{world.gateway.slug}/{world.secret}/dlr/{message_id}",
            data=json.dumps({"id": f"g{message_id}", "status": "1", "mcc": "246", "mnc": "01"}),
            content_type="application/json",
        ).environ
        for message_id in ids
    ]
    start, cpu = perf_counter(), process_time()
    for environ, message_id in zip(requests, ids, strict=True):
        answer = view(WSGIRequest(environ), world.gateway.slug, world.secret, message_id)
        assert answer.content == b"OK", answer.status_code
    seconds, spent = perf_counter() - start, process_time() - cpu
    return len(ids) / seconds, spent / len(ids) * 1e6


def main() -> int:
    """Print the table; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receipts", type=int, default=3_000)
    flags = parser.parse_args()
    django.setup()
    from django.utils import timezone

    from smsmarketing.gateways.intake import receipts_apply
    from smsmarketing.gateways.models import Message
    from smsmarketing.gateways.webhooks import receipt_view
    from tests.gateways.world import world_make

    world = world_make()
    batch = world.batch(world.contacts(flags.receipts))
    now = timezone.now()
    Message.objects.filter(batch=batch).update(
        state="accepted", attempt=1, gateway_id=world.gateway.pk, handed_at=now, accepted_at=now
    )
    ids = list(Message.objects.filter(batch=batch).values_list("pk", flat=True))
    rate_of(bare_view, world, ids[:200])
    bare, bare_cpu = rate_of(bare_view, world, ids)
    ours, ours_cpu = rate_of(receipt_view, world, ids)
    start = perf_counter()
    report = receipts_apply()
    applied = report.applied / (perf_counter() - start)
    assert report.applied == len(ids), report
    kept, faster = ours / bare, applied / ours
    print(f"{'':36} {'each s':>8} {'CPU µs':>7} {'ratio':>6} {'target':>6}")
    print(f"{'taken: bare view, one INSERT (limit)':36} {bare:8,.0f} {bare_cpu:7.0f}")
    print(f"{'taken: product':36} {ours:8,.0f} {ours_cpu:7.0f} {kept:6.2f} {0.7:6}")
    print(f"{'applied, against taken':36} {applied:8,.0f} {'':7} {faster:6.2f} {1.0:6}")
    return 0 if kept >= 0.7 and faster >= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
