"""Replies: STOP holds before the gateway gets its answer; one confirmation at most."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest
from django.test import Client

from smsmarketing.contacts.models import Contact, SendState, Suppression
from smsmarketing.gateways.models import (
    Batch,
    Gateway,
    InboundMessage,
    Message,
    Receipt,
    SenderId,
)
from smsmarketing.operations.models import AuditEntry
from tests.gateways.world import World

pytestmark = pytest.mark.django_db
_ids = itertools.count(1)


@pytest.fixture
def person(world: World) -> Contact:
    return world.contacts(1, prefix="+3706")[0]


def write(world: World, phone: str | None, text: str, **fields: object) -> int:
    body = {"from": phone, "to": world.sender.value, "text": text, "id": f"in-{next(_ids)}"}
    response = Client().post(
        f"/webhooks/{world.gateway.slug}/{fields.pop('secret', world.secret)}/inbound",
        data=fields.pop("raw", None) or json.dumps(body | fields),
        content_type="application/json",
    )
    if response.status_code == 200:
        assert response.content == b"OK"
    return response.status_code


def replies() -> list[str]:
    return list(Message.objects.filter(batch__purpose="reply").values_list("body", flat=True))


def test_stop_suppresses_the_brand_before_the_answer(world: World, person: Contact) -> None:
    """[R-2.8], [R-2.14], [R-2.20]"""
    assert write(world, person.phone, "Stop.") == 200
    row = Suppression.objects.get()
    assert (row.scope, row.brand, row.reason, row.source) == (
        "brand",
        world.brand,
        "opt_out",
        "inbound",
    )
    assert {"marketing", "notification"} <= set(row.purposes)
    inbound = InboundMessage.objects.get()
    assert inbound.suppression_id == row.pk
    assert row.evidence["text"] == "Stop."
    assert row.evidence["normalised"] == "stop"
    assert row.evidence["level"] == "exact"
    assert row.evidence["list_version"]
    assert SendState.objects.get(contact=person).marketing_reason == "opted_out"
    assert AuditEntry.objects.filter(operation="inbound.receive", outcome="opt_out").exists()


def test_stop_gets_one_confirmation_and_the_second_stop_none(world: World, person: Contact) -> None:
    """[R-2.10]"""
    write(world, person.phone, "STOP")
    write(world, person.phone, "STOP")
    assert len(replies()) == 1
    assert world.brand.name_in_texts in replies()[0]
    batch = Batch.objects.get(purpose="reply")
    assert batch.state == "ready"
    assert batch.sender == world.sender
    assert batch.not_after is not None
    assert batch.not_after - batch.created_at == timedelta(minutes=5)


def test_a_gateway_that_answers_stop_itself_keeps_us_silent(world: World, person: Contact) -> None:
    """[R-2.11]"""
    Gateway.objects.filter(pk=world.gateway.pk).update(handles_stop_replies=True)
    write(world, person.phone, "STOP")
    assert Suppression.objects.count() == 1
    assert replies() == []


def test_a_sender_that_is_not_verified_stays_silent_and_stop_holds(
    world: World, person: Contact
) -> None:
    SenderId.objects.filter(pk=world.sender.pk).update(state="suspended")
    write(world, person.phone, "STOP")
    assert Suppression.objects.count() == 1
    assert replies() == []


def test_start_restores_only_what_stop_removed(world: World, person: Contact) -> None:
    """[R-2.12]"""
    write(world, person.phone, "STOP")
    write(world, person.phone, "START")
    assert Suppression.objects.get().lifted_at is not None
    from smsmarketing.contacts.services import suppression_add

    suppression_add(
        phone=person.phone or "",
        scope="global",
        reason="complaint",
        source="admin",
        evidence={},
    )
    write(world, person.phone, "START")
    assert Suppression.objects.get(reason="complaint").lifted_at is None


def test_help_is_answered_once_a_day_also_when_opted_out(world: World, person: Contact) -> None:
    """[R-2.13]"""
    write(world, person.phone, "STOP")
    write(world, person.phone, "HELP")
    write(world, person.phone, "HELP")
    assert replies().count(world.brand.help_line) == 1


def test_other_text_changes_nothing(world: World, person: Contact) -> None:
    """[R-2.5]"""
    write(world, person.phone, "When does the sale stop?")
    assert not Suppression.objects.exists()
    assert replies() == []
    assert InboundMessage.objects.get().action == "review"


def test_please_leave_me_alone_holds_marketing_for_a_person(world: World, person: Contact) -> None:
    """[R-2.4]"""
    write(world, person.phone, "leave me alone")
    assert Suppression.objects.get().purposes == ["marketing"]
    assert replies() == []
    assert InboundMessage.objects.get().reviewed_at is None


def test_the_same_reply_twice_is_one(world: World, person: Contact) -> None:
    """[R-10.2]"""
    for _ in range(2):
        assert write(world, person.phone, "STOP", id="same") == 200
    assert InboundMessage.objects.count() == 1


def test_stop_start_stop_without_ids_ends_in_stop(world: World, person: Contact) -> None:
    for text in ("STOP", "START", "STOP"):
        write(world, person.phone, text, id=None)
    assert InboundMessage.objects.count() == 3
    assert Suppression.objects.filter(lifted_at=None).count() == 1


def test_stop_from_a_number_nobody_knows_counts(world: World) -> None:
    assert write(world, "+37061234567", "STOP") == 200
    assert Suppression.objects.get().contact is None


def test_stop_to_a_number_nobody_knows_holds_everywhere(world: World, person: Contact) -> None:
    write(world, person.phone, "STOP", to="+37099999999")
    assert Suppression.objects.get().scope == "global"


def test_short_codes_and_names_are_never_answered(world: World) -> None:
    """[R-2.10]"""
    assert write(world, "12345", "HELP") == 200
    assert write(world, "AcmeBank", "STOP") == 200
    assert replies() == []
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("raw", ['{"from": "+3706', "[]", '{"from": "+37061234567"}'])
def test_an_unreadable_reply_is_kept_and_asked_for_again(world: World, raw: str) -> None:
    assert write(world, None, "", raw=raw) == 400
    assert Receipt.objects.get().kind == "inbound"
    assert not InboundMessage.objects.exists()


def test_a_wrong_secret_stores_nothing(world: World, person: Contact) -> None:
    """[R-10.1]"""
    assert write(world, person.phone, "STOP", secret="wrong") == 403
    assert not InboundMessage.objects.exists()
    assert not Suppression.objects.exists()
