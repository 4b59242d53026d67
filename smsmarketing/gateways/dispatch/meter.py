"""What the gateways of one run said, counted here and written down about once a second."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils import timezone

from smsmarketing.gateways.services.breakers import Answers, answers_push
from smsmarketing.gateways.transports.base import SubmitResult

_PUSH_S = 1.0
_PUSH_BAD = 5
"""So many failures are written down at once: others should stop too."""


@dataclass(slots=True)
class AnswerMeter:
    """Counts by gateway and country since the last push."""

    brand_id: int
    _answers: dict[tuple[int, str], Answers] = field(default_factory=dict)
    _bad: int = 0
    _pushed_at: float = field(default_factory=time.monotonic)

    def note(self, gateway_id: int, country: str, submit: SubmitResult, cost: Decimal) -> None:
        """Count an answer; `cost` is what was expected, where the provider did not say."""
        key = (gateway_id, country)
        held = self._answers.get(key)
        if held is None:
            held = self._answers[key] = Answers()
        outcome = submit.outcome
        if outcome in {"accepted", "duplicate"}:
            held.accepted += 1
            held.cost += cost if submit.price is None else submit.price
        elif outcome == "ambiguous":
            held.unclear += 1
            self._bad += 1
        elif outcome == "rejected" and submit.error_class not in {"auth", "account"}:
            held.refused += 1
        else:
            held.unavailable += 1
            self._bad += 1

    def due(self) -> bool:
        """Whether it is time to push."""
        if not self._answers:
            return False
        return self._bad >= _PUSH_BAD or time.monotonic() - self._pushed_at >= _PUSH_S

    def push(self) -> None:
        """Write down what was counted; in a transaction of its own."""
        answers, self._answers, self._bad = self._answers, {}, 0
        self._pushed_at = time.monotonic()
        answers_push(answers, brand_id=self.brand_id, now=timezone.now())
