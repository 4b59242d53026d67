"""Numbers that gateways found dead are retired for a time, and come back when a text arrives."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.contacts.models import Contact, SendState, Suppression, SuppressionLift
from smsmarketing.contacts.services import consent_record, send_states_expire, suppression_add
from smsmarketing.contacts.services.retirement import number_retire, numbers_revive
from smsmarketing.gateways.intake import receipts_apply
from smsmarketing.gateways.models import Message
from smsmarketing.gateways.rules.numbers import (
    UNKNOWN_APART,
    UNREACHABLE_BATCHES,
    UNREACHABLE_WITHIN,
    Answer,
    number_fault,
    number_verdict,
)
from smsmarketing.gateways.services.suspects import suspect_suppress
from tests.contacts.conftest import evidence
from tests.gateways.world import World

pytestmark = pytest.mark.django_db


def texted(world: World, contact: Contact) -> Message:
    """A text of a new batch that the gateway accepted."""
    batch = world.batch([contact])
    now = timezone.now()
    Message.objects.filter(batch=batch).update(
        state="accepted", attempt=1, gateway_id=world.gateway.pk, handed_at=now, accepted_at=now
    )
    return Message.objects.get(batch=batch)


def answered(world: World, message: Message, status: int, error: str = "") -> None:
    body = {"id": "g-1", "status": str(status), **({"error": error} if error else {})}
    response = Client().post(
        f"/webhooks/{world.gateway.slug}/{world.secret}/dlr/{message.pk}",
        data=json.dumps(body),
        content_type="application/json",
    )
    assert response.status_code == 200
    receipts_apply()


def ended(
    world: World, contact: Contact, status: int, error: str = "", days_ago: int = 0
) -> Message:
    """A text with its receipt, as if that many days ago."""
    message = texted(world, contact)
    answered(world, message, status, error)
    if days_ago:
        at = timezone.now() - timedelta(days=days_ago)
        Message.objects.filter(pk=message.pk).update(final_at=at, created_at=at)
    return message


@pytest.fixture
def contact(world: World) -> Contact:
    contact = world.contacts(1)[0]
    consent_record(contact, evidence(), brand=world.brand)
    contact.refresh_from_db()
    return contact


def days_of(row: Suppression) -> int:
    assert row.expires_at is not None
    return round((row.expires_at - row.created_at).total_seconds() / 86400)


@pytest.mark.parametrize("code", ["1", "41", "53"])
def test_a_bad_number_is_retired_at_once_for_a_year(
    world: World, contact: Contact, code: str
) -> None:
    """compliance §2.5: hard, everywhere."""
    message = ended(world, contact, 2, code)
    row = Suppression.objects.get()
    assert (row.scope, row.reason, row.source, days_of(row)) == (
        "global",
        "invalid",
        "gateway",
        365,
    )
    assert row.evidence["message_id"] == message.pk
    state = SendState.objects.get(contact=contact)
    assert (state.marketing_reason, state.transactional_reason) == ("invalid", "invalid")


def test_an_unknown_subscriber_needs_two_answers_a_week_apart(
    world: World, contact: Contact
) -> None:
    """compliance §2.5: hard after 2 events >= 7 days apart."""
    ended(world, contact, 2, "40", days_ago=6)
    ended(world, contact, 2, "40")
    assert not Suppression.objects.exists()
    Message.objects.filter(contact_id=contact.pk).update(
        final_at=timezone.now() - timedelta(days=7, minutes=1)
    )
    ended(world, contact, 2, "40")
    row = Suppression.objects.get()
    assert (row.reason, days_of(row)) == ("unknown_subscriber", 180)
    assert SendState.objects.get(contact=contact).marketing_reason == "invalid"


def test_a_delivery_between_two_answers_begins_the_count_anew(
    world: World, contact: Contact
) -> None:
    ended(world, contact, 2, "40", days_ago=20)
    ended(world, contact, 1, days_ago=10)
    ended(world, contact, 2, "40")
    assert not Suppression.objects.exists()


def test_three_campaigns_without_a_delivery_retire_a_number_from_marketing(
    world: World, contact: Contact
) -> None:
    """compliance §2.5: soft; 3 campaigns in 30 days; other purposes may go on."""
    ended(world, contact, 2, "43", days_ago=31)
    ended(world, contact, 2, "43", days_ago=20)
    ended(world, contact, 16, days_ago=10)
    assert not Suppression.objects.exists()
    ended(world, contact, 2, "2")
    row = Suppression.objects.get()
    assert (row.reason, days_of(row), row.purposes) == ("unreachable", 90, ["marketing"])
    state = SendState.objects.get(contact=contact)
    assert (state.marketing_reason, state.transactional_reason) == ("unreachable", None)


@pytest.mark.parametrize("code", ["20", "21", "22", "23", "24", "51", "999", "777"])
def test_filters_duplicates_and_unknown_codes_never_retire_a_person(
    world: World, contact: Contact, code: str
) -> None:
    """compliance §2.5: filtered and gateway_cap do not suppress the person."""
    for _ in range(4):
        ended(world, contact, 2, code)
    assert not Suppression.objects.exists()
    assert SendState.objects.get(contact=contact).marketing_reason is None


def test_a_missing_receipt_says_nothing_of_the_number() -> None:
    for known in (None,):
        assert (
            number_fault(known, error_class="", error_code="", state="expired", reason="no_receipt")
            is None
        )


def test_an_opt_out_list_of_the_carrier_holds_for_its_sender(
    world: World, contact: Contact
) -> None:
    """compliance §2.5: scope sender, mark carrier_block; it does not run out."""
    suspect_suppress(
        phone=str(contact.phone),
        error_class="optout",
        error_code="21610",
        message_id=1,
        gateway_id=world.gateway.pk,
        brand_id=world.brand.pk,
        sender_value="Acme",
    )
    row = Suppression.objects.get()
    assert (row.scope, row.reason, row.sender, row.expires_at) == (
        "sender",
        "carrier_block",
        "Acme",
        None,
    )
    assert SendState.objects.get(contact=contact).marketing_reason is None


def test_a_text_that_arrives_after_all_brings_the_number_back(
    world: World, contact: Contact
) -> None:
    """The receipt is corrected [R-10.4]: the number lives."""
    message = ended(world, contact, 2, "53")
    answered(world, message, 1)
    row = Suppression.objects.get()
    assert row.lifted_at is not None
    lift = SuppressionLift.objects.get()
    assert (lift.suppression_id, lift.actor) == (row.pk, "system:receipts")
    assert SendState.objects.get(contact=contact).marketing_reason is None


def test_the_delivery_of_an_older_text_brings_nothing_back(world: World, contact: Contact) -> None:
    older, newer = texted(world, contact), texted(world, contact)
    answered(world, newer, 2, "53")
    answered(world, older, 1)
    assert Suppression.objects.get().lifted_at is None
    assert SendState.objects.get(contact=contact).marketing_reason == "invalid"


@pytest.mark.parametrize("reason", ["opt_out", "complaint", "invalid", "legal"])
def test_a_delivery_lifts_nothing_that_a_person_said_or_entered(
    world: World, contact: Contact, reason: str
) -> None:
    """[R-2.12], [R-2.16]."""
    suppression_add(
        phone=str(contact.phone),
        scope="global",
        reason=reason,
        source="import",
        evidence={},
    )
    ended(world, contact, 1)
    assert Suppression.objects.get().lifted_at is None
    assert not SuppressionLift.objects.exists()


def test_the_end_of_a_retirement_is_seen_by_the_send_state(world: World, contact: Contact) -> None:
    past = timezone.now() - timedelta(days=91)
    number_retire(phone=str(contact.phone), reason="unreachable", evidence={}, at=past)
    assert SendState.objects.get(contact=contact).marketing_reason == "unreachable"
    send_states_expire()
    assert SendState.objects.get(contact=contact).marketing_reason is None
    assert Suppression.objects.get().lifted_at is None


def test_the_expiry_is_a_setting(world: World, contact: Contact, settings: Any) -> None:
    settings.NUMBER_INVALID_DAYS = 10
    ended(world, contact, 2, "53")
    assert days_of(Suppression.objects.get()) == 10


def test_reviving_a_number_that_is_not_retired_does_nothing(world: World, contact: Contact) -> None:
    assert numbers_revive({str(contact.phone): 5}, at=timezone.now()) == 0


_NOW = datetime.fromisoformat("2026-06-30T12:00:00+00:00")
_answers = st.lists(
    st.builds(
        Answer,
        at=st.integers(0, 4000).map(lambda hours: _NOW - timedelta(hours=hours)),
        batch_id=st.integers(1, 5),
        fault=st.sampled_from([None, "unknown_subscriber", "unreachable"]),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(history=_answers, data=st.data())
def test_the_verdict_needs_what_the_table_says(history: list[Answer], data: Any) -> None:
    """Whatever the order of the answers: never without enough of them since the last delivery."""
    shuffled = data.draw(st.permutations(history))
    alive = max((each.at for each in history if each.fault is None), default=None)
    for fault in ("unknown_subscriber", "unreachable"):
        verdict = number_verdict(fault, history, now=_NOW)
        assert verdict == number_verdict(fault, shuffled, now=_NOW)
        since = [
            each for each in history if each.fault == fault and (alive is None or each.at > alive)
        ]
        times = sorted(each.at for each in since)
        if fault == "unknown_subscriber":
            enough = len(times) > 1 and times[-1] - times[0] >= UNKNOWN_APART
        else:
            recent = {each.batch_id for each in since if _NOW - each.at < UNREACHABLE_WITHIN}
            enough = len(recent) >= UNREACHABLE_BATCHES
        assert (verdict == fault) is enough
    assert number_verdict("invalid", history, now=_NOW) == "invalid"
