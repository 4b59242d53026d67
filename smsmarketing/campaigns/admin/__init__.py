"""The marketer's desk in the admin: campaigns, templates and segments. Views hold no rule: they call operations."""

from smsmarketing.campaigns.admin.campaigns import CampaignAdmin
from smsmarketing.campaigns.admin.segments import SegmentAdmin
from smsmarketing.campaigns.admin.templates import TemplateAdmin

__all__ = ["CampaignAdmin", "SegmentAdmin", "TemplateAdmin"]
