"""Operations on the wire. Importing this package registers them."""

from smsmarketing.gateways.operations import (
    batches,
    caps,
    delivery,
    gateways,
    inbound,
    messages,
    quotas,
    senders,
)

__all__ = ["batches", "caps", "delivery", "gateways", "inbound", "messages", "quotas", "senders"]
