"""Numbers that a gateway refused for good: suppressed, so nobody pays for them again."""

from __future__ import annotations

from django.db import transaction

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.services import suppression_add

SUSPECT_CLASSES = frozenset({"hard", "optout"})
"""Error classes that say something about the number, not about the message or the gateway."""


def suspect_suppress(
    *,
    phone: str,
    error_class: str,
    error_code: str,
    message_id: int,
    gateway_id: int,
    brand_id: int,
    sender_value: str,
) -> None:
    """Suppress a number the gateway called invalid (everywhere) or opted out there (this sender).

    compliance §2.5: invalid until the number is edited; a carrier's opt-out list for the sender it
    holds for.
    """
    opted_out = error_class == "optout"
    with transaction.atomic():
        suppression_add(
            phone=phone,
            scope="sender" if opted_out else "global",
            reason="carrier_block" if opted_out else "invalid",
            source="gateway",
            evidence={
                "message_id": message_id,
                "gateway_id": gateway_id,
                "error_code": error_code,
            },
            brand=Brand.objects.get(pk=brand_id) if opted_out else None,
            sender=sender_value if opted_out else "",
        )
