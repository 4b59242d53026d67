"""exchange_rates.get and exchange_rates.import: what one currency is in another, stored and dated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from django.conf import settings
from django.db.models import Q
from pydantic import Field

from smsmarketing.gateways.models import ExchangeRate
from smsmarketing.gateways.operations.rates_import import problems_refuse, unreadable
from smsmarketing.gateways.rules.rate_list import (
    ExchangeRow,
    ListUnreadable,
    exchange_read,
    lines_read,
)
from smsmarketing.gateways.services.exchange import exchange_compare, exchange_take
from smsmarketing.operations import registry
from smsmarketing.operations.canonical import decimal_text
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
)

ROUNDING = (
    "A batch keeps the rate it was released with. Totals are converted, rounded half up to 6 places, "
    "and booked as differences of totals, so that the steps always sum to the whole. A direction that "
    "is not stored is the other one turned around, rounded up."
)


class ExchangeRatesIn(PageInput):
    """Input of exchange_rates.get."""

    base: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="Only from this currency."
    )


class ExchangeRateRow(Output):
    """A rate in force, or announced."""

    base: str = Field(description="Currency that is turned.")
    quote: str = Field(description="Currency it is turned into.")
    rate: str = Field(description="How much of quote one unit of base is.")
    valid_from: datetime = Field(description="From when it holds, UTC.")
    valid_to: datetime | None = Field(description="Until when; null: no end is known.")
    source: str = Field(description="Where it came from.")
    fetched_at: datetime = Field(description="When it was last confirmed, UTC.")
    age_seconds: int = Field(description="Seconds since then.")
    stale: bool = Field(description="True when it is too old to count a send with.")


class ExchangeRatesOut(Page[ExchangeRateRow]):
    """Output of exchange_rates.get."""

    rounding: str = Field(description="How amounts are turned and rounded.")


def run_get(context: Context, data: ExchangeRatesIn) -> ExchangeRatesOut:
    """Rates in force and announced ones."""
    rows = ExchangeRate.objects.filter(Q(valid_to=None) | Q(valid_to__gt=context.now)).order_by(
        "base", "quote", "valid_from", "pk"
    )
    if data.base is not None:
        rows = rows.filter(base=data.base)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return ExchangeRatesOut(
        items=[_row(row, context.now) for row in page], next_cursor=cursor, rounding=ROUNDING
    )


def _row(row: ExchangeRate, now: datetime) -> ExchangeRateRow:
    age = max(int((now - row.fetched_at).total_seconds()), 0)
    return ExchangeRateRow(
        base=row.base,
        quote=row.quote,
        rate=decimal_text(row.rate),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        source=row.source,
        fetched_at=row.fetched_at,
        age_seconds=age,
        stale=age > settings.RATES_MAX_AGE_DAYS * 86_400,
    )


class ExchangeImportIn(Input):
    """Input of exchange_rates.import."""

    format: Literal["csv", "json"] = Field(default="csv", description="csv or json.")
    content: str = Field(
        min_length=1,
        max_length=200_000,
        description=(
            "CSV with a header, or a JSON list of objects; columns base, quote, rate (how much of "
            "quote one base is) and if wanted valid_from."
        ),
    )
    source: str = Field(
        default="import", min_length=1, max_length=24, description="Where from, e.g. ECB."
    )


class ExchangeChangeRow(Output):
    """A rate that begins."""

    base: str = Field(description="Currency that is turned.")
    quote: str = Field(description="Currency it is turned into.")
    before: str | None = Field(description="The rate it replaces; null when there was none.")
    rate: str = Field(description="The new rate.")
    valid_from: datetime = Field(description="From when it holds, UTC.")


class ExchangeImportOut(Output):
    """Output of exchange_rates.import."""

    confirmed: int = Field(description="Rates that stay; they count as fresh again.")
    largest_change_percent: str = Field(description="The largest change of a known rate.")
    changes: list[ExchangeChangeRow] = Field(description="The first 200 changes.")


def _rows(data: ExchangeImportIn, now: datetime) -> list[ExchangeRow]:
    try:
        lines = lines_read(data.content, data.format)
    except ListUnreadable as error:
        raise unreadable(error) from error
    rows, problems = exchange_read(lines, now=now)
    problems_refuse(problems, len(lines))
    return rows


def run_import(context: Context, data: ExchangeImportIn) -> ExchangeImportOut:
    """Take the list."""
    taken = exchange_take(_rows(data, context.now), data.source, now=context.now)
    context.audit_facts = {"changed": len(taken.changes), "confirmed": taken.confirmed}
    return ExchangeImportOut(
        confirmed=taken.confirmed,
        largest_change_percent=str(taken.largest_percent),
        changes=[
            ExchangeChangeRow(
                base=each.base,
                quote=each.quote,
                before=decimal_text(each.before) if each.before is not None else None,
                rate=decimal_text(each.rate),
                valid_from=each.valid_from,
            )
            for each in taken.changes[:200]
        ],
    )


def facts(context: Context, data: ExchangeImportIn) -> Mapping[str, Any]:
    """What a policy may look at."""
    taken = exchange_compare(_rows(data, context.now), now=context.now)
    return {"price_change_percent": str(taken.largest_percent)}


registry.add(
    Operation(
        key="exchange_rates.get",
        summary="Read stored exchange rates with their age and source, and the rounding rule.",
        kind=Kind.READ,
        input=ExchangeRatesIn,
        output=ExchangeRatesOut,
        run=run_get,
        permission="gateways.gateway_view",
        scope="sms:read",
        rest=RestRoute("GET", "/exchange_rates"),
        group="gateways",
    )
)
registry.add(
    Operation(
        key="exchange_rates.import",
        summary="Store exchange rates (CSV or JSON) from a moment on, all or none.",
        description="Released batches keep the rate they were released with.",
        kind=Kind.WRITE,
        input=ExchangeImportIn,
        output=ExchangeImportOut,
        run=run_import,
        permission="gateways.money_edit",
        scope="sms:sender",
        approval=Approval.POLICY,
        facts=facts,
        requires=("exchange_rates.get",),
        rest=RestRoute("POST", "/exchange_rates/import"),
        group="gateways",
    )
)
