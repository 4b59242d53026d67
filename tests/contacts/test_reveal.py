"""contacts.reveal: full numbers come out here alone, for a reason, counted and written down."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import Contact, RevealBudget
from smsmarketing.contacts.rules.phone import phone_hide
from smsmarketing.contacts.services import suppression_add
from smsmarketing.contacts.services.reveals import reveals_forget
from smsmarketing.operations import errors
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.types import Done
from tests.campaigns.desk import Desk, desk_make
from tests.contacts.people import PHONE
from tests.gateways.test_webhooks_inbound import write
from tests.surfaces import call, token_for

pytestmark = pytest.mark.django_db(transaction=True)

WHY = "Ticket 4711: the customer asked to be called back"


def seen(user: User) -> int:
    row = RevealBudget.objects.filter(user=user).first()
    return row.used if row else 0


def revealed() -> list[tuple[str, str]]:
    rows = AuditEntry.objects.filter(operation="contacts.reveal", outcome="revealed")
    return list(rows.order_by("seq").values_list("object_type", "object_id"))


def refused(desk: Desk, user: User, refusal: type[errors.OperationError], **payload: Any) -> Any:
    """The refusal; nothing was counted, and nothing stands in the log as shown."""
    before, log = seen(user), revealed()
    with pytest.raises(refusal) as caught:
        desk.call("contacts.reveal", user, **payload)
    assert (seen(user), revealed()) == (before, log)
    return caught.value


def test_a_number_is_shown_for_a_reason_and_written_down(
    desk: Desk, crm: User, ona: Contact
) -> None:
    """[R-4.12] who, when, why, which contact; the log itself holds no number [R-8.15]."""
    out = desk.call("contacts.reveal", crm, contact_ids=[ona.pk], reason=f"  {WHY} ")
    assert [(row.kind, row.id, row.phone) for row in out.numbers] == [("contact", ona.pk, PHONE)]
    assert (out.left_today, seen(crm)) == (199, 1)
    entry = AuditEntry.objects.get(operation="contacts.reveal", outcome="revealed")
    assert (entry.object_type, entry.object_id) == ("contacts.contact", str(ona.pk))
    assert (entry.actor_id, entry.reason) == (f"user:{crm.pk}", WHY)
    call_entry = AuditEntry.objects.get(operation="contacts.reveal", outcome="done")
    assert call_entry.facts == {"numbers": 1}
    assert PHONE[1:] not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("reason", ["", "    ", "why", None])
def test_without_a_reason_nothing_is_shown(
    desk: Desk, crm: User, ona: Contact, reason: str | None
) -> None:
    error = refused(desk, crm, errors.InvalidInput, contact_ids=[ona.pk], reason=reason)
    assert "reason" in error.field_errors


def test_the_right_and_the_scope_are_needed(desk: Desk, crm: User, ona: Contact) -> None:
    """[R-4.12] permission for people, scope for tokens."""
    refused(desk, desk.marketer, errors.NotPermitted, contact_ids=[ona.pk], reason=WHY)
    payload = {"contact_ids": [ona.pk], "reason": WHY}
    small = token_for(crm, ["sms:contacts.read"])
    answer = call("mcp", crm, "contacts.reveal", payload, token=small)
    assert answer.code == "INSUFFICIENT_SCOPE"
    assert seen(crm) == 0
    able = token_for(crm, ["sms:contacts.read", "sms:contacts.pii"])
    assert call("mcp", crm, "contacts.get", {"contact_id": ona.pk}, token=able).data
    masked = call("mcp", crm, "contacts.search", {"phone": PHONE}, token=able)
    assert PHONE[-8:] not in str(masked.data)
    shown = call("mcp", crm, "contacts.reveal", payload, token=able)
    assert shown.data is not None
    assert shown.data["numbers"][0]["phone"] == PHONE


def test_at_most_fifty_and_at_least_one(desk: Desk, crm: User, ona: Contact) -> None:
    """[R-4.12] no call returns more than 50 full numbers, over all lists together."""
    ids = list(range(1, 52))
    refused(desk, crm, errors.InvalidInput, contact_ids=ids, reason=WHY)
    refused(desk, crm, errors.InvalidInput, reason=WHY)
    refused(
        desk, crm, errors.InvalidInput, contact_ids=ids[:30], suppression_ids=ids[:21], reason=WHY
    )


def test_somebody_elses_contact_does_not_exist_and_nothing_is_shown(
    desk: Desk, crm: User, ona: Contact
) -> None:
    desk_make(contacts=1)
    foreign = Contact.objects.latest("pk")
    error = refused(desk, crm, errors.NotFound, contact_ids=[ona.pk, foreign.pk], reason=WHY)
    assert error.field_errors == {"contact_ids": f"Not found: {foreign.pk}."}


def test_the_budget_of_a_day_ends_and_says_when_it_begins_again(
    desk: Desk, crm: User, ona: Contact, settings: Any
) -> None:
    settings.PHONE_REVEALS_A_DAY = 3
    ids = list(Contact.objects.exclude(pk=ona.pk).values_list("pk", flat=True)[:2])
    assert desk.call("contacts.reveal", crm, contact_ids=ids, reason=WHY).left_today == 1
    error = refused(desk, crm, errors.RateLimited, contact_ids=ids, reason=WHY)
    assert "00:00 UTC" in error.message
    assert "contacts.phone_view" in error.message
    assert error.details == {"limit_per_day": 3, "left": 1, "asked": 2}
    assert 0 < error.retry_after_s <= 86_401
    assert desk.call("contacts.reveal", crm, contact_ids=[ona.pk], reason=WHY).left_today == 0
    RevealBudget.objects.update(day=timezone.now().date() - timedelta(days=1))
    assert desk.call("contacts.reveal", crm, contact_ids=ids, reason=WHY).left_today == 1
    assert reveals_forget(now=timezone.now() + timedelta(days=30)) == 2


def test_two_calls_at_once_share_one_budget(
    desk: Desk, crm: User, ona: Contact, settings: Any
) -> None:
    """Never more than the budget, however the calls interleave."""
    settings.PHONE_REVEALS_A_DAY = 3
    ids = list(Contact.objects.values_list("pk", flat=True)[:2])
    actor = desk.actor(crm)
    start, answers = threading.Barrier(2), []

    def ask() -> None:
        try:
            start.wait(timeout=20)
            payload = {"contact_ids": ids, "reason": WHY}
            outcome = execute("contacts.reveal", payload, actor=replace(actor, request_id=""))
            answers.append(isinstance(outcome, Done))
        except errors.RateLimited:
            answers.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(answers) == [False, True]
    assert (seen(crm), len(revealed())) == (2, 2)


def test_numbers_that_are_no_contact_are_shown_by_their_opt_out_or_reply(
    desk: Desk, crm: User
) -> None:
    with transaction.atomic():
        block = suppression_add(
            phone="+37069900077",
            scope="brand",
            brand=desk.world.brand,
            reason="opt_out",
            source="admin",
            evidence={},
        )
    write(desk.world, "+37069900078", "When do you open?")
    row = desk.call("inbound.list", crm).items[0]
    out = desk.call(
        "contacts.reveal",
        crm,
        suppression_ids=[block.pk],
        inbound_ids=[row.inbound_id],
        reason=WHY,
    )
    assert [item.phone for item in out.numbers] == ["+37069900077", "+37069900078"]
    assert revealed() == [
        ("contacts.suppression", str(block.pk)),
        ("gateways.inboundmessage", str(row.inbound_id)),
    ]
    outsider = desk_make(contacts=0)
    stranger = User.objects.create_user("stranger", password=None)
    stranger.teams.add(outsider.world.team)
    stranger.roles.set(crm.roles.all())
    refused(desk, stranger, errors.NotFound, inbound_ids=[row.inbound_id], reason=WHY)


def test_an_erased_number_is_null_and_costs_nothing(desk: Desk, crm: User, ona: Contact) -> None:
    Contact.objects.filter(pk=ona.pk).update(phone=None)
    out = desk.call("contacts.reveal", crm, contact_ids=[ona.pk], reason=WHY)
    assert (out.numbers[0].phone, out.left_today, revealed()) == (None, 200, [])


@pytest.mark.parametrize(
    "text",
    [
        "+37069900011",
        "call 0037069900011 now",
        "37069900011",
        "+370 699 000-11",
        "(+370) 699.00011",
        "069900011",
        "69900011",
        "a +370(0)69900011",
    ],
)
def test_a_number_is_hidden_in_every_spelling(text: str) -> None:
    """[R-4.12] also inside names, keys and texts."""
    assert "699" not in phone_hide(text, PHONE)
    assert "•" in phone_hide(text, PHONE)


@pytest.mark.parametrize("text", ["order 3706990001", "1699000112", "699000", "", "no digits"])
def test_other_digits_stay(text: str) -> None:
    assert phone_hide(text, PHONE) == text
