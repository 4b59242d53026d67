"""The wire: gateways, senders, rates, money, batches, messages, receipts, inbound."""

from smsmarketing.gateways.models.batch import Attempt, Batch, BatchSlice, Message
from smsmarketing.gateways.models.gateway import Gateway, Rate
from smsmarketing.gateways.models.money import FrequencyCap, LedgerEntry, Quota
from smsmarketing.gateways.models.receipt import InboundMessage, Receipt
from smsmarketing.gateways.models.sender import SenderEligibility, SenderId

__all__ = [
    "Attempt",
    "Batch",
    "BatchSlice",
    "FrequencyCap",
    "Gateway",
    "InboundMessage",
    "LedgerEntry",
    "Message",
    "Quota",
    "Rate",
    "Receipt",
    "SenderEligibility",
    "SenderId",
]
