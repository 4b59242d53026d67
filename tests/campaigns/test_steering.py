"""Pause, resume, stop, and a campaign that follows its batch."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.sending import campaigns_out_of_line
from smsmarketing.campaigns.tasks import follow, materialise
from smsmarketing.gateways.models import Batch, Message, SenderId
from smsmarketing.gateways.services import batch_pause, batch_resume, batch_stop
from smsmarketing.operations.errors import Conflict, SenderNotEligible
from smsmarketing.operations.states import row_lock, transition_apply
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.rows import refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=6)


def running(desk: Desk) -> tuple[Campaign, Batch]:
    campaign = desk.sending()
    materialise.run(campaign.pk)
    batch = Batch.objects.get(purpose="marketing")
    with transaction.atomic():
        transition_apply(row_lock(Batch, batch.pk), "start")
    return campaign, Batch.objects.get(pk=batch.pk)


def state(row: Campaign | Batch) -> str:
    return str(type(row).objects.get(pk=row.pk).state)


def request_state(campaign: Campaign) -> str:
    return str(ActionRequest.objects.get(pk=campaign.action_request_id).state)


def notes(kind: str) -> list[str]:
    return list(OwnerNotification.objects.filter(kind=kind).values_list("text", flat=True))


def test_pause_and_resume_move_campaign_and_batch(desk: Desk) -> None:
    campaign, batch = running(desk)
    assert (
        desk.call("campaigns.pause", campaign_id=campaign.pk, reason="Wrong shop?").state
        == "paused"
    )
    assert (state(campaign), state(batch)) == ("paused", "paused")
    assert desk.fresh(campaign).hold_reason == "Wrong shop?"
    with refused(Conflict):
        desk.call("campaigns.pause", campaign_id=campaign.pk)
    desk.call("campaigns.resume", campaign_id=campaign.pk)
    assert (state(campaign), state(batch)) == ("sending", "sending")
    with refused(Conflict):
        desk.call("campaigns.resume", campaign_id=campaign.pk)


def test_a_resume_that_may_not_be_leaves_it_paused(desk: Desk) -> None:
    campaign, _ = running(desk)
    desk.call("campaigns.pause", campaign_id=campaign.pk)
    with transaction.atomic():
        transition_apply(row_lock(SenderId, desk.world.sender.pk), "suspend")
    with refused(SenderNotEligible):
        desk.call("campaigns.resume", campaign_id=campaign.pk)


def test_a_person_can_pause_what_the_gateway_has_just_paused(desk: Desk) -> None:
    campaign, batch = running(desk)
    with transaction.atomic():
        batch_pause(batch, reason="Breaker open.")
    assert desk.call("campaigns.pause", campaign_id=campaign.pk).state == "paused"


def test_stopping_stops_what_remains_and_keeps_what_was_sent(desk: Desk) -> None:
    """[R-8.6] remaining messages are stopped, sent ones reported."""
    campaign, batch = running(desk)
    sent = Message.objects.filter(batch=batch).order_by("pk").values("pk")[:2]
    Message.objects.filter(pk__in=sent).update(
        state="accepted", handed_at=timezone.now(), accepted_at=timezone.now()
    )
    answer = desk.call("campaigns.stop_remaining", campaign_id=campaign.pk, reason="Wrong price.")
    assert (answer.state, answer.stopped) == ("stopped", 4)
    assert (state(batch), request_state(campaign)) == ("stopped", "partially_succeeded")
    assert Message.objects.filter(batch=batch, state="accepted").count() == 2
    assert "4 messages were not sent" in notes("campaign_stopped")[0]
    with refused(Conflict):
        desk.call("campaigns.stop_remaining", campaign_id=campaign.pk, reason="Again.")


def test_stopping_what_is_through_says_so(desk: Desk) -> None:
    campaign, batch = running(desk)
    Message.objects.filter(batch=batch).update(state="delivered")
    Batch.objects.filter(pk=batch.pk).update(handed_over_at=timezone.now())
    with refused(Conflict, says="nothing remains"):
        desk.call("campaigns.stop_remaining", campaign_id=campaign.pk, reason="Too late.")


@pytest.mark.parametrize("start", ["draft", "approved"])
def test_what_has_not_started_cannot_be_steered(desk: Desk, start: str) -> None:
    campaign = desk.draft() if start == "draft" else desk.approved()
    for key in ("campaigns.pause", "campaigns.resume"):
        with refused(Conflict):
            desk.call(key, campaign_id=campaign.pk)
    with refused(Conflict):
        desk.call("campaigns.stop_remaining", campaign_id=campaign.pk, reason="Why not.")


def test_a_batch_that_the_gateway_paused_pauses_its_campaign_and_tells_its_owner(
    desk: Desk,
) -> None:
    campaign, batch = running(desk)
    with transaction.atomic():
        batch_pause(batch, reason="The gateway refuses our token.")
    assert campaigns_out_of_line() == [campaign.pk]
    follow.run()
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.hold_reason) == ("paused", "The gateway refuses our token.")
    assert notes("campaign_paused") == ["Spring: paused. The gateway refuses our token."]
    follow.run()
    assert len(notes("campaign_paused")) == 1
    with transaction.atomic():
        batch_resume(batch)
    follow.run()
    assert state(campaign) == "sending"
    assert campaigns_out_of_line() == []


def test_a_batch_that_was_stopped_stops_its_campaign(desk: Desk) -> None:
    campaign, batch = running(desk)
    with transaction.atomic():
        batch_stop(batch, reason="window_over")
    follow.run()
    assert (state(campaign), request_state(campaign)) == ("stopped", "partially_succeeded")


def test_a_campaign_is_sent_when_nothing_is_left_to_hand_over(desk: Desk) -> None:
    campaign, batch = running(desk)
    Message.objects.filter(batch=batch).update(state="accepted", handed_at=timezone.now())
    handed = timezone.now()
    Batch.objects.filter(pk=batch.pk).update(handed_over_at=handed)
    follow.run()
    follow.run()
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.finished_at) == ("sent", handed)
    request = ActionRequest.objects.get(pk=campaign.action_request_id)
    assert (str(request.state), request.result["by_state"]) == ("succeeded", {"accepted": 6})
    assert len(notes("campaign_sent")) == 1


def test_messages_that_still_wait_keep_a_campaign_sending(desk: Desk) -> None:
    campaign, batch = running(desk)
    Batch.objects.filter(pk=batch.pk).update(handed_over_at=timezone.now())
    follow.run()
    assert state(campaign) == "sending"


def test_following_is_cheap_when_all_is_in_line(desk: Desk) -> None:
    running(desk)
    assert campaigns_out_of_line() == []
