"""Double opt-in over SMS [R-4.6]: asked once, answered only by the number itself, in a day."""

import itertools
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from smsmarketing.contacts.models import (
    ConsentEvent,
    Contact,
    DoubleOptIn,
    OptInForm,
    OptInFormVersion,
    SendState,
    Suppression,
)
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.double_opt_in import (
    Visit,
    double_opt_in_request,
    double_opt_ins_expire,
)
from smsmarketing.gateways.intake import opt_in_requests_follow, opt_in_requests_send
from smsmarketing.gateways.models import Batch, Message
from smsmarketing.gateways.services.approval import batch_gate_check
from smsmarketing.operations.errors import ApprovalRequired
from tests.gateways.world import World, world_make

PHONE = "+37061234567"
TEXT = "I agree that Acme texts me offers, up to 4 messages a month. Rates apply. STOP ends it."
_ids = itertools.count(1)


def version_make(world: World, **changes: Any) -> OptInFormVersion:
    now = timezone.now()
    form = OptInForm.objects.create(
        team=world.team, brand=world.brand, slug="join", name="Join", created_at=now
    )
    version = OptInFormVersion.objects.create(
        form=form,
        number=1,
        heading="Offers",
        disclosure_text=TEXT,
        programme="offers and news",
        frequency="up to 4 messages a month",
        language="en",
        purposes=["marketing"],
        created_by=world.user,
        created_at=now,
        **changes,
    )
    form.live = version
    form.save()
    return version


def ask(version: OptInFormVersion, phone: str = PHONE, **fields: Any) -> tuple[str, Any]:
    with transaction.atomic():
        return double_opt_in_request(
            phone_parse(phone), version, visit=Visit(asked_by="form", ip="192.0.2.9"), **fields
        )


def handed_over(world: World) -> Message:
    """The text is queued, and then with the carrier as far as the row tells."""
    opt_in_requests_send()
    message = Message.objects.get(batch__purpose="opt_in")
    Message.objects.filter(pk=message.pk).update(state="accepted", handed_at=timezone.now())
    opt_in_requests_follow()
    return message


def write(world: World, text: str, phone: str = PHONE) -> int:
    body = {"from": phone, "to": world.sender.value, "text": text, "id": f"in-{next(_ids)}"}
    return (
        Client()
        .post(
            f"/webhooks/{world.gateway.slug}/{world.secret}/inbound",
            data=json.dumps(body),
            content_type="application/json",
        )
        .status_code
    )


@pytest.fixture
def version(world: World) -> OptInFormVersion:
    return version_make(world)


def test_the_request_says_all_that_it_must(world: World, version: OptInFormVersion) -> None:
    """Brand, programme, frequency, rates, Reply YES, HELP, STOP; from a sender that can hear."""
    outcome, row = ask(version)
    message = handed_over(world)
    for part in (
        "Acme",
        "offers and news",
        "up to 4 messages",
        "rates",
        "Reply YES",
        "HELP",
        "STOP",
    ):
        assert part in message.body
    batch = Batch.objects.get(purpose="opt_in")
    assert (outcome, batch.sender, batch.state) == ("requested", world.sender, "ready")
    row.refresh_from_db()
    assert (row.state, row.message_id, row.request_text) == ("sent", message.pk, message.body)
    assert not ConsentEvent.objects.exists()
    assert not Contact.objects.exists()


def test_yes_from_the_number_is_the_consent(world: World, version: OptInFormVersion) -> None:
    _, row = ask(version, details={"first_name": "Ana", "last_name": ""})
    handed_over(world)
    assert write(world, "Yes!") == 200
    event = ConsentEvent.objects.get()
    assert (event.direction, event.method, event.purpose) == (
        "granted",
        "double_opt_in",
        "marketing",
    )
    assert event.hosted_form_version == version
    assert event.disclosure_text.startswith(TEXT)
    assert "Reply YES" in event.disclosure_text
    assert event.evidence_file.startswith("inbound:")
    row.refresh_from_db()
    assert event.double_opt_in is not None
    assert event.double_opt_in["token_hash"] == row.token_hash
    assert event.double_opt_in["reply_message_id"] == row.reply_inbound_id
    assert row.state == "confirmed"
    contact = Contact.objects.get()
    assert (contact.first_name, contact.source) == ("Ana", "form:join")
    assert SendState.objects.get(contact=contact).marketing_reason is None
    answer = Message.objects.get(batch__purpose="reply").body
    assert "signed up" in answer
    assert "STOP" in answer


@pytest.mark.parametrize("text", ["START", "unstop", "YES"])
def test_start_confirms_too(world: World, version: OptInFormVersion, text: str) -> None:
    ask(version)
    handed_over(world)
    write(world, text)
    assert DoubleOptIn.objects.get().state == "confirmed"


@pytest.mark.parametrize("text", ["yes please", "ok", "maybe", "no", "What is this?"])
def test_nothing_else_confirms(world: World, version: OptInFormVersion, text: str) -> None:
    ask(version)
    handed_over(world)
    write(world, text)
    assert not ConsentEvent.objects.filter(direction="granted").exists()
    assert DoubleOptIn.objects.get().state != "confirmed"


def test_yes_from_another_number_changes_nothing(world: World, version: OptInFormVersion) -> None:
    ask(version)
    handed_over(world)
    write(world, "YES", phone="+37061234568")
    assert not ConsentEvent.objects.exists()
    assert DoubleOptIn.objects.get().state == "sent"


def test_yes_before_anything_was_sent_changes_nothing(
    world: World, version: OptInFormVersion
) -> None:
    ask(version)
    write(world, "YES")
    assert not ConsentEvent.objects.exists()


def test_yes_after_a_day_comes_too_late(world: World, version: OptInFormVersion) -> None:
    ask(version)
    handed_over(world)
    DoubleOptIn.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    write(world, "YES")
    assert not ConsentEvent.objects.exists()
    assert double_opt_ins_expire() == 1
    assert DoubleOptIn.objects.get().state == "expired"


def test_silence_takes_nothing_from_somebody_who_had_agreed(
    world: World, version: OptInFormVersion
) -> None:
    """Anybody can type anybody's number into a form."""
    contact = world.contacts(1)[0]
    phone = str(contact.phone)
    ask(version, phone)
    handed_over(world)
    double_opt_ins_expire(now=timezone.now() + timedelta(hours=25))
    assert DoubleOptIn.objects.get().state == "expired"
    assert SendState.objects.get(contact=contact).marketing_reason is None


def test_stop_is_no(world: World, version: OptInFormVersion) -> None:
    """STOP answers the request, and holds: a YES after it changes nothing."""
    contact = world.contacts(1, reason="no_consent")[0]
    phone = str(contact.phone)
    ask(version, phone)
    handed_over(world)
    write(world, "STOP", phone)
    assert DoubleOptIn.objects.get().state == "denied"
    assert ConsentEvent.objects.get().direction == "denied"
    write(world, "maybe yes", phone)
    assert Suppression.objects.get().lifted_at is None
    assert not ConsentEvent.objects.filter(direction="granted").exists()


def test_one_request_in_thirty_days_and_no_reminder(
    world: World, version: OptInFormVersion
) -> None:
    ask(version)
    handed_over(world)
    assert ask(version)[0] == "asked_before"
    double_opt_ins_expire(now=timezone.now() + timedelta(hours=25))
    assert ask(version, now=timezone.now() + timedelta(days=29))[0] == "asked_before"
    assert DoubleOptIn.objects.count() == 1
    assert ask(version, now=timezone.now() + timedelta(days=31))[0] == "requested"
    opt_in_requests_send()
    opt_in_requests_send()
    assert Message.objects.filter(batch__purpose="opt_in").count() <= 2


def test_a_suppressed_number_is_not_asked(world: World, version: OptInFormVersion) -> None:
    with transaction.atomic():
        suppression_add(
            phone=PHONE,
            scope="brand",
            reason="opt_out",
            source="inbound",
            evidence={},
            brand=world.brand,
        )
    assert ask(version) == ("suppressed", None)
    assert not DoubleOptIn.objects.exists()


def test_a_stop_between_asking_and_sending_stops_the_text(
    world: World, version: OptInFormVersion
) -> None:
    """[R-2.9]"""
    ask(version)
    with transaction.atomic():
        suppression_add(
            phone=PHONE,
            scope="brand",
            reason="complaint",
            source="admin",
            evidence={},
            brand=world.brand,
        )
    opt_in_requests_send()
    row = DoubleOptIn.objects.get()
    assert (row.state, row.reason) == ("refused", "suppressed")
    assert not Message.objects.exists()


def test_without_a_sender_that_can_hear_it_is_refused_and_says_why(
    world: World, version: OptInFormVersion
) -> None:
    ask(version, "+447400123456")  # no price for GB
    opt_in_requests_send()
    row = DoubleOptIn.objects.get()
    assert (row.state, row.reason) == ("refused", "no_sender_or_rate")
    assert not Batch.objects.exists()


def test_no_other_text_can_travel_as_a_request(world: World, version: OptInFormVersion) -> None:
    """[R-9.25]: neither to somebody else nor in other words."""
    batch = world.batch(world.contacts(1), purpose="opt_in", release=False, approved=False)
    with pytest.raises(ApprovalRequired):
        batch_gate_check(batch)
    ask(version)
    opt_in_requests_send()
    asked = Batch.objects.exclude(pk=batch.pk).get()
    Message.objects.filter(batch=asked).update(body="Buy now")
    with pytest.raises(ApprovalRequired):
        batch_gate_check(asked)


def test_an_old_number_is_forgotten(world: World, version: OptInFormVersion) -> None:
    ask(version)
    double_opt_ins_expire(now=timezone.now() + timedelta(hours=25))
    double_opt_ins_expire(now=timezone.now() + timedelta(hours=50))
    row = DoubleOptIn.objects.get()
    assert (row.state, row.phone, row.ip) == ("expired", None, "")
    assert ask(version)[0] == "asked_before"  # the hash still counts


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(4))
def test_yes_and_stop_at_once_end_in_no(turn: int) -> None:
    """Whoever comes first, the number is suppressed and never sendable [R-2.8]."""
    with transaction.atomic():
        world = world_make()
        version = version_make(world)
    ask(version)
    handed_over(world)
    together = threading.Barrier(2)

    def say(text: str) -> None:
        try:
            together.wait(20)
            write(world, text)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=say, args=(text,)) for text in ("YES", "STOP")]
    for thread in threads[:: 1 if turn % 2 else -1]:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Suppression.objects.filter(lifted_at=None, reason="opt_out").count() == 1
    assert not SendState.objects.filter(marketing_reason=None).exists()
    assert DoubleOptIn.objects.get().state in ("confirmed", "denied")
    newest = ConsentEvent.objects.order_by("-id").first()
    assert newest is None or newest.direction in ("revoked", "denied")


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_askers_and_two_senders_make_one_text() -> None:
    with transaction.atomic():
        world = world_make()
        version = version_make(world)
    together = threading.Barrier(3)
    outcomes: list[str] = []

    def both() -> None:
        try:
            together.wait(20)
            outcomes.append(ask(version)[0])
            opt_in_requests_send()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=both) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    opt_in_requests_send()
    assert sorted(outcomes) == ["asked_before", "asked_before", "requested"]
    assert DoubleOptIn.objects.count() == 1
    assert Message.objects.count() == 1
