"""How telling the providers' own lists of a number stands, in words."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from smsmarketing.gateways.models import GatewayListing

WORDS: Final = {
    ("pending", True): "is being put on the provider's list",
    ("pending", False): "is being taken off the provider's list",
    ("synced", True): "on the provider's list",
    ("synced", False): "not on the provider's list",
    ("kept", False): "stays on the provider's list: others put it there",
    ("elsewhere", True): "not told: the gateway sends nothing to that country",
    ("elsewhere", False): "not told: the gateway sends nothing to that country",
    ("failed", True): "could not be put on the provider's list; tried again after a day",
    ("failed", False): "could not be taken off the provider's list; tried again after a day",
}


def listings_told(hashes: Collection[bytes]) -> list[dict[str, Any]]:
    """For `contacts.selectors.listings_provider`."""
    rows = GatewayListing.objects.filter(phone_hash__in=list(hashes)).select_related("gateway")
    return [
        {
            "gateway": row.gateway.name,
            "state": row.state,
            "words": listing_words(row),
            "at": row.next_at if row.state == "pending" else (row.finished_at or row.created_at),
        }
        for row in rows.order_by("gateway__name", "pk")
    ]


def listing_words(row: GatewayListing) -> str:
    """One sentence: how it stands, and what went wrong last."""
    words = WORDS.get((row.state, row.wanted), row.state)
    return f"{words}. {row.error}" if row.error else words
