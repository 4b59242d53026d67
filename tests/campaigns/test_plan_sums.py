"""Preview, cost preview, messages, decisions, explanations and the report count the same people."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from smsmarketing.campaigns.models import Decision
from smsmarketing.campaigns.plan import REASONS
from smsmarketing.campaigns.tasks import materialise
from smsmarketing.contacts.models import Contact, SendState
from smsmarketing.contacts.services import audience_add
from smsmarketing.gateways import services
from smsmarketing.gateways.models import Batch, Message
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "Acme: hello {first_name} of {city}."
FIELDS = [
    {"name": "first_name", "max_chars": 10, "fallback": "you"},
    {"name": "city", "max_chars": 12, "charset": "gsm", "required": True},
]
_CITIES = [
    "Vilnius",
    "",
    " \t ",
    "Łódź",
    "Kazlų Rūda",
    "A very long town's name",
    "Bonn\r\n",
    "😀",
    "~{}^",
]
_NAMES = ["Ann", "", "Žofia", "Maximiliana-Theodora", "\x07Bo\x7f"]


def mixed_world(seed: int) -> Desk:
    """A desk whose 120 contacts differ in everything a plan looks at."""
    chance = random.Random(seed)
    desk = desk_make(contacts=0)
    world = desk.world
    for country, prefix, count in (
        ("LT", "+3706", 60), ("GB", "+44770", 8), ("LV", "+3712", 36), ("US", "+1212", 8), ("DE", "+49151", 8)
    ):  # fmt: skip
        audience_add(
            desk.audience,
            [row.pk for row in world.contacts(count, prefix=prefix, country=country, zone="")],
        )
    services.rate_set(world.gateway, country="LV", price=Decimal("0.0371"))
    now = timezone.now()
    people = Contact.objects.filter(memberships__audience=desk.audience)
    for contact in people:
        contact.first_name = chance.choice(_NAMES)
        contact.custom = chance.choice(
            [{}, {"city": chance.choice(_CITIES)}, {"city": None}, {"city": 7}]
        )
        contact.save(update_fields=["first_name", "custom"])
    for state in SendState.objects.filter(contact__in=people):
        state.marketing_reason = chance.choice(
            [None, None, None, None, "opted_out", "no_consent", "consent_incomplete", "complaint"]
        )
        state.consent_expires_at = chance.choice(
            [None, None, now - timedelta(days=1), now + timedelta(days=9)]
        )
        hours = chance.choice([[], [], [3], [30], [30, 40, 50, 60], [200, 300]])
        state.recent = [now - timedelta(hours=back) for back in hours]
        state.save()
    return desk


@pytest.mark.parametrize("seed", range(4))
def test_all_sums_agree_to_the_unit(seed: int) -> None:
    """One statement decides; everybody else counts what it said (design.md §7)."""
    desk = mixed_world(seed)
    campaign = desk.approved(message=TEXT, fields=FIELDS)
    cost = desk.call("cost_preview", campaign_id=campaign.pk)
    matched = cost.recipients + sum(row.count for row in cost.exclusions)
    assert matched == cost.recipients + cost.unsendable == 120
    told = {row.reason: row.count for row in cost.exclusions}
    assert set(told) <= set(REASONS)

    desk.call(
        "campaigns.send_approved", campaign_id=campaign.pk, base_version_token=desk.token(campaign)
    )
    materialise.run(campaign.pk)
    batch = Batch.objects.get(purpose="marketing")
    stored = Counter(Decision.objects.values_list("reason", flat=True))
    assert Message.objects.filter(batch=batch).count() == batch.planned == cost.recipients
    assert stored == told

    by_country = Counter(Message.objects.values_list("country", flat=True))
    assert by_country == {line.country: line.recipients for line in cost.countries}
    parts = sum(Message.objects.values_list("parts", flat=True))
    assert parts == sum(line.parts_expected for line in cost.countries)
    money = sum((row.parts * row.price for row in Message.objects.all()), Decimal(0))
    assert money == Decimal(cost.expected.amount) <= Decimal(cost.worst.amount)
    assert Counter(Message.objects.values_list("parts", flat=True)) == cost.message_segments
    assert batch.parts_reserved == parts

    report = desk.call("campaign_reports.get", campaign_id=campaign.pk)
    assert report.delivery.planned == report.delivery.open == cost.recipients
    assert report.left_out == {REASONS[reason]: count for reason, count in told.items()}
    assert Decimal(report.cost_estimated.amount) == money

    explained: Counter[str] = Counter()
    for contact_id in desk.audience.members.values_list("contact_id", flat=True):
        answer = desk.call("messages.explain", campaign_id=campaign.pk, contact_id=contact_id)
        explained[answer.decision] += 1
        assert (answer.message_state == "queued") is (answer.decision == "sendable")
    assert explained == {"sendable": cost.recipients, **told}


def test_slices_hold_every_message_once() -> None:
    desk = desk_make(contacts=0)
    audience_add(desk.audience, [row.pk for row in desk.world.contacts(603)])
    campaign = _sent(
        desk, message="Acme: hi {first_name}.", fields=[{"name": "first_name", "max_chars": 9}]
    )
    ids = list(Message.objects.filter(batch=campaign).order_by("pk").values_list("pk", flat=True))
    spans = list(campaign.slices.order_by("number").values_list("number", "first_id", "last_id"))
    assert [number for number, *_ in spans] == [0, 1]
    held = [pk for _, first, last in spans for pk in ids if first <= pk <= last]
    assert held == ids
    assert len(ids) == 603


def _sent(desk: Desk, **changes: Any) -> Batch:
    campaign = desk.sending(**changes)
    materialise.run(campaign.pk)
    return Batch.objects.get(purpose="marketing")


def test_a_preview_without_a_text_counts_the_same_people_without_the_text_s_reasons() -> None:
    desk = mixed_world(9)
    preview = desk.call(
        "segments.preview",
        brand_id=desk.world.brand.pk,
        gateway_id=desk.world.gateway.pk,
        sender_id=desk.world.sender.pk,
        criteria={"audience": desk.audience.pk},
    )
    campaign = desk.draft()
    cost = desk.call("cost_preview", campaign_id=campaign.pk)
    assert (preview.matched, preview.sendable) == (120, cost.recipients)
    assert preview.exclusions == cost.exclusions
    assert {row.country for row in preview.countries} <= {
        "LT",
        "LV",
    }  # GB has no price, US no sender, DE no gateway
    assert {"no_rate", "sender_not_eligible", "country_blocked"} <= {
        row.reason for row in preview.exclusions
    }
