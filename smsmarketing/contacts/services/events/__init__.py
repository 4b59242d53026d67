"""Events of contacts and the summaries that follow from them."""

from smsmarketing.contacts.services.events.fresh import events_record_fresh
from smsmarketing.contacts.services.events.recording import (
    Given,
    Key,
    Recorded,
    event_note,
    events_record,
)
from smsmarketing.contacts.services.events.summaries import event_summaries_refresh

__all__ = [
    "Given",
    "Key",
    "Recorded",
    "event_note",
    "event_summaries_refresh",
    "events_record",
    "events_record_fresh",
]
