"""What campaigns say about the change of a segment they use."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db.models import F

from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import Segment
from smsmarketing.operations.errors import Conflict

HELD_STATES: Final = ("in_review", "approved", "scheduled", "sending", "paused")
"""People looked at who is addressed, and it has not been sent to the end."""
_NAMED: Final = 5


def segment_change_check(segment: Segment) -> None:
    """Refuse new criteria under a campaign that people have looked at [R-8.2]. Locks its campaigns.

    Whoever submits one for review at the same moment is either seen here, or finds the new criteria.
    """
    rows = Campaign.objects.filter(segment=segment).order_by("pk")
    states = list(rows.select_for_update().values_list("pk", "name", "state"))
    held = [(pk, name) for pk, name, state in states if state in HELD_STATES]
    if held:
        names = ", ".join(f'"{name}" ({pk})' for pk, name in held[:_NAMED])
        more = f" and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
        raise Conflict(
            f"Campaigns that are in review, approved or sending use it: {names}{more}. Save the new"
            " conditions as another segment, or take those campaigns back to draft first.",
            field_errors={"segment_preview_id": "The conditions are part of what was approved."},
            details={"campaign_ids": [pk for pk, _ in held[:50]]},
        )


def drafts_touch(segment: Segment, *, now: datetime) -> int:
    """Drafts of a changed segment need a new cost preview; returns how many."""
    changes: dict[str, Any] = {"cost_preview": {}, "cost_previewed_at": None, "updated_at": now}
    rows = Campaign.objects.filter(segment=segment, state__in=("draft", "changes_requested"))
    return rows.update(**changes, version=F("version") + 1)
