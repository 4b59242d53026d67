"""Operations on the wire. Importing this package registers them."""

from smsmarketing.gateways.operations import (
    batches,
    caps,
    delivery,
    gateways,
    gateways_save,
    inbound,
    inbound_classify,
    inbound_decide,
    messages,
    quotas,
    rates_get,
    rates_import,
    rates_save,
    senders,
    senders_save,
)

__all__ = [
    "batches",
    "caps",
    "delivery",
    "gateways",
    "gateways_save",
    "inbound",
    "inbound_classify",
    "inbound_decide",
    "messages",
    "quotas",
    "rates_get",
    "rates_import",
    "rates_save",
    "senders",
    "senders_save",
]
