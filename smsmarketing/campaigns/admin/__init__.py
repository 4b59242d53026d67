"""The marketer's desk in the admin: campaigns, templates and segments. Views hold no rule: they call operations."""

from smsmarketing.campaigns.admin.campaigns import CampaignAdmin

__all__ = [
    "CampaignAdmin",
]
