"""How an answer, or none, becomes a result: the rules that all providers share.

A provider's own table says what its codes mean; this says what may follow from a meaning. The
cautious side is always "it may have been accepted" (design.md §7): a message is handed over again
only when the provider cannot have it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from smsmarketing.gateways.transports.base import (
    ErrorClass,
    ErrorMeaning,
    FailureKind,
    OutboundMessage,
    Outcome,
    SubmitResult,
    TransportDataError,
)

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_OUTCOMES: Mapping[ErrorClass, Outcome] = {
    "throttle": "throttled",
    "soft": "retryable",
    "duplicate": "duplicate",
    "ambiguous": "ambiguous",
}
_FAILURES: Mapping[FailureKind, str] = {
    "dns": "The name of the gateway cannot be resolved.",
    "connect": "The gateway does not accept connections.",
    "connect_timeout": "The gateway did not accept a connection in time.",
    "tls": "No trusted TLS connection to the gateway could be made.",
    "bad_request": "The gateway's address is not a usable URL. Correct its base URL.",
    "address": (
        "The gateway's name leads into a private or reserved network. Correct its base URL; who runs"
        " the system may allow its own network with INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES."
    ),
    "not_started": "Sending was stopped before this message was handed over.",
    "timeout": "The gateway did not answer in time; the message may be queued.",
    "reset": "The connection was lost before the answer; the message may be queued.",
    "protocol": "The gateway's answer is not HTTP; the message may be queued.",
}
MOVED = "The gateway address has moved. Correct the base URL of the gateway."
# A request timeout may be told by a proxy after the request was passed on.
_MAY_HAVE_PASSED = frozenset({408, 499})
_MOST_PARTS = 255  # the UDH counts parts in one octet


class Verdict(NamedTuple):
    """What an answer means for the message."""

    outcome: Outcome
    error_class: ErrorClass
    meaning: str

    @property
    def definitely_not_accepted(self) -> bool:
        return self.outcome in {"rejected", "throttled", "retryable"}


def verdict_of(error_class: ErrorClass, meaning: str) -> Verdict:
    """What follows from an error class in the answer to a submit: what is no reason to wait or to
    doubt is a refusal.
    """
    return Verdict(_OUTCOMES.get(error_class, "rejected"), error_class, meaning)


def http_verdict(label: str, status: int) -> Verdict:
    """What a status code alone means when the body says nothing more.

    A server error may come after the message was queued, so it is ambiguous; only what is decided
    before the request is handled (moved, refused, too fast) is certain.
    """
    if status in {301, 302, 303, 307, 308}:
        return verdict_of("auth", MOVED)
    if status in {401, 403, 407}:
        return verdict_of("auth", f"{label} did not accept the credentials of the gateway.")
    if status in {404, 405}:
        return verdict_of(
            "auth", "There is no submit address there. Correct the base URL or the account."
        )
    if status == 402:
        return verdict_of("account", f"{label} asks for payment: top up the account.")
    if status == 429:
        return verdict_of("throttle", f"{label} asks to slow down.")
    if 400 <= status < 500 and status not in _MAY_HAVE_PASSED:
        return verdict_of("content", f"{label} refused the request.")
    return Verdict(
        "ambiguous", "ambiguous", f"The answer of {label} is not clear; the message may be queued."
    )


def unknown_code(label: str, code: str) -> Verdict:
    """A refusal with a code that no table has: tried again with the usual limit, and shown."""
    return verdict_of("soft", f"{label} refused it with the code {code}, which is not known here.")


def refusal(
    verdict: Verdict, *, code: str, raw: bytes = b"", retry_after_s: int | None = None
) -> SubmitResult:
    """A result that is not an acceptance. `code` is the provider's, or http_… or net_… ."""
    return SubmitResult(
        outcome=verdict.outcome,
        definitely_not_accepted=verdict.definitely_not_accepted,
        error_class=verdict.error_class,
        error_code=code,
        error_text=verdict.meaning,
        retry_after_s=retry_after_s,
        raw=raw,
    )


def coded_refusal(
    errors: Mapping[str, ErrorMeaning],
    code: str,
    *,
    label: str,
    raw: bytes,
    headers: Mapping[str, str],
) -> SubmitResult:
    """A refusal by one of the provider's codes."""
    known = errors.get(code)
    verdict = verdict_of(known.error_class, known.meaning) if known else unknown_code(label, code)
    return refusal(verdict, code=code, raw=raw, retry_after_s=retry_after(headers))


def http_refusal(label: str, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
    """What is left when the body carries no readable code."""
    return refusal(
        http_verdict(label, status),
        code=f"http_{status}",
        raw=body,
        retry_after_s=retry_after(headers),
    )


def no_answer(kind: FailureKind, *, sent: bool) -> SubmitResult:
    """The absence of an answer: before anything left it is not accepted, after that ambiguous."""
    if sent:
        return refusal(Verdict("ambiguous", "ambiguous", _FAILURES[kind]), code=f"net_{kind}")
    # TLS, URL and address faults do not heal by themselves: they stop the gateway like a refused token does.
    lasting = kind in {"tls", "bad_request", "address"}
    return refusal(
        Verdict("retryable", "auth" if lasting else "soft", _FAILURES[kind]), code=f"net_{kind}"
    )


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds the provider asks to wait; None when it does not say so in plain seconds."""
    wait = headers.get("retry-after", "")
    return int(wait) if wait.isdecimal() and wait.isascii() and len(wait) < 6 else None


def recipient_digits(message: OutboundMessage) -> str:
    """The recipient without the plus. Raises TransportDataError when it is not E.164."""
    if not _E164.fullmatch(message.to):
        raise TransportDataError("not_e164", "The recipient is not an E.164 number.")
    return message.to[1:]


def validity_within(message: OutboundMessage, limits: tuple[int, int], label: str) -> int | None:
    """The validity to ask for, in seconds, cut to the provider's longest.

    Raises TransportDataError below its shortest: rounding up could deliver after the quiet hours
    began [R-3.5].
    """
    if message.validity_s is None:
        return None
    if message.validity_s < limits[0]:
        raise TransportDataError(
            "validity", f"{label} takes no validity below {limits[0]} seconds."
        )
    return min(message.validity_s, limits[1])


def credential(value: str, what: str, label: str) -> str:
    """A credential that can stand in a header. Raises TransportDataError that names it."""
    if not value or not value.isascii() or not value.isprintable():
        raise TransportDataError(
            "credentials", f"The gateway has no usable {label} {what}. Enter it on the gateway."
        )
    return value


def parts_of(value: object) -> int | None:
    """Billed parts as the provider tells them (number or digits); None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 4:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= _MOST_PARTS else None


def price_of(value: object) -> Decimal | None:
    """A price as the provider tells it; its sign is dropped (some tell a charge as negative)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    if len(text) > 24:
        return None
    try:
        price = abs(Decimal(text))
    except InvalidOperation:
        return None
    return price if price.is_finite() and price < 1_000_000 else None


def currency_of(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[A-Z]{3}", value) else None
