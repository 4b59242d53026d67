"""The wire in the admin: its rows, and the queue of replies that wait for a person."""

from smsmarketing.gateways.admin import money, review, rows

__all__ = ["money", "review", "rows"]
