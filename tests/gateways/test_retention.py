"""Texts whose time is over go; rows, states, parts and money stay [R-4.14]."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from smsmarketing.contacts.models import Suppression
from smsmarketing.contacts.services import suppression_add
from smsmarketing.gateways.models import Attempt, Batch, InboundMessage, Message, Receipt
from smsmarketing.gateways.selectors.batches import batch_counts, batch_totals
from smsmarketing.gateways.selectors.opt_outs_after import opt_outs_after
from smsmarketing.gateways.services import retention
from smsmarketing.gateways.services.retention import texts_expire
from smsmarketing.operations.models import AuditEntry
from tests.gateways.test_webhooks_inbound import write
from tests.gateways.world import World

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def ended(world: World, purpose: str = "marketing") -> Batch:
    """A batch of two messages that ended now."""
    batch = world.batch(world.contacts(2))
    Batch.objects.filter(pk=batch.pk).update(
        state="done", purpose=purpose, finished_at=NOW, created_at=NOW
    )
    Message.objects.filter(batch=batch).update(state="delivered")
    return batch


def texts(batch: Batch) -> set[str]:
    return set(Message.objects.filter(batch=batch).values_list("body", flat=True))


def test_marketing_texts_go_after_90_days_and_totals_stay(world: World) -> None:
    """[R-4.14] and no report changes through it."""
    batch = ended(world)
    assert texts_expire(now=NOW + timedelta(days=89))["message_texts"] == 0
    assert "" not in texts(batch)
    before = Message.objects.aggregate(Sum("parts"), Sum("price"))
    later = NOW + timedelta(days=91)
    assert texts_expire(now=later)["message_texts"] == 2
    assert texts(batch) == {""}
    assert Batch.objects.get(pk=batch.pk).bodies_removed_at == later
    assert Message.objects.filter(batch=batch, state="delivered").count() == 2
    assert Message.objects.aggregate(Sum("parts"), Sum("price")) == before
    entry = AuditEntry.objects.get(operation="gateways.texts_expire")
    assert {kind: count for kind, count in entry.facts.items() if count} == {"message_texts": 2}
    assert texts_expire(now=later)["message_texts"] == 0
    assert AuditEntry.objects.filter(operation="gateways.texts_expire").count() == 1


def test_codes_go_after_a_day_but_not_one_that_still_waits(world: World) -> None:
    """[R-4.14] one-time codes: 24 hours."""
    batch = ended(world, "otp")
    waiting = Message.objects.filter(batch=batch).earliest("pk")
    Message.objects.filter(pk=waiting.pk).update(state="queued")
    assert texts_expire(now=NOW + timedelta(hours=23))["message_texts"] == 0
    later = NOW + timedelta(hours=25)
    assert texts_expire(now=later)["message_texts"] == 1
    assert Batch.objects.get(pk=batch.pk).bodies_removed_at is None
    Message.objects.filter(pk=waiting.pk).update(state="delivered")
    assert texts_expire(now=later)["message_texts"] == 1
    assert Batch.objects.get(pk=batch.pk).bodies_removed_at == later


def test_replies_go_after_13_months_and_their_opt_out_stays(world: World) -> None:
    """[R-4.14], [R-2.20] the proof of a STOP is with the suppression."""
    contact = world.contacts(1)[0]
    write(world, str(contact.phone), "STOP")
    assert texts_expire(now=NOW + timedelta(days=390))["reply_texts"] == 0
    assert texts_expire(now=NOW + timedelta(days=400))["reply_texts"] == 1
    row = InboundMessage.objects.get()
    assert (row.text, row.normalised, bytes(row.raw), row.action) == ("", "", b"", "opt_out")
    block = Suppression.objects.get()
    assert block.lifted_at is None
    assert "STOP" in str(block.evidence)


def test_who_got_a_message_is_forgotten_after_13_months_and_no_figure_changes(world: World) -> None:
    """[R-4.14] delivery metadata: 13 months; opt-outs of the time are counted before."""
    batch = ended(world)
    Message.objects.filter(batch=batch).update(
        handed_at=NOW, accepted_at=NOW, final_at=NOW, gateway_message_id="gw-1", error_code="7"
    )
    first, second = Message.objects.filter(batch=batch).order_by("pk")
    Message.objects.filter(pk=second.pk).update(phone="", phone_hash=b"h" * 32)
    with transaction.atomic():
        suppression_add(
            phone=first.phone,
            scope="brand",
            brand=world.brand,
            reason="opt_out",
            source="web",
            evidence={},
            at=NOW + timedelta(hours=1),
        )
    Attempt.objects.create(
        message_id=first.pk, number=1, gateway_id=world.gateway.pk, handed_at=NOW, outcome="failed"
    )
    for state in ("applied", "parked", "new"):
        Receipt.objects.create(gateway=world.gateway, raw=b"x", received_at=NOW, state=state)
    before = (batch_counts([batch.pk]), batch_totals([batch.pk]), opt_outs_after([batch.pk]))
    assert before[2] == {batch.pk: 1}
    early = texts_expire(now=NOW + timedelta(days=390))
    assert (early["message_numbers"], early["receipts"], Attempt.objects.count()) == (0, 0, 1)
    assert Message.objects.get(pk=first.pk).phone == first.phone
    done = texts_expire(now=NOW + timedelta(days=396))
    assert (done["message_numbers"], done["receipts"]) == (2, 2)
    for row in Message.objects.filter(batch=batch):
        assert (row.phone, row.contact_id, row.phone_hash, row.body) == ("", None, None, "")
        assert (row.gateway_message_id, row.error_code, row.state) == ("", "7", "delivered")
    assert not Attempt.objects.exists()
    assert Receipt.objects.get().state == "new"
    assert before == (
        batch_counts([batch.pk]),
        batch_totals([batch.pk]),
        opt_outs_after([batch.pk]),
    )
    assert Suppression.objects.get().phone == first.phone
    again = texts_expire(now=NOW + timedelta(days=397))
    assert not any(again.values())


def test_a_message_that_may_still_go_keeps_its_number(world: World) -> None:
    """Also in a send that stands still for more than 13 months; what is over is forgotten."""
    batch = world.batch(world.contacts(2))
    over, waits = Message.objects.filter(batch=batch).order_by("pk")
    Message.objects.filter(pk=over.pk).update(state="delivered", final_at=NOW)
    Batch.objects.filter(pk=batch.pk).update(state="paused", created_at=NOW)
    assert texts_expire(now=NOW + timedelta(days=400))["message_numbers"] == 1
    assert Message.objects.get(pk=over.pk).phone == ""
    assert Message.objects.get(pk=waits.pk).phone == waits.phone
    assert Message.objects.get(pk=waits.pk).body
    assert Batch.objects.get(pk=batch.pk).numbers_removed_at is None


def test_who_wrote_is_forgotten_after_13_months_unless_a_decision_waits(world: World) -> None:
    """[R-4.14] inbound: 13 months."""
    contacts = world.contacts(2)
    write(world, str(contacts[0].phone), "STOP")
    write(world, str(contacts[1].phone), "hello there")
    InboundMessage.objects.filter(contact_id=contacts[1].pk).update(action="review")
    assert texts_expire(now=NOW + timedelta(days=390))["reply_numbers"] == 0
    assert texts_expire(now=NOW + timedelta(days=400))["reply_numbers"] == 1
    row = InboundMessage.objects.get(action="opt_out")
    assert (row.phone, bytes(row.phone_hash), row.contact_id) == ("", b"", None)
    assert row.external_id == f"removed:{row.pk}"
    assert InboundMessage.objects.get(action="review").contact_id == contacts[1].pk
    assert Suppression.objects.get().phone == contacts[0].phone
    assert texts_expire(now=NOW + timedelta(days=400))["reply_numbers"] == 0


def test_batches_that_cannot_be_cleared_do_not_hold_up_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More stuck codes than a page holds, older than the rest: in one run, and over several."""
    monkeypatch.setattr(retention, "_BATCHES", 2)
    stuck = [ended(world, "otp") for _ in range(3)]
    Message.objects.update(state="queued")
    free = [ended(world, "otp") for _ in range(2)]
    later = NOW + timedelta(hours=25)
    monkeypatch.setattr(retention, "_STEPS", 1)
    removed = [texts_expire(now=later)["message_texts"] for _ in range(3)]
    assert sum(removed) == 4
    assert [texts(batch) for batch in free] == [{""}, {""}]
    assert all("" not in texts(batch) for batch in stuck)


def test_a_batch_whose_rows_somebody_holds_is_left_for_the_next_run(world: World) -> None:
    """The others are cleared meanwhile."""
    held, free = ended(world, "otp"), ended(world, "otp")
    row = Message.objects.filter(batch=held).earliest("pk")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.busy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'busy' USING ERRCODE = 'lock_not_available'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER busy BEFORE UPDATE ON gateways_message FOR EACH ROW"
            f" WHEN (OLD.id = {row.pk}) EXECUTE FUNCTION pg_temp.busy()"
        )
    later = NOW + timedelta(hours=25)
    assert texts_expire(now=later)["message_texts"] == 2
    assert (texts(free), texts(held)) == ({""}, {"Hello"})
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER busy ON gateways_message")
    assert texts_expire(now=later)["message_texts"] == 2
    assert texts(held) == {""}
