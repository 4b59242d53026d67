"""Two of everything at once: workers, batches, opt-outs and pauses against PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from smsmarketing.contacts.models import SendState
from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.contacts.services import suppression_add
from smsmarketing.gateways import services
from smsmarketing.gateways.dispatch import batch_run, sweep
from smsmarketing.gateways.dispatch.claim import Lease, slice_claim
from smsmarketing.gateways.dispatch.road import road_of
from smsmarketing.gateways.dispatch.waves import Candidate, Halt, Marked, wave_mark
from smsmarketing.gateways.models import Batch, BatchSlice, Gateway, Message
from smsmarketing.gateways.selectors import batch_counts, counts_by_state
from tests.gateways.world import World, world_make
from tests.simulator.process import RunningSimulator, simulator_running

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with simulator_running(receipts="none=1") as running:
        yield running


@pytest.fixture
def carrier(simulator: RunningSimulator) -> RunningSimulator:
    simulator.reset()
    return simulator


@pytest.fixture
def world(transactional_db: None, carrier: RunningSimulator) -> World:
    made = world_make(base_url=carrier.base_url)
    Gateway.objects.filter(pk=made.gateway.pk).update(max_in_flight=8)
    made.gateway.refresh_from_db()
    return made


def together(*works: Callable[[], Any]) -> list[Any]:
    """Run all at once, each with its own connection; the first error is raised."""
    results: list[Any] = [None] * len(works)
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def one(number: int) -> None:
        try:
            barrier.wait(10)
            results[number] = works[number]()
        except BaseException as exc:  # noqa: BLE001 - raised below
            errors.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return results


def until(ready: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runner(batch: Batch) -> Callable[[], Any]:
    return lambda: batch_run(batch.pk, follow_up=False)


def claimed(batch: Batch) -> Lease:
    Batch.objects.filter(pk=batch.pk).update(state="sending", started_at=timezone.now())
    lease = slice_claim(batch.pk, owner="test:0:a", now=timezone.now())
    assert lease is not None
    return lease


def mark(batch: Batch, lease: Lease) -> list[Marked] | Halt:
    batch = Batch.objects.select_related("gateway", "sender").get(pk=batch.pk)
    return wave_mark(
        road_of(batch).plan,
        [
            Candidate(row.id, row.contact_id, phone_hashes(row.phone), row.cost)
            for row in lease.rows
        ],
        slice_ids=[lease.slice_id],
        owner="test:0:a",
        now=timezone.now(),
    )


def test_two_workers_on_one_batch_send_each_message_once(
    world: World, carrier: RunningSimulator
) -> None:
    """[R-10.20]"""
    batch = world.batch(world.contacts(1_200))
    together(runner(batch), runner(batch), runner(batch))
    batch_run(batch.pk, follow_up=False)
    assert batch_counts([batch.pk])[batch.pk] == {"accepted": 1_200}
    stats = carrier.stats()
    assert (stats["accepted"], stats["duplicates"]) == (1_200, 0)


def test_two_batches_cannot_both_take_the_last_slot(
    world: World, carrier: RunningSimulator
) -> None:
    """[R-7.16]"""
    contacts = world.contacts_at_noon(60)
    first = world.batch(contacts, purpose="marketing", quiet_mode="normal")
    second = world.batch(list(reversed(contacts)), purpose="marketing", quiet_mode="normal")
    together(runner(first), runner(second))
    counts = batch_counts([first.pk, second.pk])
    accepted = sum(each.get("accepted", 0) for each in counts.values())
    capped = sum(each.get("skipped/capped", 0) for each in counts.values())
    assert (accepted, capped) == (60, 60)
    assert carrier.stats()["accepted"] == 60
    states = SendState.objects.filter(brand=world.brand)
    assert {len(state.recent) for state in states} == {1}


def test_a_stop_between_claim_and_hand_over_holds(world: World) -> None:
    """[R-2.9]"""
    contacts = world.contacts(3)
    batch = world.batch(contacts)
    lease = claimed(batch)
    opt_out(world, contacts[1].phone or "")
    marked = mark(batch, lease)
    assert isinstance(marked, list)
    reasons = {each.id: (each.state, each.reason) for each in marked}
    message = Message.objects.get(batch=batch, contact_id=contacts[1].pk)
    assert reasons[message.pk] == ("skipped", "opted_out")
    assert sorted(state for state, _ in reasons.values()) == [
        "handing_over",
        "handing_over",
        "skipped",
    ]


def test_a_stop_that_is_committing_is_waited_for(world: World) -> None:
    """[R-2.9]: the wave's snapshot is older than the opt-out's commit, and still it holds."""
    contacts = world.contacts_at_noon(2)
    batch = world.batch(contacts, purpose="marketing", quiet_mode="normal")
    lease = claimed(batch)
    locked, go_on = threading.Event(), threading.Event()

    def stop() -> None:
        with transaction.atomic():
            opt_out(world, contacts[0].phone or "")
            locked.set()
            assert go_on.wait(20)

    def hand_over() -> list[Marked] | Halt:
        assert locked.wait(20)
        return mark(batch, lease)

    def release() -> None:
        assert locked.wait(20)
        until(somebody_waits)
        go_on.set()

    marked = together(stop, hand_over, release)[1]
    found = {each.id: each.reason for each in marked}
    message = Message.objects.get(batch=batch, contact_id=contacts[0].pk)
    assert found[message.pk] == "opted_out"


def test_nothing_is_handed_over_after_a_pause_was_committed(
    world: World, carrier: RunningSimulator
) -> None:
    Gateway.objects.filter(pk=world.gateway.pk).update(rate_per_second=200)
    batch = world.batch(world.contacts(600))

    def pause() -> datetime:
        until(lambda: carrier.stats()["accepted"] >= 20)
        with transaction.atomic():
            services.batch_pause(batch, reason="asked")
        return datetime.now(UTC)

    paused_at = together(runner(batch), pause)[1]
    assert not Message.objects.filter(batch=batch, handed_at__gt=paused_at).exists()
    counts = counts_by_state(batch_counts([batch.pk])[batch.pk])
    assert counts["queued"] > 0
    assert set(counts) == {"queued", "accepted"}
    assert carrier.stats()["accepted"] == counts["accepted"]
    Gateway.objects.filter(pk=world.gateway.pk).update(rate_per_second=100_000)
    with transaction.atomic():
        services.batch_resume(batch)
    batch_run(batch.pk, follow_up=False)
    assert batch_counts([batch.pk])[batch.pk] == {"accepted": 600}
    assert carrier.stats()["duplicates"] == 0


def test_stopping_while_sending_leaves_no_message_open(
    world: World, carrier: RunningSimulator
) -> None:
    """[R-8.6]: what was on the wire is recorded, the rest is stopped, the money is released."""
    Gateway.objects.filter(pk=world.gateway.pk).update(rate_per_second=300)
    batch = world.batch(world.contacts(600))

    def stop() -> None:
        until(lambda: carrier.stats()["accepted"] >= 20)
        with transaction.atomic():
            services.batch_stop(batch)

    together(runner(batch), stop)
    sweep()
    counts = counts_by_state(batch_counts([batch.pk])[batch.pk])
    assert set(counts) == {"accepted", "stopped"}
    assert sum(counts.values()) == 600
    assert carrier.stats()["accepted"] == counts["accepted"]
    batch.refresh_from_db()
    assert batch.money_reserved == 0
    assert batch.quota is not None
    assert batch.quota.money_reserved == 0
    assert batch.quota.money_spent == batch.money_committed


def test_no_transaction_is_open_while_the_gateway_thinks(
    world: World, carrier: RunningSimulator
) -> None:
    """[R-10.16]"""
    carrier.control(latency_ms=700)
    batch = world.batch(world.contacts(8))
    seen: list[int] = []

    def watch() -> None:
        until(lambda: Message.objects.filter(batch=batch, state="handing_over").count() == 8)
        seen.append(transactions_open())
        seen.append(Message.objects.filter(batch=batch, state="handing_over").count())

    together(runner(batch), watch)
    assert seen == [0, 8]
    assert batch_counts([batch.pk])[batch.pk] == {"accepted": 8}


def test_a_worker_that_lost_its_lease_hands_nothing_over(world: World) -> None:
    batch = world.batch(world.contacts(3))
    lease = claimed(batch)
    BatchSlice.objects.filter(pk=lease.slice_id).update(lease_until=timezone.now())
    assert sweep().leases_expired == 1
    marked = mark(batch, lease)
    assert isinstance(marked, Halt)
    assert batch_counts([batch.pk])[batch.pk] == {"queued": 3}


def opt_out(world: World, phone: str) -> None:
    with transaction.atomic():
        suppression_add(
            phone=phone,
            scope="brand",
            reason="opt_out",
            source="inbound",
            evidence={},
            brand=world.brand,
        )


def somebody_waits() -> bool:
    """Whether a connection of this database waits for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def transactions_open() -> int:
    """Connections of this database, but ours, that sit in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])
