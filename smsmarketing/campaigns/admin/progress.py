"""A running send as a bar, with held messages and their times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min
from django.db.models.functions import TruncHour

from smsmarketing.campaigns.models import Campaign, CampaignSend
from smsmarketing.campaigns.operations.shapes import Progress, progress_of
from smsmarketing.gateways.rules.messages import MEANINGS
from smsmarketing.gateways.selectors.batches import messages_of

ORDER = (
    "delivered",
    "accepted",
    "handing_over",
    "queued",
    "planned",
    "held",
    "unknown",
    "undelivered",
    "failed",
    "rejected",
    "expired",
    "skipped",
    "stopped",
    "quarantined",
)
COUNTED_MOST = 50_000
"""Lists count the messages of a campaign up to this size, and of every running one; others show what was planned."""
MOVING = frozenset({"planned", "queued", "held", "handing_over", "accepted"})


@dataclass(frozen=True)
class Part:
    """One state's share of the bar."""

    state: str
    count: int
    percent: str
    meaning: str


def parts_of(by_state: Mapping[str, int]) -> list[Part]:
    """The bar's parts in a fixed order; states without messages are left out."""
    total = sum(by_state.values())
    return [
        Part(state, by_state[state], f"{100 * by_state[state] / total:.2f}", MEANINGS[state])
        for state in ORDER
        if by_state.get(state)
    ]


def progress_listed(campaigns: Sequence[Campaign]) -> dict[int, Progress]:
    """Progress for a list: by state where counting is cheap or the send is running, else the total alone."""
    planned = dict(
        CampaignSend.objects.filter(kind="main", campaign__in=campaigns).values_list(
            "campaign_id", "batch__planned"
        )
    )
    counted = [
        campaign
        for campaign in campaigns
        if campaign.pk in planned
        and (planned[campaign.pk] <= COUNTED_MOST or str(campaign.state) in {"sending", "paused"})
    ]
    found = {
        campaign.pk: Progress(planned=planned.get(campaign.pk, 0), by_state={})
        for campaign in campaigns
    }
    return found | progress_of(counted)


def progress_view(campaign: Campaign, sends: Any) -> dict[str, Any]:
    """What the progress part of a page shows; `sends` is Progress of campaigns.get."""
    counts = dict(sends.by_state)
    final = sum(count for state, count in counts.items() if state not in MOVING)
    return {
        "planned": sends.planned,
        "parts": parts_of(counts),
        "final": final,
        "open": sends.planned - final,
        "held": held_times(campaign) if counts.get("held") else [],
        "running": str(campaign.state) in {"sending", "paused"} or sends.planned > final,
        "preparing": str(campaign.state) in {"sending", "paused"} and sends.planned == 0,
    }


def held_times(campaign: Campaign) -> list[tuple[datetime | None, int]]:
    """From when on held messages may go, by hour, soonest first; None is a time that nobody knows."""
    batches = list(campaign.sends.filter(kind="main").values_list("batch_id", flat=True))
    rows = (
        messages_of(batches)
        .filter(state="held")
        .values(hour=TruncHour("held_until"))
        .annotate(n=Count("id"), first=Min("held_until"))
        .order_by("hour")
    )
    return [(row["first"], row["n"]) for row in rows]
