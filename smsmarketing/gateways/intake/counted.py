"""Receipts in the figures of routes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from smsmarketing.gateways.rules.routes import tally_since
from smsmarketing.gateways.services.tallies import FILTERED_CLASSES, Place, Received, received_push


class Moved(NamedTuple):
    """A message that a receipt moved."""

    receipt_id: int
    message_id: int
    before: str
    after: str
    phone: str
    brand_id: int
    sender_value: str
    contact_id: int | None
    batch_id: int
    reason: str
    error_class: str
    error_code: str
    gateway_id: int
    country: str
    accepted_at: datetime
    before_reason: str


def receipts_count(moved: Iterable[Moved], received_at: Mapping[int, datetime]) -> None:
    """Count the moves; in the transaction that made them, so each counts once. What an earlier end
    was counted as is taken back.
    """
    news: defaultdict[Place, Received] = defaultdict(Received)
    back: defaultdict[Place, Received] = defaultdict(Received)
    for each in moved:
        place = Place(each.gateway_id, each.country, each.brand_id, tally_since(each.accepted_at))
        counted = news[place]
        if each.before in {"queued", "unknown"} or each.before_reason == "tries_used_up":
            counted.accepted += 1
        elif each.before_reason == "no_receipt":
            back[place].missing += 1
        elif each.before != "accepted":
            back[place].undelivered += 1
        if each.after == "accepted":
            continue
        if each.after == "delivered":
            counted.delivered += 1
        else:
            counted.undelivered += 1
            counted.filtered += each.error_class in FILTERED_CLASSES
        seconds = (received_at[each.receipt_id] - each.accepted_at).total_seconds()
        counted.wait_note(seconds)
    received_push(news)  # the back ones are among them: their rows are locked in order
    received_push(back, taken_back=True)
