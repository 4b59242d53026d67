"""The wire in the admin: its rows, and the queue of replies that wait for a person."""

from smsmarketing.gateways.admin import (
    answers,
    billing,
    definitions,
    lookups,
    money,
    registrations,
    review,
    routes,
    rows,
    senders,
)

__all__ = [
    "answers",
    "billing",
    "definitions",
    "lookups",
    "money",
    "registrations",
    "review",
    "routes",
    "rows",
    "senders",
]
