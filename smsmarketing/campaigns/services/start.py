"""What happens when a planned start is refused."""

from __future__ import annotations

from django.utils import timezone

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.services.drafts import campaign_reopen
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.states import row_lock


def start_failed(campaign_id: int, reason: str) -> None:
    """Take a scheduled campaign that may not start back to draft with the reason; nothing was sent [R-8.3]."""
    campaign = row_lock(Campaign, campaign_id)
    if campaign.state != "scheduled":
        return
    campaign.hold_reason = f"It did not start: {reason}"[:300]
    campaign.updated_at = timezone.now()
    campaign.version += 1
    campaign_reopen(campaign, reason=reason[:200], save={"hold_reason", "updated_at", "version"})
    audit_append_system(
        operation="campaigns.start_due",
        outcome="refused",
        object_type="campaigns.campaign",
        object_id=str(campaign.pk),
        facts={"reason": reason[:200]},
    )
