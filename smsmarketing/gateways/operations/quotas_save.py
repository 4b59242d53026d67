"""quotas.save and balance_alerts.save: how much may be spent, and when people hear that it runs out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import Field

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.accounts.selectors import brands_visible, teams_visible
from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.operations.rates_import import gateway_named
from smsmarketing.gateways.operations.shapes import money
from smsmarketing.gateways.selectors import quota_current
from smsmarketing.gateways.services import gateway_update, quota_set
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Money,
    Operation,
    Output,
    RestRoute,
)


class QuotaSaveIn(Input):
    """Input of quotas.save."""

    team_id: int = Field(ge=1, description="Team.")
    brand_id: int | None = Field(
        default=None, ge=1, description="Only this brand of the team; leave out for the whole team."
    )
    month: date | None = Field(
        default=None, description="Any day of the month (UTC); default: this month. Not a past one."
    )
    parts_limit: int = Field(ge=0, le=10_000_000_000, description="Parts that may be sent.")
    money_limit: str = Field(
        pattern=r"^\d{1,10}(\.\d{1,2})?$",
        max_length=13,
        description='Budget in the team\'s currency, e.g. "1500.00".',
    )
    warn_percent: int = Field(
        default=80, ge=1, le=100, description="People are told when so much of a limit is used."
    )


class QuotaSaveOut(Output):
    """Output of quotas.save."""

    quota_id: int = Field(description="Id of the limit.")
    team: str = Field(description="Team.")
    brand: str = Field(description="Brand; empty: the whole team.")
    month: date = Field(description="First day of the month. Later months inherit it.")
    parts_limit: int = Field(description="Parts that may be sent.")
    money_limit: Money = Field(description="Budget.")
    warn_percent: int = Field(description="When people are told.")


def _whose(context: Context, data: QuotaSaveIn) -> tuple[Team, Brand | None, date]:
    team = teams_visible(context.actor).filter(pk=data.team_id).first()
    if team is None:
        raise NotFound("There is no such team.", field_errors={"team_id": "Not one of yours."})
    brand = None
    if data.brand_id is not None:
        brand = brands_visible(context.actor).filter(pk=data.brand_id, team=team).first()
        if brand is None:
            raise NotFound(
                "There is no such brand in the team.", field_errors={"brand_id": "Not found."}
            )
    this_month = context.now.date().replace(day=1)
    month = (data.month or this_month).replace(day=1)
    if month < this_month:
        raise InvalidInput(
            "The limits of a past month do not change.",
            field_errors={"month": "Use this month or a later one."},
        )
    if month.year >= 2100:
        raise InvalidInput(
            "The month is too far away.", field_errors={"month": "Use a month before 2100."}
        )
    if brand is not None and quota_current(team, context.now) is None:
        raise InvalidInput(
            "A brand's limit narrows its team's, and the team has none. Set the team's first.",
            field_errors={"brand_id": "Leave it out first."},
        )
    return team, brand, month


def run(context: Context, data: QuotaSaveIn) -> QuotaSaveOut:
    """Set the limits."""
    team, brand, month = _whose(context, data)
    quota = quota_set(
        team,
        brand=brand,
        month=month,
        message_limit=data.parts_limit,
        money_limit=Decimal(data.money_limit),
        warn_percent=data.warn_percent,
    )
    context.audit_object = ("gateways.quota", str(quota.pk))
    context.audit_facts = {"parts_limit": data.parts_limit, "money_limit": data.money_limit}
    return QuotaSaveOut(
        quota_id=quota.pk,
        team=team.name,
        brand=brand.name if brand is not None else "",
        month=quota.month,
        parts_limit=quota.message_limit,
        money_limit=money(Decimal(quota.money_limit), quota.currency),
        warn_percent=quota.warn_percent,
    )


def facts(context: Context, data: QuotaSaveIn) -> Mapping[str, Any]:
    """Whether more may be spent afterwards than before; a first limit of a team counts as more."""
    team, brand, month = _whose(context, data)
    at = context.now.replace(year=month.year, month=month.month, day=1)
    before = quota_current(team, max(at, context.now), brand=brand)
    if before is None:
        return {"raises_limit": brand is None}
    return {
        "raises_limit": data.parts_limit > before.message_limit
        or Decimal(data.money_limit) > before.money_limit
    }


class BalanceAlertIn(Input):
    """Input of balance_alerts.save."""

    gateway_id: int = Field(ge=1, description="Gateway with a prepaid balance.")
    alert_below: str | None = Field(
        default=None,
        pattern=r"^\d{1,9}(\.\d{1,4})?$",
        max_length=14,
        description="Tell people when the balance falls below this, in its currency; leave out to switch it off.",
    )


class BalanceAlertOut(Output):
    """Output of balance_alerts.save."""

    gateway: str = Field(description="Gateway.")
    alert_below: Money | None = Field(description="The threshold; null: nobody is told.")
    balance: Money | None = Field(description="Balance as last read; null when it tells none.")
    low: bool = Field(description="True when it is below already: people are told within a minute.")


def run_alert(context: Context, data: BalanceAlertIn) -> BalanceAlertOut:
    """Set the threshold; the present balance counts as not yet told of."""
    named = gateway_named(context, data.gateway_id)
    gateway = Gateway.objects.select_for_update(no_key=True, of=("self",)).get(pk=named.pk)
    alert = Decimal(data.alert_below) if data.alert_below is not None else None
    gateway = gateway_update(gateway, balance_alert=alert, balance_low_at=None)
    context.audit_object = ("gateways.gateway", str(gateway.pk))
    balance = gateway.balance
    return BalanceAlertOut(
        gateway=gateway.name,
        alert_below=money(alert, gateway.currency) if alert is not None else None,
        balance=money(balance, gateway.currency) if balance is not None else None,
        low=alert is not None and balance is not None and balance < alert,
    )


registry.add(
    Operation(
        key="quotas.save",
        summary="Set the monthly limit and budget of a team or one of its brands, and when to warn.",
        description=(
            "A send must fit into the team's limit and the brand's. Raising a limit waits for a "
            "second person; lowering it holds at once, and what is reserved stays reserved."
        ),
        kind=Kind.WRITE,
        input=QuotaSaveIn,
        output=QuotaSaveOut,
        run=run,
        permission="gateways.money_edit",
        scope="sms:sender",
        approval=Approval.POLICY,
        facts=facts,
        requires=("quotas.get",),
        rest=RestRoute("POST", "/quotas"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="balance_alerts.save",
        summary="Say below which balance of a gateway people are told.",
        description="Told once for each fall below it, by a note in the admin and the webhook balance.low.",
        kind=Kind.WRITE,
        input=BalanceAlertIn,
        output=BalanceAlertOut,
        run=run_alert,
        permission="gateways.money_edit",
        scope="sms:sender",
        requires=("gateways.list",),
        rest=RestRoute("POST", "/balance_alerts"),
        group="gateways",
    )
)
