"""campaigns.schedule, cancel_schedule, send_approved, and the start that beat makes."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.tasks import materialise, start_due
from smsmarketing.gateways.models import Batch, Gateway, Quota, SenderId
from smsmarketing.gateways.services import caps_set
from smsmarketing.operations.errors import (
    ApprovalRequired,
    BudgetExceeded,
    Conflict,
    GatewayUnavailable,
    InvalidInput,
    OperationError,
    QuotaExceeded,
    SenderNotEligible,
    VersionConflict,
)
from smsmarketing.operations.states import row_lock, transition_apply
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.rows import refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=8)


def local(**ahead: float) -> str:
    return (timezone.now() + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M")


def schedule(desk: Desk, campaign: Campaign, **changes: Any) -> Any:
    values: dict[str, Any] = {
        "campaign_id": campaign.pk,
        "base_version_token": desk.token(campaign),
        "send_at_local": local(days=1),
        "time_zone": "UTC",
    }
    return desk.call("campaigns.schedule", **(values | changes))


def scheduled(desk: Desk, **changes: Any) -> Campaign:
    campaign = desk.approved()
    schedule(desk, campaign, **changes)
    return desk.fresh(campaign)


def due(campaign: Campaign) -> Campaign:
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=timezone.now())
    return campaign


def suspend(desk: Desk) -> None:
    with transaction.atomic():
        transition_apply(row_lock(SenderId, desk.world.sender.pk), "suspend")


def disable(desk: Desk) -> None:
    with transaction.atomic():
        transition_apply(row_lock(Gateway, desk.world.gateway.pk), "disable")


def opt_out_line(desk: Desk) -> None:
    desk.world.brand.opt_out_line = "Text STOP to end"
    desk.world.brand.save()


def cap(desk: Desk) -> None:
    caps_set(brand=None, purpose="marketing", caps=[(24, 2)])


def expire(desk: Desk) -> None:
    ActionRequest.objects.update(expires_at=timezone.now())


def no_quota(desk: Desk) -> None:
    Quota.objects.all().delete()


def few_parts(desk: Desk) -> None:
    Quota.objects.update(message_limit=7)


def little_money(desk: Desk) -> None:
    Quota.objects.update(money_limit=Decimal("0.39"))


CHANGES: list[tuple[Any, type[OperationError], str]] = [
    (suspend, SenderNotEligible, "suspended"),
    (disable, GatewayUnavailable, "disabled"),
    (opt_out_line, ApprovalRequired, "text"),
    (cap, ApprovalRequired, "caps"),
    (expire, Conflict, "expired"),
    (no_quota, QuotaExceeded, "no quota"),
    (few_parts, QuotaExceeded, "7 left"),
    (little_money, BudgetExceeded, "0.39"),
]


@pytest.mark.parametrize(("change", "kind", "says"), CHANGES)
def test_what_changed_since_the_approval_stops_a_send(
    desk: Desk, change: Any, kind: type[OperationError], says: str
) -> None:
    """[R-8.3] guards at the start; the approval is not spent by a refusal."""
    campaign = desk.approved()
    change(desk)
    token = desk.token(campaign)
    with refused(kind, says=says):
        desk.call("campaigns.send_approved", campaign_id=campaign.pk, base_version_token=token)


@pytest.mark.parametrize(("change", "kind", "says"), CHANGES)
def test_what_changed_since_the_approval_stops_a_schedule(
    desk: Desk, change: Any, kind: type[OperationError], says: str
) -> None:
    campaign = desk.approved()
    change(desk)
    token = desk.token(campaign)
    with refused(kind, says=says):
        schedule(desk, campaign, base_version_token=token)


@pytest.mark.parametrize(("change", "kind", "says"), CHANGES)
def test_a_planned_start_that_is_refused_takes_the_campaign_back_and_tells_its_owner(
    desk: Desk, change: Any, kind: type[OperationError], says: str
) -> None:
    campaign = due(scheduled(desk))
    change(desk)
    start_due.run()
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.action_request_id, campaign.started_at) == (
        "draft",
        None,
        None,
    )
    assert campaign.hold_reason.startswith("It did not start: ")
    assert says in campaign.hold_reason
    told = OwnerNotification.objects.get(user=desk.marketer, kind="campaign_not_started")
    assert says in told.text
    assert not Batch.objects.exists()


@pytest.mark.parametrize("state", ["draft", "in_review", "rejected", "changes_requested"])
def test_what_is_not_approved_is_not_sent(desk: Desk, state: str) -> None:
    """[R-8.2] and promise 2: no road without the approval."""
    campaign = desk.draft() if state == "draft" else desk.submitted()
    if state in {"rejected", "changes_requested"}:
        desk.call(
            "campaigns.reject",
            desk.approver,
            campaign_id=campaign.pk,
            content_hash=campaign.content_hash,
            reason="No.",
            ask_for_changes=state == "changes_requested",
        )
    token = desk.token(campaign)
    with refused(ApprovalRequired, says="submit_for_review"):
        desk.call("campaigns.send_approved", campaign_id=campaign.pk, base_version_token=token)
    with refused(ApprovalRequired, says="submit_for_review"):
        schedule(desk, campaign, base_version_token=token)


def test_two_people_pressing_send_start_once(desk: Desk) -> None:
    campaign = desk.approved()
    token = desk.token(campaign)
    desk.call("campaigns.send_approved", campaign_id=campaign.pk, base_version_token=token)
    with refused(VersionConflict):
        desk.call("campaigns.send_approved", campaign_id=campaign.pk, base_version_token=token)
    again = desk.token(campaign)
    with refused(Conflict, says="already sending"):
        desk.call("campaigns.send_approved", campaign_id=campaign.pk, base_version_token=again)


def test_a_schedule_keeps_wall_time_zone_and_people(desk: Desk) -> None:
    """[R-3.11] stored as wall time and zone."""
    campaign = desk.approved()
    when = local(days=3)
    answer = schedule(
        desk,
        campaign,
        send_at_local=when,
        time_zone="Asia/Kathmandu",
        notify=[desk.approver.username, desk.approver.username],
    )
    campaign = desk.fresh(campaign)
    assert answer.schedule.send_at_local == when
    assert answer.schedule.time_zone == "Asia/Kathmandu"
    assert campaign.scheduled_at == datetime.fromisoformat(when + "+05:45")
    assert (campaign.due_local, campaign.due_zone) == (when, "Asia/Kathmandu")
    assert campaign.notify == [desk.approver.username]
    assert (campaign.scheduled_local, campaign.state) == ("", "scheduled")


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"send_at_local": "2026-01-05T10:00"}, InvalidInput, "send_at_local"),
        ({"time_zone": "Europe/Atlantis"}, InvalidInput, "time_zone"),
        ({"time_zone": "Europe/Vilnius", "send_at_local": "2027-03-28T03:30"}, InvalidInput, "send_at_local"),
        ({"send_at_local": "2026-02-30T10:00"}, InvalidInput, "send_at_local"),
        ({"per_minute": 60}, ApprovalRequired, "per_minute"),
        ({"notify": ["nobody"]}, InvalidInput, "notify"),
    ],
)  # fmt: skip
def test_a_window_that_cannot_be_is_refused(
    desk: Desk, changes: dict[str, Any], kind: type[OperationError], field: str
) -> None:
    campaign = desk.approved()
    token = desk.token(campaign)
    with refused(kind, field=field):
        schedule(desk, campaign, base_version_token=token, **changes)


def test_an_approval_that_ends_before_the_planned_time_is_refused(desk: Desk) -> None:
    campaign = desk.approved()
    token = desk.token(campaign)
    with refused(ApprovalRequired, field="send_at_local"):
        schedule(desk, campaign, base_version_token=token, send_at_local=local(days=8))


def test_people_of_other_teams_are_not_notified(desk: Desk) -> None:
    stranger = User.objects.create_user("stranger", password=None)
    campaign = desk.approved()
    token = desk.token(campaign)
    with refused(InvalidInput, field="notify"):
        schedule(desk, campaign, base_version_token=token, notify=[stranger.username])


def test_a_second_schedule_says_how_to_change_the_first(desk: Desk) -> None:
    campaign = scheduled(desk)
    token = desk.token(campaign)
    with refused(Conflict, says="cancel_schedule"):
        schedule(desk, campaign, base_version_token=token)


def test_cancelling_keeps_the_approval_and_tells_people(desk: Desk) -> None:
    """[R-8.5] at once, without a second person."""
    campaign = scheduled(desk, notify=[desk.approver.username])
    answer = desk.call("campaigns.cancel_schedule", campaign_id=campaign.pk, reason="Rain.")
    assert (answer.state, answer.affected, answer.owner) == ("approved", 8, desk.marketer.username)
    assert (
        answer.notification_state == f"notified: {desk.approver.username}, {desk.marketer.username}"
    )
    campaign = desk.fresh(campaign)
    assert (campaign.scheduled_at, campaign.due_local, campaign.hold_reason) == (None, "", "Rain.")
    assert OwnerNotification.objects.filter(kind="campaign_cancelled").count() == 2
    assert schedule(desk, campaign).state == "scheduled"


def test_cancelling_for_good_ends_campaign_and_approval(desk: Desk) -> None:
    campaign = scheduled(desk)
    answer = desk.call(
        "campaigns.cancel_schedule", campaign_id=campaign.pk, reason="Sold out.", for_good=True
    )
    assert answer.state == "cancelled"
    assert str(ActionRequest.objects.get(pk=campaign.action_request_id).state) == "superseded"
    token = desk.token(campaign)
    with refused(ApprovalRequired):
        desk.call("campaigns.send_approved", campaign_id=campaign.pk, base_version_token=token)


def test_what_has_started_cannot_be_cancelled(desk: Desk) -> None:
    """[R-8.6] started means stopped, not cancelled."""
    campaign = desk.sending()
    with refused(Conflict, says="stop_remaining"):
        desk.call("campaigns.cancel_schedule", campaign_id=campaign.pk, reason="Too late.")
    other = desk.approved(name="Unplanned")
    with refused(Conflict, says="no schedule"):
        desk.call("campaigns.cancel_schedule", campaign_id=other.pk, reason="Nothing.")


def test_beat_starts_what_is_due_once(desk: Desk) -> None:
    late, early = due(scheduled(desk, notify=[desk.approver.username])), scheduled(desk)
    start_due.run()
    start_due.run()
    assert (desk.fresh(late).state, desk.fresh(early).state) == ("sending", "scheduled")
    assert OwnerNotification.objects.filter(kind="campaign_started").count() == 2
    materialise.run(late.pk)
    assert Batch.objects.get().planned == 8


def test_one_campaign_in_trouble_does_not_keep_the_others_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smsmarketing.campaigns import tasks

    first, second = due(scheduled(desk)), due(scheduled(desk))
    whole = tasks.campaign_start_due

    def broken(campaign_id: int) -> bool:
        if campaign_id == first.pk:
            raise RuntimeError("an injected fault")
        return whole(campaign_id)

    monkeypatch.setattr(tasks, "campaign_start_due", broken)
    start_due.run()
    assert (desk.fresh(first).state, desk.fresh(second).state) == ("scheduled", "sending")
