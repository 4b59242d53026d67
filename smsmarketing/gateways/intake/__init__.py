"""What comes back from gateways: receipts and replies. Stored first, understood afterwards."""

from smsmarketing.gateways.intake.inbound import inbound_receive
from smsmarketing.gateways.intake.receipts import (
    ReceiptsReport,
    receipt_store,
    receipts_apply,
    receipts_replay,
)

__all__ = [
    "ReceiptsReport",
    "inbound_receive",
    "receipt_store",
    "receipts_apply",
    "receipts_replay",
]
