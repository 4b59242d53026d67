"""What beat repairs: crashes, lost tasks, missing receipts, ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from smsmarketing.gateways.dispatch import sweep
from smsmarketing.gateways.dispatch.claim import slice_claim
from smsmarketing.gateways.models import Batch, BatchSlice, Message, Quota
from smsmarketing.gateways.selectors import batch_counts
from tests.gateways.world import World

pytestmark = pytest.mark.django_db


def crashed(batch: Batch, *, on_the_wire: int) -> BatchSlice:
    """A worker took the slice, handed some messages over, and died."""
    Batch.objects.filter(pk=batch.pk).update(state="sending", started_at=timezone.now())
    lease = slice_claim(batch.pk, owner="dead:1:x", now=timezone.now())
    assert lease is not None
    ids = [row.id for row in list(lease.rows)[:on_the_wire]]
    Message.objects.filter(pk__in=ids).update(
        state="handing_over", attempt=1, handed_at=timezone.now(), gateway_id=batch.gateway_id
    )
    BatchSlice.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    return BatchSlice.objects.get(pk=lease.slice_id)


def test_a_live_lease_is_left_alone(world: World) -> None:
    batch = world.batch(world.contacts(2))
    Batch.objects.filter(pk=batch.pk).update(state="sending", started_at=timezone.now())
    slice_claim(batch.pk, owner="alive:1:x", now=timezone.now())
    report = sweep()
    assert (report.leases_expired, report.runs_enqueued) == (0, 0)


def test_what_was_on_the_wire_is_unknown_and_the_rest_is_free(world: World) -> None:
    """[R-8.12], [R-10.25]"""
    batch = world.batch(world.contacts(5))
    part = crashed(batch, on_the_wire=2)
    report = sweep()
    assert (report.leases_expired, report.became_unknown, report.runs_enqueued) == (1, 2, 1)
    assert batch_counts([batch.pk])[batch.pk] == {"queued": 3, "unknown/worker_lost": 2}
    part.refresh_from_db()
    assert (part.state, part.lease_owner, part.crashes) == ("ready", "", 1)
    assert sweep().leases_expired == 0


def test_three_crashes_without_progress_set_the_rest_aside(world: World) -> None:
    """[R-10.26]"""
    batch = world.batch(world.contacts(2))
    for _ in range(3):
        crashed(batch, on_the_wire=0)
        sweep()
    assert batch_counts([batch.pk])[batch.pk] == {"quarantined/crashed_repeatedly": 2}
    batch.refresh_from_db()
    assert batch.state == "done"
    assert Quota.objects.get(team=world.team).money_reserved == 0


def test_a_batch_that_is_ready_and_one_whose_task_was_lost_are_woken(world: World) -> None:
    ready = world.batch(world.contacts(1))
    lost = world.batch(world.contacts(1))
    Batch.objects.filter(pk=lost.pk).update(state="sending", started_at=timezone.now())
    later = world.batch(world.contacts(1), not_before=timezone.now() + timedelta(hours=1))
    assert sweep().runs_enqueued == 2
    assert {ready.pk, lost.pk, later.pk} == set(Batch.objects.values_list("pk", flat=True))


def test_held_slices_are_woken_when_their_time_comes(world: World) -> None:
    batch = world.batch(world.contacts(1))
    Batch.objects.filter(pk=batch.pk).update(state="sending", started_at=timezone.now())
    opens_at = timezone.now() + timedelta(hours=2)
    BatchSlice.objects.filter(batch=batch).update(not_before=opens_at)
    assert sweep().runs_enqueued == 0
    assert sweep(now=opens_at).runs_enqueued == 1


def test_without_a_receipt_a_message_expires_and_the_batch_ends(world: World) -> None:
    """[R-10.21]"""
    batch = world.batch(world.contacts(2))
    long_ago = timezone.now() - timedelta(hours=73)
    Batch.objects.filter(pk=batch.pk).update(state="sending", started_at=long_ago)
    BatchSlice.objects.filter(batch=batch).update(state="done")
    Message.objects.filter(batch=batch).update(
        state="accepted", attempt=1, gateway_id=batch.gateway_id, accepted_at=long_ago
    )
    report = sweep()
    assert (report.no_receipt, report.slices_closed, report.batches_done) == (2, 1, 1)
    assert batch_counts([batch.pk])[batch.pk] == {"expired/no_receipt": 2}
    batch.refresh_from_db()
    assert batch.state == "done"
    assert batch.finished_at is not None
    quota = Quota.objects.get(team=world.team)
    assert (quota.parts_reserved, quota.parts_spent) == (0, 2)


def test_a_batch_that_awaits_receipts_is_not_done(world: World) -> None:
    """Pending is not success."""
    batch = world.batch(world.contacts(1))
    Batch.objects.filter(pk=batch.pk).update(state="sending", started_at=timezone.now())
    BatchSlice.objects.filter(batch=batch).update(state="done")
    Message.objects.filter(batch=batch).update(
        state="accepted", attempt=1, gateway_id=batch.gateway_id, accepted_at=timezone.now()
    )
    assert sweep().batches_done == 0
    batch.refresh_from_db()
    assert batch.state == "sending"
    assert batch.handed_over_at is not None


def test_after_its_window_a_batch_is_stopped(world: World) -> None:
    batch = world.batch(world.contacts(2), not_after=timezone.now() + timedelta(minutes=1))
    assert sweep().runs_enqueued == 1
    sweep(now=timezone.now() + timedelta(minutes=2))
    assert batch_counts([batch.pk])[batch.pk] == {"stopped/window_over": 2}
