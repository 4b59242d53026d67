"""Forgetting whom a campaign left out, once the time of delivery data is over [R-4.14]."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from smsmarketing.campaigns.models import Campaign, Decision
from smsmarketing.operations.audit import audit_append_system

_CAMPAIGNS: Final = 200
_ROWS: Final = 5_000
_STEPS: Final = 100
_FORGET = """
UPDATE campaigns_decision SET contact_id = -id WHERE id IN (
    SELECT id FROM campaigns_decision WHERE campaign_id = %(campaign)s AND contact_id > 0
    LIMIT %(rows)s)
"""


def decisions_forget(*, now: datetime | None = None) -> int:
    """Let old campaigns forget whom they left out; reasons and counts stay. Returns of how many."""
    before = (now or timezone.now()) - timedelta(days=settings.DELIVERY_DATA_DAYS)
    named = Decision.objects.filter(campaign_id=OuterRef("pk"), contact_id__gt=0)
    due = Campaign.objects.filter(Exists(named), started_at__lt=before).order_by("pk")
    removed = 0
    for campaign_id in list(due.values_list("pk", flat=True)[:_CAMPAIGNS]):
        removed += _forget(campaign_id)
    if removed:
        with transaction.atomic():
            audit_append_system(
                operation="campaigns.decisions_forget", outcome="done", facts={"people": removed}
            )
    return removed


def _forget(campaign_id: int) -> int:
    params: dict[str, Any] = {"campaign": campaign_id, "rows": _ROWS}
    removed = 0
    for _ in range(_STEPS):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_FORGET, params)
            step = int(cursor.rowcount)
        removed += step
        if step < _ROWS:
            break
    return removed
