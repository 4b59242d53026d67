"""Gateways, prices and senders change only with a second person, and never carry credentials."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from smsmarketing.accounts.models import Role, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.services import request_vote
from smsmarketing.approvals.tasks import request_run
from smsmarketing.gateways.credentials import credentials_read
from smsmarketing.gateways.models import Gateway, Rate, SenderId
from smsmarketing.gateways.selectors import sender_eligibility
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor, Done, Held, Surface
from tests.gateways.world import World

pytestmark = pytest.mark.django_db

GATEWAY: dict[str, Any] = {
    "name": "Second carrier",
    "slug": "second",
    "transport": "vertexsms",
    "base_url": "https://api.carrier.example",
    "countries": ["LT", "GB"],
    "currency": "EUR",
    "messages_per_second": 20.0,
}
SENDER: dict[str, Any] = {
    "value": "AcmeShop",
    "kind": "alphanumeric",
    "countries": ["LT"],
    "evidence": "Contract 17 with the carrier, confirmed by mail.",
}


@pytest.fixture
def people(world: World) -> tuple[Actor, Actor]:
    """Two people who may do everything, in the team."""
    role = Role.objects.create(key="all-of-it", name="All", permissions=sorted(PERMISSIONS))
    found = []
    for name in ("asker", "decider"):
        user = User.objects.create_user(name, password=None)
        user.roles.add(role, *Role.objects.filter(key__in=["approver", "compliance", "technical"]))
        user.teams.add(world.team)
        found.append(actor_for_user(user, surface=Surface.ADMIN, is_session=True))
    return found[0], found[1]


def agreed(key: str, payload: dict[str, Any], people: tuple[Actor, Actor]) -> ActionRequest:
    """Asked by one, approved by the other, run by the job."""
    held = execute(key, payload, actor=people[0])
    assert isinstance(held, Held)
    request = ActionRequest.objects.get(pk=held.action_request_id)
    with transaction.atomic():
        request_vote(
            request.pk, actor=people[1], verdict="approve", content_hash=request.content_hash
        )
    request_run(request.pk)
    request.refresh_from_db()
    return request


def test_a_gateway_waits_for_a_second_person(world: World, people: tuple[Actor, Actor]) -> None:
    """[R-8.4]"""
    before = Gateway.objects.count()
    assert isinstance(execute("gateways.save", GATEWAY, actor=people[0]), Held)
    assert Gateway.objects.count() == before


def test_an_approved_gateway_is_made_without_credentials(
    world: World, people: tuple[Actor, Actor]
) -> None:
    request = agreed("gateways.save", GATEWAY, people)
    assert request.state == "succeeded", request.result
    gateway = Gateway.objects.get(slug="second")
    assert (gateway.countries, gateway.rate_per_second) == (["GB", "LT"], 20)
    assert credentials_read(gateway) == {}
    assert gateway.webhook_secret_hash


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "http://api.carrier.example"),
        ("base_url", "https://user:pass@api.carrier.example"),
        ("base_url", "https://api.carrier.example/path"),
        ("base_url", "ftp://api.carrier.example"),
        ("transport", "pigeon"),
        ("webhook_networks", ["not-a-network"]),
    ],
)
def test_a_gateway_that_cannot_be_is_refused_before_anybody_is_asked(
    world: World, people: tuple[Actor, Actor], field: str, value: Any
) -> None:
    with pytest.raises(InvalidInput) as caught:
        execute("gateways.save", GATEWAY | {field: value}, actor=people[0])
    assert field in caught.value.field_errors
    assert not Gateway.objects.filter(slug="second").exists()
    assert not ActionRequest.objects.exists()


def test_a_price_holds_from_now_on(world: World, people: tuple[Actor, Actor]) -> None:
    payload = {"gateway_id": world.gateway.pk, "country": "LT", "price": "0.0612"}
    done = execute("rates.save", payload, actor=people[0])
    assert isinstance(done, Done)
    prices = Rate.objects.filter(gateway=world.gateway, country="LT").order_by("valid_from")
    assert [str(rate.price) for rate in prices] == ["0.050000", "0.061200"]
    assert prices[0].valid_to == prices[1].valid_from


def test_a_price_of_the_past_or_of_nothing_is_refused(
    world: World, people: tuple[Actor, Actor]
) -> None:
    payload = {"gateway_id": world.gateway.pk, "country": "LT", "price": "0.06"}
    with pytest.raises(InvalidInput):
        execute("rates.save", payload | {"valid_from": "2020-01-01T00:00:00Z"}, actor=people[0])
    with pytest.raises(NotFound):
        execute("rates.save", payload | {"gateway_id": 999_999}, actor=people[0])
    with pytest.raises(InvalidInput):
        execute("rates.save", payload | {"price": "-1"}, actor=people[0])
    assert Rate.objects.filter(gateway=world.gateway).count() == 1


def test_an_approved_sender_is_verified_where_it_may_be_used(
    world: World, people: tuple[Actor, Actor]
) -> None:
    """[R-5.8]"""
    request = agreed("sender_ids.save", SENDER | {"brand_id": world.brand.pk}, people)
    assert request.state == "succeeded", request.result
    sender = SenderId.objects.get(value="AcmeShop")
    assert (sender.state, sender.can_receive) == ("verified", False)
    assert sender_eligibility(sender) == {"LT": "allowed"}


def test_a_bad_sender_is_refused(world: World, people: tuple[Actor, Actor]) -> None:
    """[R-5.1]"""
    payload = SENDER | {"brand_id": world.brand.pk, "value": "Аcme"}
    with pytest.raises(InvalidInput):
        execute("sender_ids.save", payload, actor=people[0])
    assert not ActionRequest.objects.exists()
    assert not SenderId.objects.filter(value="Аcme").exists()


def test_the_token_is_entered_on_the_server(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO("new-token\n"))
    call_command("gateway_credentials", world.gateway.slug)
    assert credentials_read(Gateway.objects.get(pk=world.gateway.pk)) == {"token": "new-token"}
    out = capsys.readouterr().out
    assert "new-token" not in out
    assert world.secret in out
    assert AuditEntry.objects.filter(
        operation="gateways.credentials", outcome="credentials"
    ).exists()
    call_command("gateway_credentials", world.gateway.slug, "--new-webhook-secret")
    assert world.secret not in capsys.readouterr().out
    before = bytes(Gateway.objects.get(pk=world.gateway.pk).credentials)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(CommandError):
        call_command("gateway_credentials", world.gateway.slug)
    assert bytes(Gateway.objects.get(pk=world.gateway.pk).credentials) == before


def test_every_provider_asks_for_its_own_secrets(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io
    import sys

    Gateway.objects.filter(pk=world.gateway.pk).update(transport="twilio")
    call_command("gateway_credentials", world.gateway.slug, "--fields")
    asked = capsys.readouterr().out
    assert asked.splitlines()[:2] == [
        "account_sid: Account SID (AC…)",
        "auth_token: Auth token (also signs its webhooks)",
    ]
    assert "(optional)" in asked
    monkeypatch.setattr(sys, "stdin", io.StringIO("AC1\nsecret\n\n\nMG1\n"))
    call_command("gateway_credentials", world.gateway.slug)
    assert credentials_read(Gateway.objects.get(pk=world.gateway.pk)) == {
        "account_sid": "AC1",
        "auth_token": "secret",
        "messaging_service_sid": "MG1",
    }
    assert "/events" in capsys.readouterr().out
