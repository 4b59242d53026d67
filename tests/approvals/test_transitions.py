"""Every state with every transition, generated from the state machine (compliance §8.1)."""

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.approvals import subjects
from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.approvals.services import (
    request_begin,
    request_cancel,
    request_finish,
    request_supersede,
    request_vote,
    requests_expire,
)
from smsmarketing.approvals.subjects import Subject
from smsmarketing.operations.errors import ApprovalRequired, Conflict, NotPermitted
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.states import row_lock, transition_apply
from smsmarketing.operations.types import Actor
from tests.approvals.conftest import browser, state_of

pytestmark = pytest.mark.django_db

Make = Callable[..., ActionRequest]
PATHS: dict[str, list[str]] = {
    "pending": [],
    "approved": ["approve"],
    "rejected": ["reject"],
    "changes_requested": ["request_changes"],
    "superseded": ["supersede"],
    "expired": ["expire"],
    "cancelled": ["cancel"],
    "executing": ["approve", "execute"],
    "succeeded": ["approve", "execute", "succeed"],
    "partially_succeeded": ["approve", "execute", "succeed_partially"],
    "failed": ["approve", "execute", "fail"],
}
"""A way to each state."""


def machine() -> dict[str, dict[str, str]]:
    """Transition -> {source: target}, read from the model."""
    found: dict[str, dict[str, str]] = {}
    for name, method in inspect.getmembers(ActionRequest, inspect.isfunction):
        if hasattr(method, "_django_fsm"):
            steps = method._django_fsm.transitions
            found[name] = {source: step.target for source, step in steps.items()}
    return found


def test_the_table_reaches_every_state() -> None:
    named = {state for steps in machine().values() for pair in steps.items() for state in pair}
    assert named == set(PATHS)


def test_what_has_ended_stays_ended() -> None:
    final = set(PATHS) - {"pending", "approved", "executing"}
    assert not final & {source for steps in machine().values() for source in steps}


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("name", machine())
def test_each_transition_from_each_state(review: Make, state: str, name: str) -> None:
    request = review()
    with transaction.atomic():
        row = row_lock(ActionRequest, request.pk)
        for step in PATHS[state]:
            transition_apply(row, step)
    assert state_of(request) == state
    target = machine()[name].get(state)
    with transaction.atomic():
        row = row_lock(ActionRequest, request.pk)
        if target is None:
            with pytest.raises(Conflict):
                transition_apply(row, name)
        else:
            transition_apply(row, name)
    assert state_of(request) == (target or state)


def test_the_state_cannot_be_assigned(review: Make) -> None:
    with pytest.raises(AttributeError):
        review().state = "approved"


def seen_events(monkey: list[tuple[str, str]]) -> Subject:
    def hook(event: str) -> Any:
        def note(request: ActionRequest, actor: Actor | None) -> None:
            monkey.append((event, str(request.state)))

        return note

    names = ["approved", "rejected", "changes_requested", "superseded", "expired", "cancelled"]
    return Subject(operation="tests.review", **{f"on_{name}": hook(name) for name in names})


def test_each_end_calls_its_hook(review: Make, anna: User, ben: User) -> None:
    seen: list[tuple[str, str]] = []
    subjects.register(seen_events(seen))
    for number, (verdict, event) in enumerate(
        [("approve", "approved"), ("reject", "rejected"), ("request_changes", "changes_requested")]
    ):
        request = review(object_id=str(number))
        with transaction.atomic():
            request_vote(
                request.pk,
                actor=browser(ben),
                verdict=verdict,
                content_hash=request.content_hash,
                reason="r",
            )
        assert seen[-1] == (event, event)
    request = review(object_id="s")
    with transaction.atomic():
        request_supersede(request.pk, "changed")
    assert seen[-1] == ("superseded", "superseded")
    request = review(object_id="c")
    with transaction.atomic():
        request_cancel(request.pk, actor=browser(anna))
    assert seen[-1] == ("cancelled", "cancelled")
    request = review(object_id="e")
    ActionRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now())
    requests_expire()
    assert seen[-1] == ("expired", "expired")


def test_a_cancelled_review_goes_back_like_a_superseded_one() -> None:
    def back(request: ActionRequest, actor: Actor | None) -> None: ...

    assert Subject(operation="x", on_superseded=back).hook("cancelled") is back


def test_the_same_question_is_asked_once(review: Make) -> None:
    first = review()
    notes = OwnerNotification.objects.count()
    assert review().pk == first.pk
    assert ActionRequest.objects.count() == 1
    assert OwnerNotification.objects.count() == notes


def test_another_question_about_the_same_supersedes_ones_own(review: Make) -> None:
    """[R-8.2] Content changed: a new request, the old one ends."""
    first = review()
    second = review(content={"text": "Hello again"})
    assert (state_of(first), state_of(second)) == ("superseded", "pending")
    assert first.content_hash != second.content_hash


def test_somebody_elses_question_is_not_pushed_away(review: Make, person: Any) -> None:
    first = review()
    mia = person("mia", "marketing")
    with pytest.raises(Conflict) as caught:
        review(actor=browser(mia), content={"text": "Mine"})
    assert caught.value.action_request_id == first.pk
    assert state_of(first) == "pending"
    assert ActionRequest.objects.count() == 1


def test_a_review_without_policies_needs_one_person_all_the_same(review: Make) -> None:
    request = review(policies=[])
    assert (request.approvers_needed, request.roles) == (1, ["approver"])
    assert request.policies[0]["key"] == "always"


def test_the_hash_is_that_of_the_canonical_content(review: Make) -> None:
    """[R-8.2] Key order and number notation do not matter; any value does."""
    from decimal import Decimal

    one = review(content={"b": Decimal("1.50"), "a": 1})
    two = review(content={"a": 1, "b": Decimal("1.5")}, object_id="2")
    three = review(content={"a": 1, "b": Decimal("1.51")}, object_id="3")
    assert one.content_hash == two.content_hash != three.content_hash


def test_nothing_waits_longer_than_its_window(review: Make, ben: User) -> None:
    """72 hours pending; approved: end of the window, at most 7 days (compliance §8.1)."""
    now = timezone.now()
    assert review(now=now).expires_at == now + timedelta(hours=72)
    soon = review(object_id="2", now=now, expires_at=now + timedelta(hours=5))
    assert soon.expires_at == now + timedelta(hours=5)
    late = review(object_id="3", now=now, expires_at=now + timedelta(days=30))
    middle = review(object_id="4", now=now, expires_at=now + timedelta(days=4))
    for request, until in (
        (soon, timedelta(hours=5)),
        (late, timedelta(days=7)),
        (middle, timedelta(days=4)),
    ):
        with transaction.atomic():
            request_vote(
                request.pk,
                actor=browser(ben),
                verdict="approve",
                content_hash=request.content_hash,
                now=now,
            )
        request.refresh_from_db()
        assert request.expires_at == now + until
    with pytest.raises(Conflict):
        review(object_id="5", now=now, expires_at=now)


def test_the_sweep_ends_what_is_over_and_nothing_else(review: Make, anna: User) -> None:
    """Pending and approved ones; with a note and an audit entry; twice changes nothing."""
    subjects.register(Subject(operation="tests.review"))
    old, young, used = review(), review(object_id="2"), review(object_id="3")
    with transaction.atomic():
        row = row_lock(ActionRequest, used.pk)
        transition_apply(row, "approve")
        request_begin(used.pk, content_hash=used.content_hash)
    ActionRequest.objects.filter(pk__in=[old.pk, used.pk]).update(expires_at=timezone.now())
    assert requests_expire() == 1
    assert requests_expire() == 0
    assert [state_of(r) for r in (old, young, used)] == ["expired", "pending", "executing"]
    assert OwnerNotification.objects.filter(user=anna, kind="request_expired").count() == 1
    entry = AuditEntry.objects.get(operation="approvals.expire")
    assert (entry.object_id, entry.facts["was"]) == (str(old.pk), "pending")


def test_author_and_deciders_can_cancel_before_it_runs(
    review: Make, anna: User, ben: User, person: Any
) -> None:
    """Also an approved one; nobody else; not what runs [R-8.5], [R-8.6]."""
    subjects.register(Subject(operation="tests.review"))
    mine = review()
    with transaction.atomic():
        request_cancel(mine.pk, actor=browser(anna), reason="Not needed")
    assert state_of(mine) == "cancelled"
    theirs = review(object_id="2")
    with pytest.raises(NotPermitted), transaction.atomic():
        request_cancel(theirs.pk, actor=browser(person("mia", "marketing")))
    assert state_of(theirs) == "pending"
    with transaction.atomic():
        request_cancel(theirs.pk, actor=browser(ben))
    assert state_of(theirs) == "cancelled"
    running = review(object_id="3")
    with transaction.atomic():
        transition_apply(row_lock(ActionRequest, running.pk), "approve")
        request_begin(running.pk, content_hash=running.content_hash)
    with pytest.raises(Conflict), transaction.atomic():
        request_cancel(running.pk, actor=browser(anna))
    assert state_of(running) == "executing"


def test_superseding_what_has_ended_changes_nothing(review: Make, ben: User) -> None:
    """A campaign that was sent back is edited: its old request has ended already."""
    request = review()
    with transaction.atomic():
        request_vote(
            request.pk,
            actor=browser(ben),
            verdict="request_changes",
            content_hash=request.content_hash,
            reason="Shorter",
        )
        request_supersede(request.pk, "changed")
    request.refresh_from_db()
    assert (request.state, request.reason) == ("changes_requested", "Shorter")


def test_what_runs_cannot_be_superseded(review: Make) -> None:
    request = review()
    with transaction.atomic():
        transition_apply(row_lock(ActionRequest, request.pk), "approve")
        request_begin(request.pk, content_hash=request.content_hash)
    with pytest.raises(Conflict), transaction.atomic():
        request_supersede(request.pk, "changed")
    assert state_of(request) == "executing"


def test_an_approval_is_used_once_and_for_its_content_only(review: Make) -> None:
    """How a campaign uses its review: begin when it starts, finish when it is sent."""
    request = review()
    with pytest.raises(ApprovalRequired), transaction.atomic():
        request_begin(request.pk, content_hash=request.content_hash)
    with transaction.atomic():
        transition_apply(row_lock(ActionRequest, request.pk), "approve")
    with pytest.raises(ApprovalRequired), transaction.atomic():
        request_begin(request.pk, content_hash="0" * 64)
    late = request.expires_at
    with pytest.raises(Conflict), transaction.atomic():
        request_begin(request.pk, content_hash=request.content_hash, now=late)
    assert state_of(request) == "approved"
    with transaction.atomic():
        request_begin(request.pk, content_hash=request.content_hash)
    with pytest.raises(ApprovalRequired), transaction.atomic():
        request_begin(request.pk, content_hash=request.content_hash)
    with transaction.atomic():
        request_finish(request.pk, outcome="partially_succeeded", result={"sent": 9})
    with pytest.raises(Conflict), transaction.atomic():
        request_finish(request.pk, outcome="succeeded", result={"sent": 10})
    request.refresh_from_db()
    assert (request.state, request.result) == ("partially_succeeded", {"sent": 9})
