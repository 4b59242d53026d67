"""What a network can say of a number, in words."""

from __future__ import annotations

from typing import Any, Final

RESULTS: Final = {
    "active": "The number is in use.",
    "absent": "The number is in use; the phone is off or out of range.",
    "unknown_subscriber": "The network does not know the number: it is likely retired.",
    "barred": "The network delivers no texts to the number.",
    "invalid": "The number is not valid.",
    "unclear": "The network gave no clear answer.",
}
"""Words for what a lookup found."""
STATES: Final = {
    "queued": "waits to be asked for",
    "asked": "asked for; the answer comes by itself",
    "done": "answered",
    "failed": "not asked for, so not charged",
    "no_answer": "asked for and charged; no answer came",
}
"""Words for how a lookup stands."""
OPEN: Final = ("queued", "asked")
ERASED: Final = "erased"
REMOVED: Final = "removed"
FORGOTTEN_WORDS: Final = (ERASED, REMOVED)
"""Stand in place of the mask when the person was erased, or the time was over."""


def forgotten(word: str) -> dict[str, Any]:
    """What is left of a lookup that is to know nobody: that it was asked for, and what it cost."""
    return {
        "phone": "",
        "phone_hash": b"",
        "masked": word,
        "result": "",
        "country": "",
        "operator": "",
        "operator_id": "",
        "ported": None,
        "ported_from": "",
        "remote_id": "",
    }
