"""Where senders may be used: one decision for previews, plans and dispatch, and who may change it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import transaction

from smsmarketing.accounts.models import Role, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.services import request_vote
from smsmarketing.approvals.tasks import request_run
from smsmarketing.contacts.services import audience_add
from smsmarketing.gateways.dispatch import batch_run
from smsmarketing.gateways.models import Message, SenderRule
from smsmarketing.gateways.selectors.senders import sender_eligibility
from smsmarketing.gateways.services import sender_eligibility_set
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import InvalidInput, NotPermitted, SenderNotEligible
from smsmarketing.operations.types import Done, Held
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)
REASON = "Letter of the carrier of 3 November, ticket 4711"


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=2)


@pytest.fixture
def people(desk: Desk) -> tuple[User, User]:
    role = Role.objects.create(
        key=f"all-{uuid.uuid4().hex[:6]}", name="All", permissions=sorted(PERMISSIONS)
    )
    found = []
    for name in ("asker", "decider"):
        user = User.objects.create_user(f"{name}-{uuid.uuid4().hex[:6]}", password=None)
        user.roles.add(role, *Role.objects.filter(key__in=["approver", "compliance"]))
        user.teams.add(desk.world.team)
        found.append(user)
    return found[0], found[1]


def agreed(desk: Desk, people: tuple[User, User], key: str, **payload: Any) -> ActionRequest:
    held = execute(key, payload, actor=desk.actor(people[0]), idempotency_key=uuid.uuid4().hex)
    assert isinstance(held, Held), held
    request = ActionRequest.objects.get(pk=held.action_request_id)
    with transaction.atomic():
        request_vote(
            request.pk,
            actor=desk.actor(people[1]),
            verdict="approve",
            content_hash=request.content_hash,
        )
    request_run(request.pk)
    request.refresh_from_db()
    return request


def test_people_override_the_table_with_a_second_person(
    desk: Desk, people: tuple[User, User]
) -> None:
    """[R-5.6]: the override goes before the table, at one gateway only, and is taken back."""
    world = desk.world
    sender_eligibility_set(world.sender, {"US": "allowed"})
    assert sender_eligibility(world.sender)["US"] == "register"  # binding: 10DLC
    asked = {"country": "US", "kind": "msisdn", "gateway_id": world.gateway.pk, "reason": REASON}
    request = agreed(desk, people, "sender_rules.save", status="allowed", **asked)
    assert request.state == "succeeded", request.result
    assert sender_eligibility(world.sender)["US"] == "register"
    assert sender_eligibility(world.sender, gateway=world.gateway)["US"] == "allowed"
    rule = SenderRule.objects.get(by_people=True)
    assert (rule.reason, rule.set_by) == (REASON, people[0].username)
    agreed(desk, people, "sender_rules.save", status="as_table", **asked)
    assert sender_eligibility(world.sender, gateway=world.gateway)["US"] == "register"
    rule.refresh_from_db()
    assert rule.retired_at is not None


def test_an_override_needs_a_reason_and_the_right(desk: Desk, people: tuple[User, User]) -> None:
    before = SenderRule.objects.count()
    asked = {"country": "LT", "kind": "msisdn", "status": "allowed"}
    with pytest.raises(InvalidInput):
        desk.call("sender_rules.save", people[0], **asked)
    with pytest.raises(NotPermitted):
        desk.call("sender_rules.save", desk.marketer, reason=REASON, **asked)
    with pytest.raises(NotPermitted):
        desk.call("sender_rules.forbid", desk.marketer, country="LT", kind="msisdn", reason=REASON)
    assert SenderRule.objects.count() == before
    assert not ActionRequest.objects.exists()


def test_closing_a_country_holds_from_the_next_wave_on(
    desk: Desk, people: tuple[User, User]
) -> None:
    """The plan was made before; dispatch asks the same decision again [R-5.6]."""
    world = desk.world
    batch = world.batch(world.contacts(3), purpose="transactional")
    desk.call("sender_rules.forbid", people[0], country="LT", kind="msisdn", reason=REASON)
    batch_run(batch.pk)
    found = set(Message.objects.filter(batch=batch).values_list("state", "reason"))
    assert found == {("skipped", "sender_not_eligible")}


def test_a_preview_says_where_why_and_what_to_do(desk: Desk) -> None:
    """[R-5.6], [R-5.7]: by country with counts; the sums agree."""
    world = desk.world
    world.gateway.countries = ["LT", "US", "MX"]
    world.gateway.save(update_fields=["countries"])
    for country, prefix in (("US", "+1212"), ("MX", "+5255")):
        people = world.contacts(3, prefix=prefix, country=country)
        audience_add(desk.audience, [person.pk for person in people])
    sender_eligibility_set(world.sender, {"US": "allowed"})
    campaign = desk.draft()
    cost = desk.call("cost_preview", campaign_id=campaign.pk)
    notes = {note.country: note for note in cost.sender_notes}
    assert set(notes) == {"US", "MX"}
    assert (notes["US"].status, notes["US"].contacts) == ("register", 3)
    assert "10DLC" in notes["US"].why
    assert "registration" in notes["US"].next_step
    assert (notes["MX"].status, notes["MX"].contacts) == ("forbidden", 3)
    told = {row.reason: row.count for row in cost.exclusions}
    assert told["sender_not_eligible"] == sum(note.contacts for note in cost.sender_notes)


def test_a_campaign_that_reaches_nobody_for_its_sender_is_refused(desk: Desk) -> None:
    """SENDER_NOT_ELIGIBLE names the country, the reason and the next step."""
    world = desk.world
    sender_eligibility_set(world.sender, {"LT": "register"})
    campaign = desk.draft()
    version = campaign.version
    with pytest.raises(SenderNotEligible) as refused:
        desk.call(
            "campaigns.submit_for_review",
            campaign_id=campaign.pk,
            base_version_token=desk.token(campaign),
        )
    assert "LT: " in refused.value.message
    assert "registration" in refused.value.message
    campaign.refresh_from_db()
    assert (campaign.state, campaign.version) == ("draft", version)
    assert not ActionRequest.objects.exists()


@pytest.mark.parametrize("how", ["country closed", "sender suspended"])
def test_nobody_approves_what_the_sender_may_not_carry_any_more(
    desk: Desk, people: tuple[User, User], how: str
) -> None:
    """[R-5.6]: asked again when a person approves, not only in the preview and in dispatch."""
    sender = desk.world.sender
    campaign = desk.submitted()
    if how == "country closed":
        sender_eligibility_set(sender, {"LT": "forbidden"})
    else:
        desk.call("sender_ids.suspend", people[0], sender_id=sender.pk, reason=REASON)
    with pytest.raises(SenderNotEligible) as refused:
        desk.call(
            "campaigns.approve",
            desk.approver,
            campaign_id=campaign.pk,
            content_hash=campaign.content_hash,
        )
    assert ("sender_ids.countries_save" if "closed" in how else REASON) in refused.value.message
    request = ActionRequest.objects.get(pk=campaign.action_request_id)
    assert (desk.fresh(campaign).state, str(request.state)) == ("in_review", "pending")
    assert not request.votes.exists()


def test_countries_of_a_sender_are_confirmed_by_two(desk: Desk, people: tuple[User, User]) -> None:
    world = desk.world
    request = agreed(
        desk,
        people,
        "sender_ids.countries_save",
        sender_id=world.sender.pk,
        countries=["EE"],
        status="allowed",
        evidence=REASON,
    )
    assert request.state == "succeeded", request.result
    assert sender_eligibility(world.sender)["EE"] == "allowed"
    row = world.sender.eligibility.get(country="EE")
    assert row.note == REASON
    answer = desk.call(
        "sender_ids.eligibility", sender_id=world.sender.pk, countries=["EE", "JP", "TG"]
    )
    told = {line.country: line for line in answer.countries}
    assert told["EE"].status == "allowed"
    assert told["JP"].status == "forbidden"
    assert told["JP"].source_date is not None
    assert told["TG"].status == "unknown"
    assert told["TG"].next_step


def test_a_protected_name_is_refused_without_documents(
    desk: Desk, people: tuple[User, User]
) -> None:
    """[R-5.5]"""
    outcome: Done | Held | None = None
    with pytest.raises(InvalidInput) as refused:
        outcome = desk.ask(
            "sender_ids.save",
            people[0],
            brand_id=desk.world.brand.pk,
            value="PayPaI",
            kind="alphanumeric",
            countries=["LT"],
            evidence=REASON,
        )
    assert outcome is None
    assert "PayPal" in refused.value.message
    assert not ActionRequest.objects.exists()
