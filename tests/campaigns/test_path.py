"""From a segment to messages: the whole path of one campaign, and that its sums agree."""

from __future__ import annotations

import pytest
from django.db import transaction

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Decision
from smsmarketing.campaigns.tasks import materialise
from smsmarketing.contacts.models import SendState
from smsmarketing.contacts.services import audience_add, suppression_add
from smsmarketing.gateways.models import Batch, Message
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=20)


def test_a_campaign_goes_from_draft_to_messages_and_the_sums_agree(desk: Desk) -> None:
    """Preview, cost preview and the real plan use one statement: their sums agree to the unit."""
    SendState.objects.filter(contact__in=desk.audience.members.values("contact")[:3]).update(
        marketing_reason="opted_out"
    )
    preview = desk.call(
        "segments.preview",
        brand_id=desk.world.brand.pk,
        gateway_id=desk.world.gateway.pk,
        criteria={"audience": desk.audience.pk},
    )
    assert (preview.matched, preview.sendable, preview.opt_outs) == (20, 17, 3)
    campaign = desk.approved()
    assert campaign.state == "approved"
    cost = desk.call("cost_preview", campaign_id=campaign.pk)
    assert cost.recipients == 17
    assert cost.unsendable == 3
    assert cost.worst.amount == cost.expected.amount == "0.850000"
    started = desk.call(
        "campaigns.send_approved",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
    )
    assert started.state == "sending"
    materialise.run(campaign.pk)
    batch = Batch.objects.get(purpose="marketing", team=desk.world.team)
    assert batch.state == "ready"
    assert batch.planned == Message.objects.filter(batch=batch).count() == 17
    assert Decision.objects.filter(campaign=campaign, reason="opted_out").count() == 3
    body = Message.objects.filter(batch=batch).values_list("body", flat=True).first()
    assert body == "Acme: 20% off today only.\nReply STOP to opt out"
    report = desk.call("campaign_reports.get", campaign_id=campaign.pk)
    assert report.delivery.planned == report.delivery.open == 17
    assert report.left_out == {"Opted out": 3}
    assert str(ActionRequest.objects.get(pk=campaign.action_request_id).state) == "executing"


def test_materialising_twice_makes_one_batch(desk: Desk) -> None:
    campaign = desk.sending()
    materialise.run(campaign.pk)
    materialise.run(campaign.pk)
    assert Batch.objects.filter(purpose="marketing").count() == 1
    assert Message.objects.count() == 20


def test_an_audience_that_grew_beyond_five_percent_goes_back_to_its_author(desk: Desk) -> None:
    """[R-8.3] drift guard: growth above the tolerance stops the send."""
    campaign = desk.sending()
    audience_add(desk.audience, [contact.pk for contact in desk.world.contacts(2)])
    materialise.run(campaign.pk)
    campaign = desk.fresh(campaign)
    assert campaign.state == "draft"
    assert "grew to 22" in campaign.hold_reason
    assert not Message.objects.exists()
    assert not Batch.objects.exists()


def test_a_stop_between_approval_and_start_leaves_the_person_out(desk: Desk) -> None:
    campaign = desk.approved()
    contact = desk.audience.members.select_related("contact").earliest("id").contact
    with transaction.atomic():
        suppression_add(
            phone=contact.phone,
            scope="brand",
            reason="opt_out",
            source="inbound",
            evidence={"text": "STOP"},
            brand=desk.world.brand,
        )
    desk.call(
        "campaigns.send_approved", campaign_id=campaign.pk, base_version_token=desk.token(campaign)
    )
    materialise.run(campaign.pk)
    assert not Message.objects.filter(contact_id=contact.pk).exists()
    assert Message.objects.count() == 19
    answer = desk.call("messages.explain", campaign_id=campaign.pk, contact_id=contact.pk)
    assert answer.decision == "opted_out"
    assert answer.verdict == "The person did not get it: opted out."
