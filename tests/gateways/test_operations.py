"""The reading operations of the wire: every noun of features §2.0, masked, within one's teams."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.gateways import services
from smsmarketing.gateways.models import InboundMessage, Message
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import Actor, Done, Surface
from tests.gateways.world import World, world_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor(world: World) -> Actor:
    return actor_of(world)


def actor_of(world: World, *without: str) -> Actor:
    return Actor(
        user=world.user,
        surface=Surface.REST,
        permissions=frozenset(PERMISSIONS) - set(without),
        team_ids=frozenset({world.team.pk}),
    )


def call(key: str, actor: Actor, **payload: Any) -> dict[str, Any]:
    outcome = execute(key, payload, actor=actor)
    assert isinstance(outcome, Done)
    return outcome.result.model_dump(mode="json")


def test_gateways_with_rates_reports_limits_and_fallback(world: World, actor: Actor) -> None:
    (row,) = call("gateways.list", actor, country="LT")["items"]
    assert row["name"] == world.gateway.name
    assert row["countries"] == ["GB", "LT", "LV", "US"]
    assert [(rate["country"], rate["price"]) for rate in row["rates"]] == [
        ("LT", {"amount": "0.05", "currency": "EUR"})
    ]
    assert row["countries_without_rate"] == ["GB", "LV", "US"]
    assert row["delivery_reports"] is True
    assert row["rate_limits"]["messages_per_second"] == 100_000
    assert row["fallback"] == ""
    assert "token" not in str(row)
    assert call("gateways.list", actor, country="FR")["items"] == []


def test_only_the_price_in_force_is_shown(world: World, actor: Actor) -> None:
    services.rate_set(world.gateway, country="LT", price=Decimal("0.07"))
    (row,) = call("gateways.list", actor)["items"]
    assert [rate["price"]["amount"] for rate in row["rates"]] == ["0.07"]


def test_senders_with_registry_regions_and_brand(world: World, actor: Actor) -> None:
    world_make()
    (row,) = call("sender_ids.list", actor)["items"]
    assert row["value"] == world.sender.value
    assert row["state"] == "verified"
    assert row["usable"] is True
    assert row["brand"] == world.brand.name
    assert row["registry_status"] == "not_required"
    assert {region["country"]: region["status"] for region in row["regions"]}["US"] == "register"
    assert call("sender_ids.list", actor, country="US")["items"] == []


def test_quota_shows_what_is_left_and_sendable(world: World, actor: Actor) -> None:
    world.batch(world.contacts(4))
    result = call("quotas.get", actor)
    assert result["quota"]["parts_reserved"] == 4
    assert result["quota"]["parts_left"] == 999_996
    assert result["quota"]["money_reserved"] == {"amount": "0.2", "currency": "EUR"}
    (gateway,) = result["gateways"]
    assert gateway["sendable"] == {"LT": 999_996}
    assert {row["encoding"]: (row["single"], row["each"]) for row in result["segment_billing"]} == {
        "gsm7": (160, 153),
        "ucs2": (70, 67),
    }


def test_quota_of_a_foreign_team_is_not_found(world: World, actor: Actor) -> None:
    with pytest.raises(NotFound):
        call("quotas.get", actor, team_id=world_make().team.pk)


def test_caps_by_brand_with_the_defaults(world: World, actor: Actor) -> None:
    """[R-7.15], [R-7.18]"""
    (row,) = call("frequency_caps.get", actor)["brands"]
    assert (row["daily"], row["weekly"], row["per_campaign"]) == (1, 4, 1)
    assert row["transactional"] == [{"window_hours": 24, "limit": 10}]
    services.caps_set(brand=world.brand, purpose="marketing", caps=[(24, 2)])
    services.caps_set(brand=None, purpose="marketing", caps=[(24, 3), (168, 5)])
    (row,) = call("frequency_caps.get", actor)["brands"]
    assert (row["daily"], row["weekly"]) == (2, 5)


def test_batches_add_up_and_say_what_pending_is(world: World, actor: Actor) -> None:
    batch = world.batch(world.contacts(5))
    first, second, third, fourth, _ = Message.objects.filter(batch=batch).order_by("id")
    now = timezone.now()
    mark(first, state="delivered", accepted_at=now)
    mark(second, state="undelivered", error_code="43", error_class="soft", accepted_at=now)
    mark(third, state="unknown")
    mark(fourth, state="accepted", accepted_at=now)
    result = call("send_batches.list", actor)
    (row,) = result["items"]
    assert row["gateway"] == world.gateway.name
    assert (row["planned"], row["delivered"], row["failed"], row["unknown"]) == (5, 1, 1, 1)
    assert row["pending"] == 2
    assert row["billed"] == {"amount": "0.2", "currency": "EUR"}
    assert row["error_summary"] == [
        {
            "code": "43",
            "error_class": "soft",
            "meaning": "The phone is off or out of range.",
            "messages": 1,
        }
    ]
    assert row["gateway_responses"]["accepted"] == 3
    assert row["updated_at"] is not None
    meanings = {each["state"]: each["meaning"] for each in result["status_definitions"]}
    assert "pending is not success" in meanings["accepted"]
    assert call("send_batches.list", actor, state="done")["items"] == []


def test_delivery_of_one_message(world: World, actor: Actor) -> None:
    contact = world.contacts(1)[0]
    batch = world.batch([contact])
    message = Message.objects.get(batch=batch)
    mark(
        message,
        state="undelivered",
        error_code="43",
        error_class="soft",
        gateway_id=world.gateway.pk,
        gateway_message_id="g-7",
        accepted_at=timezone.now(),
        parts_billed=2,
        price_billed=Decimal("0.11"),
    )
    by_id = call("delivery_status.get", actor, message_id=message.pk)
    by_phone = call("delivery_status.get", actor, phone=contact.phone)
    assert by_id["messages"] == by_phone["messages"]
    (row,) = by_id["messages"]
    assert row["phone"] != contact.phone
    assert row["failure_reason"] == "The phone is off or out of range."
    assert (row["charge"]["amount"], row["charge_is"], row["parts"]) == ("0.11", "billed", 2)
    assert row["gateway_message_id"] == "g-7"
    assert row["may_be_resent"] is True
    assert "Hello" not in str(row)


def test_a_message_of_another_team_is_not_found(world: World, actor: Actor) -> None:
    other = world_make()
    batch = other.batch(other.contacts(1))
    with pytest.raises(NotFound):
        call("delivery_status.get", actor, message_id=Message.objects.get(batch=batch).pk)
    assert call("messages.list", actor, batch_id=batch.pk)["items"] == []
    assert call("send_batches.list", actor)["items"] == []


def test_delivery_needs_exactly_one_name(actor: Actor) -> None:
    with pytest.raises(InvalidInput):
        call("delivery_status.get", actor)
    with pytest.raises(InvalidInput):
        call("messages.list", actor)


def test_messages_of_a_batch_by_state(world: World, actor: Actor) -> None:
    batch = world.batch(world.contacts(3))
    mark(Message.objects.filter(batch=batch).first(), state="skipped", reason="capped")
    (row,) = call("messages.list", actor, batch_id=batch.pk, state="skipped")["items"]
    assert row["failure_reason"] == "The frequency cap of this person is reached."
    page = call("messages.list", actor, batch_id=batch.pk, limit=2)
    rest = call("messages.list", actor, batch_id=batch.pk, limit=2, cursor=page["next_cursor"])
    assert len(page["items"]) + len(rest["items"]) == 3
    with pytest.raises(InvalidInput):
        call("messages.list", actor, batch_id=batch.pk, state="sent")


def test_replies_are_marked_as_written_by_strangers(world: World, actor: Actor) -> None:
    """[R-9.27]"""
    contact = world.contacts(1)[0]
    Client().post(
        f"/webhooks/{world.gateway.slug}/{world.secret}/inbound",
        data={"from": contact.phone, "to": world.sender.value, "text": "<b>Hi</b> there"},
        content_type="application/json",
    )
    (row,) = call("inbound.list", actor, waiting=True)["items"]
    assert row["text"]["untrusted"] is True
    assert "<" not in row["text"]["text"]
    assert row["phone"] != contact.phone
    assert InboundMessage.objects.count() == 1


def test_contacts_get_shows_the_send_history(world: World, actor: Actor) -> None:
    contact = world.contacts(1)[0]
    world.batch([contact])
    result = call("contacts.get", actor_for_user_all(world), contact_id=contact.pk)
    (sent,) = result["send_history"]
    assert sent["state"] == "queued"
    assert sent["brand"] == world.brand.name


def actor_for_user_all(world: World) -> Actor:
    found = actor_for_user(world.user, surface=Surface.REST)
    return Actor(
        user=found.user,
        surface=found.surface,
        permissions=frozenset(PERMISSIONS),
        team_ids=found.team_ids,
        sees_all_teams=True,
    )


def mark(message: Message | None, **fields: Any) -> None:
    assert message is not None
    Message.objects.filter(pk=message.pk).update(**fields)
