"""Opt-outs and the lists that providers keep themselves: what is told them, what they tell."""

from smsmarketing.gateways.services.lists.following import (
    listings_follow,
    listings_follow_of,
    listings_mend,
)
from smsmarketing.gateways.services.lists.polling import opt_outs_take
from smsmarketing.gateways.services.lists.pushing import listings_push

__all__ = [
    "listings_follow",
    "listings_follow_of",
    "listings_mend",
    "listings_push",
    "opt_outs_take",
]
