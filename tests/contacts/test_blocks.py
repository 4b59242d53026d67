"""Blocks with an end, lists in one call, what ran out, and clearing a blocklist and back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Role, User
from smsmarketing.accounts.selectors import actor_for_user
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.tasks import run_request
from smsmarketing.contacts.models import BlockClearing, Contact, Suppression, SuppressionLift
from smsmarketing.contacts.rules.suppressions import retention_years
from smsmarketing.contacts.services import suppressed_phones
from smsmarketing.contacts.services.clearing import blocks_clear, blocks_restore
from smsmarketing.contacts.services.lifting import suppressions_expire
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import Conflict, InvalidInput, NotPermitted
from smsmarketing.operations.types import Actor, Done, Held, Surface
from tests.contacts.conftest import state_of
from tests.contacts.test_lifting import stop
from tests.contacts.test_suppressions import GB, US

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def make_contact(make_contact: Callable[..., Contact]) -> Callable[..., Contact]:
    """In a transaction of its own."""

    def make(phone: str, **changes: Any) -> Contact:
        with transaction.atomic():
            return make_contact(phone, **changes)

    return make


def call(key: str, actor: Actor, **payload: Any) -> Any:
    done = execute(key, payload, actor=actor)
    assert isinstance(done, Done)
    return done.result


def numbers(count: int) -> list[str]:
    return [f"+44740012{number:04}" for number in range(count)]


def test_a_block_ends_by_itself_and_stays_on_record(
    brand: Brand, actor: Actor, make_contact: Callable[..., Contact]
) -> None:
    """Until the end of a year, say; nothing is ever removed [R-2.16]."""
    contact = make_contact(GB, consent=True)
    until = timezone.now() + timedelta(days=30)
    out = call("opt_outs.block", actor, phone=GB, brand_id=brand.pk, until=until.isoformat())
    assert (out.reason, out.expires_at) == ("blocked", until)
    assert state_of(contact, brand).marketing_reason == "blocked"
    after = until + timedelta(seconds=1)
    assert suppressed_phones([GB], brand_id=brand.pk, purpose="otp", now=after) == {}
    with transaction.atomic():
        ended = suppressions_expire(now=after)
    assert [row.pk for row in ended] == [out.suppression_id]
    assert state_of(contact, brand).marketing_reason is None
    lift = SuppressionLift.objects.get()
    assert (lift.ground, lift.actor) == ("expired", "system")
    assert Suppression.objects.count() == 1
    with transaction.atomic():
        assert suppressions_expire(now=after) == []


def test_what_ran_out_is_listed_and_noted_for_ones_own_brands_only(
    brand: Brand, other_brand: Brand, actor: Actor
) -> None:
    now = timezone.now()
    past = {"reason": "blocked", "at": now - timedelta(days=3)}
    mine = [
        stop(phone, brand, **past, expires_at=now - timedelta(days=2) + timedelta(hours=number))
        for number, phone in enumerate(numbers(3))
    ]
    theirs = stop(GB, other_brand, **past, expires_at=now - timedelta(days=1))
    own = replace(actor, sees_all_teams=False)
    first = call("opt_outs.unblock_expired", own, limit=2)
    assert [item.suppression_id for item in first.items] == [row.pk for row in mine[:2]]
    assert first.more
    rest = call("opt_outs.unblock_expired", own)
    assert ([item.suppression_id for item in rest.items], rest.more) == ([mine[2].pk], False)
    theirs.refresh_from_db()
    assert theirs.lifted_at is None
    assert Suppression.objects.count() == 4


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"phone": GB, "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"phone": "12"}, "phone"),
        ({}, "phone"),
        ({"phone": GB, "reason": "opt_out", "until": "2090-01-01T00:00:00Z"}, "reason"),
    ],
)
def test_a_block_that_blocks_nothing_is_refused(
    brand: Brand, actor: Actor, payload: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        execute("opt_outs.block", payload, actor=actor)
    assert field in refusal.value.field_errors
    assert not Suppression.objects.exists()


def test_an_opt_out_can_be_for_a_sender_or_for_purposes(brand: Brand, actor: Actor) -> None:
    sender = call("contacts.opt_out", actor, phone=GB, brand_id=brand.pk, sender="Acme")
    purpose = call("contacts.opt_out", actor, phone=US, purposes=["marketing"])
    assert (sender.scope, purpose.scope, purpose.purposes) == ("sender", "purpose", ["marketing"])
    found = {"brand_id": brand.pk, "purpose": "marketing"}
    assert suppressed_phones([GB, US], **found, sender="Other") == {US: "opted_out"}
    assert GB in suppressed_phones([GB], **found, sender="acme")
    assert suppressed_phones([US], brand_id=brand.pk, purpose="transactional") == {}
    with pytest.raises(InvalidInput):
        execute("contacts.opt_out", {"phone": GB, "sender": "A", "purposes": ["otp"]}, actor=actor)
    assert Suppression.objects.count() == 2


def test_a_list_holds_at_once_and_bad_rows_are_named(
    brand: Brand, actor: Actor, make_contact: Callable[..., Contact]
) -> None:
    """[R-8.5]: never held, and one bad row holds nobody else's "no" up."""
    contact = make_contact(GB, consent=True)
    make_contact("+447400123457", consent=True)
    rows = [
        {"phone": GB, "message": "stop it"},
        {"phone": "0044 7400 123457", "reason": "complaint"},
        {"phone": "12"},
        {"phone": GB},
        {"phone": US},
        {"phone": "+447400123458", "said_at": "2099-01-01T00:00:00Z"},
    ]
    out = call("opt_outs.import", actor, numbers=rows, brand_id=brand.pk, source_name="call centre")
    assert (out.suppressed, out.unchanged, out.duplicates) == (3, 0, 1)
    assert [(row.row, row.code) for row in out.rejected][1] == (6, "said_in_future")
    assert out.rejected[0].row == 3
    assert state_of(contact, brand).marketing_reason == "opted_out"
    assert Contact.objects.get(pk=contact.pk).version == contact.version + 1
    row = Suppression.objects.get(phone=US)
    assert row.purposes == ["marketing", "notification", "transactional"]
    assert row.evidence["list"] == "call centre"
    assert Suppression.objects.get(reason="complaint").purposes == []
    again = call("opt_outs.import", actor, numbers=rows[:2], brand_id=brand.pk)
    assert (again.suppressed, again.unchanged) == (0, 2)
    assert Suppression.objects.count() == 3
    assert Suppression.objects.get(phone=GB).version == 2
    make_contact(US, consent=True)
    assert suppressed_phones([US], brand_id=brand.pk, purpose="transactional") == {US: "opted_out"}


def test_a_registry_may_run_out_and_what_people_said_never(brand: Brand, actor: Actor) -> None:
    until = timezone.now() + timedelta(days=31)
    call(
        "opt_outs.import",
        actor,
        numbers=[{"phone": GB}, {"phone": US, "reason": "opt_out"}],
        reason="registry",
        until=until.isoformat(),
    )
    assert Suppression.objects.get(phone=GB).expires_at == until
    assert Suppression.objects.get(phone=US).expires_at is None
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE contacts_suppression SET reason = 'bored'")


def test_a_thousand_numbers_are_one_call(brand: Brand, actor: Actor) -> None:
    rows = [{"phone": phone} for phone in numbers(500)]
    out = call("opt_outs.import", actor, numbers=rows, brand_id=brand.pk)
    assert (out.suppressed, out.rejected) == (500, [])
    with pytest.raises(InvalidInput):
        execute("opt_outs.import", {"numbers": [*rows, {"phone": GB}]}, actor=actor)
    assert Suppression.objects.count() == 500


def test_clearing_ends_blocks_only_and_is_taken_back_exactly(
    brand: Brand, other_brand: Brand, user: User, make_contact: Callable[..., Contact]
) -> None:
    """design.md §3: human, approved, undoable; never what a person, a carrier or the law said."""
    contact = make_contact(GB, consent=True)
    phones = numbers(5)
    blocks = [stop(phone, brand, reason="blocked") for phone in [GB, *phones]]
    kept = [
        stop(phones[0], brand),
        stop(phones[1], brand, reason="complaint"),
        stop(phones[2], other_brand, reason="blocked"),
        stop(phones[3], brand, reason="blocked", scope="global", brand=None),
    ]
    now = timezone.now()
    values: dict[str, Any] = {
        "reasons": ["blocked", "manual"],
        "note": "The list was of another company.",
        "user": user,
        "action_request_id": None,
        "now": now,
    }
    with pytest.raises(Conflict), transaction.atomic():
        blocks_clear(brand, expected=5, **values)
    assert not SuppressionLift.objects.exists()
    with transaction.atomic():
        clearing = blocks_clear(brand, expected=6, **values)
    assert clearing.count == 6
    assert state_of(contact, brand).marketing_reason is None
    assert not Suppression.objects.filter(pk__in=[b.pk for b in blocks], lifted_at=None).exists()
    assert Suppression.objects.filter(pk__in=[k.pk for k in kept], lifted_at=None).count() == 4
    with transaction.atomic():
        assert blocks_restore(clearing, user=user, now=timezone.now()) == 6
    live = Suppression.objects.filter(brand=brand, reason="blocked", lifted_at=None)
    assert sorted(live.values_list("phone", flat=True)) == sorted([GB, *phones])
    assert state_of(contact, brand).marketing_reason == "blocked"
    with pytest.raises(Conflict), transaction.atomic():
        blocks_restore(BlockClearing.objects.get(), user=user, now=timezone.now())
    assert live.count() == 6


def test_clearing_needs_a_person_and_a_second_one(brand: Brand, team: Any, actor: Actor) -> None:
    """[R-8.1]: tokens cannot even ask; the request runs after somebody else's vote."""
    stop(GB, brand, reason="blocked")
    payload = {"brand_id": brand.pk, "expected": 1, "note": "Wrong list."}
    with pytest.raises(NotPermitted):
        execute(
            "opt_outs.clear_blocks",
            payload,
            actor=replace(actor, surface=Surface.REST, is_session=False, token_id=1),
        )
    people = []
    for name in ("asker", "voter"):
        person = User.objects.create(username=name, is_staff=True)
        person.teams.add(team)
        person.roles.add(Role.objects.get(key="compliance"))
        people.append(actor_for_user(person, surface=Surface.ADMIN, is_session=True))
    held = execute("opt_outs.clear_blocks", payload, actor=people[0])
    assert isinstance(held, Held)
    assert not BlockClearing.objects.exists()
    request = ActionRequest.objects.get()
    vote = {"action_request_id": str(request.pk), "content_hash": request.content_hash}
    call("action_requests.approve", people[1], **vote)
    run_request(str(request.pk))
    clearing = BlockClearing.objects.get()
    assert (clearing.count, clearing.action_request_id) == (1, request.pk)
    back = call("opt_outs.restore_blocks", people[1], clearing_id=clearing.pk)
    assert back.blocked_again == 1


def test_a_proof_is_kept_ten_years_for_plus_one() -> None:
    """[R-2.20]"""
    assert (retention_years(US), retention_years(GB), retention_years("")) == (10, 5, 10)
