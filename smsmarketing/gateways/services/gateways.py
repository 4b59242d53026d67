"""Gateways, rates, caps and quotas: rows that operations and the demo write through here."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.gateways import transports
from smsmarketing.gateways.credentials import credentials_write, webhook_secret_write
from smsmarketing.gateways.models import FrequencyCap, Gateway, Quota, Rate
from smsmarketing.gateways.services.lists.following import listings_reconsider
from smsmarketing.gateways.services.money_alerts import quota_warn
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.states import row_lock, transition_apply


def gateway_create(
    *,
    name: str,
    slug: str,
    transport: str,
    base_url: str,
    credentials: Mapping[str, str],
    countries: Collection[str],
    currency: str = "EUR",
    rate_per_second: float = 50,
    max_in_flight: int = 64,
    dlr_timeout_hours: int = 72,
    webhook_ips: Collection[str] = (),
    webhook_secret: str | None = None,
    fallback: Gateway | None = None,
    handles_stop_replies: bool = False,
    lookup_price: Decimal | None = None,
    options: Mapping[str, str] | None = None,
    opt_out_push: str = "whole",
) -> Gateway:
    """A gateway with sealed credentials and a webhook secret of 192 random bits.

    Raises InvalidInput for an unknown transport or a window the engine cannot hold.
    """
    if transport not in transports.names():
        raise InvalidInput(
            "This transport does not exist.",
            field_errors={"transport": f"Use one of: {', '.join(transports.names())}."},
        )
    if not 1 <= max_in_flight <= 512:
        raise InvalidInput(
            "The window is out of range.", field_errors={"max_in_flight": "Use 1 to 512."}
        )
    with transaction.atomic():
        gateway = Gateway.objects.create(
            name=name,
            slug=slug,
            transport=transport,
            base_url=base_url,
            countries=sorted({country.upper() for country in countries}),
            currency=currency,
            rate_per_second=rate_per_second,
            max_in_flight=max_in_flight,
            dlr_timeout_hours=dlr_timeout_hours,
            webhook_ips=list(webhook_ips),
            fallback=fallback,
            handles_stop_replies=handles_stop_replies,
            lookup_price=lookup_price,
            options=dict(options or {}),
            opt_out_push=opt_out_push,
        )
        credentials_write(gateway, credentials)
        webhook_secret_write(gateway, webhook_secret or secrets.token_urlsafe(24))
        gateway.save(update_fields=["credentials", "webhook_secret", "webhook_secret_hash"])
    return gateway


def gateway_update(gateway: Gateway, **fields: Any) -> Gateway:
    """Set fields of a locked gateway and bump its version; secrets have their own command."""
    for name, value in fields.items():
        setattr(gateway, name, value)
    gateway.version += 1
    gateway.save(update_fields=[*fields, "version"])
    if "countries" in fields:  # numbers of a country that is new to it are told now
        listings_reconsider(gateway.pk)
    return gateway


def gateway_degrade(gateway: Gateway, *, reason: str) -> Gateway:
    """active → degraded with a reason; a gateway that is not active stays as it is."""
    held = row_lock(Gateway, gateway.pk)
    if held.state != "active":
        return held
    held.state_reason = reason[:200]
    held.version += 1
    transition_apply(held, "degrade", save=["state_reason", "version"])
    return held


def gateway_recover(gateway: Gateway) -> Gateway:
    """degraded → active, after a gateway accepted messages again or a person says so."""
    held = row_lock(Gateway, gateway.pk)
    if held.state != "degraded":
        return held
    held.state_reason = ""
    held.version += 1
    transition_apply(held, "recover", save=["state_reason", "version"])
    return held


def rate_set(
    gateway: Gateway,
    *,
    country: str,
    price: Decimal,
    operator: str = "",
    valid_from: datetime | None = None,
    source: str = "manual",
    now: datetime | None = None,
) -> Rate:
    """A new price from `valid_from` on; the one before ends there. Past prices are never changed."""
    moment = now or timezone.now()
    begins = valid_from or moment
    if price < 0:
        raise InvalidInput("A price is not negative.", field_errors={"price": "Use 0 or more."})
    with transaction.atomic():
        Gateway.objects.select_for_update().get(pk=gateway.pk)
        same = Rate.objects.filter(gateway=gateway, country=country.upper(), operator=operator)
        if same.filter(valid_from__gte=begins).exists():
            raise InvalidInput(
                "There is already a price from that time or later.",
                field_errors={"valid_from": "Use a later time than the newest price."},
            )
        same.filter(Q(valid_to=None) | Q(valid_to__gt=begins)).update(valid_to=begins)
        return Rate.objects.create(
            gateway=gateway,
            country=country.upper(),
            operator=operator,
            price=price,
            currency=gateway.currency,
            valid_from=begins,
            source=source,
            fetched_at=moment,
        )


def quota_set(
    team: Team,
    *,
    month: date,
    message_limit: int,
    money_limit: Decimal,
    brand: Brand | None = None,
    warn_percent: int = 80,
) -> Quota:
    """Set the limits of a team, or of one of its brands, of one month; what is reserved and spent stays.

    A month in which money moved keeps its currency: InvalidInput when the team's is another one.
    """
    with transaction.atomic():
        quota, _ = Quota.objects.get_or_create(
            team=team,
            brand=brand,
            month=month.replace(day=1),
            defaults={
                "message_limit": message_limit,
                "money_limit": money_limit,
                "currency": team.currency,
            },
        )
        quota = Quota.objects.select_for_update(of=("self",)).get(pk=quota.pk)
        if quota.currency != team.currency and quota.entries.exists():
            raise InvalidInput(
                f"Money has moved in {quota.currency} this month; the team's currency is "
                f"{team.currency} now. Set the limit of the next month.",
                field_errors={"month": f"This month is counted in {quota.currency}."},
            )
        quota.message_limit = message_limit
        quota.money_limit = money_limit
        quota.currency = team.currency
        quota.warn_percent = warn_percent
        quota.save(
            update_fields=["message_limit", "money_limit", "currency", "warn_percent"],
        )
        quota_warn(quota, now=timezone.now())
    return quota


def caps_set(
    *, brand: Brand | None, purpose: str, caps: Collection[tuple[int, int]]
) -> list[FrequencyCap]:
    """Replace the caps of a brand (None = all brands) and purpose by (window in hours, limit)."""
    with transaction.atomic():
        FrequencyCap.objects.filter(brand=brand, purpose=purpose).delete()
        return FrequencyCap.objects.bulk_create(
            [
                FrequencyCap(brand=brand, purpose=purpose, window_hours=hours, limit=limit)
                for hours, limit in sorted(caps)
            ]
        )
