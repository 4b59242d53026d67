"""What an answer means, when it is tried again, and how a person is told what went wrong. Pure."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Final, Literal

Verdict = Literal["delivered", "retry", "failed", "gone"]

ATTEMPTS_MOST: Final = 8
_DELAYS_S: Final = (30, 120, 480, 1800, 7200, 21_600, 50_000)
"""Seconds before the second, third ... attempt: some 22 hours in all, with jitter up to 24 [R-10.6]."""
RETRY_AFTER_MOST: Final = timedelta(hours=24)
FAILING_MOST: Final = timedelta(days=3)
"""An endpoint that took nothing for so long is switched off."""
NETWORK_ERRORS: Final = frozenset({"dns", "connect", "timeout", "tls", "reset", "protocol"})


def verdict_of(status: int | None, error: str) -> Verdict:
    """Retried are network errors, 408, 429 and 5xx only; 410 means: never again [R-10.6]."""
    if status is None:
        return "retry" if error in NETWORK_ERRORS else "failed"
    if 200 <= status < 300:
        return "delivered"
    if status == 410:
        return "gone"
    return "retry" if status in (408, 429) or status >= 500 else "failed"


def retry_delay(
    attempts: int, *, retry_after_s: int | None, chance: random.Random
) -> timedelta | None:
    """How long to wait after this many attempts; None when it was the last one.

    What the receiver asks for (Retry-After) counts when it is longer, up to a day.
    """
    if attempts >= ATTEMPTS_MOST:
        return None
    base = _DELAYS_S[attempts - 1]
    delay = timedelta(seconds=base * chance.uniform(0.8, 1.1))
    if retry_after_s is not None and retry_after_s > 0:
        asked = timedelta(seconds=retry_after_s)
        delay = max(delay, min(asked, RETRY_AFTER_MOST))
    return delay


def retry_after_s(header: str) -> int | None:
    """Seconds of a Retry-After header; dates, which hardly anybody sends, are not read."""
    text = header.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def error_of_status(status: int) -> str:
    """The word that is kept for an answer that is no success; empty for a success."""
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return "redirect"
    if status == 410:
        return "gone"
    return f"status_{status}"


_WORDS: Final = {
    "": "The endpoint took it.",
    "dns": "The host name could not be looked up. Check its spelling and its DNS entry.",
    "connect": "Nothing listens there, or a firewall drops the connection.",
    "timeout": "No whole answer within 5 seconds. Answer 200 first, and do the work afterwards.",
    "tls": "The certificate is not valid for this host, or is not trusted.",
    "reset": "The connection was closed before an answer came.",
    "protocol": "What answered does not speak HTTP.",
    "redirect": "It answered with a redirect, which is not followed. Give the final address.",
    "gone": "It answered 410 Gone: the endpoint was switched off.",
    "url_unreadable": "The address cannot be read.",
    "url_scheme": "The address does not begin with https://.",
    "url_login": "The address contains a login.",
    "url_port": "Only the ports 443 and 80 are allowed.",
    "url_host": "The host of the address is not allowed.",
    "address_private": (
        "The name leads to a private network. Use a public address, or have the system's keeper set"
        " INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES."
    ),
    "address_refused": "The name leads to a reserved address. Nothing is sent there.",
    "secret": "The signing secret cannot be read. Rotate it with webhooks.save.",
    "switched_off": "The endpoint was switched off before this was sent.",
}


def explanation(state: str, error: str) -> str:
    """One sentence for a person: how it went, and what to do."""
    if state == "pending" and not error:
        return "Not tried yet."
    if error in ("status_401", "status_403"):
        return f"It answered {error[7:]}. Check that it lets requests in that carry our signature."
    if error == "status_404":
        return "It answered 404. Check the path of the address."
    if error.startswith("status_5"):
        return f"It answered {error[7:]}: an error at the receiver. Look into its log."
    if error.startswith("status_"):
        return f"It answered {error[7:]}."
    return _WORDS.get(error, error)
