"""Texts whose time is over go; rows, states, parts and money stay [R-4.14]."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Sum
from django.utils import timezone

from smsmarketing.contacts.models import Suppression
from smsmarketing.gateways.models import Batch, InboundMessage, Message
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
    assert entry.facts == {"message_texts": 2, "raw_receipts": 0, "reply_texts": 0}
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
