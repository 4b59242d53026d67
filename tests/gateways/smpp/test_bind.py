"""A bind against the carrier simulator: everything once, whatever the carrier does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from smsmarketing.contacts.models import Suppression
from smsmarketing.gateways.binds.health import BindRow
from smsmarketing.gateways.dispatch import batch_run, sweep
from smsmarketing.gateways.engine.smpp import SmppEngine
from smsmarketing.gateways.models import (
    Batch,
    Bind,
    Gateway,
    InboundMessage,
    Message,
    PartId,
    Receipt,
)
from smsmarketing.gateways.services.part_ids import KEPT, part_ids_expire
from smsmarketing.gateways.transports.base import TransportConfig
from tests.gateways.smpp.bound import bound_world, counts, serve, settled
from tests.gateways.world import World, world_make
from tests.simulator.process import RunningSimulator, simulator_running

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with simulator_running(smpp_port=0, receipt_delay_ms=0, receipt_retry_ms=20) as running:
        yield running


@pytest.fixture
def carrier(simulator: RunningSimulator) -> RunningSimulator:
    simulator.reset()
    return simulator


@pytest.fixture
def here(db: None, carrier: RunningSimulator) -> World:
    return bound_world(carrier.smpp_url)


def test_every_message_is_accepted_once_and_delivered(
    here: World, carrier: RunningSimulator
) -> None:
    batch = here.batch(here.contacts(60))
    serve(here, settled(batch, delivered=60))
    stats = carrier.stats()
    assert (stats["accepted"], stats["duplicates"]) == (60, 0)
    assert stats["receipts"]["acked"] == 60
    bind = Bind.objects.get(gateway=here.gateway)
    assert (bind.state, bind.owner, bind.binds) == ("down", "", 1)
    assert bind.heard_at is not None
    batch.refresh_from_db()
    assert batch.handed_over_at is not None


def test_a_bind_sends_nothing_that_nobody_approved(here: World, carrier: RunningSimulator) -> None:
    """A batch whose state was written by hand, past its release, is paused and not sent."""
    forged = here.batch(here.contacts(3), release=False, approved=False)
    Batch.objects.filter(pk=forged.pk).update(state="ready")
    serve(here, lambda: Batch.objects.filter(pk=forged.pk, state="paused").exists())
    assert carrier.stats()["accepted"] == 0
    assert counts(forged) == {"queued": 3}


@pytest.mark.parametrize("long_text", ["udh", "sar"])
def test_a_long_message_is_delivered_when_all_its_parts_are(
    carrier: RunningSimulator, db: None, long_text: str
) -> None:
    """Parts are counted one by one."""
    here = bound_world(carrier.smpp_url, options={"long_text": long_text})
    body = "Sale today, " * 30
    batch = here.batch(here.contacts(3), body=body)
    Message.objects.filter(batch=batch).update(parts=3)
    carrier.control(receipt_duplicate_share=1)
    serve(here, settled(batch, delivered=3))
    sent = carrier.messages()
    assert carrier.stats()["duplicates"] == 0
    for message in Message.objects.filter(batch=batch):
        own = sorted(
            (each["part"], each["message"]) for each in sent if each["to"] == message.phone[1:]
        )
        assert "".join(text for _, text in own) == body
        assert len(own) == 3
    assert set(PartId.objects.values_list("total", "state")) == {(3, "delivered")}


def test_one_part_that_is_lost_loses_the_message(here: World, carrier: RunningSimulator) -> None:
    carrier.control(receipts={"43": 1})
    batch = here.batch(here.contacts(2), body="x" * 200)
    Message.objects.filter(batch=batch).update(parts=2)
    serve(here, settled(batch, undelivered=2))
    # The simulator tells it in a text or in a parameter, by the id that it happens to give.
    told = Message.objects.filter(batch=batch).values_list("error_code", "error_class")
    assert set(told) == {("43", "soft")}


def test_a_payload_is_one_submit(carrier: RunningSimulator, db: None) -> None:
    here = bound_world(carrier.smpp_url, options={"long_text": "payload"})
    batch = here.batch(here.contacts(2), body="x" * 400)
    Message.objects.filter(batch=batch).update(parts=3)
    serve(here, settled(batch, delivered=2))
    assert {each["message"] for each in carrier.messages()} == {"x" * 400}


def test_repeated_receipts_change_nothing(here: World, carrier: RunningSimulator) -> None:
    """[R-10.2]"""
    carrier.control(receipt_duplicate_share=1)
    batch = here.batch(here.contacts(10))

    def all_came() -> bool:
        done = settled(batch, delivered=10)()
        return done and Receipt.objects.exclude(state="new").count() == 20

    serve(here, all_came)
    assert sorted(Receipt.objects.values_list("state", flat=True)) == (
        ["applied"] * 10 + ["duplicate"] * 10
    )


class TestFaults:
    def test_what_was_on_a_link_that_drops_is_unknown_and_never_sent_again(
        self, here: World, carrier: RunningSimulator
    ) -> None:
        """[R-8.12]"""
        carrier.control(faults={"reset_after_accept": 1}, receipts={"none": 1})
        batch = here.batch(here.contacts(40))

        def dropped() -> bool:
            found = counts(batch)
            if found.get("unknown", 0):
                carrier.control(faults={"none": 1})
            return found.get("accepted", 0) > 0 and not found.get("queued", 0)

        serve(here, dropped)
        found = counts(batch)
        stats = carrier.stats()
        assert found["unknown"] >= 1
        assert found["unknown"] + found["accepted"] == 40
        assert stats["duplicates"] == 0
        assert found["accepted"] <= stats["accepted"] <= 40
        assert Bind.objects.get(gateway=here.gateway).binds >= 2

    def test_a_submit_without_an_answer_is_unknown(
        self, carrier: RunningSimulator, db: None
    ) -> None:
        here = bound_world(carrier.smpp_url, options={"response_s": "2"})
        carrier.control(faults={"hang_after_accept": 1}, receipts={"none": 1})
        batch = here.batch(here.contacts(3))
        serve(here, settled(batch, unknown=3))
        assert carrier.stats()["accepted"] == 3
        carrier.control(faults={"none": 1})
        sweep()
        assert counts(batch) == {"unknown": 3}

    def test_throttled_messages_wait_and_go_through_all_checks_again(
        self, here: World, carrier: RunningSimulator
    ) -> None:
        carrier.control(faults={"http_429": 1})
        batch = here.batch(here.contacts(3))
        serve(
            here, lambda: Message.objects.filter(batch=batch, error_class="throttle").count() == 3
        )
        assert counts(batch) == {"queued": 3}
        assert carrier.stats()["accepted"] == 0
        held = Message.objects.filter(batch=batch, held_until__gt=timezone.now())
        assert held.count() == 3
        assert {each.error_class for each in held} == {"throttle"}

    def test_a_bad_number_is_refused_for_good(self, here: World, carrier: RunningSimulator) -> None:
        carrier.control(faults={"http_400": 1})
        batch = here.batch(here.contacts(2))
        serve(here, settled(batch, rejected=2))
        assert {m.error_code for m in Message.objects.filter(batch=batch)} == {"ESME_RINVDSTADR"}

    @pytest.mark.parametrize("fault", ["html_200", "cut_after_accept"])
    def test_bytes_that_are_no_smpp_end_the_link(
        self, here: World, carrier: RunningSimulator, fault: str
    ) -> None:
        carrier.control(faults={fault: 1}, receipts={"none": 1})
        batch = here.batch(here.contacts(1))
        serve(here, settled(batch, unknown=1))
        assert carrier.stats()["accepted"] == (0 if fault == "html_200" else 1)

    def test_a_wrong_password_degrades_the_gateway_and_sends_nothing(
        self, carrier: RunningSimulator, db: None
    ) -> None:
        here = bound_world(carrier.smpp_url, password="wrong")
        batch = here.batch(here.contacts(2))

        def degraded() -> bool:
            return Gateway.objects.get(pk=here.gateway.pk).state == "degraded"

        serve(here, degraded)
        gateway = Gateway.objects.get(pk=here.gateway.pk)
        assert "ESME_RINVPASWD" in gateway.state_reason
        assert "gateway_credentials" in gateway.state_reason
        assert counts(batch) == {"queued": 2}
        assert carrier.stats()["requests"] == 0
        from smsmarketing.gateways.credentials import credentials_write

        credentials_write(gateway, {"system_id": "shop", "password": carrier.token})
        gateway.save()
        serve(here, settled(batch, delivered=2))
        assert Gateway.objects.get(pk=here.gateway.pk).state == "active"


class TestReplies:
    def test_a_stop_holds_before_the_next_message(
        self, here: World, carrier: RunningSimulator
    ) -> None:
        """[R-2.8], [R-2.9]"""
        carrier.control(replies={"STOP": 1}, reply_delay_ms=0)
        (contact,) = here.contacts(1)
        batch = here.batch([contact])

        def stopped() -> bool:
            return (
                Suppression.objects.filter(reason="opt_out").exists()
                and settled(batch, delivered=1)()
            )

        serve(here, stopped)
        again = here.batch([contact])
        serve(here, lambda: counts(again).get("skipped", 0) == 1)
        assert carrier.stats()["accepted"] <= 2  # the message and the confirmation of the STOP
        assert Message.objects.get(batch=again).reason == "opted_out"
        assert {each.action for each in InboundMessage.objects.all()} == {"opt_out"}


class TestRoads:
    def test_workers_leave_the_batches_of_a_bind_alone(
        self, here: World, carrier: RunningSimulator
    ) -> None:
        batch = here.batch(here.contacts(2))
        assert batch_run(batch.pk, follow_up=False).ended == "not_ours"
        assert sweep().runs_enqueued == 0
        batch.refresh_from_db()
        assert batch.state == "ready"
        assert counts(batch) == {"queued": 2}
        assert carrier.stats()["requests"] == 0

    def test_a_bind_takes_no_batch_of_another_transport(self, carrier: RunningSimulator) -> None:
        world = world_make(base_url=carrier.base_url)
        batch = world.batch(world.contacts(2))
        engine = SmppEngine(
            TransportConfig(base_url=carrier.smpp_url), window=4, deliver=lambda _: []
        )
        assert batch_run(batch.pk, engine=engine, follow_up=False).ended == "not_ours"
        assert counts(batch) == {"queued": 2}
        assert Batch.objects.get(pk=batch.pk).state == "ready"

    def test_one_process_at_a_time_holds_a_bind(self, here: World) -> None:
        first, second = BindRow(here.gateway.pk), BindRow(here.gateway.pk)
        second.owner = "elsewhere:1:2"
        assert first.take()
        assert not second.take()
        assert not second.renew()
        Bind.objects.filter(gateway=here.gateway).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
        assert second.take()
        assert not first.renew()
        second.release()
        assert Bind.objects.get(gateway=here.gateway).owner == ""

    def test_a_disabled_gateway_ends_its_process(self, here: World) -> None:
        from smsmarketing.gateways.binds import BindProcess

        Gateway.objects.filter(pk=here.gateway.pk).update(state="disabled")
        assert BindProcess(here.gateway.slug, lambda: False).run() == 3


def test_ids_of_parts_are_forgotten_when_no_receipt_can_come(here: World) -> None:
    now = timezone.now()
    for days in (1, 46):
        PartId.objects.create(
            gateway_id=here.gateway.pk,
            key=str(days),
            message_id=1,
            number=1,
            total=1,
            created_at=now - timedelta(days=days),
        )
    assert timedelta(days=45) == KEPT
    assert part_ids_expire(now=now) == 1
    assert PartId.objects.get().key == "1"
