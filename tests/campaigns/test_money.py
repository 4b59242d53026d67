"""What a campaign costs is known before: at fresh prices, the dearest of a country, against limits and balance."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.utils import timezone

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import CampaignSend
from smsmarketing.campaigns.services.materialise import campaign_materialise
from smsmarketing.gateways.models import Batch, Gateway, Message, Quota, Rate
from smsmarketing.gateways.rules.rate_list import ExchangeRow
from smsmarketing.gateways.services import quota_set
from smsmarketing.gateways.services.exchange import exchange_take
from smsmarketing.gateways.services.rates import rates_take
from smsmarketing.operations.errors import BudgetExceeded, RatesUnavailable
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=8)


def prices_age(desk: Desk) -> None:
    days = settings.RATES_MAX_AGE_DAYS + 1
    Rate.objects.filter(gateway=desk.world.gateway).update(
        fetched_at=timezone.now() - timedelta(days=days)
    )


def test_stale_prices_stop_preview_submit_and_test(desk: Desk) -> None:
    campaign = desk.draft()
    prices_age(desk)
    calls = {
        "cost_preview": {},
        "campaigns.submit_for_review": {"base_version_token": desk.token(campaign)},
    }
    for key, payload in calls.items():
        with pytest.raises(RatesUnavailable) as caught:
            desk.call(key, campaign_id=campaign.pk, **payload)
        assert list(caught.value.details["countries"]) == ["LT"]
        assert "rates.import" in str(caught.value)
    desk.marketer.test_phone = "+37061234567"
    desk.marketer.save()
    with pytest.raises(RatesUnavailable):
        desk.call("campaigns.test_send", campaign_id=campaign.pk)
    assert not ActionRequest.objects.exists()
    assert not Message.objects.exists()
    assert desk.fresh(campaign).state == "draft"


def test_prices_that_grew_stale_after_the_approval_stop_the_send(desk: Desk) -> None:
    campaign = desk.approved()
    prices_age(desk)
    with pytest.raises(RatesUnavailable):
        desk.call(
            "campaigns.send_approved",
            campaign_id=campaign.pk,
            base_version_token=desk.token(campaign),
        )
    assert desk.fresh(campaign).state == "approved"
    assert not Batch.objects.exists()
    # The same list again confirms the prices, and the approval still stands.
    rates_take(desk.world.gateway, [("LT", "", Decimal("0.05"), "EUR", None)], "import")
    desk.call(
        "campaigns.send_approved",
        campaign_id=campaign.pk,
        base_version_token=desk.token(campaign),
    )
    prices_age(desk)
    with pytest.raises(RatesUnavailable):
        campaign_materialise(campaign.pk)
    assert not CampaignSend.objects.exists()


def test_the_dearest_operator_counts_and_is_named(desk: Desk) -> None:
    rates = [
        ("LT", "24601", Decimal("0.09"), "EUR", None),
        ("LT", "24602", Decimal("0.02"), "EUR", None),
    ]
    rates_take(desk.world.gateway, rates, "sync")
    out = desk.call("cost_preview", campaign_id=desk.draft().pk)
    line = out.countries[0]
    assert (Decimal(line.rate.amount), "24601" in line.rate_basis) == (Decimal("0.09"), True)
    assert Decimal(out.worst.amount) == 8 * Decimal("0.09")


def test_the_preview_counts_in_the_budgets_currency(desk: Desk) -> None:
    desk.world.team.currency = "USD"
    desk.world.team.save()
    Quota.objects.all().delete()
    month = timezone.now().date()
    quota_set(desk.world.team, month=month, message_limit=100, money_limit=Decimal("0.50"))
    exchange_take([ExchangeRow("EUR", "USD", Decimal("1.25"), None)], "ECB")
    out = desk.call("cost_preview", campaign_id=desk.draft().pk)
    assert (out.budget_worst.currency, Decimal(out.budget_worst.amount)) == ("USD", Decimal("0.5"))
    assert (out.exchange_rate, out.over_quota) == ("1.25", False)
    exchange_take([ExchangeRow("EUR", "USD", Decimal("1.26"), None)], "ECB")
    assert desk.call("cost_preview", campaign_id=desk.draft().pk).over_quota is True


def test_a_brands_budget_stops_the_send(desk: Desk) -> None:
    campaign = desk.approved()
    quota_set(
        desk.world.team,
        brand=desk.world.brand,
        month=timezone.now().date(),
        message_limit=1000,
        money_limit=Decimal("0.39"),
    )
    with pytest.raises(BudgetExceeded) as caught:
        desk.call(
            "campaigns.send_approved",
            campaign_id=campaign.pk,
            base_version_token=desk.token(campaign),
        )
    assert caught.value.details["limit_of"] == "brand"
    assert desk.fresh(campaign).state == "approved"


def test_a_balance_that_does_not_carry_the_send_is_said(desk: Desk) -> None:
    campaign = desk.draft()
    assert desk.call("cost_preview", campaign_id=campaign.pk).balance_warning == ""
    Gateway.objects.filter(pk=desk.world.gateway.pk).update(
        balance=Decimal("0.30"), balance_at=timezone.now()
    )
    out = desk.call("cost_preview", campaign_id=campaign.pk)
    assert "costs up to 0.40 EUR" in out.balance_warning
    assert "is 0.30 EUR" in out.balance_warning
