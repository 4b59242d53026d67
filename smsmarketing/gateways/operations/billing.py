"""billing.import and billing.reconcile: a provider's bill against what was estimated and reported."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from smsmarketing.gateways.models import Bill, BillLine, RouteMonth
from smsmarketing.gateways.operations.rates_import import (
    gateway_named,
    problems_refuse,
    unreadable,
)
from smsmarketing.gateways.operations.shapes import money
from smsmarketing.gateways.rules.drift import drift_words
from smsmarketing.gateways.rules.rate_list import ListUnreadable, bill_read, lines_read
from smsmarketing.gateways.selectors import rates_current
from smsmarketing.gateways.selectors.billing import route_drift
from smsmarketing.gateways.services.billing import bill_take
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Money,
    Operation,
    Output,
    RestRoute,
)


class BillImportIn(Input):
    """Input of billing.import."""

    gateway_id: int = Field(ge=1, description="Gateway whose bill it is.")
    month: date = Field(description="Any day of the billed month.")
    format: Literal["csv", "json"] = Field(default="csv", description="csv or json.")
    content: str = Field(
        min_length=1,
        max_length=2_000_000,
        description=(
            "The bill or usage list. CSV with a header, or a JSON list of objects; columns country, "
            "parts, amount (of the row), and if wanted operator (MCC and MNC) and currency."
        ),
    )
    source: str = Field(
        default="bill", min_length=1, max_length=60, description="Its number or file name."
    )


class BillImportOut(Output):
    """Output of billing.import."""

    bill_id: int = Field(description="Id of the bill.")
    month: date = Field(description="First day of the month.")
    rows: int = Field(description="Rows of the list.")
    parts: int = Field(description="Parts billed.")
    amount: Money = Field(description="Money billed.")
    replaced: bool = Field(description="True when it took the place of an earlier bill.")


def _month(context: Context, given: date) -> date:
    if given > context.now.date() or given.year < 2000:
        raise InvalidInput(
            "A bill is for a month that has begun.",
            field_errors={"month": "Use this month or an earlier one."},
        )
    return given.replace(day=1)


def run_import(context: Context, data: BillImportIn) -> BillImportOut:
    """Keep the bill and compare."""
    gateway = gateway_named(context, data.gateway_id)
    month = _month(context, data.month)
    try:
        lines = lines_read(data.content, data.format)
    except ListUnreadable as error:
        raise unreadable(error) from error
    rows, problems = bill_read(lines, currency=gateway.currency)
    problems_refuse(problems, len(lines))
    bill, replaced = bill_take(
        gateway,
        rows,
        month=month,
        content=data.content,
        source=data.source,
        person=context.actor.user.get_username(),
        now=context.now,
    )
    context.audit_object = ("gateways.bill", str(bill.pk))
    context.audit_facts = {"rows": bill.rows, "sha256": bill.sha256, "replaced": replaced}
    return BillImportOut(
        bill_id=bill.pk,
        month=month,
        rows=bill.rows,
        parts=bill.parts,
        amount=money(bill.amount, bill.currency),
        replaced=replaced,
    )


class ReconcileIn(Input):
    """Input of billing.reconcile."""

    gateway_id: int = Field(ge=1, description="Gateway.")
    month: date | None = Field(default=None, description="Any day of the month; default: this one.")


class BilledOperator(Output):
    """An operator's part of a bill."""

    operator: str = Field(description="MCC and MNC; empty: the bill does not tell.")
    parts: int = Field(description="Parts billed.")
    amount: Money = Field(description="Money billed.")
    price: Money | None = Field(description="Price of a part on the bill; null without parts.")


class RouteRow(Output):
    """One country of the gateway's month."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    messages: int = Field(description="Messages accepted, or unknown.")
    parts_estimated: int = Field(description="Parts planned for them.")
    estimated: Money = Field(description="What they were planned to cost.")
    messages_told: int = Field(description="Messages whose parts or price the gateway told.")
    parts_reported: int = Field(description="Parts as told in answers and receipts.")
    reported: Money = Field(description="Cost as told in answers and receipts.")
    parts_invoiced: int | None = Field(description="Parts on the bill; null without a bill.")
    invoiced: Money | None = Field(description="Money on the bill; null without a bill.")
    drift_percent: str | None = Field(
        description="Bill (else receipts) against the estimate; above 0 is dearer; null: not known."
    )
    drift: str = Field(description="The same in words.")
    rate_now: Money | None = Field(description="Price a send is counted with today.")
    operators: list[BilledOperator] = Field(description="The bill's lines by operator.")


class ReconcileOut(Output):
    """Output of billing.reconcile."""

    gateway: str = Field(description="Gateway.")
    month: date = Field(description="First day of the month.")
    bill: str = Field(description="Name of the imported bill; empty without one.")
    estimated: Money = Field(description="Sum of the estimates.")
    reported: Money = Field(description="Sum of what answers and receipts told.")
    invoiced: Money | None = Field(description="Sum of the bill; null without one.")
    routes: list[RouteRow] = Field(description="By country, largest difference first.")
    computed_at: datetime | None = Field(
        description="When the month was counted, UTC; null: nothing sent or billed, or not yet counted."
    )


def run_reconcile(context: Context, data: ReconcileIn) -> ReconcileOut:
    """Compare a month."""
    gateway = gateway_named(context, data.gateway_id)
    month = _month(context, data.month or context.now.date())
    bill = Bill.objects.filter(gateway=gateway, month=month, replaced_at=None).first()
    by_country: dict[str, list[BillLine]] = {}
    for line in BillLine.objects.filter(bill=bill).order_by("country", "operator") if bill else ():
        by_country.setdefault(line.country, []).append(line)
    found = list(RouteMonth.objects.filter(gateway=gateway, month=month))
    rates = rates_current(gateway, [row.country for row in found], context.now)
    currency = gateway.currency
    rows = [
        _route(row, by_country.get(row.country, []), currency, rates.get(row.country))
        for row in sorted(found, key=lambda row: (-_gap(row), row.country))
    ]
    return ReconcileOut(
        gateway=gateway.name,
        month=month,
        bill=bill.source if bill is not None else "",
        estimated=money(sum((row.money_estimated for row in found), Decimal(0)), currency),
        reported=money(sum((row.money_reported for row in found), Decimal(0)), currency),
        invoiced=money(bill.amount, currency) if bill is not None else None,
        routes=rows,
        computed_at=max((row.computed_at for row in found), default=None),
    )


def _gap(row: RouteMonth) -> Decimal:
    drift = route_drift(row)
    return abs(drift.billed - drift.estimated) if drift is not None else Decimal(0)


def _route(row: RouteMonth, lines: list[BillLine], currency: str, rate: object) -> RouteRow:
    drift = route_drift(row)
    invoiced, price = row.money_invoiced, getattr(rate, "price", None)
    return RouteRow(
        country=row.country,
        messages=row.messages,
        parts_estimated=row.parts_estimated,
        estimated=money(row.money_estimated, currency),
        messages_told=row.messages_told,
        parts_reported=row.parts_reported,
        reported=money(row.money_reported, currency),
        parts_invoiced=row.parts_invoiced,
        invoiced=money(invoiced, currency) if invoiced is not None else None,
        drift_percent=str(drift.percent) if drift and drift.percent is not None else None,
        drift=drift_words(drift),
        rate_now=money(price, currency) if price is not None else None,
        operators=[
            BilledOperator(
                operator=line.operator,
                parts=line.parts,
                amount=money(line.amount, currency),
                price=money((line.amount / line.parts).quantize(Decimal("0.000001")), currency)
                if line.parts
                else None,
            )
            for line in lines
        ],
    )


registry.add(
    Operation(
        key="billing.import",
        summary="Take a provider's bill or usage list of a month, whole or not at all.",
        description="A second one for the same month takes the first one's place; both are kept.",
        kind=Kind.WRITE,
        input=BillImportIn,
        output=BillImportOut,
        run=run_import,
        permission="gateways.money_edit",
        scope="sms:sender",
        requires=("gateways.list",),
        rest=RestRoute("POST", "/bills/import"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="billing.reconcile",
        summary="Compare estimate, receipts and bill of a gateway's month, by country and operator.",
        description="The drift of the last three months is shown to whoever approves the next campaign.",
        kind=Kind.READ,
        input=ReconcileIn,
        output=ReconcileOut,
        run=run_reconcile,
        permission="gateways.money_edit",
        scope="sms:sender",
        requires=("gateways.list",),
        rest=RestRoute("GET", "/bills/reconcile"),
        group="gateways",
    )
)
