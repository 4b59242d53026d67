"""The states of a message: one table for every guarded UPDATE and for the generated tests.

design.md §6, [R-10.4], [R-10.20]. planned and queued wait; held waits until a time; handing_over is
on the wire; unknown may have been accepted and is never sent again by itself [R-8.12]. A final state
is left only upwards: a late `delivered` corrects expired, undelivered and failed (audited).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "planned": frozenset({"queued", "stopped"}),
    "queued": frozenset(
        {"handing_over", "skipped", "held", "stopped", "quarantined"}
        # Only by a receipt for an earlier try: the gateway had it after all, so no next try.
        | {"accepted", "delivered", "undelivered", "expired", "rejected", "failed"}
    ),
    "held": frozenset({"queued", "skipped", "stopped", "quarantined"}),
    "handing_over": frozenset({"accepted", "rejected", "failed", "unknown", "queued", "stopped"}),
    "accepted": frozenset({"delivered", "undelivered", "expired", "rejected", "failed"}),
    "unknown": frozenset(
        {
            "accepted",
            "failed",
            "queued",
            "delivered",
            "undelivered",
            "expired",
            "rejected",
        }
    ),
    "undelivered": frozenset({"delivered"}),
    "expired": frozenset({"delivered"}),
    "failed": frozenset({"delivered"}),
    "delivered": frozenset(),
    "rejected": frozenset(),
    "skipped": frozenset(),
    "stopped": frozenset(),
    "quarantined": frozenset({"queued", "stopped"}),
}
"""From state → states that may follow. unknown → failed and queued, and quarantined → queued are
for people only; stopping a batch and erasing a person end what is quarantined.
"""

STATES: frozenset[str] = frozenset(TRANSITIONS)
SENDABLE: frozenset[str] = frozenset({"planned", "queued", "held"})
"""Nothing left the house yet (in this attempt)."""
OPEN: frozenset[str] = frozenset({"planned", "queued", "held", "handing_over", "accepted"})
"""A batch is not done while one of its messages is in one of these."""
CLOSED: frozenset[str] = STATES - OPEN
"""No work of ours is left; `unknown` and `quarantined` are explained ends that may still move."""
FINAL: frozenset[str] = frozenset(
    {"delivered", "undelivered", "expired", "rejected", "failed", "skipped", "stopped"}
)

RANK: Mapping[str, int] = {
    "planned": 0,
    "held": 10,
    "queued": 10,
    "quarantined": 10,
    "handing_over": 20,
    "unknown": 25,
    "accepted": 30,
    "undelivered": 50,
    "expired": 50,
    "failed": 50,
    "rejected": 60,
    "skipped": 60,
    "stopped": 60,
    "delivered": 60,
}
"""Receipts move a message only to a higher rank [R-10.4]: the first final state wins, except that
`delivered` overrides undelivered, expired and failed.
"""

RECEIPT_STATES: Mapping[str, str] = {
    "delivered": "delivered",
    "undelivered": "undelivered",
    "expired": "expired",
    "rejected": "rejected",
    "failed": "failed",
    "accepted": "accepted",
}
"""A transport's receipt status → message state. `unknown` has none: it is never guessed [R-10.4]."""

RECEIPT_FROM: frozenset[str] = frozenset(
    {"queued", "accepted", "unknown", "undelivered", "expired", "failed"}
)
"""States a receipt may move; queued only after a first try. One that finds `handing_over` is
parked: it overtook the answer.
"""

MEANINGS: Mapping[str, str] = {
    "planned": "Written down, not yet released.",
    "queued": "Waiting to be handed to the gateway.",
    "held": "Waiting for a time at which it may be sent, for example the end of quiet hours.",
    "handing_over": "On its way to the gateway; the answer is not here yet.",
    "accepted": "The gateway took it. Not delivered yet: pending is not success.",
    "unknown": "It may or may not have been accepted. Never sent again by itself.",
    "delivered": "The handset confirmed it.",
    "undelivered": "The carrier or the handset could not deliver it.",
    "expired": "Its validity, or the time to wait for a receipt, ran out.",
    "rejected": "The gateway or the carrier refused it.",
    "failed": "It could not be handed over, or failed for a technical reason.",
    "skipped": "Not sent because a rule forbade it at the last moment; the reason says which.",
    "stopped": "Not sent because people stopped the batch.",
    "quarantined": "Set aside after three crashes; a person decides.",
}
"""What each state means, for people and agents [features 000-33]."""

SKIP_REASONS: Mapping[str, str] = {
    "opted_out": "The person opted out.",
    "complaint": "The person complained.",
    "legal": "A register or a legal request forbids it.",
    "blocked": "The number is blocked.",
    "reassigned": "The number belongs to somebody else now.",
    "unreachable": "The number could not be reached for too long.",
    "on_hold": "On hold until a person decides whether the reply was an opt-out.",
    "no_consent": "There is no consent for this brand and purpose.",
    "consent_incomplete": "The evidence of consent is incomplete.",
    "consent_expired": "The consent has lapsed.",
    "landline": "The number is a landline.",
    "invalid": "The number is invalid.",
    "trashed": "The contact is in the trash or was erased.",
    "held_timezone_unknown": "Nobody can say what time it is for this person.",
    "marketing_prohibited": "Marketing to this country is not allowed on this route.",
    "holiday_calendar_missing": "The holidays of this country are not known.",
    "capped": "The frequency cap of this person is reached.",
    "country_blocked": "The gateway does not deliver to this country.",
    "sender_not_eligible": "The sender may not be used in this country.",
    "not_own_number": "A test may go only to numbers of the team's own people.",
    "not_a_reply": "An automatic reply needs the message it answers.",
}

MAX_TRIES: Mapping[str, int] = {"otp": 3}
DEFAULT_TRIES = 9
"""First try and eight more [R-10.15]."""
RETRY_SPAN: Mapping[str, timedelta] = {"otp": timedelta(seconds=60)}
DEFAULT_RETRY_SPAN = timedelta(hours=4)
_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 1800.0


def may_follow(state: str, target: str) -> bool:
    """Whether a message in `state` may move to `target`. Raises KeyError for an unknown state."""
    return target in TRANSITIONS[state]


def sources(target: str) -> frozenset[str]:
    """The states from which `target` may be reached: the guard of an UPDATE."""
    return frozenset(state for state, targets in TRANSITIONS.items() if target in targets)


def receipt_moves(state: str, target: str) -> bool:
    """Whether a receipt saying `target` changes a message in `state` [R-10.4]."""
    return state in RECEIPT_FROM and RANK[target] > RANK[state] and may_follow(state, target)


def tries_allowed(purpose: str) -> int:
    """How often a message may be handed over, all tries counted [R-10.15]."""
    return MAX_TRIES.get(purpose, DEFAULT_TRIES)


def retry_wait_s(purpose: str, attempt: int, *, asked_s: int | None = None) -> float:
    """Seconds before the next try after `attempt` tries: 5, 10, 20 ... at most 30 minutes.

    Eight waits stay within four hours [R-10.15]. `asked_s` is what the gateway asked for and is a
    lower bound. OTP waits 10 s.
    """
    own = (
        10.0 if purpose == "otp" else min(_FIRST_WAIT_S * 2 ** max(attempt - 1, 0), _LONGEST_WAIT_S)
    )
    return max(own, float(asked_s or 0))


def resend_verdict(state: str, error_class: str) -> tuple[bool, str]:
    """(may be resent on request, why): never what arrived, may have arrived, or cannot arrive.

    Opt-outs, caps and quiet hours are checked again when a resend is previewed and sent.
    """
    if state == "delivered":
        return False, "It was delivered."
    if state in OPEN:
        return False, "It is not final yet."
    if state == "unknown":
        return False, "It may have been accepted; a person must decide first."
    if state == "rejected" or error_class in {"hard", "optout", "content", "sender"}:
        return False, "The same message would be refused again."
    if state in {"skipped", "stopped", "quarantined"}:
        return False, "It was never sent; start a new send instead."
    return True, "It failed for a reason that may pass."
