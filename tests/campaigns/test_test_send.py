"""campaigns.test_send: the team's own test phones only, at most five, within the quota."""

from __future__ import annotations

import pytest

from smsmarketing.accounts.models import User
from smsmarketing.campaigns.models import Campaign, CampaignSend
from smsmarketing.gateways.models import Batch, Message, Quota
from smsmarketing.operations.errors import InvalidInput, NotFound, QuotaExceeded, RatesUnavailable
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.rows import refused

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+37061234567"


@pytest.fixture
def desk() -> Desk:
    made = desk_make(contacts=3)
    phone_set(made.marketer, PHONE)
    return made


@pytest.fixture
def campaign(desk: Desk) -> Campaign:
    return desk.draft()


def phone_set(user: User, phone: str) -> None:
    user.test_phone = phone
    user.save()


def test_the_text_goes_to_ones_own_phone_and_nobody_else(desk: Desk, campaign: Campaign) -> None:
    parts = Quota.objects.get().parts_reserved
    sent = desk.call("campaigns.test_send", campaign_id=campaign.pk)
    assert (sent.sent_to, sent.parts) == ([desk.marketer.get_username()], 1)
    batch = Batch.objects.get(pk=sent.batch_id)
    message = Message.objects.get(batch=batch)
    assert (batch.purpose, batch.team_id) == ("test", desk.world.team.pk)
    assert (message.phone, message.contact_id) == (PHONE, None)
    assert campaign.body in message.body
    assert Quota.objects.get().parts_reserved == parts + 1
    assert CampaignSend.objects.get(campaign=campaign).kind == "test"
    assert desk.fresh(campaign).state == "draft"


def test_a_colleague_is_named_once(desk: Desk, campaign: Campaign) -> None:
    phone_set(desk.approver, "+37061234568")
    name = desk.approver.get_username()
    sent = desk.call("campaigns.test_send", campaign_id=campaign.pk, usernames=[name, name])
    assert sent.sent_to == [name]
    assert Message.objects.get().phone == "+37061234568"


def test_unknown_people_and_those_of_another_team_are_refused(
    desk: Desk, campaign: Campaign
) -> None:
    other = desk_make(contacts=0)
    phone_set(other.marketer, PHONE)
    for name in ("nobody", other.marketer.get_username(), PHONE):
        with refused(InvalidInput, field="usernames"):
            desk.call("campaigns.test_send", campaign_id=campaign.pk, usernames=[name])
    with refused(NotFound):
        other.call("campaigns.test_send", campaign_id=campaign.pk)


def test_without_a_mobile_test_phone_nothing_is_sent(desk: Desk, campaign: Campaign) -> None:
    name = desk.approver.get_username()
    with refused(InvalidInput, field="usernames", says="no test phone"):
        desk.call("campaigns.test_send", campaign_id=campaign.pk, usernames=[name])
    phone_set(desk.approver, "12")
    with refused(InvalidInput, field="usernames"):
        desk.call("campaigns.test_send", campaign_id=campaign.pk, usernames=[name])


def test_six_people_are_too_many(desk: Desk, campaign: Campaign) -> None:
    with refused(InvalidInput, field="usernames"):
        desk.call(
            "campaigns.test_send", campaign_id=campaign.pk, usernames=[f"u{i}" for i in range(6)]
        )


def test_a_country_without_a_price_is_refused(desk: Desk, campaign: Campaign) -> None:
    phone_set(desk.marketer, "+37129123456")
    with refused(RatesUnavailable, says="LV"):
        desk.call("campaigns.test_send", campaign_id=campaign.pk)


def test_a_used_up_quota_refuses_a_test_too(desk: Desk, campaign: Campaign) -> None:
    Quota.objects.update(message_limit=0)
    with refused(QuotaExceeded):
        desk.call("campaigns.test_send", campaign_id=campaign.pk)
