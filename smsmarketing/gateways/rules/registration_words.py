"""How states of registrations read, and what has to happen next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REGISTRATION_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "draft": ("Draft", "Answer the questions, add the documents, then apply."),
    "submitted": (
        "Submitted",
        "Hand the papers in at the registry or the gateway. Compliance records the answer.",
    ),
    "in_review": ("With the registry", "Wait for the answer. Compliance records it."),
    "approved": ("Approved", "Nothing: the sender may be used in its countries."),
    "rejected": ("Refused", "Read the reason, correct it and apply again, or withdraw it."),
    "suspended": (
        "Suspended",
        "What uses it is paused. Settle the reason; compliance then records the approval.",
    ),
    "expired": (
        "Ended",
        "What uses it is paused. Renew it at the registry; compliance then records the approval.",
    ),
    "withdrawn": ("Withdrawn", "Nothing. Open another registration when it is needed again."),
}
"""State → its word, and the next step."""
PENDING: Final = (
    "Waiting for a second person",
    "An approver reads it and agrees, or says what to change.",
)
