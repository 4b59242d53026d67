"""From decisions to messages: the frozen plan, the rendered rows, and why the others were left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connection

from smsmarketing.campaigns.plan.audience import PlanRequest, statement_for
from smsmarketing.campaigns.plan.statement import SENDABLE
from smsmarketing.campaigns.plan.text import RowRenderer
from smsmarketing.contacts.criteria import criteria_compile
from smsmarketing.gateways.selectors.rates import rates_current
from smsmarketing.gateways.services import MessageRow

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
    """Run the decision statement once and keep its rows, with what the text needs, until the transaction ends."""
    rates = rates_current(request.gateway, None, request.now)
    statement = statement_for(request, rates, criteria_compile(request.criteria, now=request.now))
    columns = [f"{column} AS v{number}" for number, column in enumerate(renderer.columns)]
    sql, params = statement.rows(["c.phone", *columns])
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {_TABLE} ON COMMIT DROP AS {sql}", params)
        cursor.execute(f"SELECT decision, country, count(*) FROM {_TABLE} GROUP BY 1, 2")
        counts = cursor.fetchall()
    sendable = {country: count for decision, country, count in counts if decision == SENDABLE}
    return FrozenPlan(
        sendable=sum(sendable.values()),
        left_out=sum(count for *_, count in counts) - sum(sendable.values()),
        countries=tuple(sorted(sendable)),
        prices={country: rate.price for country, rate in rates.items()},
    )


def rows_render(
    renderer: RowRenderer, frozen: FrozenPlan, *, parts_worst: int
) -> Iterator[MessageRow]:
    """The message of each sendable contact.

    Raises VariableError where the statement let a value pass, and PartsExceeded for a text that is dearer than the
    worst case that was approved: nothing is cut and nothing is sent for more [R-1.9].
    """
    names = "".join(f", v{number}" for number in range(len(renderer.columns)))
    sql = f"SELECT contact_id, phone, country{names} FROM {_TABLE} WHERE decision = '{SENDABLE}'"
    prices = frozen.prices
    with connection.connection.cursor(name="campaign_rows") as cursor:
        cursor.itersize = _CHUNK
        for contact_id, phone, country, *values in cursor.execute(sql):
            body, encoding, parts = renderer.render(values)
            if parts > parts_worst:
                raise PartsExceeded(
                    f"A recipient's text takes {parts} parts; at most {parts_worst} were approved."
                )
            yield MessageRow(contact_id, phone, country, body, encoding, parts, prices[country])


def decisions_store(campaign: Campaign, frozen: FrozenPlan, *, now: datetime) -> int:
    """Keep why each other contact of the segment was left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO campaigns_decision (campaign_id, contact_id, reason, decided_at) "
            f"SELECT %s, contact_id, decision, %s FROM {_TABLE} WHERE decision <> '{SENDABLE}'",
            [campaign.pk, now],
        )
        return int(cursor.rowcount)
