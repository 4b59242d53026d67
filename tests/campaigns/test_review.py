"""campaigns.submit_for_review and what a decision does to the campaign."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest, OwnerNotification
from smsmarketing.approvals.services import request_cancel, requests_expire
from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import SendState
from smsmarketing.gateways.models import Gateway, Rate, SenderId
from smsmarketing.gateways.services import caps_set
from smsmarketing.operations.errors import (
    Conflict,
    InvalidInput,
    NoOptOutPath,
    RatesUnavailable,
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


def submit(desk: Desk, campaign: Campaign, **more: Any) -> Any:
    return desk.call(
        "campaigns.submit_for_review",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        **more,
    )


def reject(desk: Desk, campaign: Campaign, **more: Any) -> Any:
    return desk.call(
        "campaigns.reject",
        desk.approver,
        campaign_id=campaign.pk,
        content_hash=campaign.content_hash,
        **more,
    )


def test_a_review_freezes_what_will_be_sent(desk: Desk) -> None:
    """[R-8.2] text, audience, sender, links, window, caps and ceiling are what the hash covers."""
    campaign = desk.draft(
        message="Acme: 20% off at https://acme.example/sale today.", tracking={"utm_campaign": "x"}
    )
    answer = submit(desk, campaign, note="Please look at the link.")
    campaign = desk.fresh(campaign)
    request = ActionRequest.objects.get(pk=answer.action_request_id)
    assert (answer.state, str(request.state)) == ("in_review", "pending")
    signed = request.content["signed"]
    assert (
        signed["text"] == "Acme: 20% off at https://acme.example/sale today.\nReply STOP to opt out"
    )
    assert signed["links"] == ["https://acme.example/sale"]
    assert signed["tracking"] == {"utm_campaign": "x"}
    assert signed["window"]["quiet_mode"] == "default"
    assert request.content["audience"]["recipients"] == campaign.approved_recipients == 8
    assert request.content["audience"]["countries"] == request.facts["countries"] == ["LT"]
    assert campaign.cost_ceiling == request.cost_ceiling == Decimal("0.42")  # 8 x 0.05 x 1.05
    assert campaign.review_notes == "Please look at the link."
    assert request.facts["by_agent"] is False
    assert request.object_version == campaign.version


def test_changes_can_be_asked_for_made_and_reviewed_again(desk: Desk) -> None:
    campaign = desk.submitted()
    reject(desk, campaign, reason="Name the shop.", ask_for_changes=True)
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.hold_reason) == ("changes_requested", "Name the shop.")
    desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        message="Acme in Vilnius: 20% off today only.",
    )
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.action_request_id) == ("draft", None)
    submit(desk, campaign)
    second = ActionRequest.objects.get(pk=desk.fresh(campaign).action_request_id)
    assert [change["field"] for change in second.content["changes_since_last"]] == ["text"]


def test_an_answer_without_a_change_can_be_reviewed_again(desk: Desk) -> None:
    campaign = desk.submitted()
    reject(desk, campaign, reason="Why today?", ask_for_changes=True)
    assert submit(desk, desk.fresh(campaign), note="The offer ends today.").state == "in_review"


def test_a_rejected_campaign_stays_rejected(desk: Desk) -> None:
    campaign = desk.submitted()
    reject(desk, campaign, reason="Not this year.")
    campaign = desk.fresh(campaign)
    assert campaign.state == "rejected"
    token = desk.token(campaign)
    with refused(Conflict, says="create_draft"):
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)
    with refused(Conflict, says="create_draft"):
        desk.call("campaigns.update", campaign_id=campaign.pk, base_version_token=token, name="X")


@pytest.mark.parametrize("state", ["in_review", "approved"])
def test_what_waits_or_is_approved_is_not_submitted_twice(desk: Desk, state: str) -> None:
    campaign = desk.submitted() if state == "in_review" else desk.approved()
    token = desk.token(campaign)
    with refused(Conflict, says=state.replace("_", " ")):
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)


@pytest.mark.parametrize("state", ["in_review", "approved"])
def test_content_that_changed_behind_the_review_is_submitted_anew(desk: Desk, state: str) -> None:
    """[R-8.2] the brand's opt-out line is part of the text: the old request does not cover it."""
    campaign = desk.submitted() if state == "in_review" else desk.approved()
    old = campaign.action_request_id
    desk.world.brand.opt_out_line = "Text STOP to end"
    desk.world.brand.save()
    submit(desk, campaign)
    campaign = desk.fresh(campaign)
    assert campaign.state == "in_review"
    assert campaign.action_request_id != old
    assert str(ActionRequest.objects.get(pk=old).state) == "superseded"


def test_a_vote_on_content_that_changed_behind_it_is_refused(desk: Desk) -> None:
    campaign = desk.submitted()
    caps_set(brand=None, purpose="marketing", caps=[(24, 2)])
    with refused(Conflict, field="content_hash"):
        desk.call(
            "campaigns.approve",
            desk.approver,
            campaign_id=campaign.pk,
            content_hash=campaign.content_hash,
        )


def test_a_stale_token_is_refused(desk: Desk) -> None:
    campaign = desk.draft()
    token = desk.token(campaign)
    desk.call("campaigns.update", campaign_id=campaign.pk, base_version_token=token, name="Other")
    with refused(VersionConflict):
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)


def test_nobody_to_send_to_is_refused_with_the_reasons(desk: Desk) -> None:
    campaign = desk.draft()
    SendState.objects.update(marketing_reason="opted_out")
    token = desk.token(campaign)
    with refused(Conflict, says="Nobody") as caught:
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)
    assert caught.value.details == {"matched": 8, "excluded": {"opted_out": 8}}


def test_a_country_without_a_price_is_left_out_and_shown(desk: Desk) -> None:
    """A missing rate excludes its country; it fails the review only when nobody is left."""
    SendState.objects.filter(pk__in=SendState.objects.values("pk")[:3]).update(country="GB")
    campaign = desk.submitted()
    content = ActionRequest.objects.get(pk=campaign.action_request_id).content
    assert content["audience"]["exclusions"] == {"No price known for the country": 3}
    assert content["audience"]["recipients"] == 5


def test_no_price_for_anybody_is_refused(desk: Desk) -> None:
    campaign = desk.draft()
    Rate.objects.update(country="LV")
    token = desk.token(campaign)
    with refused(RatesUnavailable, says="no price"):
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)


def test_a_sender_suspended_since_the_draft_is_refused(desk: Desk) -> None:
    campaign = desk.draft()
    with transaction.atomic():
        transition_apply(row_lock(SenderId, desk.world.sender.pk), "suspend")
    token = desk.token(campaign)
    with refused(SenderNotEligible, field="sender_id"):
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)


def test_a_gateway_disabled_since_the_draft_is_refused(desk: Desk) -> None:
    campaign = desk.draft()
    with transaction.atomic():
        transition_apply(row_lock(Gateway, desk.world.gateway.pk), "disable")
    token = desk.token(campaign)
    with refused(InvalidInput, field="gateway_id"):
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)


def test_a_sender_that_lost_its_replies_has_no_opt_out_path(desk: Desk) -> None:
    """[R-2.17] a reply word is no way out of a sender that receives nothing."""
    campaign = desk.draft()
    SenderId.objects.update(can_receive=False)
    token = desk.token(campaign)
    with refused(NoOptOutPath, field="message"):
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)


def test_a_time_that_no_approval_can_reach_is_refused(desk: Desk) -> None:
    later = (timezone.now() + timedelta(days=12)).strftime("%Y-%m-%dT10:00")
    campaign = desk.draft(send_at_local=later, time_zone="Europe/Vilnius")
    token = desk.token(campaign)
    with refused(InvalidInput, says="closer to it"):
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)


def test_a_planned_time_that_passed_is_refused(desk: Desk) -> None:
    later = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT10:00")
    campaign = desk.draft(send_at_local=later, time_zone="Europe/Vilnius")
    Campaign.objects.update(scheduled_local="2026-01-05T10:00")
    token = desk.token(campaign)
    with refused(InvalidInput, field="send_at_local"):
        desk.call("campaigns.submit_for_review", campaign_id=campaign.pk, base_version_token=token)


@pytest.mark.parametrize("state", ["in_review", "approved", "scheduled"])
@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_a_request_that_lapses_takes_its_campaign_back_to_draft(
    desk: Desk, state: str, end: str
) -> None:
    campaign = desk.submitted() if state == "in_review" else desk.approved()
    if state == "scheduled":
        desk.call(
            "campaigns.schedule",
            campaign_id=campaign.pk,
            base_version_token=desk.token(campaign),
            send_at_local=(timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
            time_zone="UTC",
        )
    request_id = campaign.action_request_id
    assert request_id is not None
    if end == "expired":
        ActionRequest.objects.filter(pk=request_id).update(expires_at=timezone.now())
        requests_expire()
    else:
        with transaction.atomic():
            request_cancel(request_id, actor=desk.actor(desk.marketer))
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.action_request_id, campaign.cost_ceiling) == (
        "draft",
        None,
        None,
    )
    assert (campaign.scheduled_at, campaign.due_local) == (None, "")
    assert end in campaign.hold_reason
    told = OwnerNotification.objects.filter(user=desk.marketer, kind="campaign_not_started")
    assert told.exists() is (state == "scheduled")


def test_an_edit_of_an_approved_campaign_ends_its_approval(desk: Desk) -> None:
    """Design §6: a change of signed content goes back to draft and supersedes the request."""
    campaign = desk.approved()
    answer = desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        tracking={"utm_campaign": "spring"},
    )
    assert (answer.changed, answer.needs_new_review) == (["tracking"], True)
    assert str(ActionRequest.objects.get(pk=campaign.action_request_id).state) == "superseded"
    assert answer.campaign.review.cost_ceiling is None


def test_an_edit_of_what_nobody_signed_keeps_the_approval(desk: Desk) -> None:
    campaign = desk.approved()
    answer = desk.call(
        "campaigns.update",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
        name="Spring sale",
        review_notes="Checked twice.",
    )
    assert (answer.changed, answer.needs_new_review) == (["name", "review_notes"], False)
    assert desk.fresh(campaign).state == "approved"
