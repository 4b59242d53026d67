"""The wire in the admin: its rows, and the queue of replies that wait for a person."""

from smsmarketing.gateways.admin import review, rows

__all__ = ["review", "rows"]
