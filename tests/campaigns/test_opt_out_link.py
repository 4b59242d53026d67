"""{opt_out_link}: each recipient's own opt-out page, counted beforehand, a way out for every sender."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.test import Client

from smsmarketing.accounts.models import User
from smsmarketing.campaigns.tasks import materialise
from smsmarketing.contacts.models import Contact, SendState, Suppression
from smsmarketing.contacts.selectors.opt_out_links import link_sample
from smsmarketing.gateways.models import Message, SenderId
from smsmarketing.gateways.rules.encoding import text_count
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "Acme: sale today. Out: {opt_out_link}"


@pytest.fixture
def desk() -> Desk:
    made = desk_make(contacts=20)
    made.world.brand.opt_out_line = "Out: {opt_out_link}"
    made.world.brand.save()
    # An alphanumeric sender: nobody can reply to it.
    SenderId.objects.filter(pk=made.world.sender.pk).update(can_receive=False)
    return made


def test_every_recipient_gets_a_link_that_opts_them_out(desk: Desk) -> None:
    """[R-1.10], [R-2.17]: of the length that was counted, without a number in it."""
    campaign = desk.sending(message="Acme: sale today.", purpose="marketing")
    materialise.run(campaign.pk)
    messages = list(Message.objects.all())
    assert len(messages) == 20
    expected = text_count(TEXT.replace("{opt_out_link}", link_sample()))
    for message in messages:
        count = text_count(message.body)
        assert (count.units, message.parts) == (expected.units, expected.parts)
        assert message.phone[-7:] not in message.body
        assert link_sample() not in message.body
    assert len({message.body for message in messages}) == 20
    message = messages[7]
    address = urlsplit(message.body.split()[-1]).path
    assert Client().get(address).status_code == 200
    assert not Suppression.objects.exists()
    assert Client().post(address, {"choice": "marketing"}).status_code == 200
    row = Suppression.objects.get()
    assert row.contact_id == message.contact_id
    assert row.evidence["message_id"] == message.pk
    assert row.evidence["batch"] == campaign.name
    contact = Contact.objects.get(pk=message.contact_id)
    assert SendState.objects.get(contact=contact).marketing_reason == "opted_out"


def test_with_fields_of_their_own_too(desk: Desk) -> None:
    fields = [{"name": "first_name", "max_chars": 10, "fallback": "you"}]
    campaign = desk.sending(
        message="Acme: hi {first_name}, {opt_out_link} ends it.", fields=fields, purpose="marketing"
    )
    materialise.run(campaign.pk)
    bodies = list(Message.objects.values_list("body", flat=True))
    assert len(set(bodies)) == 20
    assert all("/o/" in body and "{" not in body for body in bodies)


def test_previews_and_tests_show_a_link_that_opens_nothing(desk: Desk) -> None:
    User.objects.filter(pk=desk.marketer.pk).update(test_phone="+37061234567")
    fit = desk.call(
        "copy.fit_preview",
        message=TEXT,
        brand_id=desk.world.brand.pk,
        sender_id=desk.world.sender.pk,
    )
    assert fit.fits, fit.problems
    assert link_sample() in fit.typical.example
    assert link_sample() in fit.worst.example
    assert fit.typical.parts == fit.worst.parts == 1
    campaign = desk.draft(message=TEXT)
    sent = desk.call("campaigns.test_send", campaign_id=campaign.pk)
    message = Message.objects.get(batch_id=sent.batch_id)
    assert link_sample() in message.body
    assert Client().post(urlsplit(link_sample()).path, {"choice": "all"}).status_code == 404
    assert not Suppression.objects.exists()


def test_without_the_link_such_a_sender_is_refused(desk: Desk) -> None:
    desk.world.brand.opt_out_line = "Reply STOP to opt out"
    desk.world.brand.save()
    fit = desk.call(
        "copy.fit_preview",
        message="Acme: sale today.",
        brand_id=desk.world.brand.pk,
        sender_id=desk.world.sender.pk,
    )
    assert [problem.code for problem in fit.problems] == ["NO_OPT_OUT_PATH"]
