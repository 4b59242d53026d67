"""Two gateways: who takes what, who takes over, and that nobody gets two."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.contacts.services import suppression_add
from smsmarketing.gateways import services
from smsmarketing.gateways.dispatch import batch_run
from smsmarketing.gateways.dispatch.claim import slice_claim
from smsmarketing.gateways.dispatch.roads import Roads
from smsmarketing.gateways.dispatch.table import RouteTable
from smsmarketing.gateways.models import (
    Attempt,
    Batch,
    BatchSlice,
    Gateway,
    Message,
    Rate,
    Route,
    RouteHealth,
    RouteTally,
    SenderRule,
)
from smsmarketing.gateways.selectors import batch_counts
from smsmarketing.gateways.selectors.routes import gateways_allowed, pins_words, rates_dearest
from smsmarketing.gateways.services.breakers import breaker_set
from smsmarketing.gateways.services.routes import pin_set, route_save
from smsmarketing.gateways.services.tuning import routes_tune
from smsmarketing.operations.errors import ApprovalRequired, InvalidInput
from tests.gateways.world import World, world_make
from tests.simulator.process import RunningSimulator, simulator_running

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def simulators() -> Iterator[tuple[RunningSimulator, RunningSimulator]]:
    with (
        simulator_running(receipts="none=1") as first,
        simulator_running(receipts="none=1") as second,
    ):
        yield first, second


@pytest.fixture
def carriers(
    simulators: tuple[RunningSimulator, RunningSimulator],
) -> tuple[RunningSimulator, RunningSimulator]:
    for each in simulators:
        each.reset()
    return simulators


@pytest.fixture
def here(db: None, carriers: tuple[RunningSimulator, RunningSimulator]) -> World:
    return world_make(base_url=carriers[0].base_url)


def gateway_other(world: World, base_url: str, *, price: str = "0.07", **fields: Any) -> Gateway:
    gateway = services.gateway_create(
        name=f"Other of {world.gateway.name}",
        slug=f"other-{world.gateway.slug}",
        transport="vertexsms",
        base_url=base_url,
        credentials={"token": "test-token"},
        countries=["LT", "GB"],
        rate_per_second=100_000,
        webhook_secret=f"other-{world.secret}",
        **fields,
    )
    services.rate_set(gateway, country="LT", price=Decimal(price))
    return gateway


def routed(world: World, gateway: Gateway, *, weight: int, **fields: Any) -> Route:
    route, _ = route_save(
        country="LT",
        purpose="",
        sender=None,
        gateway=gateway,
        weight=weight,
        active=True,
        now=timezone.now(),
        **fields,
    )
    return route


def routed_batch(world: World, gateway: Gateway, count: int, *, price: str = "0.07") -> Batch:
    """A batch whose approval names the other gateway, priced at the dearest."""
    return world.batch(
        world.contacts(count), price=price, routes=[gateway], routes_approved=[gateway]
    )


def run(batch: Batch) -> dict[str, int]:
    batch_run(batch.pk, follow_up=False)
    return batch_counts([batch.pk])[batch.pk]


def run_through(batch: Batch) -> dict[str, int]:
    """Runs until nothing waits: what fails at the end of a run is due in the next one."""
    for _ in range(3):
        counts = run(batch)
        if set(counts) == {"accepted"}:
            break
    return counts


def due(batch: Batch) -> None:
    """What waits for its next try may go now."""
    Message.objects.filter(batch=batch, state="queued").update(held_until=None)
    BatchSlice.objects.filter(batch=batch).update(not_before=batch.created_at)


def taken(batch: Batch) -> dict[int, int]:
    """Accepted messages by gateway."""
    counts: dict[int, int] = {}
    for gateway_id in Message.objects.filter(batch=batch, state="accepted").values_list(
        "gateway_id", flat=True
    ):
        counts[gateway_id or 0] = counts.get(gateway_id or 0, 0) + 1
    return counts


def once(carriers: tuple[RunningSimulator, RunningSimulator], batch: Batch) -> None:
    """Both carriers together accepted every message once."""
    seen: dict[str, int] = {}
    for carrier in carriers:
        for key, count in carrier.stats(messages=1)["accepted_by_message"].items():
            seen[key] = seen.get(key, 0) + count
    assert set(seen.values()) == {1}
    ids = Message.objects.filter(batch=batch, state="accepted").values_list("pk", flat=True)
    assert set(seen) == {str(pk) for pk in ids}


def test_weights_split_the_traffic(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    """[R-10.13]"""
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=50)
    batch = routed_batch(here, other, 300)
    assert run(batch) == {"accepted": 300}
    counts = taken(batch)
    assert 60 <= counts[other.pk] <= 140  # a third of 300
    assert carriers[1].stats()["accepted"] == counts[other.pk]
    once(carriers, batch)
    batch.refresh_from_db()
    assert batch.money_committed == counts[other.pk] * Decimal("0.07") + counts[
        here.gateway.pk
    ] * Decimal("0.05")
    assert sum(RouteTally.objects.values_list("accepted", flat=True)) == 300


def test_weight_zero_waits_until_others_cannot(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    batch = routed_batch(here, other, 40)
    assert run(batch) == {"accepted": 40}
    assert taken(batch) == {here.gateway.pk: 40}


def test_a_refused_account_moves_everything_to_the_other_gateway(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    """[R-10.15]: definitely not accepted, so the next gateway has it at once; each try is kept."""
    carriers[0].control(faults={"http_401": 1})
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    batch = routed_batch(here, other, 60)
    assert run_through(batch) == {"accepted": 60}
    assert taken(batch) == {other.pk: 60}
    once(carriers, batch)
    tries = Attempt.objects.filter(gateway_id=here.gateway.pk)
    assert 0 < tries.count() <= 60
    assert set(tries.values_list("error_class", flat=True)) == {"auth"}
    whole = RouteHealth.objects.get(gateway=here.gateway, country="")
    assert whole.breaker == "open"
    assert "token" in whole.reason
    assert Gateway.objects.get(pk=here.gateway.pk).state == "degraded"
    batch.refresh_from_db()
    assert batch.state == "sending"
    assert batch.money_committed == 60 * Decimal("0.07")


def test_a_gateway_that_is_not_there_is_left_at_once(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    Gateway.objects.filter(pk=here.gateway.pk).update(base_url="http://127.0.0.1:1")
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    batch = routed_batch(here, other, 50)
    assert run_through(batch) == {"accepted": 50}
    assert taken(batch) == {other.pk: 50}


def test_unknown_is_never_given_to_another_gateway(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    """[R-8.12]"""
    carriers[0].control(faults={"reset_after_accept": 1})
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    batch = routed_batch(here, other, 15)
    assert run(batch) == {"unknown/no_clear_answer": 15}
    assert run(batch) == {"unknown/no_clear_answer": 15}
    assert carriers[1].stats()["requests"] == 0
    assert carriers[0].stats()["accepted"] == 15


def test_the_last_checks_run_again_before_the_next_gateway(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    """[R-2.9]: who opts out between the tries gets nothing."""
    carriers[0].control(faults={"http_503": 1})
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    batch = routed_batch(here, other, 3)
    for _ in range(3):
        assert run(batch) == {"queued/retry": 3}
        due(batch)
    first = Message.objects.filter(batch=batch).earliest("id")
    suppression_add(
        phone=first.phone,
        scope="brand",
        reason="opt_out",
        source="inbound",
        evidence={},
        brand=here.brand,
    )
    assert run(batch) == {"accepted": 2, "skipped/opted_out": 1}
    assert taken(batch) == {other.pk: 2}
    assert set(Attempt.objects.values_list("number", flat=True)) == {1, 2, 3}


def test_a_sender_that_is_not_allowed_there_is_no_way_out(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    carriers[0].control(faults={"http_401": 1})
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    SenderRule.objects.create(
        country="LT",
        kind=here.sender.kind,
        gateway=other,
        status="forbidden",
        binding=True,
        source="A test",
        as_of=date(2026, 1, 1),
        by_people=True,
        reason="A test",
        set_by="somebody",
        created_at=timezone.now(),
    )
    assert gateways_allowed(here.gateway, purpose="notification", sender=here.sender) == []
    batch = routed_batch(here, other, 3)
    assert run(batch) == {"queued/retry": 3}
    assert carriers[1].stats()["requests"] == 0
    batch.refresh_from_db()
    assert batch.state == "paused"


def test_a_dearer_gateway_than_was_reserved_is_no_way_out(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    carriers[0].control(faults={"http_401": 1})
    other = gateway_other(here, carriers[1].base_url, price="0.90")
    routed(here, other, weight=50)
    batch = routed_batch(here, other, 40, price="0.05")
    run(batch)
    assert carriers[1].stats()["requests"] == 0
    assert batch.messages.filter(state="queued").count() == 40


def test_what_a_cheap_gateway_refused_may_still_go_by_the_dearest_and_money_is_exact(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    """What was reserved for a part comes back with the message; nothing is committed for a no."""
    carriers[0].control(faults={"http_503": 1})
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    batch = routed_batch(here, other, 4)
    run(batch)
    batch.refresh_from_db()
    assert set(batch.messages.values_list("state", "price")) == {("queued", Decimal("0.07"))}
    assert batch.money_committed == 0
    with transaction.atomic():
        breaker_set(here.gateway.pk, "", opened=True, reason="Looks odd", now=timezone.now())
    due(batch)
    assert run(batch) == {"accepted": 4}
    batch.refresh_from_db()
    assert batch.money_committed == 4 * Decimal("0.07")
    once(carriers, batch)


def test_quiet_hours_keep_the_margin_of_the_gateway_that_takes_it(here: World) -> None:
    """[R-3.5]: one that cannot be told to give up early is given nothing late."""
    other = gateway_other(here, "http://127.0.0.1:9")
    Gateway.objects.filter(pk=other.pk).update(transport="twilio")
    contacts = here.contacts(1)
    batch = here.batch(
        contacts, purpose="marketing", quiet_mode="normal", routes=[other], routes_approved=[other]
    )
    BatchSlice.objects.filter(batch=batch).update(state="ready")
    Batch.objects.filter(pk=batch.pk).update(state="sending")
    roads = Roads(batch, RouteTable(batch))
    lease = slice_claim(batch.pk, owner="me", now=timezone.now())
    assert lease is not None
    late = datetime(2026, 12, 1, 19, 56, tzinfo=ZoneInfo("Europe/Vilnius"))
    waits, goes = (
        roads.clock(gateway.pk).window(lease.rows[0], late) for gateway in (here.gateway, other)
    )
    assert waits.opens_at is not None
    assert goes.closes_at is not None


def test_gateways_that_count_parts_otherwise_or_hold_a_bind_are_no_help(here: World) -> None:
    other = gateway_other(here, "http://127.0.0.1:9")
    routed(here, other, weight=10)
    for fields in ({"split_mode": "grapheme"}, {"transport": "smpp"}, {"state": "disabled"}):
        before = {name: getattr(other, name) for name in fields}
        Gateway.objects.filter(pk=other.pk).update(**fields)
        assert gateways_allowed(here.gateway, purpose="notification", sender=here.sender) == []
        Gateway.objects.filter(pk=other.pk).update(**before)
    assert gateways_allowed(here.gateway, purpose="notification", sender=here.sender) == [other]


def test_a_stale_price_reserves_nothing_and_takes_nothing(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    other = gateway_other(here, carriers[1].base_url, price="0.04")
    routed(here, other, weight=100)
    Rate.objects.filter(gateway=other).update(fetched_at=timezone.now() - timedelta(days=400))
    rates = rates_dearest(
        here.gateway, [other], purpose="notification", sender=here.sender, at=timezone.now()
    )
    assert rates["LT"].gateway_id == here.gateway.pk
    batch = routed_batch(here, other, 20)
    assert run(batch) == {"accepted": 20}
    assert taken(batch) == {here.gateway.pk: 20}


def test_the_dearest_allowed_gateway_is_what_is_reserved(here: World) -> None:
    other = gateway_other(here, "http://127.0.0.1:9", price="0.08")
    routed(here, other, weight=10)
    others = gateways_allowed(here.gateway, purpose="notification", sender=here.sender)
    assert others == [other]
    rates = rates_dearest(
        here.gateway, others, purpose="notification", sender=here.sender, at=timezone.now()
    )
    assert rates["LT"].price == Decimal("0.08")


def test_a_gateway_that_nobody_approved_is_refused(here: World) -> None:
    other = gateway_other(here, "http://127.0.0.1:9")
    batch = here.batch(here.contacts(2), release=False, routes=[other])
    with pytest.raises(ApprovalRequired, match="not approved"), transaction.atomic():
        services.batch_release(batch)
    batch.refresh_from_db()
    assert batch.state == "building"
    assert batch.money_reserved == 0


def test_a_gateway_in_another_currency_cannot_help_out(here: World) -> None:
    other = gateway_other(here, "http://127.0.0.1:9", currency="USD")
    routed(here, other, weight=10)
    assert gateways_allowed(here.gateway, purpose="notification", sender=here.sender) == []
    before = Batch.objects.count()
    with pytest.raises(InvalidInput) as caught:
        here.batch(here.contacts(1), release=False, routes=[other])
    assert "EUR" in caught.value.field_errors["routes"]
    assert Batch.objects.count() == before


def test_a_pin_keeps_a_country_on_one_gateway_until_it_ends(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    pinned_later = routed_batch(here, other, 10)
    now = timezone.now()
    pin = pin_set(
        country="LT",
        purpose="",
        gateway=other,
        reason="A test",
        user=here.user,
        expires_at=now + timedelta(hours=1),
        now=now,
    )
    (words,) = pins_words([other], ["LT", "GB"], purpose="notification", at=timezone.now())
    assert other.name in words
    assert "A test" in words
    assert run(pinned_later) == {"accepted": 10}
    assert taken(pinned_later) == {other.pk: 10}
    pin.created_at, pin.expires_at = now - timedelta(hours=2), now - timedelta(hours=1)
    pin.save()
    second = routed_batch(here, other, 10)
    run(second)
    assert taken(second) == {here.gateway.pk: 10}


def test_the_failover_journey(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    """[R-10.15], [R-10.17], [R-10.18]: A starts failing, traffic moves to B, drifts back to A when it
    is well again, and nobody gets two.
    """
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    well = routed_batch(here, other, 40)
    assert run(well) == {"accepted": 40}
    assert taken(well) == {here.gateway.pk: 40}
    carriers[0].control(faults={"none": 2, "http_503": 2, "reset_after_accept": 1})
    sick = routed_batch(here, other, 120)
    run_through(sick)
    due(sick)
    counts = run_through(sick)
    assert counts["accepted"] + counts.get("unknown/no_clear_answer", 0) == 120
    moved = taken(sick)
    assert moved[other.pk] > 0
    health = RouteHealth.objects.get(gateway=here.gateway, country="LT")
    assert health.breaker != "closed"
    now = timezone.now()
    routes_tune(now=now)
    health.refresh_from_db()
    assert health.percent == 90
    carriers[0].control(faults={"none": 1})
    RouteHealth.objects.filter(breaker="open").update(retry_at=now)
    again = routed_batch(here, other, 40)
    run_through(again)
    due(again)
    assert run_through(again) == {"accepted": 40}
    assert taken(again)[here.gateway.pk] > 0
    RouteTally.objects.all().delete()
    routes_tune(now=now + timedelta(minutes=16))
    health.refresh_from_db()
    assert (health.breaker, health.percent) == ("closed", 100)
    back = routed_batch(here, other, 20)
    assert run(back) == {"accepted": 20}
    assert taken(back) == {here.gateway.pk: 20}
    seen = [each.stats(messages=1)["accepted_by_message"] for each in carriers]
    assert not seen[0].keys() & seen[1].keys()
    assert {*seen[0].values(), *seen[1].values()} == {1}


def test_a_breaker_that_a_person_opened_sends_nothing_there(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    now = timezone.now()
    with transaction.atomic():
        breaker_set(here.gateway.pk, "LT", opened=True, reason="Looks odd", now=now)
    batch = here.batch(here.contacts(5))
    assert run(batch) == {"queued": 5}
    assert carriers[0].stats()["requests"] == 0
    with transaction.atomic():
        breaker_set(here.gateway.pk, "LT", opened=False, reason="Fine", now=now)
    due(batch)
    assert run(batch) == {"accepted": 5}


def test_a_sick_country_rests_and_a_probe_finds_it_well(
    here: World, carriers: tuple[RunningSimulator, RunningSimulator]
) -> None:
    """[R-10.17]"""
    carriers[0].control(faults={"http_503": 1})
    other = gateway_other(here, carriers[1].base_url)
    routed(here, other, weight=0)
    batch = routed_batch(here, other, 120)
    run(batch)
    sick = RouteHealth.objects.get(gateway=here.gateway, country="LT")
    assert sick.breaker == "open"
    assert sick.retry_at is not None
    asked = carriers[0].stats()["requests"]
    assert asked < 120
    assert taken(batch)[other.pk] == 120 - asked
    carriers[0].control(faults={"none": 1})
    RouteHealth.objects.filter(pk=sick.pk).update(retry_at=timezone.now())
    due(batch)
    assert run_through(batch) == {"accepted": 120}
    sick.refresh_from_db()
    assert sick.breaker == "closed"
    assert carriers[0].stats()["accepted"] > 0
    once(carriers, batch)
