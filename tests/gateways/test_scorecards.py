"""Figures of routes: counted from receipts, shown by team, and what routes learn from them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from smsmarketing.approvals.models import OwnerNotification
from smsmarketing.gateways.dispatch.sweep import receipts_missing, sweep
from smsmarketing.gateways.intake import receipts_apply
from smsmarketing.gateways.intake.receipts import receipt_store
from smsmarketing.gateways.models import Batch, BatchSlice, Message, RouteHealth, RouteTally
from smsmarketing.gateways.rules.routes import FLOOR, WAIT_EDGES_S, tally_since
from smsmarketing.gateways.selectors import scorecards
from smsmarketing.gateways.selectors.scorecards import cards_of
from smsmarketing.gateways.services.breakers import Answers, answers_push
from smsmarketing.gateways.services.tuning import routes_tune
from tests.gateways.test_routes import gateway_other
from tests.gateways.world import World, world_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(db: None) -> World:
    return world_make()


def accepted_batch(here: World, count: int, *, at: datetime) -> list[Message]:
    """Messages that the gateway took at a time, counted as dispatch counts them."""
    batch = here.batch(here.contacts(count))
    Batch.objects.filter(pk=batch.pk).update(state="sending", started_at=at)
    BatchSlice.objects.filter(batch=batch).update(state="done")
    Message.objects.filter(batch=batch).update(
        state="accepted", attempt=1, gateway_id=batch.gateway_id, handed_at=at, accepted_at=at
    )
    answers_push(
        {(here.gateway.pk, "LT"): Answers(accepted=count, cost=count * Decimal("0.05"))},
        brand_id=here.brand.pk,
        now=at,
    )
    return list(Message.objects.filter(batch=batch).order_by("id"))


def receipt(here: World, message: Message, **fields: Any) -> None:
    body = {"id": f"x{message.pk}", "to": message.phone, "status": 1, **fields}
    receipt_store(
        here.gateway.pk,
        message_id=message.pk,
        raw=json.dumps(body).encode(),
        content_type="application/json",
    )


def card_of(here: World) -> scorecards.Card:
    return cards_of(since=timezone.now() - timedelta(days=5), team_ids=[here.team.pk])[
        here.gateway.pk, "LT"
    ]


def test_receipts_count_once_and_a_late_one_puts_it_right(here: World) -> None:
    """[R-10.2], [R-10.21]: late receipts amend, with a note."""
    long_ago = timezone.now() - timedelta(hours=73)
    first, second, third = accepted_batch(here, 3, at=long_ago)
    receipt(here, first)
    receipt(here, second, status=2, error=21)
    receipts_apply()
    assert sweep().no_receipt == 1
    card = card_of(here)
    assert (card.accepted, card.delivered, card.undelivered, card.missing) == (3, 1, 1, 1)
    assert card.waiting == 0
    assert card.cost_per_delivered == Decimal("0.15")
    receipt(here, third)
    receipt(here, third)
    receipts_apply()
    card = card_of(here)
    assert (card.accepted, card.delivered, card.undelivered, card.missing) == (3, 2, 1, 0)
    third.refresh_from_db()
    assert third.state == "delivered"
    assert sum(card.waits) == 3
    assert card.half_s is not None
    assert card.half_s > 24 * 3600


def test_a_team_sees_its_own_figures_only(here: World) -> None:
    other = world_make()
    accepted_batch(here, 2, at=timezone.now())
    answers_push(
        {(here.gateway.pk, "LT"): Answers(accepted=5)}, brand_id=other.brand.pk, now=timezone.now()
    )
    assert card_of(here).accepted == 2
    since = timezone.now() - timedelta(hours=1)
    assert cards_of(since=since, team_ids=None)[here.gateway.pk, "LT"].accepted == 7
    assert cards_of(since=since, team_ids=[]) == {}


def test_cards_are_read_by_an_index(here: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN {scorecards._CARDS}",
            {"since": timezone.now(), "country": None, "gateway": None, "teams": [1]},
        )
        assert "tally_since" in str(cursor.fetchall())


def tally(gateway_id: int, here: World, *, at: datetime, quick: int, late: int) -> None:
    waits = [0] * (len(WAIT_EDGES_S) + 1)
    waits[2], waits[8] = quick, late
    RouteTally.objects.create(
        gateway_id=gateway_id,
        country="LT",
        brand=here.brand,
        since=tally_since(at),
        accepted=quick + late,
        delivered=quick + late,
        waits=waits,
    )
    RouteHealth.objects.get_or_create(gateway_id=gateway_id, country="LT")


def test_a_slow_gateway_loses_its_share_in_steps_and_gets_it_back(here: World) -> None:
    """[R-10.18]: down ten every five minutes while it alone is slow; back after a quiet quarter."""
    other = gateway_other(here, "http://127.0.0.1:9")
    now = timezone.now().replace(minute=30, second=0)
    for minutes in range(0, 120, 5):
        tally(here.gateway.pk, here, at=now + timedelta(minutes=minutes - 20), quick=30, late=10)
        tally(other.pk, here, at=now + timedelta(minutes=minutes - 20), quick=40, late=0)
    shares = []
    for minutes in (0, 4, *range(5, 60, 5)):
        routes_tune(now=now + timedelta(minutes=minutes))
        shares.append(RouteHealth.objects.get(gateway=here.gateway, country="LT").percent)
    assert shares[:3] == [90, 90, 80]
    assert min(shares) == FLOOR
    assert RouteHealth.objects.get(gateway=other, country="LT").percent == 100
    sick = RouteHealth.objects.get(gateway=here.gateway, country="LT")
    assert "no receipt after five minutes" in sick.percent_note
    RouteTally.objects.all().delete()
    later = now + timedelta(minutes=60)
    back = []
    for minutes in range(0, 75, 5):
        routes_tune(now=later + timedelta(minutes=minutes))
        back.append(RouteHealth.objects.get(gateway=here.gateway, country="LT").percent)
    assert back[1] == FLOOR
    assert back == sorted(back)
    assert back[-1] == 100


def test_when_all_are_slow_nobody_loses_its_share(here: World) -> None:
    other = gateway_other(here, "http://127.0.0.1:9")
    now = timezone.now()
    for gateway_id in (here.gateway.pk, other.pk):
        tally(gateway_id, here, at=now - timedelta(minutes=15), quick=20, late=20)
    assert routes_tune(now=now) == 0
    assert set(RouteHealth.objects.values_list("percent", flat=True)) == {100}
    assert not OwnerNotification.objects.exists()


def test_a_route_learns_how_long_to_wait_and_waits_no_longer(here: World) -> None:
    """[R-10.21]"""
    now = timezone.now()
    tally(here.gateway.pk, here, at=now - timedelta(days=2), quick=400, late=0)
    routes_tune(now=now)
    assert RouteHealth.objects.get(gateway=here.gateway, country="LT").dlr_timeout_hours == 24
    (message,) = accepted_batch(here, 1, at=now - timedelta(hours=25))
    assert sweep(now=now).no_receipt == 0
    assert receipts_missing(now=now, learned=True) == 1
    message.refresh_from_db()
    assert (message.state, message.reason) == ("expired", "no_receipt")
    RouteTally.objects.all().delete()
    here.gateway.dlr_timeout_hours = 12
    here.gateway.save()
    routes_tune(now=now)
    assert RouteHealth.objects.get(gateway=here.gateway, country="LT").dlr_timeout_hours == 12
