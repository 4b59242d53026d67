"""Calls about one campaign at the same time: one effect, the others are told, and what is sent was approved."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.db import connections

from smsmarketing.accounts.models import Role, User
from smsmarketing.approvals.models import ActionRequest, Vote
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.content import signed_part
from smsmarketing.campaigns.tasks import follow, materialise, start_due
from smsmarketing.gateways.models import Batch, LedgerEntry, Message
from smsmarketing.operations.audit import audit_verify
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.models import AuditEntry
from tests.campaigns.desk import Desk, desk_make
from tests.surfaces import token_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.races]

POSTS = 50
ROUNDS = 4
NEW_TEXT = "Acme: 90% off, everything must go."


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=6)


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Run functions at the same moment, each with its own connection; values or refusals."""
    results: list[Any] = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def work(index: int) -> None:
        try:
            start.wait(timeout=30)
            results[index] = functions[index]()
        except Exception as problem:  # noqa: BLE001 - told below, in the test's own thread
            results[index] = problem
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    problems = [item for item in results if isinstance(item, BaseException)]
    assert all(isinstance(item, OperationError) for item in problems), problems
    return results


def codes(results: list[Any]) -> Counter[str]:
    """How often what came out."""
    return Counter(item.code if isinstance(item, OperationError) else "done" for item in results)


def done(operation: str) -> int:
    return AuditEntry.objects.filter(operation=operation, outcome="done").count()


def sent_is_what_was_approved(campaign: Campaign) -> None:
    """Whatever won: a campaign that may send stands on an approval of exactly its present content [R-8.2]."""
    if campaign.state not in {"approved", "scheduled", "sending", "sent"}:
        return
    request = ActionRequest.objects.get(pk=campaign.action_request_id)
    assert str(request.state) in {"approved", "executing", "succeeded"}
    assert request.content_hash == campaign.content_hash
    assert request.content["signed"] == signed_part(campaign)


def test_fifty_posts_with_one_key_start_one_send(
    desk: Desk, live_server: Any, settings: Any
) -> None:
    """[R-8.11] over real sockets: one effect; everybody gets its answer, or is asked to come again."""
    settings.OPERATION_RATE_LIMITS = None
    live_server.thread.httpd.socket.listen(2 * POSTS)  # the test server's own backlog is 10
    campaign = desk.approved()
    token = token_for(desk.marketer)
    key = uuid.uuid4().hex
    body = {"base_version_token": desk.token(campaign)}

    def post() -> requests.Response:
        return requests.post(
            f"{live_server.url}/api/v1/campaigns/{campaign.pk}/send",
            json=body,
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f'"{key}"'},
            timeout=60,
        )

    answers = at_once(*[post] * POSTS)
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 409}, statuses
    good = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.text for answer in good}) == 1
    first = [answer for answer in good if "Idempotent-Replayed" not in answer.headers]
    assert len(first) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["error"]["retryable"] is True
            assert answer.headers["Retry-After"] == "1"
    assert done("campaigns.send_approved") == 1
    again = post()
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    at_once(*[lambda: materialise.run(campaign.pk)] * 4)
    assert Batch.objects.filter(purpose="marketing").count() == 1
    assert Message.objects.count() == 6
    assert LedgerEntry.objects.filter(kind="reserve").count() == 1
    assert audit_verify().valid


def test_one_key_of_two_people_is_two_keys(desk: Desk) -> None:
    """[R-8.9] the key belongs to the person."""
    colleague = User.objects.create_user("colleague", password=None, is_staff=True)
    colleague.teams.add(desk.world.team)
    colleague.roles.set(Role.objects.filter(key__in=["marketing", "operations"]))
    segment = desk.segment()
    key = uuid.uuid4().hex
    payload = {
        "name": "Same key",
        "brand_id": desk.world.brand.pk,
        "segment_id": segment,
        "sender_id": desk.world.sender.pk,
        "gateway_id": desk.world.gateway.pk,
        "message": "Acme: hello.",
    }

    def create(user: User) -> Any:
        from smsmarketing.operations.dispatch import execute

        return execute(
            "campaigns.create_draft", payload, actor=desk.actor(user), idempotency_key=key
        )

    people = [desk.marketer, colleague] * 4
    results = at_once(*[lambda user=user: create(user) for user in people])  # type: ignore[misc]
    assert set(codes(results)) <= {"done", "CONFLICT"}
    assert Campaign.objects.count() == 2
    assert set(Campaign.objects.values_list("created_by", flat=True)) == {
        desk.marketer.pk,
        colleague.pk,
    }


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_approve_and_edit_at_once_never_approves_what_nobody_saw(desk: Desk, turn: int) -> None:
    """One of them is first; the new text is never under the old vote."""
    campaign = desk.submitted()
    token = desk.token(campaign)
    shown = campaign.content_hash

    def approve() -> Any:
        return desk.call(
            "campaigns.approve", desk.approver, campaign_id=campaign.pk, content_hash=shown
        )

    def edit() -> Any:
        return desk.call(
            "campaigns.update",
            campaign_id=campaign.pk,
            base_version_token=token,
            message=NEW_TEXT,
        )

    order = (approve, edit) if turn % 2 else (edit, approve)
    results = at_once(*order)
    after = desk.fresh(campaign)
    outcome = codes(results)
    assert outcome["done"] >= 1
    assert set(outcome) <= {"done", "CONFLICT", "VERSION_CONFLICT", "APPROVAL_REQUIRED"}, outcome
    if after.body == NEW_TEXT:
        assert after.state == "draft"
        assert str(ActionRequest.objects.get().state) == "superseded"
        assert after.action_request_id is None
    else:
        assert after.state == "approved"
    sent_is_what_was_approved(after)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_send_and_edit_at_once_send_the_approved_text(desk: Desk, turn: int) -> None:
    campaign = desk.approved()
    token = desk.token(campaign)

    def send() -> Any:
        return desk.call(
            "campaigns.send_approved", campaign_id=campaign.pk, base_version_token=token
        )

    def edit() -> Any:
        return desk.call(
            "campaigns.update",
            campaign_id=campaign.pk,
            base_version_token=token,
            message=NEW_TEXT,
        )

    results = at_once(*((send, edit) if turn % 2 else (edit, send)))
    assert codes(results)["done"] == 1, codes(results)
    materialise.run(campaign.pk)
    texts = set(Message.objects.values_list("body", flat=True))
    after = desk.fresh(campaign)
    if after.body == NEW_TEXT:
        assert (after.state, texts) == ("draft", set())
    else:
        assert after.state == "sending"
        assert texts == {f"{campaign.body}\n{desk.world.brand.opt_out_line}"}
    sent_is_what_was_approved(after)


def test_two_approvers_at_once_approve_once(desk: Desk) -> None:
    """One person is needed: the second word comes too late, and the campaign moves once."""
    second = User.objects.create_user("second", password=None, is_staff=True)
    second.teams.add(desk.world.team)
    second.roles.set(Role.objects.filter(key="approver"))
    campaign = desk.submitted()

    def approve(user: User) -> Any:
        return desk.call(
            "campaigns.approve",
            user,
            campaign_id=campaign.pk,
            content_hash=campaign.content_hash,
        )

    results = at_once(lambda: approve(desk.approver), lambda: approve(second))
    assert codes(results) == {"done": 1, "CONFLICT": 1}
    after = desk.fresh(campaign)
    assert (after.state, after.version) == ("approved", campaign.version + 1)
    assert Vote.objects.count() == 1
    sent_is_what_was_approved(after)


def test_approve_and_reject_at_once_leave_one_word(desk: Desk) -> None:
    second = User.objects.create_user("second", password=None, is_staff=True)
    second.teams.add(desk.world.team)
    second.roles.set(Role.objects.filter(key="approver"))
    campaign = desk.submitted()
    vote = {"campaign_id": campaign.pk, "content_hash": campaign.content_hash}
    results = at_once(
        lambda: desk.call("campaigns.approve", desk.approver, **vote),
        lambda: desk.call("campaigns.reject", second, reason="Not now.", **vote),
    )
    assert codes(results) == {"done": 1, "CONFLICT": 1}
    request = ActionRequest.objects.get()
    after = desk.fresh(campaign)
    assert (str(request.state), after.state) in {
        ("approved", "approved"),
        ("rejected", "rejected"),
    }
    assert Vote.objects.count() == 1


def test_many_starts_at_once_make_one_batch(desk: Desk) -> None:
    """Different keys, the beat task and the sweep together: one start, one batch, one reservation."""
    campaign = desk.approved()
    token = desk.token(campaign)

    def send() -> Any:
        return desk.call(
            "campaigns.send_approved", campaign_id=campaign.pk, base_version_token=token
        )

    results = at_once(send, send, send, start_due.run, follow.run)
    assert codes(results[:3])["done"] == 1
    assert set(codes(results[:3])) <= {"done", "CONFLICT", "VERSION_CONFLICT"}
    at_once(*[lambda: materialise.run(campaign.pk)] * 3, follow.run, follow.run)
    assert Batch.objects.filter(purpose="marketing").count() == 1
    assert Message.objects.count() == 6
    sent_is_what_was_approved(desk.fresh(campaign))


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_materialise_and_stop_at_once_leave_nothing_to_send(desk: Desk, turn: int) -> None:
    """[R-8.6] whoever is first: after the stop no message is left that could still go."""
    campaign = desk.sending()

    def stop() -> Any:
        return desk.call("campaigns.stop_remaining", campaign_id=campaign.pk, reason="Wrong price.")

    work = [lambda: materialise.run(campaign.pk), stop]
    results = at_once(*(work if turn % 2 else reversed(work)))
    assert codes(results)["done"] == 2, codes(results)
    assert desk.fresh(campaign).state == "stopped"
    materialise.run(campaign.pk)
    left = Message.objects.exclude(state="stopped").values_list("state", flat=True)
    assert list(left) == []
    assert not Batch.objects.filter(state__in=["ready", "sending", "building"]).exists()
