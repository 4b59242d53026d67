"""What every step of a campaign takes and gives back."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from smsmarketing.campaigns.models import Campaign
from smsmarketing.operations.types import Context, Input, Output
from smsmarketing.operations.versions import version_token


class VersionedIn(Input):
    campaign_id: int = Field(ge=1, description="Id from campaigns.get.")
    base_version_token: str = Field(
        max_length=200, description="From campaigns.get; a stale one is refused."
    )


class StateOut(Output):
    campaign_id: int = Field(description="Id of the campaign.")
    state: str = Field(description="State after the call.")
    action_request_id: UUID | None = Field(description="The approval request, if any.")
    base_version_token: str = Field(description="Pass to the next call.")


def state_out(context: Context, campaign: Campaign) -> StateOut:
    return StateOut(
        campaign_id=campaign.pk,
        state=str(campaign.state),
        action_request_id=campaign.action_request_id,
        base_version_token=version_token(campaign, context.actor),
    )
