"""Replies arrive while a batch is sent by a real worker: nobody is written to after their STOP."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from smsmarketing.contacts.models import Contact, Suppression
from smsmarketing.gateways.models import Batch, Gateway, InboundMessage, Message
from smsmarketing.gateways.selectors import batch_counts, counts_by_state
from tests.chaos.processes import Crew, crew_running, until
from tests.gateways.world import World, world_make
from tests.simulator.process import RunningSimulator, simulator_running

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

PEOPLE = 1_500
STOPS = 120
SEED = 77


@pytest.fixture
def carrier() -> Iterator[RunningSimulator]:
    with simulator_running(receipt_delay_ms=50, seed=SEED) as running:
        yield running


@pytest.fixture
def crew(process_environment: dict[str, str], live_server: Any) -> Iterator[Crew]:
    environment = process_environment | {"PUBLIC_BASE_URL": live_server.url, "LOG_LEVEL": "WARNING"}
    with crew_running(environment) as running:
        yield running


def test_no_message_is_handed_over_after_its_opt_out_was_committed(
    carrier: RunningSimulator, crew: Crew, live_server: Any
) -> None:
    """[R-2.8], [R-2.9]: the moment that counts is the gateway's `OK` for the STOP."""
    world = world_make(base_url=carrier.base_url)
    Gateway.objects.filter(pk=world.gateway.pk).update(rate_per_second=150, max_in_flight=20)
    people = world.contacts_at_noon(PEOPLE)
    batch = world.batch(people, purpose="marketing", quiet_mode="normal")
    crew.beat()
    crew.worker()
    until(crew, lambda: carrier.stats()["accepted"] > 50, seconds=60)

    answered = _people_write_stop(world, live_server.url, people)

    Gateway.objects.filter(pk=world.gateway.pk).update(rate_per_second=2_000)
    until(crew, lambda: Batch.objects.get(pk=batch.pk).state == "done", seconds=120)
    _nobody_was_written_to_again(world, batch, carrier, answered)


def _people_write_stop(world: World, base_url: str, people: list[Contact]) -> dict[str, datetime]:
    """Random people write STOP one after the other; number → when the gateway got its OK."""
    chance = random.Random(SEED)
    address = urlsplit(base_url)
    path = f"/webhooks/{world.gateway.slug}/{world.secret}/inbound"
    answered: dict[str, datetime] = {}
    for number, person in enumerate(chance.sample(people, STOPS)):
        body = json.dumps(
            {"from": person.phone, "to": world.sender.value, "text": "Stop!", "id": f"s-{number}"}
        )
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"OK")
        answered[str(person.phone)] = datetime.now(UTC)
        connection.close()
    return answered


def _nobody_was_written_to_again(
    world: World, batch: Batch, carrier: RunningSimulator, answered: dict[str, datetime]
) -> None:
    messages = list(Message.objects.filter(batch=batch, phone__in=answered))
    assert len(messages) == STOPS
    late = [m for m in messages if m.handed_at is not None and m.handed_at > answered[m.phone]]
    assert late == []
    kept_out = [m for m in messages if m.state == "skipped" and m.reason == "opted_out"]
    assert kept_out, "the STOPs came too late to prove anything"
    sent = carrier.stats(messages=1)["accepted_by_message"]
    assert not {str(m.pk) for m in kept_out} & set(sent)
    assert carrier.stats()["duplicates"] == 0
    counts = counts_by_state(batch_counts([batch.pk])[batch.pk])
    assert counts == {"delivered": PEOPLE - len(kept_out), "skipped": len(kept_out)}
    assert Suppression.objects.filter(brand=world.brand).count() == STOPS
    assert InboundMessage.objects.filter(action="opt_out").count() == STOPS
    # Each got one confirmation at most, and nobody twice.
    replies = Message.objects.filter(batch__purpose="reply").values_list("phone", flat=True)
    assert len(set(replies)) == len(replies) == STOPS
