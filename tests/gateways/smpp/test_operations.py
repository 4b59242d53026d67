"""An SMPP gateway is entered, approved and seen like any other."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from smsmarketing.gateways.binds.health import BindRow
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.operations.smpp_shapes import bind_health, bind_sentence
from smsmarketing.gateways.transports.smpp.options import SmppOptions, options_read
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import Actor, Done
from tests.gateways.test_operations_save import GATEWAY, agreed
from tests.gateways.test_operations_save import people as people
from tests.gateways.world import World

pytestmark = pytest.mark.django_db
SMPP: dict[str, Any] = {
    **GATEWAY,
    "transport": "smpp",
    "base_url": "smpps://smpp.carrier.example:3550",
}


def listed(actor: Actor, slug: str) -> Any:
    done = execute("gateways.list", {}, actor=actor)
    assert isinstance(done, Done)
    return next(row for row in done.result.items if row.slug == slug)


def test_an_approved_gateway_has_its_dialect(world: World, people: tuple[Actor, Actor]) -> None:
    """[R-8.4]"""
    wanted = {"long_text": "sar", "source_ton": 0, "plain_connection_accepted": True}
    request = agreed("gateways.save", {**SMPP, "smpp": wanted}, people)
    assert request.state == "succeeded", request.result
    gateway = Gateway.objects.get(slug="second")
    options = options_read(gateway.options)
    assert (options.long_text, options.source_ton, options.alphabet) == ("sar", 0, "gsm7")
    row = listed(people[0], "second")
    assert (row.bind.state, row.bind.reconnects, row.inbound) == ("down", 0, True)
    assert listed(people[0], world.gateway.slug).bind is None


def test_without_settings_it_has_the_usual_ones(people: tuple[Actor, Actor]) -> None:
    agreed("gateways.save", SMPP, people)
    gateway = Gateway.objects.get(slug="second")
    assert options_read(gateway.options) == SmppOptions()
    changed = {**SMPP, "gateway_id": gateway.pk, "smpp": {"enquire_s": 60}}
    agreed("gateways.save", changed, people)
    agreed("gateways.save", {**SMPP, "gateway_id": gateway.pk, "in_flight": 9}, people)
    gateway.refresh_from_db()
    assert (options_read(gateway.options).enquire_s, gateway.max_in_flight) == (60, 9)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"base_url": "https://smpp.carrier.example"}, "base_url"),
        ({"base_url": "smpp://smpp.carrier.example:2775"}, "base_url"),
        ({"base_url": "smpps://user:pass@smpp.carrier.example"}, "base_url"),
        ({"base_url": "smpps://smpp.carrier.example/path"}, "base_url"),
        ({"base_url": "smpps://smpp.carrier.example:99999"}, "base_url"),
        ({"transport": "vertexsms"}, "base_url"),
        ({**GATEWAY, "smpp": {}}, "smpp"),
        ({"smpp": {"long_text": "fax"}}, "smpp.long_text"),
    ],
)
def test_what_cannot_be_bound_is_not_saved(
    people: tuple[Actor, Actor], changes: dict[str, Any], field: str
) -> None:
    before = Gateway.objects.count()
    with pytest.raises(InvalidInput) as refusal:
        execute("gateways.save", {**SMPP, **changes}, actor=people[0])
    assert field in refusal.value.field_errors
    assert Gateway.objects.count() == before


@pytest.mark.parametrize(
    "address", ["smpp://10.1.2.3:2775", "smpp://127.0.0.1", "smpps://x.example"]
)
def test_a_vpn_or_tls_needs_no_further_word(people: tuple[Actor, Actor], address: str) -> None:
    assert agreed("gateways.save", {**SMPP, "base_url": address}, people).state == "succeeded"


def test_people_see_how_the_bind_is(world: World, people: tuple[Actor, Actor]) -> None:
    gateway = world.gateway
    gateway.transport = "smpp"
    gateway.save()
    row = BindRow(gateway.pk)
    assert row.take()
    row.bound()
    row.bound()
    seen = listed(people[0], gateway.slug).bind
    assert (seen.state, seen.reconnects) == ("bound", 1)
    assert seen.bound_since is not None
    assert seen.bound_since <= timezone.now()
    health = bind_health(Gateway.objects.get(pk=gateway.pk))
    assert health is not None
    assert bind_sentence(health).startswith("Bound since")
    row.lost("The gateway closed the connection.")
    health = bind_health(Gateway.objects.get(pk=gateway.pk))
    assert health is not None
    assert "tried again" in bind_sentence(health)
    assert "closed the connection" in bind_sentence(health)
    row.release()
    assert listed(people[0], gateway.slug).bind.state == "down"


def test_the_command_says_what_it_cannot_do(world: World) -> None:
    with pytest.raises(CommandError, match="no gateway"):
        call_command("smpp_bind", "nobody")
    with pytest.raises(CommandError, match="workers reach it"):
        call_command("smpp_bind", world.gateway.slug)
