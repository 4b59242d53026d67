"""gateways.balance, gateways.sync_rates and gateways.sync_status, over a loopback provider."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.accounts.models import Role
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.gateways import services
from smsmarketing.gateways.models import Gateway, GatewaySync, Rate
from smsmarketing.gateways.services.syncing import syncs_run
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import Conflict, GatewayRejected, NotPermitted
from smsmarketing.operations.types import Actor, Done, Surface
from tests.gateways.world import World
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
RATES = (
    b'[{"CountryCode": "LT", "MCC": "246", "MNC": "01", "Rate": "0.02"},'
    b'{"CountryCode": "LT", "MCC": "246", "MNC": "03", "Rate": "0.03"},'
    b'{"CountryCode": "GB", "MCC": "234", "MNC": null, "Rate": "0.04"},'
    b'{"CountryCode": "TW", "MCC": "466", "MNC": null, "Rate": "0.05"}]'
)


@pytest.fixture
def peer() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def actor(world: World) -> Actor:
    world.user.roles.add(Role.objects.create(key="x", name="x", permissions=sorted(PERMISSIONS)))
    return actor_for_user(world.user, surface=Surface.ADMIN, is_session=True)


def gateway_of(peer: Receiver, transport: str, **more: Any) -> Gateway:
    return services.gateway_create(
        name=f"Account at {transport}",
        slug=f"{transport}-x",
        transport=transport,
        base_url=peer.url.removesuffix("/in"),
        countries=["LT", "GB"],
        **{"credentials": {"token": "t", "api_key": "k"}, **more},
    )


def call(key: str, actor: Actor, **payload: Any) -> dict[str, Any]:
    done = execute(key, payload, actor=actor)
    assert isinstance(done, Done)
    return done.result.model_dump()


def test_points_are_no_money(actor: Actor, peer: Receiver) -> None:
    peer.answer = lambda request: (200, {}, b'{"points": 12.5}')
    gateway = gateway_of(peer, "smsapi")
    first = call("gateways.balance", actor, gateway_id=gateway.pk)
    assert (first["amount"], first["age_seconds"], first["refreshing"]) == (None, None, True)
    syncs_run()
    second = call("gateways.balance", actor, gateway_id=gateway.pk)
    assert Decimal(second["amount"]) == Decimal("12.5")
    assert (second["unit"], second["refreshing"]) == ("points", False)
    listed = call("gateways.list", actor)["items"]
    assert [row["balance"] for row in listed if row["gateway_id"] == gateway.pk] == [None]


def test_an_account_in_another_currency_is_not_taken(actor: Actor, peer: Receiver) -> None:
    peer.answer = lambda request: (200, {}, b'{"balance": 3, "currency": "USD"}')
    gateway = gateway_of(peer, "infobip")
    syncs_run()
    gateway.refresh_from_db()
    assert gateway.balance is None
    with pytest.raises(GatewayRejected) as caught:
        call("gateways.balance", actor, gateway_id=gateway.pk)
    assert caught.value.gateway_error_code == "currency"
    assert "Make a gateway in USD" in caught.value.message


def test_what_is_not_documented_is_refused(actor: Actor, peer: Receiver) -> None:
    gateway = gateway_of(peer, "vertexsms")
    with pytest.raises(Conflict, match="documents no way to read its balance"):
        call("gateways.balance", actor, gateway_id=gateway.pk)
    other = gateway_of(peer, "sinch")
    with pytest.raises(Conflict, match=r"rates\.import"):
        call("gateways.sync_rates", actor, gateway_id=other.pk)
    assert not GatewaySync.objects.exists()
    assert peer.requests == []


def test_prices_are_taken_for_the_gateways_countries(actor: Actor, peer: Receiver) -> None:
    peer.answer = lambda request: (200, {}, RATES)
    gateway = gateway_of(peer, "vertexsms")
    call("gateways.sync_rates", actor, gateway_id=gateway.pk)
    syncs_run()
    found = Rate.objects.filter(gateway=gateway).values_list(
        "country", "operator", "price", "source"
    )
    assert sorted(found) == [
        ("GB", "", Decimal("0.04"), "sync"),
        ("LT", "", Decimal("0.03"), "sync"),  # the dearest of its operators
        ("LT", "24601", Decimal("0.02"), "sync"),
        ("LT", "24603", Decimal("0.03"), "sync"),
    ]
    status = call("gateways.sync_status", actor, gateway_id=gateway.pk)["items"]
    assert [(row["kind"], row["error"], row["counts"]["changed"]) for row in status] == [
        ("rates", "", "4")
    ]
    peer.answer = lambda request: (200, {}, b"<html>maintenance</html>")
    call("gateways.sync_rates", actor, gateway_id=gateway.pk)
    GatewaySync.objects.update(due_at=timezone.now())
    syncs_run()
    assert Rate.objects.filter(gateway=gateway, valid_to=None).count() == 4
    row = call("gateways.sync_status", actor, gateway_id=gateway.pk)["items"][0]
    assert row["error_code"] == "unreadable"
    assert row["ok_at"] is not None  # the age of what is in force still shows


def test_a_jump_of_a_price_waits_for_a_person(actor: Actor, peer: Receiver) -> None:
    """The policy of rates.import holds for the job too: no road goes around it."""
    gateway = gateway_of(peer, "vertexsms")
    peer.answer = lambda request: (200, {}, RATES)
    syncs_run()
    peer.answer = lambda request: (200, {}, RATES.replace(b'"0.03"', b'"0.3"'))
    before = list(Rate.objects.order_by("pk").values())
    call("gateways.sync_rates", actor, gateway_id=gateway.pk)
    syncs_run()
    assert list(Rate.objects.order_by("pk").values()) == before
    row = call("gateways.sync_status", actor, gateway_id=gateway.pk)["items"][0]
    assert row["error_code"] == "needs_person"
    assert "rates.import" in row["error"]


def test_who_may_not_load_prices(world: World, peer: Receiver) -> None:
    gateway = gateway_of(peer, "vertexsms")
    nobody = actor_for_user(world.user, surface=Surface.ADMIN, is_session=True)
    with pytest.raises(NotPermitted):
        execute("gateways.sync_rates", {"gateway_id": gateway.pk}, actor=nobody)
    assert not GatewaySync.objects.exists()
