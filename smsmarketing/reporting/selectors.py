"""What became of a campaign, counted from the rows themselves, so that the sums always agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count

from smsmarketing.campaigns.models import Campaign, Decision
from smsmarketing.gateways.models import InboundMessage
from smsmarketing.gateways.selectors.batches import (
    BatchTotals,
    batch_counts,
    batch_totals,
    counts_by_state,
)
from smsmarketing.gateways.selectors.opt_outs_after import OPT_OUT_WINDOW, opt_outs_after

_TREND = """
SELECT date_trunc(%s, m.handed_at) AS slot, count(*), count(*) FILTER (WHERE m.state = 'delivered'),
       count(*) FILTER (WHERE m.state IN ('undelivered', 'failed', 'rejected', 'expired'))
FROM gateways_message m WHERE m.batch_id = ANY(%s) AND m.handed_at IS NOT NULL
GROUP BY slot ORDER BY slot
"""
_ERRORS = """
SELECT m.error_class, m.error_code, count(*) FROM gateways_message m
WHERE m.batch_id = ANY(%s) AND m.error_code <> '' GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20
"""
_COUNTRIES = """
SELECT m.country, count(*), count(*) FILTER (WHERE m.state = 'delivered'),
       coalesce(sum(CASE WHEN m.accepted_at IS NOT NULL OR m.state = 'unknown'
           THEN coalesce(m.price_billed, coalesce(m.parts_billed, m.parts) * m.price) END), 0)
FROM gateways_message m WHERE m.batch_id = ANY(%s) GROUP BY 1 ORDER BY 2 DESC
"""


@dataclass(frozen=True, kw_only=True)
class CampaignFigures:
    """Everything a report shows. `by_state` sums to `planned`."""

    planned: int
    by_state: dict[str, int]
    reasons: dict[str, int]
    left_out: dict[str, int]
    opt_outs: int
    totals: BatchTotals | None
    trend: list[tuple[datetime, int, int, int]]
    errors: list[tuple[str, str, int]]
    countries: list[tuple[str, int, int, Any]]
    replies: int


def campaign_figures(campaign: Campaign, *, per: str) -> CampaignFigures:
    """Count a campaign's main send. `per` is the slot of the trend: hour or day."""
    batches = list(campaign.sends.filter(kind="main").values_list("batch_id", flat=True))
    counts: dict[str, int] = {}
    for found in batch_counts(batches).values():
        for key, count in found.items():
            counts[key] = counts.get(key, 0) + count
    totals = batch_totals(batches)
    decisions = (
        Decision.objects.filter(campaign=campaign).values_list("reason").annotate(n=Count("id"))
    )
    return CampaignFigures(
        planned=sum(counts.values()),
        by_state=counts_by_state(counts),
        reasons={key: count for key, count in sorted(counts.items()) if "/" in key},
        left_out=dict(decisions.order_by("-n")),
        opt_outs=sum(opt_outs_after(batches).values()),
        totals=next(iter(totals.values()), None),
        trend=_rows(_TREND, [per, batches]),
        errors=_rows(_ERRORS, [batches]),
        countries=_rows(_COUNTRIES, [batches]),
        replies=_replies(campaign),
    )


def _replies(campaign: Campaign) -> int:
    if campaign.started_at is None:
        return 0
    until = (campaign.finished_at or campaign.updated_at) + OPT_OUT_WINDOW
    return InboundMessage.objects.filter(
        brand_id=campaign.brand_id, stored_at__gte=campaign.started_at, stored_at__lt=until
    ).count()


def _rows(statement: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
