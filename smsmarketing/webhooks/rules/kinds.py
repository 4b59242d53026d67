"""The events that an endpoint can be told of, and the states of telling it."""

from __future__ import annotations

from typing import Final, Literal

STATE_WORDS: Final = {
    "pending": "waiting",
    "delivered": "arrived",
    "failed": "given up",
    "abandoned": "not sent: switched off",
}
STATES: Final = tuple(STATE_WORDS)

PING: Final = "ping"
"""What webhooks.test sends; nobody subscribes to it."""

KINDS: Final[dict[str, str]] = {
    "opt_out.created": "A number must not be texted any more.",
    "opt_out.lifted": "A suppression ended: the person wrote START, people lifted it, or it ran out.",
    "consent.granted": "A person agreed.",
    "consent.revoked": "A person took a consent back, or it ended.",
    "quota.warning": "A team or brand has used most of its limit of the month.",
    "balance.low": "A gateway's prepaid balance fell below its alert.",
    "sender.stopped": "A sender was suspended or expired; what uses it is paused.",
    "sender.registration": "A registration of a sender was submitted, answered or stopped.",
    "contact.erased": "A person's data was erased; erase it at your end too.",
}
"""Kind → what it means."""

KindName = Literal[
    "opt_out.created",
    "opt_out.lifted",
    "consent.granted",
    "consent.revoked",
    "quota.warning",
    "balance.low",
    "sender.stopped",
    "sender.registration",
    "contact.erased",
]
"""The keys of KINDS, for inputs."""

SUBJECTS_MOST: Final = 100
"""How many numbers one event names: a file of a million opt-outs is ten thousand deliveries, not a
million.
"""
