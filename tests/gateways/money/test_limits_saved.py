"""Who may raise a limit, what the operations refuse, and how the limits are shown."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.gateways.models import Gateway, Quota
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import Done, Held
from tests.gateways.money.people import person
from tests.gateways.world import World, world_make

pytestmark = pytest.mark.django_db


def payload(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "team_id": world.team.pk,
        "parts_limit": 1000,
        "money_limit": "50.00",
        "warn_percent": 70,
    } | changes


def rows() -> list[tuple[Any, ...]]:
    return list(Quota.objects.order_by("pk").values_list("team", "brand", "message_limit"))


def test_lowering_holds_at_once_and_raising_waits(world: World) -> None:
    """[R-8.4]"""
    actor = person(world)
    done = execute("quotas.save", payload(world), actor=actor)
    assert isinstance(done, Done)
    assert Quota.objects.get().money_limit == Decimal("50")
    before = rows()
    assert isinstance(execute("quotas.save", payload(world, parts_limit=1001), actor=actor), Held)
    assert isinstance(execute("quotas.save", payload(world, money_limit="51"), actor=actor), Held)
    assert rows() == before


def test_a_brands_limit_is_shown_beside_its_teams(world: World) -> None:
    actor = person(world)
    saved = execute("quotas.save", payload(world, brand_id=world.brand.pk), actor=actor)
    assert isinstance(saved, Done)
    shown = execute("quotas.get", {"team_id": world.team.pk}, actor=actor)
    assert isinstance(shown, Done)
    out = shown.result.model_dump()
    assert out["quota"]["parts_limit"] == 1_000_000
    assert [(each["brand"], each["limits"]["parts_limit"]) for each in out["brands"]] == [
        (world.brand.name, 1000)
    ]


def test_what_cannot_be_a_limit_is_refused(world: World) -> None:
    actor = person(world)
    other = world_make()
    before = rows()
    for changes, error in (
        ({"month": "2020-01-01"}, InvalidInput),
        ({"month": "2150-01-01"}, InvalidInput),
        ({"money_limit": "-1"}, InvalidInput),
        ({"team_id": 999_999}, NotFound),
        ({"brand_id": other.brand.pk}, NotFound),
    ):
        with pytest.raises(error):
            execute("quotas.save", payload(world, **changes), actor=actor)
    Quota.objects.filter(team=world.team).delete()
    with pytest.raises(InvalidInput):
        execute("quotas.save", payload(world, brand_id=world.brand.pk), actor=actor)
    assert rows() == [row for row in before if row[0] != world.team.pk]


def test_a_balance_alert_is_set_and_switched_off(world: World) -> None:
    actor = person(world)
    Gateway.objects.filter(pk=world.gateway.pk).update(
        balance=Decimal(80), balance_at=timezone.now()
    )
    call = {"gateway_id": world.gateway.pk, "alert_below": "100"}
    done = execute("balance_alerts.save", call, actor=actor)
    assert isinstance(done, Done)
    assert done.result.model_dump()["low"] is True
    del call["alert_below"]
    execute("balance_alerts.save", call, actor=actor)
    world.gateway.refresh_from_db()
    assert world.gateway.balance_alert is None
