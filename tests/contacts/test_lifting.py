"""Who may lift what: the table, the proof, the second person, and a STOP that arrives meanwhile."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.contacts.models import ConsentEvent, Contact, Suppression, SuppressionLift
from smsmarketing.contacts.rules.lifting import (
    ASKED_GROUNDS,
    CLEARABLE_REASONS,
    LIFT_RULES,
    lift_faults,
)
from smsmarketing.contacts.rules.suppressions import LIFTABLE_REASONS, REASONS
from smsmarketing.contacts.services import consent_record, suppressed_phones, suppression_add
from smsmarketing.contacts.services.lifting import suppression_lift, suppression_lock_first
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import Conflict, InvalidInput, NotPermitted, OperationError
from smsmarketing.operations.types import Actor, Done, Held
from smsmarketing.operations.versions import version_token
from tests.contacts import test_suppressions
from tests.contacts.conftest import evidence, state_of
from tests.contacts.test_suppressions import GB


@pytest.fixture
def make_contact(make_contact: Callable[..., Contact]) -> Callable[..., Contact]:
    """In a transaction of its own."""

    def make(phone: str, **changes: Any) -> Contact:
        with transaction.atomic():
            return make_contact(phone, **changes)

    return make


def stop(phone: str, own: Brand, **changes: Any) -> Suppression:
    """In a transaction of its own."""
    with transaction.atomic():
        return test_suppressions.stop(phone, own, **changes)


def test_every_reason_has_its_rule() -> None:
    """START lifts the person's own STOP only [R-2.12]; nothing a person said can be cleared."""
    assert LIFT_RULES.keys() == set(REASONS)
    assert set(LIFTABLE_REASONS) == {"opt_out", "hold"}
    assert set(CLEARABLE_REASONS) == {"blocked", "manual"}
    assert LIFT_RULES["carrier_block"].grounds == ()
    assert all(set(rule.grounds) <= set(ASKED_GROUNDS) for rule in LIFT_RULES.values())


@pytest.mark.parametrize("reason", REASONS)
def test_no_reason_ends_without_proof(reason: str) -> None:
    for ground in ASKED_GROUNDS:
        faults = lift_faults(reason, ground=ground, document="", has_consent=False)
        if ground == "decision" and ground in LIFT_RULES[reason].grounds:
            assert faults == {}
        else:
            assert faults
            assert all(text for text in faults.values())


def ask(row: Suppression, actor: Actor, *, ground: str = "mistake", **changes: Any) -> Any:
    shown = execute("opt_outs.get", {"suppression_id": row.pk}, actor=actor)
    assert isinstance(shown, Done)
    payload = {
        "suppression_id": row.pk,
        "ground": ground,
        "note": "The wrong person was recorded.",
        "document": "ticket 4711",
        "base_version_token": shown.result.base_version_token,  # type: ignore[attr-defined]
        **changes,
    }
    return execute("opt_outs.lift", payload, actor=actor)


def lift(row: Suppression, **changes: Any) -> SuppressionLift:
    with transaction.atomic():
        suppression_lock_first(row.pk)
        locked = Suppression.objects.select_for_update().get(pk=row.pk)
        return suppression_lift(
            locked,
            **{
                "ground": "mistake",
                "reason": "The wrong person was recorded.",
                "document": "ticket 4711",
                "consent_event": None,
                "actor": "user:1",
                "action_request_id": None,
                "now": timezone.now(),
                **changes,
            },
        )


def refused(row: Suppression, error: type[OperationError], **changes: Any) -> OperationError:
    """The lift is refused, and the number stays as it was."""
    with pytest.raises(error) as refusal:
        lift(row, **changes)
    row.refresh_from_db()
    assert row.lifted_at is None
    assert not SuppressionLift.objects.exists()
    return refusal.value


@pytest.mark.django_db
@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_ends_on_its_grounds_only(
    reason: str, brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    contact = make_contact(GB, consent=True)
    sender = {"scope": "sender", "sender": "Acme"} if reason == "carrier_block" else {}
    row = stop(GB, brand, reason=reason, **sender)
    for ground in sorted(set(ASKED_GROUNDS) - set(LIFT_RULES[reason].grounds)):
        faults = refused(row, InvalidInput, ground=ground).field_errors
        assert set(faults) <= {"ground", "consent_event_id"}
    grounds = [ground for ground in LIFT_RULES[reason].grounds if ground != "new_consent"]
    if not grounds:
        return
    made = lift(row, ground=grounds[0])
    row.refresh_from_db()
    assert row.lifted_at == made.created_at
    # What the person said ended the consent too; a lift without a new one brings none back (ADR 0033).
    revoked = ConsentEvent.objects.filter(contact=contact, direction="revoked").exists()
    assert revoked == (reason in {"opt_out", "complaint", "reassigned"})
    assert state_of(contact, brand).marketing_reason == ("no_consent" if revoked else None)
    assert Contact.objects.get(pk=contact.pk).version == contact.version + 2
    assert Suppression.objects.count() == 1


@pytest.mark.django_db
def test_a_consent_counts_only_when_it_answers_the_no(
    brand: Brand, other_brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """Newer than the opt-out, of this number and brand, complete, the person's own, the newest."""
    contact = make_contact(GB, consent=True)
    other = make_contact("+447400123457", consent=True)
    now = timezone.now()
    row = stop(GB, brand, at=now - timedelta(days=2))
    old = ConsentEvent.objects.get(contact=contact, direction="granted")
    foreign = consent_record(other, evidence(captured_at=now - timedelta(hours=1)), brand=brand)
    elsewhere = consent_record(
        contact, evidence(captured_at=now - timedelta(hours=1)), brand=other_brand
    )
    imported = consent_record(
        contact, evidence(captured_at=now - timedelta(hours=3), method="import"), brand=brand
    )
    for event in (old, foreign, elsewhere, imported):
        faults = refused(row, InvalidInput, ground="new_consent", consent_event=event)
        assert set(faults.field_errors) == {"consent_event_id"}
    good = consent_record(contact, evidence(captured_at=now - timedelta(hours=2)), brand=brand)
    assert lift(row, ground="new_consent", consent_event=good).consent_event == good
    assert state_of(contact, brand).marketing_reason is None


@pytest.mark.django_db
def test_a_no_to_every_brand_needs_a_yes_to_every_brand(
    brand: Brand, other_brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    contact = make_contact(GB, consent=True)
    now = timezone.now()
    row = stop(GB, brand, scope="global", brand=None, at=now - timedelta(days=2))
    event = consent_record(contact, evidence(captured_at=now - timedelta(hours=2)), brand=brand)
    refused(row, InvalidInput, ground="new_consent", consent_event=event)
    consent_record(contact, evidence(captured_at=now - timedelta(hours=1)), brand=other_brand)
    lift(row, ground="new_consent", consent_event=event)
    assert state_of(contact, brand).marketing_reason is None


@pytest.mark.django_db
def test_a_second_stop_makes_an_older_consent_too_old(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    """[R-2.16]: the second STOP is no row of its own, and is not forgotten either."""
    contact = make_contact(GB)
    now = timezone.now()
    row = stop(GB, brand, at=now - timedelta(days=2))
    event = consent_record(contact, evidence(captured_at=now - timedelta(hours=2)), brand=brand)
    assert stop(GB, brand).pk == row.pk
    refused(row, InvalidInput, ground="new_consent", consent_event=event)


@pytest.mark.django_db
def test_what_is_over_cannot_be_lifted(brand: Brand) -> None:
    row = stop(GB, brand)
    lift(row)
    with pytest.raises(Conflict):
        lift(row)
    assert SuppressionLift.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_lift_waits_for_a_second_person_and_a_stop_meanwhile_wins(
    brand: Brand, actor: Actor, make_contact: Callable[..., Contact]
) -> None:
    """[R-8.4]: always held; what was approved is stale once the person says it again."""
    contact = make_contact(GB, consent=True)
    row = stop(GB, brand)
    held = ask(row, actor)
    assert isinstance(held, Held)
    request = ActionRequest.objects.get()
    assert request.content["what_it_means"]["suppressed because"] == "opt_out"
    assert GB not in str(request.content)
    assert state_of(contact, brand).marketing_reason == "opted_out"
    with transaction.atomic():
        stop(GB, brand)
    row.refresh_from_db()
    assert row.version == 2
    assert version_token(row, actor) != request.payload["base_version_token"]


@pytest.mark.django_db(transaction=True)
def test_grave_reasons_need_a_right_of_their_own(brand: Brand, actor: Actor) -> None:
    plain = replace(actor, permissions=actor.permissions - {"contacts.opt_out_lift_grave"})
    for reason in ("complaint", "legal"):
        row = stop(GB, brand, reason=reason)
        with pytest.raises(NotPermitted):
            ask(row, plain)
        assert not ActionRequest.objects.exists()
    ask(stop(GB, brand), plain)
    assert ActionRequest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_holds_for_other_teams_too_is_not_for_one_team_to_lift(
    brand: Brand, other_brand: Brand, actor: Actor
) -> None:
    mine = replace(actor, sees_all_teams=False)
    row = stop(GB, brand, scope="global", brand=None)
    with pytest.raises(NotPermitted):
        ask(row, mine)
    assert not ActionRequest.objects.exists()
    assert isinstance(ask(row, replace(actor, sees_all_teams=True)), Held)


@pytest.mark.django_db(transaction=True)
def test_a_carrier_block_says_who_lifts_it(brand: Brand, actor: Actor) -> None:
    row = stop(GB, brand, scope="sender", sender="Acme", reason="carrier_block")
    with pytest.raises(InvalidInput) as refusal:
        ask(row, actor)
    assert "Only the carrier" in refusal.value.field_errors["ground"]
    assert not ActionRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_get_shows_the_proof_masked_and_the_lifts_before(brand: Brand, actor: Actor) -> None:
    """[R-2.20], [R-4.12]"""
    first = stop(GB, brand, evidence={"text": "STOP <b>now</b>", "keyword": "stop"})
    lift(first)
    row = stop(GB, brand, evidence={"text": "stop again"})
    done = execute("opt_outs.get", {"suppression_id": row.pk}, actor=actor)
    assert isinstance(done, Done)
    shown = done.result.model_dump(mode="json")
    assert shown["holds"]
    assert GB not in str(shown)
    assert [line["text"] for line in shown["evidence"]] == ["what the person wrote: stop again"]
    assert [item["suppression_id"] for item in shown["earlier"]] == [first.pk]
    assert shown["kept_years"] == 5
    assert "START" in shown["lift_help"]


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["stop", "lift"])
def test_stop_wins_over_a_lift_at_the_same_moment(
    brand: Brand, user: User, make_contact: Callable[..., Contact], first: str
) -> None:
    """Whoever comes first: the number is suppressed in the end, and a STOP never waits for long."""
    contact = make_contact(GB, consent=True)
    row = stop(GB, brand)
    version = Suppression.objects.get(pk=row.pk).version
    errors: list[Exception] = []

    def lifting() -> None:
        try:
            with transaction.atomic():
                suppression_lock_first(row.pk)
                locked = Suppression.objects.select_for_update().get(pk=row.pk)
                if locked.version != version:
                    raise Conflict("stale")
                suppression_lift(
                    locked,
                    ground="mistake",
                    reason="A mistake.",
                    document="ticket 4711",
                    consent_event=None,
                    actor="user:1",
                    action_request_id=None,
                    now=timezone.now(),
                )
        except Conflict as exc:
            errors.append(exc)
        finally:
            connections.close_all()

    def stopping() -> None:
        try:
            with transaction.atomic():
                stop(GB, brand)
        finally:
            connections.close_all()

    jobs = [stopping, lifting] if first == "stop" else [lifting, stopping]
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert suppressed_phones([GB], brand_id=brand.pk, purpose="marketing") == {GB: "opted_out"}
    assert state_of(contact, brand).marketing_reason == "opted_out"
    lifted = SuppressionLift.objects.count()
    assert (lifted, Suppression.objects.count()) in {(0, 1), (1, 2)}
    assert len(errors) == 1 - lifted


@pytest.mark.django_db
def test_the_other_reasons_beside_a_lifted_one_still_stand(
    brand: Brand, make_contact: Callable[..., Contact]
) -> None:
    contact = make_contact(GB, consent=True)
    row = stop(GB, brand)
    suppression_add(
        phone=GB, scope="brand", brand=brand, reason="legal", source="admin", evidence={}
    )
    lift(row)
    assert state_of(contact, brand).marketing_reason == "legal"
