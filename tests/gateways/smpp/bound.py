"""A world whose gateway speaks SMPP, and its bind served in the test's own thread."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from smsmarketing.gateways.binds import BindProcess
from smsmarketing.gateways.credentials import credentials_write
from smsmarketing.gateways.intake import receipts_apply
from smsmarketing.gateways.models import Batch, Gateway
from smsmarketing.gateways.selectors import batch_counts
from tests.gateways.world import World, world_make
from tests.simulator.process import TOKEN


def bound_world(base_url: str, *, password: str = TOKEN, **fields: Any) -> World:
    world = world_make(base_url=base_url)
    gateway = world.gateway
    credentials_write(gateway, {"system_id": "shop", "password": password})
    gateway.transport, gateway.max_in_flight = "smpp", 16
    for name, value in fields.items():
        setattr(gateway, name, value)
    gateway.save()
    return world


def serve(
    world: World, until: Callable[[], bool], *, seconds: float = 20.0, **options: Any
) -> None:
    """Hold the bind until that is so; AssertionError when it never gets there."""
    deadline = time.monotonic() + seconds
    reached = False

    def should_stop() -> bool:
        nonlocal reached
        reached = reached or until()
        return reached or time.monotonic() > deadline

    BindProcess(world.gateway.slug, should_stop, first_wait_s=0.01, **options).run()
    assert reached, Gateway.objects.filter(pk=world.gateway.pk).values("state", "bind__last_error")


def counts(batch: Batch) -> dict[str, int]:
    """Messages by state, whatever the reason."""
    found: Counter[str] = Counter()
    for state, count in batch_counts([batch.pk])[batch.pk].items():
        found[state.partition("/")[0]] += count
    return dict(found)


def settled(batch: Batch, **expected: int) -> Callable[[], bool]:
    """Whether the batch's messages are in these states, receipts applied."""

    def reached() -> bool:
        receipts_apply()
        return counts(batch) == expected

    return reached
