"""What an exchange means for a message: the one place where outcomes become states."""

from __future__ import annotations

from dataclasses import dataclass

from smsmarketing.gateways.dispatch.waves import Result
from smsmarketing.gateways.rules.messages import retry_wait_s, tries_allowed
from smsmarketing.gateways.transports.base import SubmitResult

GATEWAY_CLASSES = frozenset({"auth", "account"})
"""The gateway, not the message, is at fault: the batch pauses and the message waits."""
CONTENT_CLASSES = frozenset({"content", "sender"})
"""The same request will always fail: with many of them the batch pauses."""


def result_of(
    submit: SubmitResult, *, message_id: int, attempt: int, purpose: str, moves_on: bool = False
) -> Result:
    """The next state of a message after one try.

    accepted and duplicate (treat as sent, providers.md §0) → accepted. ambiguous → unknown, never
    sent again by itself [R-8.12]. Definitely not accepted → queued with back-off while tries
    are left [R-10.15], else failed; at once when it moves on to another gateway. Refused for good →
    rejected, unless the gateway itself is at fault.
    """
    outcome = submit.outcome
    state, reason, wait_s = "unknown", "no_clear_answer", 0.0
    if outcome in {"accepted", "duplicate"}:
        state, reason = "accepted", ""
    elif submit.definitely_not_accepted:
        if outcome == "rejected" and submit.error_class not in GATEWAY_CLASSES:
            state, reason = "rejected", submit.error_class or "rejected"
        elif attempt >= tries_allowed(purpose):
            state, reason = "failed", "tries_used_up"
        else:
            state, reason = "queued", "retry"
            if not moves_on:
                wait_s = retry_wait_s(purpose, attempt, asked_s=submit.retry_after_s)
    return Result(
        id=message_id,
        attempt=attempt,
        state=state,
        reason=reason,
        outcome=outcome,
        gateway_message_id=submit.gateway_message_id or "",
        part_ids=submit.part_ids,
        parts_billed=submit.parts_billed,
        price_billed=submit.price,
        error_code=submit.error_code or "",
        error_class=submit.error_class or "",
        wait_s=wait_s,
    )


def not_started(message_id: int, attempt: int) -> Result:
    """A message that was marked and never left, because the run was told to stop."""
    return Result(
        id=message_id, attempt=attempt, state="queued", reason="retry", outcome="not_started"
    )


def not_expressible(message_id: int, attempt: int, code: str, moves_on: bool) -> Result:
    """A message that the gateway's protocol cannot carry; another gateway's may."""
    return Result(
        id=message_id,
        attempt=attempt,
        state="queued" if moves_on else "rejected",
        reason="retry" if moves_on else "not_expressible",
        outcome="rejected",
        error_code=code,
        error_class="content",
    )


@dataclass(slots=True)
class Health:
    """What a run saw of its gateway lately [R-10.17]."""

    calls: int = 0
    unclear: int = 0
    unavailable: int = 0
    refused: int = 0
    at_fault: str = ""

    WINDOW = 20
    SICK_SHARE = 0.25

    def note(self, submit: SubmitResult) -> None:
        self.calls += 1
        if submit.outcome == "ambiguous":
            self.unclear += 1
        elif submit.outcome in {"throttled", "retryable"}:
            self.unavailable += 1
        if submit.error_class in CONTENT_CLASSES:
            self.refused += 1
        if submit.error_class in GATEWAY_CLASSES and submit.definitely_not_accepted:
            self.at_fault = submit.error_text or "The gateway refuses this account."
        if self.calls > 10 * self.WINDOW:
            self.calls, self.unclear = self.calls // 2, self.unclear // 2
            self.unavailable, self.refused = self.unavailable // 2, self.refused // 2

    @property
    def unclear_share(self) -> bool:
        """Whether too many answers are unclear: each is a message that stays unknown."""
        return self.calls >= self.WINDOW and self.unclear > self.calls * self.SICK_SHARE

    def forget(self) -> None:
        """Begin anew, after the gateway was left for another one."""
        self.calls = self.unclear = self.unavailable = self.refused = 0
        self.at_fault = ""

    def verdict(self) -> tuple[str, str]:
        """("go" | "rest" | "pause", why): rest = try again in half a minute; pause = people."""
        if self.at_fault:
            return "pause", self.at_fault
        if self.calls < self.WINDOW:
            return "go", ""
        limit = self.calls * self.SICK_SHARE
        if self.unclear_share:
            return "pause", "The gateway gives no clear answers; look before more becomes unknown."
        if self.refused > limit:
            return "pause", "The gateway refuses the text or the sender of this batch."
        if self.unavailable > limit:
            return "rest", "The gateway is overloaded or not reachable."
        return "go", ""
