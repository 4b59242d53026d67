"""rates.import: a provider's price list, taken whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from smsmarketing.gateways.models import Gateway
from smsmarketing.gateways.operations.shapes import money
from smsmarketing.gateways.rules.rate_list import (
    ListUnreadable,
    RateRow,
    RowProblem,
    lines_read,
    problem_dicts,
    rates_read,
)
from smsmarketing.gateways.selectors import gateways_visible
from smsmarketing.gateways.services.rates import RatesTaken, rates_compare, rates_take
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

SHOWN_MOST = 200


class RatesImportIn(Input):
    """Input of rates.import."""

    gateway_id: int = Field(ge=1, description="Gateway whose prices these are.")
    format: Literal["csv", "json"] = Field(default="csv", description="csv or json.")
    content: str = Field(
        min_length=1,
        max_length=2_000_000,
        description=(
            "The list. CSV with a header, or a JSON list of objects; columns country (two letters), "
            "price (of one part), and if wanted operator (MCC and MNC), currency, valid_from."
        ),
    )
    source: str = Field(
        default="import",
        min_length=1,
        max_length=24,
        description="Where the list came from, e.g. contract-2026.",
    )


class RateChangeRow(Output):
    """A price that begins."""

    country: str = Field(description="ISO 3166-1 alpha-2.")
    operator: str = Field(description="MCC and MNC; empty: any operator.")
    before: Money | None = Field(description="The price it replaces; null when there was none.")
    price: Money = Field(description="The new price of one part.")
    change_percent: str = Field(description="By how much it changes, without sign.")
    valid_from: datetime = Field(description="From when it holds, UTC.")


class RatesImportOut(Output):
    """Output of rates.import."""

    gateway: str = Field(description="Name of the gateway.")
    rows: int = Field(description="Rows of the list.")
    changed: int = Field(description="Prices that begin: new ones and changed ones.")
    confirmed: int = Field(description="Prices that stay as they are; they count as fresh again.")
    largest_change_percent: str = Field(description="The largest change of a known price.")
    changes: list[RateChangeRow] = Field(description="The first 200 changes, largest first.")


def problems_refuse(problems: list[RowProblem], rows: int) -> None:
    """Refuse a list with bad rows, each with its code and line. Raises InvalidInput."""
    if not problems:
        return
    first = problems[0]
    raise InvalidInput(
        f"{len(problems)} of {rows} rows cannot be taken, so none was. The first: line {first.line}, "
        f"{first.text} Mend them and send the whole list again.",
        field_errors={"content": f"Line {first.line} ({first.code}): {first.text}"},
        details={"rows": problem_dicts(problems), "bad_rows": len(problems)},
    )


def gateway_named(context: Context, gateway_id: int) -> Gateway:
    """The gateway of the call. Raises NotFound."""
    gateway = gateways_visible(context.actor).filter(pk=gateway_id).first()
    if gateway is None:
        raise NotFound("There is no such gateway.", field_errors={"gateway_id": "Not found."})
    return gateway


def unreadable(error: ListUnreadable) -> InvalidInput:
    """The refusal of a file that cannot be read at all."""
    return InvalidInput(
        f"The list cannot be read. {error}", field_errors={"content": str(error)[:300]}
    )


def _rows(gateway: Gateway, data: RatesImportIn, now: datetime) -> list[RateRow]:
    try:
        lines = lines_read(data.content, data.format)
    except ListUnreadable as error:
        raise unreadable(error) from error
    rows, problems = rates_read(lines, currency=gateway.currency, now=now)
    problems_refuse(problems, len(lines))
    return rows


def run(context: Context, data: RatesImportIn) -> RatesImportOut:
    """Take the list."""
    gateway = gateway_named(context, data.gateway_id)
    rows = _rows(gateway, data, context.now)
    taken = rates_take(gateway, rows, data.source, now=context.now)
    context.audit_object = ("gateways.gateway", str(gateway.pk))
    context.audit_facts = {
        "rows": len(rows),
        "changed": len(taken.changes),
        "largest_change_percent": str(taken.largest_percent),
    }
    return _out(gateway, len(rows), taken)


def _out(gateway: Gateway, rows: int, taken: RatesTaken) -> RatesImportOut:
    largest = sorted(taken.changes, key=lambda each: (-each.percent, each.country, each.operator))
    return RatesImportOut(
        gateway=gateway.name,
        rows=rows,
        changed=len(taken.changes),
        confirmed=taken.confirmed,
        largest_change_percent=str(taken.largest_percent),
        changes=[
            RateChangeRow(
                country=each.country,
                operator=each.operator,
                before=money(each.before, gateway.currency) if each.before is not None else None,
                price=money(each.price, gateway.currency),
                change_percent=str(each.percent),
                valid_from=each.valid_from,
            )
            for each in largest[:SHOWN_MOST]
        ],
    )


def facts(context: Context, data: RatesImportIn) -> Mapping[str, Any]:
    """What a policy may look at."""
    gateway = gateway_named(context, data.gateway_id)
    taken = rates_compare(gateway, _rows(gateway, data, context.now), now=context.now)
    return {"price_change_percent": str(taken.largest_percent)}


def shown(context: Context, data: RatesImportIn) -> Mapping[str, Any]:
    """What an approver reads: the changes, not the file."""
    gateway = gateway_named(context, data.gateway_id)
    rows = _rows(gateway, data, context.now)
    out = _out(gateway, len(rows), rates_compare(gateway, rows, now=context.now))
    return out.model_dump(mode="json")


registry.add(
    Operation(
        key="rates.import",
        summary="Take a price list (CSV or JSON) of a gateway, whole or not at all.",
        description=(
            "A dry run shows the changes. Past prices are never rewritten; a large change waits for "
            "a second person."
        ),
        kind=Kind.WRITE,
        input=RatesImportIn,
        output=RatesImportOut,
        run=run,
        permission="gateways.money_edit",
        scope="sms:sender",
        approval=Approval.POLICY,
        facts=facts,
        shown=shown,
        requires=("gateways.list", "rates.get"),
        rest=RestRoute("POST", "/rates/import"),
        group="gateways",
    )
)
