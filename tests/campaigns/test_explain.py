"""messages.explain: why a person did, did not, or would get a campaign."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.tasks import materialise
from smsmarketing.contacts.models import Contact, SendState
from smsmarketing.contacts.services import audience_add
from smsmarketing.gateways.models import Message
from smsmarketing.gateways.rules.messages import STATES
from smsmarketing.operations.errors import InvalidInput, NotFound
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.rows import refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=3)


def person(desk: Desk) -> Contact:
    return desk.audience.members.select_related("contact").earliest("id").contact


def ask(desk: Desk, campaign: Campaign, contact: Contact) -> Any:
    return desk.call("messages.explain", campaign_id=campaign.pk, contact_id=contact.pk)


def failed(answer: Any) -> list[str]:
    hours = "Quiet hours on the recipient's clock"  # depends on when the test runs
    return [
        check.check for check in answer.checks if check.passed is False and check.check != hours
    ]


def test_before_the_send(desk: Desk) -> None:
    answer = ask(desk, desk.draft(), person(desk))
    assert (answer.decision, answer.message_state, failed(answer)) == ("sendable", None, [])
    assert answer.verdict == "The person would get it if the campaign started now."
    assert person(desk).phone not in answer.phone


@pytest.mark.parametrize(
    ("changes", "decision", "check", "words"),
    [
        ({"marketing_reason": "opted_out"}, "opted_out", "Consent and opt-out", "opted out"),
        ({"marketing_reason": "no_consent"}, "no_consent", "Consent and opt-out", "no consent for this brand"),
        (
            {"consent_expires_at": timezone.now() - timedelta(days=1)},
            "consent_expired", "Consent and opt-out", "consent has expired",
        ),
        ({"recent": [timezone.now() - timedelta(hours=2)]}, "capped", "Frequency cap", "frequency cap reached"),
    ],
)  # fmt: skip
def test_who_would_not_get_it(
    desk: Desk, changes: dict[str, Any], decision: str, check: str, words: str
) -> None:
    contact = person(desk)
    SendState.objects.filter(contact=contact).update(**changes)
    answer = ask(desk, desk.draft(), contact)
    assert (answer.decision, failed(answer)) == (decision, [check])
    assert answer.verdict == f"The person would not get it: {words}."


def test_a_value_that_does_not_fit(desk: Desk) -> None:
    contact = person(desk)
    Contact.objects.filter(pk=contact.pk).update(first_name="Maximiliana")
    campaign = desk.draft(
        message="Acme: hi {first_name}.", fields=[{"name": "first_name", "max_chars": 5}]
    )
    answer = ask(desk, campaign, contact)
    assert (answer.decision, failed(answer)) == ("variable_too_long", ["Text fits the person"])


def test_who_is_not_in_the_segment(desk: Desk) -> None:
    stranger = desk.world.contacts(1)[0]
    answer = ask(desk, desk.draft(), stranger)
    assert (answer.decision, failed(answer)) == ("not_in_segment", ["Matches the segment"])
    assert answer.verdict == "The person does not match the segment's criteria."


def test_who_was_left_out_is_told_with_the_moment(desk: Desk) -> None:
    contact = person(desk)
    SendState.objects.filter(contact=contact).update(marketing_reason="no_consent")
    campaign = desk.sending()
    materialise.run(campaign.pk)
    SendState.objects.filter(contact=contact).update(marketing_reason=None)
    answer = ask(desk, campaign, contact)
    assert answer.verdict == "The person did not get it: no consent for this brand."
    assert answer.checks[-1].check == "Decision when the campaign started"
    assert answer.checks[-1].at is not None


def test_who_joined_later(desk: Desk) -> None:
    campaign = desk.sending()
    materialise.run(campaign.pk)
    late = desk.world.contacts(1)[0]
    audience_add(desk.audience, [late.pk])
    assert (
        ask(desk, campaign, late).verdict
        == "The person joined the audience after the campaign had started."
    )


def test_a_campaign_that_ended_without_messages_says_so(desk: Desk) -> None:
    campaign = desk.sending()
    desk.call("campaigns.stop_remaining", campaign_id=campaign.pk, reason="Wrong text.")
    assert (
        ask(desk, campaign, person(desk)).verdict
        == "Nobody got it: the campaign is stopped and has no messages."
    )


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_of_a_message_has_words(desk: Desk, state: str) -> None:
    campaign = desk.sending()
    materialise.run(campaign.pk)
    Message.objects.update(state=state)
    answer = ask(desk, campaign, person(desk))
    assert (answer.decision, answer.message_state) == ("sendable", state)
    assert answer.verdict.endswith(".")
    steps = {check.check: check.passed for check in answer.checks}
    assert steps["Handed to the gateway"] is None
    assert steps["Final state"] is (
        None
        if state in {"planned", "queued", "held", "handing_over", "accepted"}
        else state == "delivered"
    )


def test_a_person_is_named_once(desk: Desk) -> None:
    campaign, contact = desk.draft(), person(desk)
    with refused(InvalidInput, field="contact_id"):
        desk.call("messages.explain", campaign_id=campaign.pk)
    with refused(InvalidInput, field="contact_id"):
        desk.call(
            "messages.explain", campaign_id=campaign.pk, contact_id=contact.pk, phone=contact.phone
        )
    with refused(NotFound):
        desk.call("messages.explain", campaign_id=campaign.pk, contact_id=999_999)
