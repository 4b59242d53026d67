"""The road to the simulated carrier: gateway, senders, rates, quota."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.gateways.credentials import webhook_secret_read
from smsmarketing.gateways.models import Gateway, SenderId
from smsmarketing.gateways.services import (
    gateway_create,
    quota_set,
    rate_set,
    sender_create,
    sender_eligibility_set,
)
from smsmarketing.operations.states import row_lock, transition_apply

RATES = {"US": "0.0110", "MY": "0.0320", "GB": "0.0390", "DE": "0.0790", "FR": "0.0650"}
CARRIER_TOKEN = "simulator-token"  # noqa: S105 - the simulator's default


@transaction.atomic
def gateway_ensure(carrier_url: str, *, now: datetime) -> Gateway:
    """The demo gateway, pointed at where the carrier simulator listens this time."""
    gateway = Gateway.objects.filter(slug="demo-carrier").first()
    if gateway is None:
        gateway = gateway_create(
            name="Demo carrier (VertexSMS protocol)",
            slug="demo-carrier",
            transport="vertexsms",
            base_url=carrier_url,
            credentials={"token": CARRIER_TOKEN},
            countries=list(RATES),
            currency="EUR",
            rate_per_second=200,
            max_in_flight=32,
            lookup_price=Decimal("0.004"),
        )
        for country, price in RATES.items():
            rate_set(gateway, country=country, price=Decimal(price), source="demo", now=now)
    if gateway.base_url != carrier_url:
        Gateway.objects.filter(pk=gateway.pk).update(base_url=carrier_url)
    return gateway


def smpp_gateway_ensure(smpp_url: str, *, now: datetime) -> Gateway:
    """A second way to the simulated carrier: over SMPP."""
    gateway = Gateway.objects.filter(slug="demo-smpp").first()
    if gateway is None:
        gateway = gateway_create(
            name="Demo carrier (SMPP)",
            slug="demo-smpp",
            transport="smpp",
            base_url=smpp_url,
            credentials={"system_id": "demo", "password": CARRIER_TOKEN},
            countries=list(RATES),
            currency="EUR",
            rate_per_second=200,
            max_in_flight=32,
        )
        for country, price in RATES.items():
            rate_set(gateway, country=country, price=Decimal(price), source="demo", now=now)
    if gateway.base_url != smpp_url:
        Gateway.objects.filter(pk=gateway.pk).update(base_url=smpp_url)
    return gateway


def inbound_url(gateway: Gateway) -> str:
    """Where the simulator posts replies."""
    secret = webhook_secret_read(gateway)
    return f"{settings.PUBLIC_BASE_URL}/webhooks/{gateway.slug}/{secret}/inbound"


@transaction.atomic
def senders_ensure(team: Team, brand: Brand, *, now: datetime) -> SenderId:
    """A number that receives replies (verified), and an alphanumeric sender still in registration."""
    sender = SenderId.objects.filter(team=team, value="+12125550199").first()
    if sender is None:
        sender = sender_create(
            team=team,
            brand=brand,
            value="+12125550199",
            kind="msisdn",
            can_receive=True,
            registration="10DLC",
            registration_state="registered",
            now=now,
        )
        sender_eligibility_set(
            sender, dict.fromkeys(("US", "MY", "GB"), "allowed") | {"DE": "register"}
        )
        locked = row_lock(SenderId, sender.pk)
        transition_apply(locked, "submit")
        transition_apply(locked, "verify")
        alpha = sender_create(
            team=team,
            brand=brand,
            value="NORDWIND",
            kind="alphanumeric",
            registration="SSRS",
            registration_state="submitted",
            restrictions="Hong Kong: only with the # prefix once registered.",
            now=now,
        )
        transition_apply(row_lock(SenderId, alpha.pk), "submit")
        sender.refresh_from_db()
    return sender


def quota_ensure(team: Team, *, now: datetime) -> None:
    """100,000 parts and 2,000 EUR for this month, once."""
    month = now.date().replace(day=1)
    if not team.quotas.filter(month=month).exists():
        quota_set(team, month=month, message_limit=100_000, money_limit=Decimal(2000))
    later = (month + timedelta(days=32)).replace(day=1)
    if not team.quotas.filter(month=later).exists():
        quota_set(team, month=later, message_limit=100_000, money_limit=Decimal(2000))
