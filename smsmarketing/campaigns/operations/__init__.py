"""Operations of the campaigns app; importing this registers them."""

from smsmarketing.campaigns.operations import (
    campaigns_read,
    campaigns_review,
    campaigns_send,
    campaigns_write,
    choosers,
    config,
    copy,
    cost,
    explain,
    hygiene,
    segments,
    segments_count,
    segments_saved,
    templates,
)

__all__ = [
    "campaigns_read",
    "campaigns_review",
    "campaigns_send",
    "campaigns_write",
    "choosers",
    "config",
    "copy",
    "cost",
    "explain",
    "hygiene",
    "segments",
    "segments_count",
    "segments_saved",
    "templates",
]
