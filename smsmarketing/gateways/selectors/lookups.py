"""Reading lookups: of one's teams, and which gateway can ask at what price."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from smsmarketing.contacts.phones import phone_hashes
from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway, NumberLookup
from smsmarketing.operations.types import Actor


def lookups_visible(actor: Actor) -> QuerySet[NumberLookup]:
    """Lookups of the actor's teams."""
    rows = NumberLookup.objects.select_related("gateway", "team", "asked_by")
    return rows if actor.sees_all_teams else rows.filter(team_id__in=actor.team_ids)


def lookup_gateways() -> list[Gateway]:
    """Gateways that can ask networks and whose price is known, the cheapest of a currency first."""
    names = transports.names_with("lookup")
    rows = Gateway.objects.exclude(state="disabled").exclude(credentials=b"")
    return list(
        rows.filter(transport__in=names, lookup_price__isnull=False).order_by("lookup_price", "pk")
    )


def lookups_known(
    team_id: int, phones: Collection[str], *, since: datetime
) -> dict[str, NumberLookup]:
    """The newest clear answer of the team about each of these numbers; otherwise one that is under way,
    unclear or lost: it was billed, so it is not asked for again by itself.
    """
    by_hash = {hashed: phone for phone in phones for hashed in phone_hashes(phone)}
    rows = NumberLookup.objects.filter(
        team_id=team_id, phone_hash__in=list(by_hash), created_at__gte=since
    ).select_related("gateway")
    found: dict[str, NumberLookup] = {}
    for row in rows.exclude(state="failed").order_by("pk"):
        phone = by_hash[bytes(row.phone_hash)]
        if phone not in found or _clear(row) or not _clear(found[phone]):
            found[phone] = row
    return found


def _clear(row: NumberLookup) -> bool:
    return row.state == "done" and row.result != "unclear"
