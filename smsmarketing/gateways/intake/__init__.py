"""What comes back from gateways: receipts and replies. Stored first, understood afterwards."""

from smsmarketing.gateways.intake.deliveries import deliveries_take, replies_join
from smsmarketing.gateways.intake.inbound import inbound_receive
from smsmarketing.gateways.intake.opt_in_requests import (
    opt_in_requests_follow,
    opt_in_requests_send,
)
from smsmarketing.gateways.intake.receipts import (
    ReceiptsReport,
    receipt_store,
    receipts_apply,
    receipts_replay,
)

__all__ = [
    "ReceiptsReport",
    "deliveries_take",
    "inbound_receive",
    "opt_in_requests_follow",
    "opt_in_requests_send",
    "receipt_store",
    "receipts_apply",
    "receipts_replay",
    "replies_join",
]
