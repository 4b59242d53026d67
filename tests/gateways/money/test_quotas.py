"""Limits of teams and brands: a hard stop, a warning once, and a balance that people hear of in time."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.approvals.models import OwnerNotification
from smsmarketing.gateways import services
from smsmarketing.gateways.models import Batch, Gateway, LedgerEntry, Quota
from smsmarketing.gateways.services.money_alerts import balances_watch
from smsmarketing.operations.errors import BudgetExceeded, QuotaExceeded
from smsmarketing.webhooks.models import WebhookEndpoint, WebhookEvent
from tests.gateways.money.people import person
from tests.gateways.world import World

pytestmark = pytest.mark.django_db


def brand_limit(world: World, *, parts: int = 100, money: str = "100", warn: int = 80) -> Quota:
    return services.quota_set(
        world.team,
        brand=world.brand,
        month=timezone.now().date(),
        message_limit=parts,
        money_limit=Decimal(money),
        warn_percent=warn,
    )


def test_a_send_is_booked_in_both_limits(world: World) -> None:
    own = brand_limit(world)
    batch = world.batch(world.contacts(4))
    whole = Quota.objects.get(team=world.team, brand=None)
    own.refresh_from_db()
    assert (own.parts_reserved, own.money_reserved) == (4, Decimal("0.2"))
    assert (whole.parts_reserved, whole.money_reserved) == (4, Decimal("0.2"))
    with transaction.atomic():
        services.batch_stop(batch)
    for quota in (own, whole):
        quota.refresh_from_db()
        assert (quota.parts_reserved, quota.money_reserved) == (0, Decimal(0))
        assert quota.entries.filter(batch=batch).count() == 2


@pytest.mark.parametrize(
    ("limits", "error"),
    [({"parts": 3}, QuotaExceeded), ({"money": "0.19"}, BudgetExceeded)],
)
def test_a_brands_limit_stops_what_its_teams_would_allow(
    world: World, limits: dict[str, int | str], error: type[Exception]
) -> None:
    brand_limit(world, **limits)  # type: ignore[arg-type]
    with pytest.raises(error) as caught:
        world.batch(world.contacts(4))
    assert "brand" in str(caught.value)
    assert not LedgerEntry.objects.exists()
    assert Batch.objects.get().state == "building"
    assert set(Quota.objects.values_list("parts_reserved", flat=True)) == {0}


def test_people_and_systems_are_told_once_for_each_crossing(world: World) -> None:
    actor = person(world)
    endpoint_of(world, "quota.warning")
    brand_limit(world, parts=10, warn=50)
    first = world.batch(world.contacts(4))
    assert not OwnerNotification.objects.exists()
    second = world.batch(world.contacts(2))
    world.batch(world.contacts(1))
    note = OwnerNotification.objects.get()
    assert (note.user_id, note.kind) == (actor.user_id, "quota_warning")
    assert "60 %" in note.text
    assert WebhookEvent.objects.get().payload["percent"] == 60
    with transaction.atomic():
        services.batch_stop(first)
    assert Quota.objects.get(brand=world.brand).warned_at is None
    world.batch(world.contacts(4))
    assert OwnerNotification.objects.count() == 2
    assert second.pk


def endpoint_of(world: World, kind: str) -> None:
    now = timezone.now()
    WebhookEndpoint.objects.create(
        team=world.team,
        name="books",
        url="https://hooks.example.com/in",
        kinds=[kind],
        active=True,
        created_by=world.user,
        created_at=now,
        updated_at=now,
    )


def test_a_balance_is_told_of_once_until_it_rose_again(world: World) -> None:
    actor = person(world)
    endpoint_of(world, "balance.low")
    gateway = world.gateway
    assert balances_watch() == 0

    def falls_to(balance: str) -> int:
        Gateway.objects.filter(pk=gateway.pk).update(balance=Decimal(balance))
        return balances_watch()

    Gateway.objects.filter(pk=gateway.pk).update(balance_alert=Decimal(100))
    assert [falls_to(each) for each in ("120", "99.9", "50", "100", "80")] == [0, 1, 0, 0, 1]
    notes = OwnerNotification.objects.order_by("id")
    assert [(note.user_id, note.kind) for note in notes] == [(actor.user_id, "balance_low")] * 2
    assert "99.9" in notes[0].text
    assert WebhookEvent.objects.count() == 2
