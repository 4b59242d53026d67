"""The writes of the wire. Transactions belong to the caller (`execute` or a task)."""

from smsmarketing.gateways.services.approval import batch_gate_check
from smsmarketing.gateways.services.batches import (
    batch_create,
    batch_finish_if_complete,
    batch_lock,
    batch_pause,
    batch_release,
    batch_resume,
    batch_stop,
)
from smsmarketing.gateways.services.copying import (
    SLICE_SIZE,
    MessageRow,
    messages_copy,
    messages_insert,
)
from smsmarketing.gateways.services.gateways import (
    caps_set,
    gateway_create,
    gateway_degrade,
    gateway_recover,
    gateway_update,
    quota_set,
    rate_set,
)
from smsmarketing.gateways.services.senders import (
    sender_create,
    sender_eligibility_set,
    sender_verify,
)
from smsmarketing.gateways.services.settlement import batch_settle, quota_lock

__all__ = [
    "SLICE_SIZE",
    "MessageRow",
    "batch_create",
    "batch_finish_if_complete",
    "batch_gate_check",
    "batch_lock",
    "batch_pause",
    "batch_release",
    "batch_resume",
    "batch_settle",
    "batch_stop",
    "caps_set",
    "gateway_create",
    "gateway_degrade",
    "gateway_recover",
    "gateway_update",
    "messages_copy",
    "messages_insert",
    "quota_lock",
    "quota_set",
    "rate_set",
    "sender_create",
    "sender_eligibility_set",
    "sender_verify",
]
