"""What other rooms may read of the wire."""

from smsmarketing.gateways.selectors.batches import (
    batch_counts,
    batch_errors,
    batch_totals,
    counts_by_state,
    messages_of,
)
from smsmarketing.gateways.selectors.history import contact_history
from smsmarketing.gateways.selectors.limits import Cap, caps_for, quota_current, quota_sendable
from smsmarketing.gateways.selectors.rates import rates_current
from smsmarketing.gateways.selectors.senders import sender_eligibility
from smsmarketing.gateways.selectors.visibility import (
    answers_visible,
    batches_visible,
    gateways_visible,
    inbound_visible,
    messages_visible,
    quotas_visible,
    senders_visible,
)

__all__ = [
    "Cap",
    "answers_visible",
    "batch_counts",
    "batch_errors",
    "batch_totals",
    "batches_visible",
    "caps_for",
    "contact_history",
    "counts_by_state",
    "gateways_visible",
    "inbound_visible",
    "messages_of",
    "messages_visible",
    "quota_current",
    "quota_sendable",
    "quotas_visible",
    "rates_current",
    "sender_eligibility",
    "senders_visible",
]
