"""A send time that the approval signed binds every start."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.operations import errors
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=3)


def test_an_approved_time_cannot_be_sent_before(desk: Desk) -> None:
    """[R-8.2] the approval covers the window: a planned campaign does not start at once."""
    local = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT10:00")
    campaign = desk.approved(send_at_local=local, time_zone="Europe/Vilnius")
    token = desk.token(campaign)
    with pytest.raises(errors.ApprovalRequired) as refused:
        desk.call("campaigns.send_approved", campaign_id=campaign.pk, base_version_token=token)
    assert "send_at_local" in refused.value.field_errors
    campaign = desk.fresh(campaign)
    assert (campaign.state, campaign.started_at) == ("approved", None)
    assert ActionRequest.objects.get(pk=campaign.action_request_id).state == "approved"
    scheduled = desk.call(
        "campaigns.schedule",
        campaign_id=campaign.pk,
        base_version_token=token,
        send_at_local=local,
        time_zone="Europe/Vilnius",
    )
    assert scheduled.state == "scheduled"


@pytest.mark.parametrize(
    ("local", "zone"),
    [
        ("9999-12-31T23:59", "America/Los_Angeles"),
        ("2020-01-01T10:00", "Europe/Vilnius"),
        ("2027-03-28T03:30", "Europe/Vilnius"),
        ("2099-01-01T10:00", "Europe/Vilnius"),
        ("2026-13-01T10:00", "Europe/Vilnius"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused(desk: Desk, local: str, zone: str) -> None:
    """[R-3.11] past, DST gap, end of the calendar, more than a year ahead."""
    with pytest.raises(errors.InvalidInput) as refused:
        desk.draft(send_at_local=local, time_zone=zone)
    assert "send_at_local" in refused.value.field_errors
