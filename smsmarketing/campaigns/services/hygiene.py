"""Estimating, before a send, what dead and doubtful numbers of the audience will cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from smsmarketing.campaigns.plan import SENDABLE, AudiencePlan
from smsmarketing.campaigns.rules.hygiene import (
    BASE_LEAST,
    GROUPS,
    GroupEstimate,
    Tally,
    group_estimate,
)
from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway

HISTORY: Final = timedelta(days=365)
SILENT_AFTER: Final = timedelta(days=180)
RETIRED_REASONS: Final = ("invalid", "landline", "unreachable")

# Ends that say something about the number: a filter, a limit or a missing receipt does not.
_TELLING = """
    (m.state = 'delivered' OR (m.state IN ('undelivered', 'expired', 'rejected')
        AND m.error_class IN ('', 'hard', 'soft') AND m.reason <> 'no_receipt'))
"""
_GROUPED = """
    WITH d AS MATERIALIZED (SELECT x.contact_id, x.country, x.line_type FROM ({rows}) x
        WHERE x.decision = '{sendable}'),
    h AS (
        SELECT m.contact_id, count(*) AS ended, max(m.final_at) FILTER (WHERE m.state = 'delivered') AS ok_at,
            array_position(array_agg(m.state = 'delivered' ORDER BY m.id DESC), TRUE) - 1 AS since
        FROM gateways_message m JOIN gateways_batch b ON b.id = m.batch_id AND b.team_id = %s
        WHERE m.contact_id IN (SELECT contact_id FROM d) AND m.created_at > %s AND {telling}
        GROUP BY m.contact_id
    ),
    g AS (
        SELECT d.country, d.line_type, CASE WHEN h.contact_id IS NULL THEN 'untried'
                WHEN h.since IS NULL THEN 'never_delivered' WHEN h.since > 0 THEN 'failing'
                WHEN h.ok_at < %s THEN 'silent' ELSE 'proven' END AS grp,
            CASE WHEN h.contact_id IS NULL THEN NULL
                WHEN h.since IS NULL THEN (h.ended + 1.0) / (h.ended + 2.0)
                WHEN h.since > 0 THEN (h.since + 1.0) / (h.since + 3.0) END AS chance
        FROM d LEFT JOIN h USING (contact_id)
    )
    SELECT grp, country, line_type, count(*), sum(chance)::float8 FROM g GROUP BY 1, 2, 3
"""
_RATE = """
    SELECT count(*) FILTER (WHERE m.state <> 'delivered'), count(*) FROM (
        SELECT m.state FROM gateways_message m
        JOIN gateways_batch b ON b.id = m.batch_id AND b.team_id = %s
        WHERE m.created_at > %s AND {telling} ORDER BY m.id DESC LIMIT 100000) m
"""


@dataclass(frozen=True, kw_only=True)
class Retired:
    """Contacts that are left out because their number is retired, and what that saves."""

    reason: str
    count: int
    avoided: Decimal


@dataclass(frozen=True, kw_only=True)
class Hygiene:
    """What is known of an audience's numbers."""

    recipients: int
    groups: list[GroupEstimate]
    line_types: dict[str, int]
    retired: list[Retired]
    base_rate: float | None
    lookup_gateway: Gateway | None


def hygiene_estimate(
    audience: AudiencePlan,
    *,
    team_id: int,
    currency: str,
    text_price: Mapping[str, Decimal],
    now: datetime,
) -> Hygiene:
    """Group the sendable part of a planned audience by what happened to earlier texts of the team.

    `text_price` is what one whole text costs, by country. Reads only.
    """
    rows, params = audience.statement.rows(("c.line_type",))
    sql = (
        _GROUPED.replace("{rows}", rows)
        .replace("{sendable}", SENDABLE)
        .replace("{telling}", _TELLING)
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, team_id, now - HISTORY, now - SILENT_AFTER])
        found = cursor.fetchall()
    tallies = [Tally(group, country, count, chances) for group, country, _, count, chances in found]
    line_types: dict[str, int] = {}
    for _, _, line_type, count, _ in found:
        line_types[line_type] = line_types.get(line_type, 0) + count
    base_rate = _base_rate(team_id, now)
    gateway = lookup_gateway(currency)
    price = gateway.lookup_price if gateway is not None else None
    return Hygiene(
        recipients=sum(tally.recipients for tally in tallies),
        groups=[
            group_estimate(
                group,
                tallies,
                text_price=dict(text_price),
                base_rate=base_rate,
                lookup_price=price,
            )
            for group in GROUPS
        ],
        line_types=dict(sorted(line_types.items())),
        retired=_retired(audience, text_price),
        base_rate=base_rate,
        lookup_gateway=gateway,
    )


def lookup_gateway(currency: str) -> Gateway | None:
    """The cheapest gateway that offers number lookups and whose price in this currency is known."""
    rows = Gateway.objects.exclude(state="disabled").filter(
        currency=currency, lookup_price__isnull=False
    )
    offering: list[Any] = [
        row
        for row in rows.order_by("lookup_price", "pk")
        if transports.get(row.transport).capabilities.hlr
    ]
    return offering[0] if offering else None


def _base_rate(team_id: int, now: datetime) -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(_RATE.replace("{telling}", _TELLING), [team_id, now - SILENT_AFTER])
        failed, ended = cursor.fetchone()
    return failed / ended if ended >= BASE_LEAST else None


def _retired(audience: AudiencePlan, text_price: Mapping[str, Decimal]) -> list[Retired]:
    found = []
    for reason in RETIRED_REASONS:
        counts = {
            country: reasons[reason]
            for country, reasons in audience.excluded_by_country.items()
            if reason in reasons
        }
        if counts:
            avoided = sum(
                (text_price.get(country, Decimal(0)) * count for country, count in counts.items()),
                Decimal(0),
            )
            found.append(Retired(reason=reason, count=sum(counts.values()), avoided=avoided))
    return found
