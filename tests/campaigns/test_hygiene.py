"""numbers.hygiene_preview: what dead numbers cost, from the team's own failures, and whether a check pays."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Team
from smsmarketing.campaigns.rules.hygiene import GROUPS, Tally, group_estimate
from smsmarketing.contacts.models import Contact, SendState
from smsmarketing.gateways.models import Batch, Gateway, Message
from smsmarketing.operations import errors
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.desk_pages import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=10)


def people(desk: Desk) -> list[Contact]:
    return list(Contact.objects.filter(memberships__audience=desk.audience).order_by("pk"))


def texted(desk: Desk, contact: Contact, state: str, *, days_ago: int = 5, **fields: Any) -> None:
    """A text of the team that ended so."""
    at = timezone.now() - timedelta(days=days_ago)
    batch = desk.world.batch([contact])
    Message.objects.filter(batch=batch).update(
        **{"state": state, "final_at": at, "created_at": at, "error_class": "soft", **fields}
    )


def preview(desk: Desk, **payload: Any) -> Any:
    given = payload or {"segment_id": desk.segment()}
    return desk.call("numbers.hygiene_preview", **given)


def groups_of(out: Any) -> dict[str, int]:
    return {each.group: each.recipients for each in out.groups}


def test_recipients_are_grouped_by_their_own_history(desk: Desk) -> None:
    proven, silent, failing, never, filtered, waiting, foreign, *_ = people(desk)
    texted(desk, proven, "undelivered", days_ago=9)
    texted(desk, proven, "delivered")
    texted(desk, silent, "delivered", days_ago=200)
    texted(desk, failing, "delivered", days_ago=9)
    texted(desk, failing, "undelivered")
    texted(desk, never, "undelivered", days_ago=9)
    texted(desk, never, "expired")
    texted(desk, filtered, "rejected", error_class="content")
    texted(desk, waiting, "expired", error_class="", reason="no_receipt")
    texted(desk, foreign, "undelivered")
    rival = Team.objects.create(name="Rival", slug="rival")
    Batch.objects.filter(messages__contact_id=foreign.pk).update(team=rival)
    out = preview(desk)
    assert groups_of(out) == {
        "proven": 1,
        "silent": 1,
        "failing": 1,
        "never_delivered": 1,
        "untried": 6,  # a filter, a missing receipt and another team's texts tell nothing
    }
    assert out.recipients == 10 == sum(groups_of(out).values())
    assert sum(out.line_types.values()) == 10
    found = {each.group: each for each in out.groups}
    assert found["never_delivered"].expected_failures == 1  # (2 + 1) / (2 + 2)
    assert found["never_delivered"].expected_waste.amount == "0.04"  # 0.75 of 0.05
    assert found["proven"].expected_waste.amount == "0.00"
    assert found["untried"].expected_waste is None
    assert out.failure_rate is None


def test_without_a_price_of_lookups_that_is_said_plainly(desk: Desk) -> None:
    never, *_ = people(desk)
    texted(desk, never, "undelivered")
    out = preview(desk)
    assert out.lookup_price is None
    assert not any(each.check_recommended or each.check_cost for each in out.groups)
    assert "tells a price for number lookups" in out.recommendation


def test_a_check_is_recommended_only_where_it_pays(desk: Desk) -> None:
    for contact in people(desk)[:4]:
        for days in (3, 6, 9):
            texted(desk, contact, "undelivered", days_ago=days)
    Gateway.objects.filter(pk=desk.world.gateway.pk).update(lookup_price=Decimal("0.004"))
    out = preview(desk, campaign_id=desk.draft().pk)
    found = {each.group: each for each in out.groups}
    assert out.lookup_gateway == desk.world.gateway.name
    assert found["never_delivered"].check_cost.amount == "0.02"
    assert found["never_delivered"].check_recommended
    assert Decimal(found["never_delivered"].check_saves.amount) > 0
    assert not found["untried"].check_recommended
    assert out.recommendation.startswith("Check the 4 never delivered numbers before sending")
    Gateway.objects.filter(pk=desk.world.gateway.pk).update(lookup_price=Decimal("0.10"))
    dear = preview(desk, campaign_id=desk.draft(name="Dear").pk)
    assert not any(each.check_recommended for each in dear.groups)
    assert "cost more than it can save" in dear.recommendation


def test_retired_numbers_are_shown_with_what_they_save(desk: Desk) -> None:
    one, two, *_ = people(desk)
    SendState.objects.filter(contact=one).update(marketing_reason="invalid")
    SendState.objects.filter(contact=two).update(marketing_reason="opted_out")
    out = preview(desk)
    assert out.recipients == 8
    assert [(each.reason, each.contacts) for each in out.retired] == [("invalid", 1)]
    assert Decimal(out.retired[0].avoided.amount) > 0


def test_the_campaigns_page_shows_it(desk: Desk) -> None:
    campaign = desk.draft()
    address = f"/admin/campaigns/campaign/{campaign.pk}/change/"
    page = signed_in(desk.marketer)
    assert "Look for dead numbers" in page.get(address).content.decode()
    shown = page.post(address, {"do": "numbers"})
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "Nothing is known of 10 of 10 numbers" in text
    assert GROUPS["untried"] in text
    assert GROUPS["failing"] not in text


def test_nothing_is_written_and_nothing_of_others_is_shown(desk: Desk) -> None:
    other = desk_make(contacts=1)
    messages = Message.objects.count()
    for payload in (
        {"segment_id": other.segment()},
        {"campaign_id": other.draft().pk},
    ):
        with pytest.raises(errors.NotFound):
            preview(desk, **payload)
    segment = desk.segment()
    for payload in ({}, {"segment_id": segment, "campaign_id": 1}):
        with pytest.raises(errors.InvalidInput):
            desk.call("numbers.hygiene_preview", **payload)
    preview(desk, segment_id=segment)
    assert Message.objects.count() == messages


_tallies = st.lists(
    st.builds(
        Tally,
        group=st.sampled_from(sorted(GROUPS)),
        country=st.sampled_from(["LT", "DE"]),
        recipients=st.integers(1, 10_000),
        chances=st.none(),
    ),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(
    tallies=_tallies,
    rate=st.one_of(st.none(), st.floats(0, 1)),
    lookup=st.one_of(st.none(), st.decimals("0", "1", places=4)),
)
def test_an_estimate_never_claims_what_it_cannot_know(
    tallies: list[Tally], rate: float | None, lookup: Decimal | None
) -> None:
    prices = {"LT": Decimal("0.05"), "DE": Decimal("0.09")}
    for group in GROUPS:
        estimate = group_estimate(
            group, tallies, text_price=prices, base_rate=rate, lookup_price=lookup
        )
        mine = [tally for tally in tallies if tally.group == group]
        most = sum((prices[each.country] * each.recipients for each in mine), Decimal(0))
        if estimate.waste is not None:
            assert 0 <= estimate.waste <= most + Decimal("0.01")
        else:
            assert rate is None
        assert (estimate.check_cost is None) == (lookup is None)
        if estimate.recommended:
            assert estimate.saving is not None
            assert estimate.saving > 0
