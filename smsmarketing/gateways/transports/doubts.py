"""Refusals that cannot be relied on: cut in the middle, or at odds with themselves.

A refusal is what allows a message to be handed over again, so it has to be beyond doubt whichever
provider gave it. Each transport reads what its provider documents; this looks at what none does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smsmarketing.gateways.transports.answers import Verdict, refusal
from smsmarketing.gateways.transports.base import SubmitResult, Transport

CUT: Final = "cut"
CONTRADICTION: Final = "contradiction"
_TAKEN: Final = (200, 201, 202)
"""The statuses that providers accept with."""


def result_doubted(
    transport: Transport,
    result: SubmitResult,
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    complete: bool,
) -> SubmitResult:
    """The result, or an ambiguous one instead of a refusal that is in doubt.

    A code in a body that was cut may be the beginning of another code; a refusing status says enough
    by itself. A body that is an acceptance under a refusing status contradicts it: some gateway
    behind the one that answered may have taken the message.
    """
    if not result.definitely_not_accepted:
        return result
    taken = 200 <= status < 300
    if taken and not complete:
        return _doubt(CUT, f"The answer of {transport.label} was cut", body)
    if not taken and body and _accepts(transport, headers, body):
        return contradiction(transport.label, body)
    return result


def contradiction(label: str, body: bytes) -> SubmitResult:
    """What an answer comes to that says both yes and no."""
    return _doubt(CONTRADICTION, f"The answer of {label} contradicts itself", body)


def _accepts(transport: Transport, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the body by itself says accepted: where the status decides alone, it says nothing."""
    return any(
        transport.submit_result(status, headers, body).outcome == "accepted"
        and transport.submit_result(status, headers, b"").outcome != "accepted"
        for status in _TAKEN
    )


def _doubt(code: str, what: str, body: bytes) -> SubmitResult:
    sentence = f"{what}; the message may be queued."
    return refusal(Verdict("ambiguous", "ambiguous", sentence), code=code, raw=body)
