"""Receipts: stored before they are understood, applied in any order."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from smsmarketing.gateways.intake import receipts_apply, receipts_replay
from smsmarketing.gateways.models import Batch, Gateway, Message, Receipt
from smsmarketing.operations.models import AuditEntry
from tests.gateways.world import World

pytestmark = pytest.mark.django_db


def post(world: World, message_id: int, *, secret: str = "", **fields: object) -> int:
    body = fields.pop("raw", None) or json.dumps({"id": "g-1", **fields})
    response = Client().post(
        f"/webhooks/{world.gateway.slug}/{secret or world.secret}/dlr/{message_id}",
        data=body,
        content_type="application/json",
    )
    if response.status_code == 200:
        assert response.content == b"OK"
    return response.status_code


@pytest.fixture
def sent(world: World) -> Message:
    """A message that the gateway accepted."""
    batch = world.batch(world.contacts(1))
    return accepted(world, batch)


def accepted(world: World, batch: Batch, state: str = "accepted") -> Message:
    now = timezone.now()
    Message.objects.filter(batch=batch).update(
        state=state, attempt=1, gateway_id=world.gateway.pk, handed_at=now, accepted_at=now
    )
    return Message.objects.get(batch=batch)


def state_of(message: Message) -> str:
    message.refresh_from_db()
    return message.state


def test_a_delivered_receipt_is_stored_then_applied(world: World, sent: Message) -> None:
    assert post(world, sent.pk, status="1") == 200
    assert Receipt.objects.get().state == "new"
    assert state_of(sent) == "accepted"
    assert receipts_apply().applied == 1
    assert state_of(sent) == "delivered"
    assert sent.final_at is not None


def test_a_receipt_twice_has_one_effect(world: World, sent: Message) -> None:
    """[R-10.2]"""
    for _ in range(2):
        post(world, sent.pk, status=1)
    report = receipts_apply()
    assert (report.applied, report.duplicate) == (1, 1)
    assert receipts_apply().total == 0


def test_the_first_final_state_wins_but_delivered_corrects(world: World, sent: Message) -> None:
    """[R-10.4]"""
    post(world, sent.pk, status="16")
    post(world, sent.pk, status="2", error="43")
    post(world, sent.pk, status="1")
    post(world, sent.pk, status="16")
    report = receipts_apply()
    assert (report.applied, report.late) == (2, 2)
    assert state_of(sent) == "delivered"
    entry = AuditEntry.objects.get(operation="gateways.receipts_apply")
    assert entry.facts["message_ids"] == [sent.pk]


def test_a_receipt_that_overtakes_the_answer_waits(world: World, sent: Message) -> None:
    """[R-10.3]"""
    Message.objects.filter(pk=sent.pk).update(state="handing_over", accepted_at=None)
    post(world, sent.pk, status="1")
    report = receipts_apply()
    assert report.parked >= 1
    assert state_of(sent) == "handing_over"
    Message.objects.filter(pk=sent.pk).update(state="accepted")
    receipts_apply()
    assert state_of(sent) == "delivered"


def test_a_receipt_resolves_unknown(world: World, sent: Message) -> None:
    Message.objects.filter(pk=sent.pk).update(state="unknown", accepted_at=None)
    post(world, sent.pk, status="1")
    receipts_apply()
    assert state_of(sent) == "delivered"
    assert sent.accepted_at is not None


def test_an_unknown_message_id_is_kept_and_acknowledged(world: World) -> None:
    """[R-10.3]"""
    assert post(world, 999_999_999, status="1") == 200
    receipts_apply()
    assert Receipt.objects.get().state == "parked"
    Receipt.objects.update(received_at=timezone.now() - timedelta(minutes=16))
    receipts_apply()
    assert Receipt.objects.get().state == "unusable"


def test_an_impossible_message_id_is_no_server_error(world: World) -> None:
    assert post(world, 10**30, status="1") == 200
    receipts_apply()
    assert Receipt.objects.get().state == "unusable"


def test_another_gateways_receipt_moves_nothing(world: World, sent: Message) -> None:
    Message.objects.filter(pk=sent.pk).update(gateway_id=world.gateway.pk + 1)
    post(world, sent.pk, status="1")
    assert receipts_apply().unusable == 1
    assert state_of(sent) == "accepted"


def test_an_unknown_code_is_not_guessed(world: World, sent: Message) -> None:
    """[R-10.4]"""
    post(world, sent.pk, status="8")
    assert receipts_apply().unusable == 1
    assert state_of(sent) == "accepted"
    assert "unknown_code" in Receipt.objects.get().note


@pytest.mark.parametrize("body", ['{"id": "g-1", "stat', "[]", '{"status": 1}', "\x00"])
def test_an_unreadable_body_is_kept_once_and_asked_for_again(
    world: World, sent: Message, body: str
) -> None:
    for _ in range(2):
        assert post(world, sent.pk, raw=body) == 400
    assert Receipt.objects.get().state == "unusable"
    assert receipts_apply().total == 0
    assert state_of(sent) == "accepted"


def test_a_wrong_secret_leaves_no_trace_but_a_counter(world: World, sent: Message) -> None:
    """[R-10.1]"""
    cache.delete("webhooks:refused:secret")
    assert post(world, sent.pk, secret="wrong", status="1") == 403
    assert not Receipt.objects.exists()
    assert cache.get("webhooks:refused:secret") == 1


def test_an_unknown_gateway_is_refused_like_a_wrong_secret(world: World, sent: Message) -> None:
    response = Client().post(
        f"/webhooks/nobody/{world.secret}/dlr/{sent.pk}", data="{}", content_type="application/json"
    )
    assert response.status_code == 403
    assert response.content == b""


def test_a_foreign_address_is_refused(world: World, sent: Message) -> None:
    Gateway.objects.filter(pk=world.gateway.pk).update(webhook_ips=["178.33.133.192/28"])
    assert post(world, sent.pk, status="1") == 403
    assert not Receipt.objects.exists()


def test_a_large_body_is_refused(world: World, sent: Message) -> None:
    assert post(world, sent.pk, raw="x" * 70_000) == 413
    assert not Receipt.objects.exists()


def test_reading_is_not_allowed(world: World, sent: Message) -> None:
    response = Client().get(f"/webhooks/{world.gateway.slug}/{world.secret}/dlr/{sent.pk}")
    assert response.status_code == 405


def test_a_database_that_is_down_is_never_acknowledged(world: World, sent: Message) -> None:
    """[R-10.3]"""

    def refuse(execute: object, *arguments: object) -> object:
        from django.db import OperationalError

        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(refuse):
        assert post(world, sent.pk, status="1") == 503


def test_a_permanent_failure_gives_the_slot_back(world: World) -> None:
    """[R-7.16]"""
    contacts = world.contacts(1)
    batch = world.batch(contacts, purpose="marketing")
    message = accepted(world, batch)
    state = contacts[0].send_states.get()
    state.recent = [message.handed_at]
    state.save()
    post(world, message.pk, status="2", error="43")
    receipts_apply()
    assert state_of(message) == "undelivered"
    state.refresh_from_db()
    assert state.recent == []


def test_a_number_the_carrier_calls_invalid_is_suppressed(world: World) -> None:
    contacts = world.contacts(1)
    message = accepted(world, world.batch(contacts))
    post(world, message.pk, status="2", error="53")
    receipts_apply()
    assert contacts[0].suppressions.get().reason == "invalid"


def test_receipts_can_be_read_again(world: World, sent: Message) -> None:
    post(world, sent.pk, status="1")
    receipts_apply()
    assert receipts_replay(since=timezone.now() - timedelta(hours=1)) == 1
    assert receipts_apply().duplicate == 1
    assert state_of(sent) == "delivered"


def test_the_command_replays(world: World, sent: Message, capsys: pytest.CaptureFixture) -> None:  # type: ignore[type-arg]
    post(world, sent.pk, status="1")
    call_command("receipts", "replay", "--since", "2020-01-01")
    assert "1 applied" in capsys.readouterr().out
    assert state_of(sent) == "delivered"
