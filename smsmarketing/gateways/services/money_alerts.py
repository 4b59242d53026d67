"""Telling people and systems about money that runs out: once for each crossing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.approvals.services.notes import NOTIFIED_AT_MOST, person_tell
from smsmarketing.gateways.models import Gateway, Quota
from smsmarketing.webhooks.services import webhook_emit

PERMISSION = "gateways.money_edit"


def money_people(team_id: int | None) -> list[User]:
    """Who looks after money: of a team, or (None) everywhere."""
    people = User.objects.filter(
        Q(is_superuser=True) | Q(roles__permissions__contains=[PERMISSION]),
        is_active=True,
        is_agent=False,
    )
    if team_id is not None:
        people = people.filter(teams=team_id)
    return list(people.distinct().order_by("pk")[:NOTIFIED_AT_MOST])


def quota_percent(quota: Quota) -> int:
    """How much of the tighter of the two limits is reserved or spent."""
    shares = []
    for used, limit in (
        (quota.parts_reserved + quota.parts_spent, quota.message_limit),
        (quota.money_reserved + quota.money_spent, quota.money_limit),
    ):
        shares.append(int(Decimal(used) * 100 / limit) if limit else (100 if used else 0))
    return max(shares)


def quota_warn(quota: Quota, *, now: datetime) -> None:
    """Tell of a locked quota that passed its warning threshold; once, until it is below again."""
    percent = quota_percent(quota)
    if percent < quota.warn_percent:
        if quota.warned_at is not None:
            quota.warned_at = None
            quota.save(update_fields=["warned_at"])
        return
    if quota.warned_at is not None:
        return
    quota.warned_at = now
    quota.save(update_fields=["warned_at"])
    brand = quota.brand
    whose = f"brand {brand.name}" if brand is not None else f"team {quota.team.name}"
    text = (
        f"The {whose} has used {percent} % of its limit for {quota.month:%B %Y} "
        f"(warning at {quota.warn_percent} %). What does not fit is refused; raise the limit with "
        "quotas.save, or send less."
    )
    for person in money_people(quota.team_id):
        person_tell(
            person, kind="quota_warning", text=text, url=_url("gateways_quota", quota.pk), now=now
        )
    webhook_emit(
        [quota.team_id],
        "quota.warning",
        {
            "team_id": quota.team_id,
            "brand_id": quota.brand_id,
            "month": quota.month.isoformat(),
            "percent": percent,
            "warn_percent": quota.warn_percent,
        },
        at=now,
    )


def balances_watch(*, now: datetime | None = None) -> int:
    """Tell of gateways whose prepaid balance fell below its threshold; returns how many.

    Whoever writes `balance` needs to know nothing of this: a beat task looks. Told once for each
    crossing; above the threshold again, the next fall is told again.
    """
    moment = now or timezone.now()
    Gateway.objects.filter(balance_low_at__isnull=False).filter(
        Q(balance_alert=None) | Q(balance__gte=F("balance_alert"))
    ).update(balance_low_at=None)
    told = 0
    low = Gateway.objects.filter(
        balance__isnull=False, balance__lt=F("balance_alert"), balance_low_at=None
    ).exclude(state="disabled")
    for gateway_id in list(low.values_list("pk", flat=True)):
        with transaction.atomic():
            gateway = (
                Gateway.objects.select_for_update(no_key=True, of=("self",))
                .filter(pk=gateway_id, balance_low_at=None, balance__lt=F("balance_alert"))
                .first()
            )
            if gateway is None:
                continue
            gateway.balance_low_at = moment
            gateway.save(update_fields=["balance_low_at"])
            _balance_tell(gateway, moment)
            told += 1
    return told


def _balance_tell(gateway: Gateway, now: datetime) -> None:
    unit = gateway.balance_unit or gateway.currency
    text = (
        f"The balance of {gateway.name} is {gateway.balance:f} {unit}, below the alert at "
        f"{gateway.balance_alert:f}. Top it up before sends are refused."
    )
    for person in money_people(None):
        person_tell(
            person,
            kind="balance_low",
            text=text,
            url=_url("gateways_gateway", gateway.pk),
            now=now,
        )
    webhook_emit(
        None,
        "balance.low",
        {
            "gateway_id": gateway.pk,
            "gateway": gateway.name,
            "balance": f"{gateway.balance:f}",
            "alert_at": f"{gateway.balance_alert:f}",
            "currency": unit,
        },
        at=now,
    )


def _url(rows: str, pk: int) -> str:
    try:
        return reverse(f"admin:{rows}_change", args=[pk])
    except NoReverseMatch:
        return ""
