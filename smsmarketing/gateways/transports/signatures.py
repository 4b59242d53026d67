"""Whether a webhook is the provider's: comparisons in constant time over the raw body [R-10.1]."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from smsmarketing.gateways.transports.base import TransportDataError
from smsmarketing.gateways.transports.provider import (
    basic_login,
)

TOLERANCE_S: Final = 300
"""How far a signed time may be from ours, either way [R-10.2]."""


def refused(sentence: str = "The signature does not fit the body.") -> TransportDataError:
    return TransportDataError("signature", sentence)


def same(given: str, expected: str) -> bool:
    """Compare in constant time, whatever characters a stranger sends."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def hmac_base64(key: str, data: bytes, digest: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), data, digest).digest()).decode()


def hmac_hex(key: str, data: bytes, digest: str) -> str:
    return hmac.new(key.encode(), data, digest).hexdigest()


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fresh(seconds: str, now: datetime) -> None:
    """Refuse a signed Unix time that is more than five minutes off. Raises TransportDataError."""
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= 12):
        raise refused("The signature carries no time.")
    if abs(now.timestamp() - int(seconds)) > TOLERANCE_S:
        raise TransportDataError("too_old", "The signed time is more than five minutes off.")


def ed25519_check(public_key: str, signature: str, data: bytes) -> None:
    """Both as base64. Raises TransportDataError."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), data)
    except (InvalidSignature, ValueError, binascii.Error):
        raise refused() from None


def basic_check(headers: Mapping[str, str], user: str, password: str) -> None:
    """HTTP Basic of the caller. Raises TransportDataError."""
    if not same(headers.get("authorization", ""), basic_login(user, password)):
        raise refused("The call carries no valid login.")
