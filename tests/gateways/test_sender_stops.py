"""A stopped sender pauses what uses it, at once; lifting it takes two people [R-5.10]."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import Role, User
from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.approvals.services import request_vote
from smsmarketing.approvals.tasks import request_run
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.tasks import senders_watch
from smsmarketing.gateways.dispatch import batch_run
from smsmarketing.gateways.models import Gateway, Message, SenderId
from smsmarketing.gateways.services import batch_resume
from smsmarketing.gateways.services.sender_stops import sender_lift, sender_stop, senders_expire
from smsmarketing.operations.errors import Conflict, InvalidInput, NotPermitted, SenderNotEligible
from smsmarketing.operations.types import Held
from tests.campaigns.desk import Desk, desk_make
from tests.gateways.world import World, world_make
from tests.races.test_dispatch import runner, together, until
from tests.simulator.process import RunningSimulator, simulator_running

pytestmark = pytest.mark.django_db(transaction=True)
REASON = "The operator blocks this name since a complaint"


@pytest.fixture(scope="module")
def carrier() -> Iterator[RunningSimulator]:
    with simulator_running(receipts="none=1") as running:
        yield running


def keeper_of(desk: Desk) -> User:
    user = User.objects.create_user(f"keeper-{uuid.uuid4().hex[:6]}", password=None)
    user.roles.add(*Role.objects.filter(key__in=["compliance", "technical"]))
    user.teams.add(desk.world.team)
    return user


def lift(desk: Desk, keeper: User, **changes: Any) -> ActionRequest:
    held = desk.ask(
        "sender_ids.lift",
        keeper,
        sender_id=desk.world.sender.pk,
        evidence="Letter of the operator, 12 November",
        **changes,
    )
    assert isinstance(held, Held)
    request = ActionRequest.objects.get(pk=held.action_request_id)
    with transaction.atomic():
        request_vote(
            request.pk,
            actor=desk.actor(desk.approver),
            verdict="approve",
            content_hash=request.content_hash,
        )
    request_run(request.pk)
    request.refresh_from_db()
    return request


def test_suspending_pauses_and_lifting_takes_two() -> None:
    desk = desk_make(contacts=1)
    world, keeper = desk.world, keeper_of(desk)
    batch = world.batch(world.contacts(2), purpose="transactional")
    told = desk.call("sender_ids.suspend", keeper, sender_id=world.sender.pk, reason=REASON)
    assert (told.state, told.sends_paused) == ("suspended", 1)
    batch.refresh_from_db()
    assert batch.state == "paused"
    assert REASON in batch.hold_reason
    assert OwnerNotification.objects.filter(user=keeper, kind="sender_stopped").count() == 1
    batch_run(batch.pk)
    assert set(Message.objects.filter(batch=batch).values_list("state", flat=True)) == {"queued"}

    request = lift(desk, keeper)
    assert request.state == "succeeded", request.result
    world.sender.refresh_from_db()
    assert (world.sender.state, world.sender.state_reason) == ("verified", "")
    batch.refresh_from_db()
    assert batch.state == "paused"  # people resume it


def test_who_may_not_and_what_cannot_be_lifted() -> None:
    desk = desk_make(contacts=1)
    keeper = keeper_of(desk)
    with pytest.raises(NotPermitted):
        desk.call(
            "sender_ids.suspend", desk.approver, sender_id=desk.world.sender.pk, reason=REASON
        )
    with pytest.raises(InvalidInput):
        desk.call("sender_ids.suspend", keeper, sender_id=desk.world.sender.pk, reason="so")
    with pytest.raises(Conflict) as refused:
        lift(desk, keeper)
    assert "verified" in refused.value.message
    desk.world.sender.refresh_from_db()
    assert desk.world.sender.state == "verified"
    assert not ActionRequest.objects.exists()


def test_a_scheduled_campaign_is_taken_back_and_people_are_told() -> None:
    """Within one run of the watch, which beat starts every 15 seconds [R-5.10]."""
    desk = desk_make(contacts=2)
    keeper = keeper_of(desk)
    campaign = desk.approved()
    soon = timezone.now() + timedelta(hours=3)
    desk.call(
        "campaigns.schedule",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        send_at_local=f"{soon:%Y-%m-%dT%H:%M}",
        time_zone="UTC",
    )
    desk.call("sender_ids.suspend", keeper, sender_id=desk.world.sender.pk, reason=REASON)
    senders_watch()
    senders_watch()
    campaign = Campaign.objects.get(pk=campaign.pk)
    assert (campaign.state, campaign.scheduled_at) == ("approved", None)
    assert REASON in campaign.hold_reason
    notes = OwnerNotification.objects.filter(text__contains=REASON).exclude(kind="sender_stopped")
    assert set(notes.values_list("user__username", "kind")) == {
        (desk.marketer.username, "campaign_unscheduled"),
        (desk.approver.username, "approved_campaign_stopped"),
    }
    with pytest.raises(SenderNotEligible) as refused:
        desk.call(
            "campaigns.send_approved",
            campaign_id=campaign.pk,
            base_version_token=desk.token(campaign),
        )
    assert REASON in refused.value.message
    assert Campaign.objects.get(pk=campaign.pk).state == "approved"


def test_nothing_leaves_between_the_end_of_a_registration_and_the_watch() -> None:
    """[R-5.6]: dispatch looks at the end itself; the watch may come half a minute later."""
    world = world_make()
    batch = world.batch(world.contacts(2), purpose="transactional")
    SenderId.objects.filter(pk=world.sender.pk).update(expires_at=timezone.now())
    batch_run(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.hold_reason) == ("paused", "The sender is expired.")
    assert set(Message.objects.filter(batch=batch).values_list("state", flat=True)) == {"queued"}


def test_an_expired_registration_stops_the_sender_after_reminders() -> None:
    desk = desk_make(contacts=1)
    sender, keeper = desk.world.sender, keeper_of(desk)
    now = timezone.now()
    SenderId.objects.filter(pk=sender.pk).update(expires_at=now + timedelta(days=20))
    for days in (0, 0, 14, 14, 19.5):
        assert senders_expire(now=now + timedelta(days=days)) == 0
    reminders = OwnerNotification.objects.filter(user=keeper, kind="sender_expires")
    assert reminders.count() == 3
    batch = desk.world.batch(desk.world.contacts(1), purpose="transactional")
    assert senders_expire(now=now + timedelta(days=21)) == 1
    assert senders_expire(now=now + timedelta(days=21)) == 0
    sender.refresh_from_db()
    batch.refresh_from_db()
    assert (sender.state, batch.state) == ("expired", "paused")
    with pytest.raises(InvalidInput):
        lift(desk, keeper, expires_at="2020-01-01T00:00:00Z")
    sender.refresh_from_db()
    assert sender.state == "expired"
    assert lift(desk, keeper, expires_at="2090-01-01T00:00:00Z").state == "succeeded"


def test_suspending_in_the_middle_of_a_send(carrier: RunningSimulator) -> None:
    """After the commit nothing leaves but what was on the wire: at most one wave a worker; after the
    lift and the resume the rest leaves, and nobody gets two [R-5.10].
    """
    carrier.reset()
    world: World = world_make(base_url=carrier.base_url)
    Gateway.objects.filter(pk=world.gateway.pk).update(max_in_flight=8)
    batch = world.batch(world.contacts(300))
    on_the_wire: list[int] = []
    moment = []

    def stop() -> None:
        until(lambda: Message.objects.filter(batch=batch, state="accepted").exists())
        with transaction.atomic():
            sender_stop(world.sender, how="suspend", reason=REASON, now=timezone.now())
            left = Message.objects.filter(batch=batch)
            on_the_wire.append(left.filter(state="handing_over").count())
            moment.append(left.exclude(state="queued").count())

    together(runner(batch), stop)
    batch.refresh_from_db()
    assert batch.state == "paused"
    gone = Message.objects.filter(batch=batch).exclude(state="queued").count()
    assert gone == moment[0] == carrier.stats()["accepted"]
    assert on_the_wire[0] <= 8
    assert 0 < gone < 300

    with transaction.atomic():
        sender_lift(world.sender, expires_at=None, now=timezone.now())
        batch_resume(batch)
    batch_run(batch.pk)
    sent = Message.objects.filter(batch=batch, state="accepted")
    assert sent.count() == carrier.stats()["accepted"] == 300
    assert not sent.exclude(attempt=1).exists()
