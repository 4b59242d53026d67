"""What people say about kinds of senders in countries, against the packaged table [R-5.6]."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from smsmarketing.gateways.models import Gateway, SenderRule


def sender_rule_set(
    *,
    country: str,
    kind: str,
    gateway: Gateway | None,
    purpose: str,
    status: str,
    reason: str,
    set_by: str,
    now: datetime,
    registry: str = "",
    replacement: str = "",
) -> SenderRule | None:
    """Put a rule in force and retire the one people set before; status "as_table" only retires.

    Returns the rule that people hold now. Two who set the same rule wait for each other.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            key = f"sender_rule:{country}:{kind}:{gateway.pk if gateway else ''}:{purpose}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
        living = SenderRule.objects.filter(
            country=country,
            kind=kind,
            gateway=gateway,
            purpose=purpose,
            by_people=True,
            retired_at=None,
        )
        living.update(retired_at=now)
        if status == "as_table":
            return None
        return SenderRule.objects.create(
            country=country,
            kind=kind,
            gateway=gateway,
            purpose=purpose,
            status=status,
            registry=registry,
            replacement=replacement,
            source="People here",
            as_of=now.date(),
            by_people=True,
            reason=reason,
            set_by=set_by,
            created_at=now,
        )
