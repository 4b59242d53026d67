"""Telling a team's own systems what happened."""

from smsmarketing.webhooks.services.emission import (
    subject_listener_add,
    webhook_emit,
    webhook_emit_sql,
    webhook_listened,
)

__all__ = [
    "subject_listener_add",
    "webhook_emit",
    "webhook_emit_sql",
    "webhook_listened",
]
