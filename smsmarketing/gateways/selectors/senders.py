"""Where a sender may be used."""

from __future__ import annotations

from smsmarketing.gateways.models import SenderEligibility, SenderId


def sender_eligibility(sender: SenderId | int) -> dict[str, str]:
    """Country → allowed, register, forbidden or unknown. A missing country is unknown [R-5.6]."""
    sender_id = sender.pk if isinstance(sender, SenderId) else sender
    return dict(
        SenderEligibility.objects.filter(sender_id=sender_id).values_list("country", "status")
    )
