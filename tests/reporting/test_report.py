"""campaign_reports.get adds up to the unit in every state a message can have."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from smsmarketing.campaigns.models import Campaign, Decision
from smsmarketing.campaigns.services.explain import explain
from smsmarketing.campaigns.services.forgetting import decisions_forget
from smsmarketing.campaigns.tasks import materialise
from smsmarketing.contacts.models import SendState
from smsmarketing.contacts.services import suppression_add
from smsmarketing.gateways.models import Message
from smsmarketing.gateways.rules.messages import OPEN, STATES
from smsmarketing.gateways.services.retention import texts_expire
from smsmarketing.reporting.operations import OPEN_STATES, Funnel
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)

CLOSED_FIELDS = set(Funnel.model_fields) - {"planned", "open"}


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=len(STATES) + 2)


def written(desk: Desk) -> tuple[Campaign, list[int]]:
    campaign = desk.sending()
    materialise.run(campaign.pk)
    return desk.fresh(campaign), list(Message.objects.order_by("pk").values_list("pk", flat=True))


def report(desk: Desk, campaign: Campaign, **more: Any) -> Any:
    return desk.call("campaign_reports.get", campaign_id=campaign.pk, **more)


def total(funnel: Funnel) -> int:
    return sum(getattr(funnel, name) for name in CLOSED_FIELDS) + funnel.open


def test_the_funnel_knows_every_state() -> None:
    """planned = all final states + unknown + quarantined + open, whatever the states are."""
    assert CLOSED_FIELDS | set(OPEN_STATES) == STATES
    assert set(OPEN_STATES) == OPEN


@pytest.mark.parametrize("state", sorted(STATES))
def test_the_sum_holds_with_all_messages_in_one_state(desk: Desk, state: str) -> None:
    campaign, ids = written(desk)
    Message.objects.update(state=state)
    funnel = report(desk, campaign).delivery
    assert funnel.planned == total(funnel) == len(ids)
    assert getattr(funnel, "open" if state in OPEN else state) == len(ids)


def test_a_mixed_campaign_adds_up_with_reasons_money_and_time(desk: Desk) -> None:
    """[R-1.4] billed truth beside the estimate; what was left out beside what was sent."""
    SendState.objects.filter(pk__in=SendState.objects.values("pk")[:2]).update(
        marketing_reason="opted_out"
    )
    campaign, ids = written(desk)
    now = timezone.now()
    for pk, state in zip(ids, sorted(STATES), strict=True):
        Message.objects.filter(pk=pk).update(state=state)
    wire = {"accepted", "delivered", "undelivered", "expired", "rejected", "failed", "unknown"}
    Message.objects.filter(state__in=wire).update(handed_at=now)
    Message.objects.filter(state__in=wire - {"unknown", "rejected", "failed"}).update(
        accepted_at=now, parts_billed=2
    )
    Message.objects.filter(state="delivered").update(price_billed=Decimal("0.07"))
    Message.objects.filter(state="skipped").update(reason="capped")
    Message.objects.filter(state="rejected").update(error_class="hard", error_code="E7")
    answer = report(desk, campaign, per="day")
    assert answer.delivery.planned == total(answer.delivery) == len(STATES)
    assert answer.skipped_by_reason == {"capped": 1}
    assert answer.left_out == {"Opted out": 2}
    assert [(row.error_class, row.error_code, row.count) for row in answer.failures] == [
        ("hard", "E7", 1)
    ]
    assert Decimal(answer.cost_estimated.amount) == Decimal("0.05") * len(STATES)
    # accepted, undelivered, expired: two parts each; delivered as told; unknown as estimated
    assert Decimal(answer.cost_billed.amount) == Decimal("0.10") * 3 + Decimal("0.07") + Decimal(
        "0.05"
    )
    assert (answer.parts_estimated, answer.parts_billed) == (len(STATES), 9)
    assert [(slot.handed_over, slot.delivered, slot.failed) for slot in answer.time_trends] == [
        (7, 1, 4)
    ]
    (country,) = answer.countries
    assert (country.country, country.planned, country.delivered) == ("LT", len(STATES), 1)
    assert Decimal(country.billed.amount) == Decimal(answer.cost_billed.amount)
    assert answer.final is False
    assert answer.clicks.measured is answer.conversions.measured is False


def test_opt_outs_count_once_and_only_after_the_message(desk: Desk) -> None:
    """Attributed by the time of the person's own message, whatever road the no took."""
    campaign, _ = written(desk)
    now = timezone.now()
    people = list(Message.objects.order_by("pk"))[:5]
    Message.objects.update(state="delivered", handed_at=now - timedelta(hours=1))
    Message.objects.filter(pk=people[3].pk).update(handed_at=now - timedelta(hours=80))
    Message.objects.filter(pk=people[4].pk).update(handed_at=None)

    def says_no(person: Message, **more: Any) -> None:
        values: dict[str, Any] = {
            "scope": "brand", "reason": "opt_out", "source": "inbound", "evidence": {"text": "STOP"},
            "brand": desk.world.brand,
        }  # fmt: skip
        with transaction.atomic():
            suppression_add(phone=person.phone, **(values | more))

    says_no(people[0])
    says_no(people[0], reason="complaint", source="gateway")
    says_no(people[1], source="web")
    says_no(people[2], source="import")
    says_no(people[3])
    says_no(people[4])
    assert report(desk, campaign).opt_outs == 2
    before = report(desk, campaign)
    texts_expire(now=now + timedelta(days=400))
    assert not Message.objects.exclude(contact_id=None).exists()
    assert report(desk, campaign) == before


def test_whom_a_campaign_left_out_is_forgotten_and_how_many_is_not(desk: Desk) -> None:
    """[R-4.14]; who asks about a person is told that it is too long ago."""
    left_out = SendState.objects.order_by("pk")[:2]
    person = left_out[0].contact
    SendState.objects.filter(pk__in=[row.pk for row in left_out]).update(
        marketing_reason="opted_out"
    )
    campaign, _ = written(desk)
    Message.objects.update(state="delivered", final_at=timezone.now())
    before = report(desk, campaign)
    assert before.left_out == {"Opted out": 2}
    assert decisions_forget(now=timezone.now() + timedelta(days=390)) == 0
    late = timezone.now() + timedelta(days=400)
    assert decisions_forget(now=late) == 2
    assert not Decision.objects.filter(contact_id__gt=0).exists()
    assert decisions_forget(now=late) == 0
    assert report(desk, campaign) == before
    texts_expire(now=late)
    found = explain(campaign, person, now=timezone.now())
    assert "only totals are left" in found.verdict


def test_a_campaign_that_has_not_started_reports_nothing_and_says_so(desk: Desk) -> None:
    campaign = desk.draft()
    answer = report(desk, campaign)
    assert (answer.final, answer.delivery.planned, answer.date_range) == (False, 0, [None, None])
    assert (answer.time_trends, answer.countries, answer.replies) == ([], [], 0)


def test_a_report_states_range_gateway_window_rules_and_latency(desk: Desk) -> None:
    """Seed 000-37: reports must state date range, gateway, attribution window, cost rules and data latency."""
    campaign, _ = written(desk)
    answer = report(desk, campaign)
    assert answer.date_range[0] == campaign.started_at
    assert answer.gateway == desk.world.gateway.name
    assert "72 hours" in answer.attribution_window
    assert answer.cost_rules.startswith("Billed:")
    assert "receipts arrive" in answer.data_latency
    assert Decimal(answer.cost_ceiling.amount) == campaign.cost_ceiling
    assert set(answer.definitions) == STATES
