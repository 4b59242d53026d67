"""Unclear replies wait for a person, who decides each once."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.contacts.models import (
    ConsentEvent,
    Contact,
    EventSummary,
    SendState,
    Suppression,
    SuppressionLift,
)
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.rules.consent import ConsentEvidence
from smsmarketing.contacts.services import consent_record, suppression_add
from smsmarketing.gateways.models import InboundMessage, Message
from smsmarketing.gateways.rules.review_due import decision_due
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import Conflict, NotFound, NotPermitted, OperationError
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Actor, Done, Surface
from tests.gateways.test_webhooks_inbound import replies, write
from tests.gateways.world import World, world_make

pytestmark = pytest.mark.django_db
PAGE = "/admin/gateways/inboundmessage/review/"


def consented(world: World, phone: str, country: str) -> Contact:
    """Somebody who agreed, so that nothing but the reply stands against a text."""
    now = timezone.now()
    contact = Contact.objects.create(
        phone=phone,
        phone_hash=phone_hash(phone),
        country=country,
        line_type="mobile",
        created_at=now,
        updated_at=now,
    )
    evidence = ConsentEvidence(
        method="web_form",
        source_url="https://acme.example/join",
        disclosure_text="I agree to get offers of Acme by SMS.",
        captured_at=now - timedelta(days=3),
    )
    consent_record(contact, evidence, brand=world.brand)
    return contact


@pytest.fixture
def person(world: World) -> Contact:
    return consented(world, "+37061234567", "LT")


@pytest.fixture
def american(world: World) -> Contact:
    return consented(world, "+12025550123", "US")


@pytest.fixture
def reviewer(world: World) -> User:
    user = User.objects.create_user("rita", password=None, is_staff=True)
    user.teams.add(world.team)
    user.roles.set(Role.objects.filter(key__in=["compliance", "crm"]))
    assert user.roles.exists()
    return user


def actor_of(user: User, **changes: Any) -> Actor:
    return replace(actor_for_user(user, surface=Surface.ADMIN), **{"is_session": True} | changes)


def decide(user: User, message: InboundMessage, decision: str, **changes: Any) -> Any:
    done = execute(
        "inbound.decide",
        {"inbound_id": message.pk, "decision": decision},
        actor=actor_of(user, **changes),
    )
    assert isinstance(done, Done)
    return done.result


def held(world: World, person: Contact, text: str = "leave me alone") -> InboundMessage:
    write(world, person.phone, text)
    return InboundMessage.objects.order_by("-pk")[0]


def state(person: Contact) -> str | None:
    return SendState.objects.get(contact=person).marketing_reason


def test_a_hold_is_no_opt_out_and_says_so(world: World, person: Contact) -> None:
    """[R-2.4]: marketing only, in words of its own."""
    message = held(world, person)
    row = Suppression.objects.get()
    assert (row.reason, row.scope, row.purposes) == ("hold", "brand", ["marketing"])
    assert state(person) == "on_hold"
    assert SendState.objects.get(contact=person).transactional_reason is None
    assert message.suppression_id == row.pk
    assert replies() == []


def test_a_hold_nobody_can_give_a_brand_stops_marketing_of_all(
    world: World, person: Contact
) -> None:
    write(world, person.phone, "leave me alone", to="+37099999999")
    row = Suppression.objects.get()
    assert (row.scope, row.brand, row.purposes) == ("purpose", None, ["marketing"])
    assert state(person) == "on_hold"


def test_keep_lets_go_and_can_be_taken_back(world: World, person: Contact, reviewer: User) -> None:
    """[R-2.4], [R-2.16]: the hold is lifted, not removed; reopening holds again."""
    message = held(world, person)
    out = decide(reviewer, message, "keep")
    assert (out.decision, out.held) == ("keep", False)
    assert state(person) is None
    lift = SuppressionLift.objects.get()
    assert lift.actor == f"user:{reviewer.pk}"
    assert AuditEntry.objects.filter(operation="inbound.decide", outcome="done").exists()
    out = decide(reviewer, message, "reopen")
    assert (out.decision, out.held) == ("", True)
    assert state(person) == "on_hold"
    assert Suppression.objects.count() == 2


def test_opt_out_stays(world: World, person: Contact, reviewer: User) -> None:
    message = held(world, person)
    decide(reviewer, message, "opt_out")
    row = Suppression.objects.get(reason="opt_out")
    assert (row.scope, row.brand) == ("brand", world.brand)
    assert row.evidence["text"] == "leave me alone"
    assert row.evidence["decided_by"] == f"user:{reviewer.pk}"
    assert state(person) == "opted_out"
    for decision in ("reopen", "keep"):
        with pytest.raises(Conflict):
            decide(reviewer, message, decision)
    assert state(person) == "opted_out"
    assert Suppression.objects.filter(lifted_at=None, reason="opt_out").count() == 1


def test_a_wrong_number_is_blocked_everywhere_and_its_consent_void(
    world: World, person: Contact, reviewer: User
) -> None:
    """[R-4.3], [R-2.12]: START from the new owner restores nothing."""
    message = held(world, person, "wrong number")
    decide(reviewer, message, "wrong_number")
    row = Suppression.objects.get(reason="reassigned")
    assert (row.scope, row.brand) == ("global", None)
    newest = ConsentEvent.objects.filter(contact=person).latest("id")
    assert newest.direction == "revoked"
    assert newest.captured_by == f"user:{reviewer.pk}"
    write(world, person.phone, "START")
    assert Suppression.objects.get(pk=row.pk).lifted_at is None
    assert state(person) == "reassigned"


def test_a_complaint_is_for_good(world: World, person: Contact, reviewer: User) -> None:
    message = held(world, person, "I never signed up for this")
    decide(reviewer, message, "complaint")
    assert Suppression.objects.get(reason="complaint").scope == "global"
    write(world, person.phone, "START")
    assert state(person) == "complaint"


def test_two_held_replies_need_two_decisions(world: World, person: Contact, reviewer: User) -> None:
    first, second = held(world, person), held(world, person, "not interested")
    assert first.suppression_id == second.suppression_id
    assert decide(reviewer, first, "keep").held
    assert state(person) == "on_hold"
    assert not decide(reviewer, second, "keep").held
    assert state(person) is None


def test_keep_never_touches_another_block(world: World, person: Contact, reviewer: User) -> None:
    message = held(world, person)
    write(world, person.phone, "STOP")
    decide(reviewer, message, "keep")
    assert state(person) == "opted_out"


@pytest.mark.parametrize("program", [{"token_id": 7, "is_session": False}, {"is_agent": True}])
def test_a_token_cannot_let_a_held_number_go_but_may_opt_out(
    world: World, person: Contact, reviewer: User, program: dict[str, Any]
) -> None:
    message = held(world, person)
    with pytest.raises(NotPermitted) as refusal:
        decide(reviewer, message, "keep", **program)
    assert "admin" in refusal.value.message
    message.refresh_from_db()
    assert (message.decision, message.reviewed_at, state(person)) == ("", None, "on_hold")
    assert not SuppressionLift.objects.exists()
    decide(reviewer, message, "opt_out", **program)
    assert state(person) == "opted_out"


def test_what_needs_no_decision_and_what_is_not_ones_own(
    world: World, person: Contact, reviewer: User
) -> None:
    write(world, person.phone, "STOP")
    message = InboundMessage.objects.get()
    before = Suppression.objects.count()
    with pytest.raises(Conflict, match=r"contacts\.opt_out"):
        decide(reviewer, message, "keep")
    rival = world_make()
    stranger = User.objects.create_user("sten", password=None, is_staff=True)
    stranger.teams.add(rival.team)
    stranger.roles.set(Role.objects.filter(key="compliance"))
    with pytest.raises(NotFound):
        decide(stranger, message, "complaint")
    assert Suppression.objects.count() == before


def test_start_ends_a_hold_of_ones_own(world: World, person: Contact) -> None:
    held(world, person)
    write(world, person.phone, "START")
    assert state(person) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.races
def test_two_reviewers_at_once_do_not_decide_twice(world: World, reviewer: User) -> None:
    with transaction.atomic():
        person = consented(world, "+37061234567", "LT")
    message = held(world, person)
    barrier, answers = threading.Barrier(2), []

    def work(decision: str) -> None:
        try:
            barrier.wait(timeout=20)
            decide(reviewer, message, decision)
            answers.append(decision)
        except OperationError as error:
            answers.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(word,)) for word in ("keep", "complaint")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    message.refresh_from_db()
    assert sorted(answers) == sorted(["CONFLICT", message.decision])
    assert Suppression.objects.filter(reason="complaint").exists() == (
        message.decision == "complaint"
    )


def test_a_reply_is_an_event_of_the_contact(world: World, person: Contact) -> None:
    write(world, person.phone, "When do you open?")
    write(world, person.phone, "STOP")
    summary = EventSummary.objects.get(contact=person, kind="sms_reply")
    assert (summary.count, summary.last_state) == (2, "opt_out")


@pytest.mark.parametrize(
    ("stored", "due"),
    [
        (datetime(2026, 11, 24, 15, 0, tzinfo=UTC), datetime(2026, 11, 25, 15, 0, tzinfo=UTC)),
        (datetime(2026, 11, 27, 15, 0, tzinfo=UTC), datetime(2026, 11, 30, 15, 0, tzinfo=UTC)),
        (datetime(2026, 11, 28, 15, 0, tzinfo=UTC), datetime(2026, 12, 1, 0, 0, tzinfo=UTC)),
    ],
)
def test_one_business_day(stored: datetime, due: datetime) -> None:
    """[R-2.4]"""
    assert decision_due(stored) == due


def test_the_page_shows_held_ones_first_and_decides_without_script(
    world: World, person: Contact, reviewer: User
) -> None:
    write(world, person.phone, "When do you open?")
    message = held(world, person, "<b>leave me alone</b>")
    InboundMessage.objects.filter(pk=message.pk).update(
        stored_at=timezone.now() - timedelta(days=9)
    )
    client = Client()
    client.force_login(reviewer, backend="django.contrib.auth.backends.ModelBackend")
    html = client.get(PAGE).content.decode()
    assert "leave me alone" in html
    assert "<b>leave" not in html
    assert 'id="count-held">1<' in html
    assert 'id="count-late">1<' in html
    assert "on hold until a person decides" in html
    assert (person.phone or "")[:-4] not in html
    answer = client.post(PAGE, {"inbound_id": message.pk, "decision": "keep"}, follow=True)
    page = answer.content.decode()
    assert "Take it back" in page
    assert "When do you open?" in page
    assert state(person) is None
    client.post(PAGE, {"inbound_id": message.pk, "decision": "reopen"})
    assert state(person) == "on_hold"
    for junk in ({}, {"inbound_id": "x", "decision": "keep"}, {"inbound_id": message.pk}):
        assert client.post(PAGE, junk).status_code == 302
    assert client.get(PAGE, {"skip": "x", "last": "9" * 30}).status_code == 200
    assert state(person) == "on_hold"


def test_the_page_is_for_those_who_may_decide(world: World, person: Contact) -> None:
    message = held(world, person)
    viewer = User.objects.create_user("vera", password=None, is_staff=True)
    viewer.teams.add(world.team)
    viewer.roles.set(Role.objects.filter(key="viewer"))
    client = Client()
    client.force_login(viewer, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"inbound_id": message.pk, "decision": "keep"}).status_code == 403
    assert state(person) == "on_hold"


def test_a_stop_from_plus_one_asks_what_to_keep(world: World, american: Contact) -> None:
    """[R-2.14], [R-2.10]: ORDERS keeps order messages; without an answer all is revoked."""
    person = american
    write(world, person.phone, "STOP")
    assert "ORDERS" in replies()[0]
    wide = Suppression.objects.get()
    assert "transactional" in wide.purposes
    assert SendState.objects.get(contact=person).transactional_reason == "opted_out"
    write(world, person.phone, "YES")
    assert state(person) == "opted_out"
    write(world, person.phone, "Orders")
    assert len(replies()) == 1
    found = SendState.objects.get(contact=person)
    assert (found.marketing_reason, found.transactional_reason) == ("opted_out", None)
    narrow = Suppression.objects.get(lifted_at=None)
    assert set(narrow.purposes) == {"marketing", "notification"}
    assert narrow.evidence["narrows"] == [wide.pk]
    write(world, person.phone, "START")
    assert state(person) is None


def test_orders_without_the_question_is_any_text(world: World, american: Contact) -> None:
    person = american
    suppression_add(
        phone=person.phone or "",
        scope="brand",
        reason="opt_out",
        source="admin",
        evidence={},
        brand=world.brand,
    )
    write(world, person.phone, "orders")
    assert SendState.objects.get(contact=person).transactional_reason == "opted_out"
    assert InboundMessage.objects.get().action == "review"


def test_the_answer_is_in_the_persons_language(world: World, person: Contact) -> None:
    Contact.objects.filter(pk=person.pk).update(language="lt")
    write(world, person.phone, "STOP")
    assert "Atsisakėte" in replies()[0]
    assert Message.objects.filter(batch__purpose="reply").count() == 1


@pytest.mark.parametrize(
    ("text", "action", "says"),
    [
        ("Stop", "opt_out", "stop at once"),
        ("leave me alone", "hold_review", "on hold until a person decides"),
        ("help", "help", "help line"),
        ("When does the sale stop?", "review", "Nothing changes"),
    ],
)
def test_the_preview_says_what_would_happen(
    world: World, person: Contact, reviewer: User, text: str, action: str, says: str
) -> None:
    done = execute(
        "inbound.classify",
        {"text": text, "phone": person.phone, "sender_id": world.sender.pk},
        actor=actor_of(reviewer),
    )
    assert isinstance(done, Done)
    out: Any = done.result
    assert out.action == action
    assert says in out.effect
    assert bool(out.answer) == (action in {"opt_out", "help"})
    assert out.answer_reason
    assert not Suppression.objects.exists()
    assert not InboundMessage.objects.exists()
