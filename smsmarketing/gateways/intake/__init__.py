"""What comes back from gateways: receipts and replies. Stored first, understood afterwards."""

from smsmarketing.gateways.intake.receipts import (
    ReceiptsReport,
    receipt_store,
    receipts_apply,
    receipts_replay,
)

__all__ = ["ReceiptsReport", "receipt_store", "receipts_apply", "receipts_replay"]
