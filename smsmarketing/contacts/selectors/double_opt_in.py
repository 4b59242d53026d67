"""Which request to confirm by SMS is open for a number."""

from __future__ import annotations

from datetime import datetime, timedelta

from smsmarketing.contacts.models import DoubleOptIn
from smsmarketing.contacts.phones import phone_hashes

ANSWER_WITHIN = timedelta(hours=24)
ASKED_ONCE_IN = timedelta(days=30)
"""At most one request to a number for a brand in this time, and no reminder [R-4.6]."""


def double_opt_in_pending(phone: str, *, brand_id: int | None, now: datetime) -> DoubleOptIn | None:
    """The request to this number that a YES answers now: handed over, open and in time."""
    if brand_id is None:
        return None
    return (
        DoubleOptIn.objects.select_related("form_version__form")
        .filter(
            phone=phone,
            phone_hash__in=phone_hashes(phone),
            brand_id=brand_id,
            state__in=("requested", "sent"),
            message_id__isnull=False,
            expires_at__gt=now,
        )
        .order_by("-id")
        .first()
    )
