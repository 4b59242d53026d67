"""Frequency caps and quotas in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.gateways.models import FrequencyCap, Quota
from smsmarketing.gateways.rules.caps import DEFAULT_CAPS


@dataclass(frozen=True, kw_only=True)
class Cap:
    """At most `limit` messages in any `window`."""

    limit: int
    window: timedelta


def caps_for(brand: Brand | int, purpose: str) -> list[Cap]:
    """The caps a message of this purpose must pass for this brand, narrowest window first.

    Rows of the brand and rows for all brands hold together; without any row the product's defaults
    hold [R-7.15], [R-7.18]. Purposes without caps (otp, test, reply) give an empty list.
    """
    brand_id = brand.pk if isinstance(brand, Brand) else brand
    rows = FrequencyCap.objects.filter(
        Q(brand_id=brand_id) | Q(brand=None), purpose=purpose
    ).values_list("window_hours", "limit")
    strictest: dict[int, int] = {}
    for hours, limit in rows or DEFAULT_CAPS.get(purpose, ()):
        strictest[hours] = min(limit, strictest.get(hours, limit))
    return [
        Cap(limit=limit, window=timedelta(hours=hours))
        for hours, limit in sorted(strictest.items())
    ]


def quota_current(
    team: Team | int, at: datetime, *, brand: Brand | int | None = None
) -> Quota | None:
    """The quota of a team, or of one of its brands, of the month of `at` (UTC); None: there never was one.

    A month without its own row inherits the limits of the latest earlier one; that row is unsaved
    until the first reservation.
    """
    team_id = team.pk if isinstance(team, Team) else team
    brand_id = brand.pk if isinstance(brand, Brand) else brand
    month = at.date().replace(day=1)
    newest = (
        Quota.objects.filter(team_id=team_id, brand=brand_id, month__lte=month)
        .order_by("-month")
        .first()
    )
    if newest is None or newest.month == month:
        return newest
    return Quota(
        team_id=team_id,
        brand_id=brand_id,
        month=month,
        message_limit=newest.message_limit,
        money_limit=newest.money_limit,
        currency=newest.currency,
        warn_percent=newest.warn_percent,
    )


def quotas_current(team: Team | int, brand: Brand | int, at: datetime) -> list[Quota]:
    """The limits that a send of the brand must fit into: the team's, then the brand's own; [] without one."""
    whole = quota_current(team, at)
    own = quota_current(team, at, brand=brand)
    return [] if whole is None else [whole] if own is None else [whole, own]


def quota_left(quota: Quota) -> tuple[int, Decimal]:
    """Parts and money that the quota still allows, never below zero."""
    parts = max(quota.message_limit - quota.parts_reserved - quota.parts_spent, 0)
    return parts, max(quota.money_limit - quota.money_reserved - quota.money_spent, Decimal(0))


def quota_sendable(quota: Quota, price: Decimal) -> int:
    """How many one-part messages at `price` the quota still allows."""
    parts, money = quota_left(quota)
    return parts if price <= 0 else min(parts, int(money / price))
