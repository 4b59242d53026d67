"""From decisions to messages: the frozen plan, the rendered rows, and why the others were left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connection

from smsmarketing.campaigns.plan.audience import PlanRequest, plan_rates, statement_for
from smsmarketing.campaigns.plan.statement import SENDABLE
from smsmarketing.campaigns.plan.text import RowRenderer
from smsmarketing.contacts.criteria import criteria_compile
from smsmarketing.gateways.models import Batch
from smsmarketing.gateways.selectors.rates import rates_fresh_check
from smsmarketing.gateways.services import MessageRow, messages_copy, messages_insert

if TYPE_CHECKING:
    from smsmarketing.campaigns.models import Campaign

_TABLE = "campaign_plan"
_CHUNK = 5_000


class PartsExceeded(Exception):
    """A rendered text is longer than any that was approved."""


@dataclass(frozen=True, kw_only=True)
class FrozenPlan:
    """One snapshot of all decisions, in a temporary table of this transaction, so that every reader sees the same."""

    sendable: int
    left_out: int
    countries: tuple[str, ...]
    prices: dict[str, Decimal]


def plan_freeze(request: PlanRequest, renderer: RowRenderer) -> FrozenPlan:
    """Run the decision statement once and keep its rows, with what the text needs, until the transaction ends.

    Raises RatesUnavailable when a price that would be used is stale.
    """
    rates = plan_rates(request)
    statement = statement_for(request, rates, criteria_compile(request.criteria, now=request.now))
    columns = [f"{column} AS v{number}" for number, column in enumerate(renderer.columns)]
    sql, params = statement.rows(["c.phone", *columns])
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {_TABLE} ON COMMIT DROP AS {sql}", params)
        cursor.execute(f"SELECT decision, country, count(*) FROM {_TABLE} GROUP BY 1, 2")
        counts = cursor.fetchall()
    sendable = {country: count for decision, country, count in counts if decision == SENDABLE}
    rates_fresh_check(request.gateway, rates, sendable, request.now)
    return FrozenPlan(
        sendable=sum(sendable.values()),
        left_out=sum(count for *_, count in counts) - sum(sendable.values()),
        countries=tuple(sorted(sendable)),
        prices={country: rate.price for country, rate in rates.items()},
    )


def messages_write(
    batch: Batch, renderer: RowRenderer, frozen: FrozenPlan, *, parts_worst: int
) -> int:
    """Write the message of each sendable contact into a batch that is being built; returns how many.

    A text without fields is one INSERT..SELECT; others are rendered here and copied. Raises VariableError where the
    statement let a value pass, and PartsExceeded for a text that is dearer than the worst case that was approved:
    nothing is cut and nothing is sent for more [R-1.9].
    """
    if renderer.names:
        return messages_copy(batch, _rows(renderer, frozen, parts_worst=parts_worst))
    text = renderer.render(())
    _parts_check(text.parts, parts_worst)
    return messages_insert(
        batch,
        recipients=(
            f"SELECT p.contact_id, p.phone, p.country, k.price FROM {_TABLE} p "
            "JOIN unnest(%s::text[], %s::numeric[]) AS k(country, price) ON k.country = p.country "
            f"WHERE p.decision = '{SENDABLE}'"
        ),
        params=[list(frozen.prices), list(frozen.prices.values())],
        body=text.body,
        encoding=text.encoding,
        parts=text.parts,
    )


def _rows(renderer: RowRenderer, frozen: FrozenPlan, *, parts_worst: int) -> Iterator[MessageRow]:
    names = "".join(f", v{number}" for number in range(len(renderer.columns)))
    sql = f"SELECT contact_id, phone, country{names} FROM {_TABLE} WHERE decision = '{SENDABLE}'"
    prices, render = frozen.prices, renderer.render
    with connection.connection.cursor(name="campaign_rows") as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(_CHUNK):
            for contact_id, phone, country, *values in rows:
                body, encoding, parts = render(values)
                if parts > parts_worst:
                    _parts_check(parts, parts_worst)
                yield MessageRow(contact_id, phone, country, body, encoding, parts, prices[country])


def _parts_check(parts: int, parts_worst: int) -> None:
    if parts > parts_worst:
        raise PartsExceeded(
            f"A recipient's text takes {parts} parts; at most {parts_worst} were approved."
        )


def decisions_store(campaign: Campaign, frozen: FrozenPlan, *, now: datetime) -> int:
    """Keep why each other contact of the segment was left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO campaigns_decision (campaign_id, contact_id, reason, decided_at) "
            f"SELECT %s, contact_id, decision, %s FROM {_TABLE} WHERE decision <> '{SENDABLE}'",
            [campaign.pk, now],
        )
        return int(cursor.rowcount)
