"""How states of senders read, and what has to happen next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KIND_TITLES: Final[Mapping[str, str]] = {
    "alphanumeric": "Name (one-way)",
    "msisdn": "Long number",
    "shortcode": "Short code",
    "tollfree": "Toll-free number",
}
STATUS_WORDS: Final[Mapping[str, str]] = {
    "allowed": "Allowed",
    "register": "After registration",
    "forbidden": "Not allowed",
    "unknown": "Not confirmed",
}
STATE_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "draft": ("Draft", "Complete its registration and apply; see Sender registrations."),
    "submitted": ("Applied for", "The gateway or registry is looking at it. Nothing to do."),
    "pending_confirmation": (
        "Waiting for its PIN",
        "Enter the code that was texted to the number with “Confirm the number”.",
    ),
    "verified": ("In use", "Nothing: campaigns may use it where it is allowed."),
    "rejected": ("Refused", "Read the reason, correct the registration and apply again."),
    "suspended": (
        "Suspended",
        "Everything that uses it is paused. Settle the reason, then lift it with a second person.",
    ),
    "expired": (
        "Expired",
        "Everything that uses it is paused. Renew the registration, then lift it with a second person.",
    ),
}
"""State → its word, and the next step."""
