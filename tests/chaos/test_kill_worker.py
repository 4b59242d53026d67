"""A worker is killed with SIGKILL ten times during a 5,000-message batch (issue 2, [R-10.25])."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from smsmarketing.gateways.models import Batch, BatchSlice, Gateway, LedgerEntry, Message, Quota
from smsmarketing.gateways.rules.messages import FINAL
from smsmarketing.gateways.selectors import batch_counts, batch_totals, counts_by_state
from tests.chaos.processes import Crew, crew_running, until
from tests.gateways.world import World, world_make
from tests.simulator.process import RunningSimulator, simulator_running

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

MESSAGES = 5_000
KILLS = 10
WINDOW = 20
SEED = 20261121


@pytest.fixture
def carrier() -> Iterator[RunningSimulator]:
    with simulator_running(latency_ms=20, receipt_delay_ms=100, seed=SEED) as running:
        yield running


@pytest.fixture
def crew(process_environment: dict[str, str], live_server: Any) -> Iterator[Crew]:
    environment = process_environment | {
        "PUBLIC_BASE_URL": live_server.url,
        "DISPATCH_LEASE_SECONDS": "2",
        "LOG_LEVEL": "WARNING",
    }
    with crew_running(environment) as running:
        yield running


def test_ten_kills_cost_no_message_and_double_none(carrier: RunningSimulator, crew: Crew) -> None:
    world = world_make(base_url=carrier.base_url)
    Gateway.objects.filter(pk=world.gateway.pk).update(rate_per_second=600, max_in_flight=WINDOW)
    batch = world.batch(world.contacts_at_noon(MESSAGES), purpose="marketing", quiet_mode="normal")
    crew.beat()
    _kill_ten_times(carrier, crew)
    until(crew, lambda: Batch.objects.get(pk=batch.pk).state == "done", seconds=120)
    _nothing_lost_nothing_double(world, batch, carrier)


def _kill_ten_times(carrier: RunningSimulator, crew: Crew) -> None:
    """Two workers; whoever holds the messages dies after a random number of them, ten times."""
    chance = random.Random(SEED)
    crew.worker()
    crew.worker()
    for _ in range(KILLS):
        aim = carrier.stats()["accepted"] + chance.randint(20, 450)
        until(
            crew,
            lambda aim=aim: carrier.stats()["accepted"] >= aim and _holder(crew) is not None,
            seconds=60,
        )
        holder = _holder(crew)
        crew.kill(holder or crew.alive[-1])
        crew.worker()


def _holder(crew: Crew) -> subprocess.Popen[bytes] | None:
    """The worker that holds a lease now."""
    owners = BatchSlice.objects.filter(state="leased").values_list("lease_owner", flat=True)
    pids = {int(owner.split(":")[1]) for owner in owners if owner}
    return next((process for process in crew.alive if process.pid in pids), None)


def _nothing_lost_nothing_double(world: World, batch: Batch, carrier: RunningSimulator) -> None:
    batch.refresh_from_db()
    counts = counts_by_state(batch_counts([batch.pk])[batch.pk])
    stats = carrier.stats(messages=1)
    # No message was accepted twice.
    assert stats["duplicates"] == 0
    # Every message is final or unknown, and the sums match to the unit.
    assert set(counts) <= FINAL | {"unknown"}, counts
    assert sum(counts.values()) == batch.planned == MESSAGES
    # Unknown is at most one wave per kill.
    assert counts.get("unknown", 0) <= KILLS * WINDOW
    # What the carrier accepted is what we believe was sent, message by message.
    accepted = {int(key) for key in stats["accepted_by_message"]}
    ours = set(Message.objects.filter(batch=batch).values_list("pk", flat=True))
    delivered = set(
        Message.objects.filter(batch=batch, state="delivered").values_list("pk", flat=True)
    )
    assert accepted <= ours
    assert delivered <= accepted
    assert counts["delivered"] >= MESSAGES - KILLS * WINDOW
    # The money balances to the cent.
    quota = Quota.objects.get(team=world.team)
    entries = LedgerEntry.objects.filter(quota=quota)
    settled = sum((e.amount for e in entries if e.kind == "settle"), Decimal(0))
    assert quota.money_reserved == 0
    assert quota.money_spent == settled == batch_totals([batch.pk])[batch.pk].billed
    assert batch.money_reserved == 0
