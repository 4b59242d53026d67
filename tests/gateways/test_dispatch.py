"""One batch through the engine against the carrier simulator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.contacts.models import Contact, SendState, Suppression
from smsmarketing.contacts.services import suppression_add
from smsmarketing.gateways import services
from smsmarketing.gateways.dispatch import batch_run, sweep
from smsmarketing.gateways.dispatch.pace import Bucket
from smsmarketing.gateways.dispatch.session import array_of_bytes, array_of_texts
from smsmarketing.gateways.models import Batch, Gateway, LedgerEntry, Message, Quota
from smsmarketing.gateways.selectors import batch_counts
from tests.gateways.world import World, world_make
from tests.simulator.process import RunningSimulator, simulator_running

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with simulator_running(receipts="none=1") as running:
        yield running


@pytest.fixture
def carrier(simulator: RunningSimulator) -> RunningSimulator:
    simulator.reset()
    return simulator


@pytest.fixture
def here(db: None, carrier: RunningSimulator) -> World:
    return world_make(base_url=carrier.base_url)


def run(batch: Batch, **options: Any) -> dict[str, int]:
    batch_run(batch.pk, follow_up=False, **options)
    return batch_counts([batch.pk])[batch.pk]


def balanced(quota: Quota) -> None:
    """The ledger's sums are the quota's columns, to the cent."""
    quota.refresh_from_db()
    sums = {
        kind: (
            sum((entry.parts for entry in entries), 0),
            sum((entry.amount for entry in entries), Decimal(0)),
        )
        for kind in ("reserve", "release", "settle")
        for entries in [list(LedgerEntry.objects.filter(quota=quota, kind=kind))]
    }
    assert quota.parts_reserved == sums["reserve"][0] - sums["release"][0]
    assert quota.money_reserved == sums["reserve"][1] - sums["release"][1]
    assert quota.parts_spent == sums["settle"][0]
    assert quota.money_spent == sums["settle"][1]


def test_a_send_window_shorter_than_the_providers_least_validity_still_sends(
    here: World, carrier: RunningSimulator
) -> None:
    """[R-2.10] a STOP is confirmed within 5 minutes; VertexSMS takes no validity below 6."""
    batch = here.batch(here.contacts(3), not_after=timezone.now() + timedelta(minutes=5))
    assert run(batch) == {"accepted": 3}
    assert {message["expireIn"] for message in carrier.messages()} == {360}


def test_every_message_is_accepted_once(here: World, carrier: RunningSimulator) -> None:
    batch = here.batch(here.contacts(130))
    assert run(batch) == {"accepted": 130}
    stats = carrier.stats(messages=1)
    assert stats["accepted"] == 130
    assert stats["duplicates"] == 0
    ids = {str(pk) for pk in Message.objects.filter(batch=batch).values_list("pk", flat=True)}
    assert set(stats["accepted_by_message"]) == ids
    batch.refresh_from_db()
    assert batch.state == "sending"
    assert batch.handed_over_at is not None
    assert batch.money_committed == Decimal("6.5")
    balanced(Quota.objects.get(team=here.team))
    assert Quota.objects.get(team=here.team).money_spent == Decimal("6.5")


def test_a_second_run_sends_nothing_again(here: World, carrier: RunningSimulator) -> None:
    batch = here.batch(here.contacts(5))
    run(batch)
    run(batch)
    assert carrier.stats()["accepted"] == 5


def test_an_opt_out_after_release_is_not_handed_over(
    here: World, carrier: RunningSimulator
) -> None:
    """[R-2.9]"""
    contacts = here.contacts(4)
    batch = here.batch(contacts, purpose="notification")
    suppression_add(
        phone=contacts[1].phone or "",
        scope="brand",
        reason="opt_out",
        source="inbound",
        evidence={},
        brand=here.brand,
    )
    assert run(batch) == {"accepted": 3, "skipped/opted_out": 1}
    sent = carrier.stats(messages=1)["accepted_by_message"]
    assert str(Message.objects.get(batch=batch, contact_id=contacts[1].pk).pk) not in sent


def test_an_unapproved_batch_is_paused_and_sends_nothing(
    here: World, carrier: RunningSimulator
) -> None:
    batch = here.batch(here.contacts(2), approved=False, release=False)
    Batch.objects.filter(pk=batch.pk).update(state="ready")
    assert run(batch) == {"queued": 2}
    batch.refresh_from_db()
    assert batch.state == "paused"
    assert "no approval" in batch.hold_reason
    assert carrier.stats()["requests"] == 0


def test_a_batch_with_other_content_than_approved_sends_nothing(
    here: World, carrier: RunningSimulator
) -> None:
    batch = here.batch(here.contacts(2))
    Batch.objects.filter(pk=batch.pk).update(content_hash="d" * 64)
    assert run(batch) == {"queued": 2}
    assert carrier.stats()["requests"] == 0


def test_a_refused_token_pauses_the_batch_and_degrades_the_gateway(
    here: World, carrier: RunningSimulator
) -> None:
    carrier.control(faults={"http_401": 1})
    batch = here.batch(here.contacts(3))
    assert run(batch) == {"queued/retry": 3}
    batch.refresh_from_db()
    assert batch.state == "paused"
    assert "token" in batch.hold_reason
    assert Gateway.objects.get(pk=here.gateway.pk).state == "degraded"
    assert batch.money_committed == 0


def test_a_lost_answer_is_unknown_and_never_sent_again(
    here: World, carrier: RunningSimulator
) -> None:
    """[R-8.12]"""
    carrier.control(faults={"reset_after_accept": 1})
    batch = here.batch(here.contacts(3))
    assert run(batch) == {"unknown/no_clear_answer": 3}
    carrier.control(faults={"none": 1})
    run(batch)
    sweep()
    assert carrier.stats()["accepted"] == 3
    batch.refresh_from_db()
    assert batch.state == "done"
    assert batch.money_reserved == 0
    quota = Quota.objects.get(team=here.team)
    assert quota.money_reserved == 0
    assert quota.money_spent == Decimal("0.15")
    balanced(quota)


def test_a_refusal_for_now_is_tried_again_later(here: World, carrier: RunningSimulator) -> None:
    """[R-10.15]"""
    carrier.control(faults={"http_503": 1})
    batch = here.batch(here.contacts(3))
    assert run(batch) == {"queued/retry": 3}
    carrier.control(faults={"none": 1})
    assert run(batch) == {"queued/retry": 3}
    Message.objects.filter(batch=batch).update(held_until=None)
    batch.slices.update(not_before=batch.created_at)
    assert run(batch) == {"accepted": 3}
    assert set(Message.objects.filter(batch=batch).values_list("attempt", flat=True)) == {2}


def test_an_invalid_number_is_rejected_and_suppressed(
    here: World, carrier: RunningSimulator
) -> None:
    carrier.control(faults={"none": 1})
    contacts = here.contacts(2)
    contact = contacts[0]
    contact.phone = contact.phone[:-5] + "99911"  # type: ignore[index]
    contact.save()
    batch = here.batch(contacts)
    assert run(batch) == {"accepted": 1, "rejected/hard": 1}
    assert Suppression.objects.get().reason == "invalid"
    quota = Quota.objects.get(team=here.team)
    assert quota.money_spent == Decimal("0.05")


def test_the_cost_ceiling_stops_the_batch_before_it_is_passed(
    here: World, carrier: RunningSimulator
) -> None:
    batch = here.batch(here.contacts(10), ceiling="0.50")
    Batch.objects.filter(pk=batch.pk).update(cost_ceiling=Decimal("0.30"))
    counts = run(batch)
    assert counts == {"accepted": 6, "queued": 4}
    run(batch)
    batch.refresh_from_db()
    assert batch.state == "paused"
    assert "ceiling" in batch.hold_reason
    assert carrier.stats()["accepted"] == 6


def test_a_country_without_sender_or_gateway_is_skipped(
    here: World, carrier: RunningSimulator
) -> None:
    contacts = here.contacts(3)
    batch = here.batch(contacts, release=False)
    first, second, _ = Message.objects.filter(batch=batch).order_by("id")
    Message.objects.filter(pk=first.pk).update(country="US")
    Message.objects.filter(pk=second.pk).update(country="FR")
    with transaction.atomic():
        services.batch_release(batch)
    assert run(batch) == {
        "accepted": 1,
        "skipped/sender_not_eligible": 1,
        "skipped/country_blocked": 1,
    }


@time_machine.travel("2026-11-24T10:00:00Z")
def test_marketing_takes_a_slot_and_the_cap_holds(here: World, carrier: RunningSimulator) -> None:
    """[R-7.15], [R-7.16]"""
    contacts = here.contacts(3)
    first = here.batch(contacts, purpose="marketing", quiet_mode="normal")
    second = here.batch(contacts, purpose="marketing", quiet_mode="normal")
    assert run(first) == {"accepted": 3}
    assert run(second) == {"skipped/capped": 3}
    assert {len(state.recent) for state in SendState.objects.filter(brand=here.brand)} == {1}


@pytest.mark.parametrize(
    "value",
    ["plain", "", 'a"b', "back\\slash", "com,ma", "{brace}", "NULL", " space ", "nü\n", None],
)
def test_array_literals_carry_any_text(db: None, value: str | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", [array_of_texts(["x", value])])
        assert cursor.fetchone()[0] == ["x", value]
        cursor.execute("SELECT %s::bytea[]", [array_of_bytes([b"\x00\xff"])])
        assert bytes(cursor.fetchone()[0][0]) == b"\x00\xff"


def at_night(world: World) -> list[Contact]:
    """People for whom it is 03:00 at the time the test travels to."""
    return world.contacts(2, prefix="+44750", country="GB", zone="Etc/GMT+7")


@time_machine.travel("2026-11-24T10:00:00Z")
def test_at_night_a_message_is_held_until_the_morning(
    here: World, carrier: RunningSimulator
) -> None:
    """[R-3.4], [R-3.5]"""
    batch = here.batch(at_night(here), purpose="marketing", quiet_mode="normal")
    report = batch_run(batch.pk)
    assert batch_counts([batch.pk])[batch.pk] == {"held/quiet_hours": 2}
    assert carrier.stats()["requests"] == 0
    opens_at = datetime(2026, 11, 24, 15, tzinfo=UTC)
    for message in Message.objects.filter(batch=batch):
        assert message.held_until is not None
        assert opens_at <= message.held_until <= opens_at + timedelta(hours=1)
    assert report.next_at is not None
    assert report.next_at >= opens_at
    with time_machine.travel("2026-11-24T16:30:00Z"):
        assert run(batch) == {"accepted": 2}


@time_machine.travel("2026-11-25T02:40:00Z")
def test_the_gateway_must_give_up_before_the_night(here: World, carrier: RunningSimulator) -> None:
    """[R-3.5]: 19:40 there; validity ends with the window at 20:00."""
    batch = here.batch(at_night(here), purpose="marketing", quiet_mode="normal")
    assert run(batch) == {"accepted": 2}
    validities = [message["expireIn"] for message in carrier.messages()]
    assert len(validities) == 2
    assert all(19 * 60 < validity <= 20 * 60 for validity in validities)


@time_machine.travel("2026-11-25T02:58:00Z")
def test_too_late_for_the_shortest_validity_waits_for_the_morning(
    here: World, carrier: RunningSimulator
) -> None:
    """[R-3.5]: two minutes before the night a gateway that needs six is not asked."""
    batch = here.batch(at_night(here), purpose="marketing", quiet_mode="normal")
    assert run(batch) == {"held/quiet_hours": 2}
    assert carrier.stats()["requests"] == 0


def test_a_pace_per_minute_is_kept(here: World, carrier: RunningSimulator) -> None:
    batch = here.batch(here.contacts(20), per_minute=6)
    assert run(batch) == {"accepted": 1, "queued": 19}
    assert run(batch) == {"accepted": 1, "queued": 19}
    part = batch.slices.get()
    assert part.state == "ready"
    assert part.not_before > timezone.now()


def test_without_redis_each_process_keeps_to_its_share(
    here: World, carrier: RunningSimulator, settings: Any
) -> None:
    """[R-10.22]"""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    batch = here.batch(here.contacts(30))
    assert run(batch) == {"accepted": 30}
    slow = Bucket("x", rate=8, burst=2)
    granted = sum(slow.take_alone(5)[0] for _ in range(50))
    assert granted <= 1


def test_a_run_that_is_told_to_stop_finishes_its_wave(
    here: World, carrier: RunningSimulator
) -> None:
    """[R-10.25]"""
    Gateway.objects.filter(pk=here.gateway.pk).update(max_in_flight=10)
    batch = here.batch(here.contacts(40))
    asked = iter([False, False, True])
    counts = run(batch, should_stop=lambda: next(asked, True))
    assert set(counts) == {"accepted", "queued"}
    assert carrier.stats()["accepted"] == counts["accepted"] < 40
    assert batch.slices.get().lease_owner == ""
    assert run(batch) == {"accepted": 40}
    assert carrier.stats()["duplicates"] == 0


def test_many_unclear_answers_pause_the_batch(here: World, carrier: RunningSimulator) -> None:
    """[R-10.17]: better to stop than to make everything unknown."""
    Gateway.objects.filter(pk=here.gateway.pk).update(max_in_flight=10)
    carrier.control(faults={"http_500": 1})
    batch = here.batch(here.contacts(200))
    counts = run(batch)
    batch.refresh_from_db()
    assert batch.state == "paused"
    assert counts["unknown/no_clear_answer"] < 60
    assert counts["queued"] > 140
