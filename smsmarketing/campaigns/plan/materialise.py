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


@dataclass(frozen=True, kw_only=True)
class FrozenPlan:
    """One snapshot of all decisions, in a temporary table of this transaction, so that every reader sees the same."""

    sendable: int
    left_out: int
    prices: dict[str, Decimal]


def plan_freeze(request: PlanRequest) -> FrozenPlan:
    """Run the decision statement once and keep its rows until the transaction ends."""
    rates = rates_current(request.gateway, None, request.now)
    statement = statement_for(request, rates, criteria_compile(request.criteria, now=request.now))
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE {_TABLE} ON COMMIT DROP AS {statement.sql}", statement.params
        )
        cursor.execute(
            f"SELECT count(*) FILTER (WHERE decision = '{SENDABLE}'), count(*) FROM {_TABLE}"
        )
        sendable, total = cursor.fetchone()
    return FrozenPlan(
        sendable=sendable,
        left_out=total - sendable,
        prices={country: rate.price for country, rate in rates.items()},
    )


def rows_render(renderer: RowRenderer, frozen: FrozenPlan) -> Iterator[MessageRow]:
    """The message of each sendable contact, in contact order. Raises VariableError where the
    statement let a value pass.
    """
    columns = ", ".join(renderer.columns)
    sql = (
        f"SELECT c.id, c.phone, p.country{', ' if columns else ''}{columns} FROM {_TABLE} p "
        f"JOIN contacts_contact c ON c.id = p.contact_id "
        f"WHERE p.decision = '{SENDABLE}' ORDER BY c.id"
    )
    with connection.connection.cursor(name="campaign_rows") as cursor:
        cursor.itersize = _CHUNK
        for contact_id, phone, country, *values in cursor.execute(sql):
            text = renderer.render(values)
            yield MessageRow(
                contact_id,
                phone,
                country,
                text.body,
                text.encoding,
                text.parts,
                frozen.prices[country],
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
