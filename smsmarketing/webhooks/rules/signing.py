"""The signature of a request, in the form that Stripe made known [R-10.6]. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Final

SIGNATURE_HEADER: Final = "Webhook-Signature"
ID_HEADER: Final = "Webhook-Id"
KIND_HEADER: Final = "Webhook-Kind"
TOLERANCE_S: Final = 300
"""How old a timestamp a receiver should accept."""


def signature(body: bytes, *, secrets: Sequence[str], at: int) -> str:
    """`t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of `<t>.<raw body>`, once for each secret that holds.

    While a secret is rotated there are two; a receiver accepts a request when one of them fits.
    """
    signed = f"{at}.".encode() + body
    marks = (hmac.digest(secret.encode(), signed, "sha256").hex() for secret in secrets)
    return ",".join((f"t={at}", *(f"v1={mark}" for mark in marks)))
