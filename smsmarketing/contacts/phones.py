"""Keyed hashes of phone numbers with the keys of the settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from django.conf import settings

from smsmarketing.contacts.rules import phone as rules

_BLOCK: Final = 64
_INNER: Final = bytes(each ^ 0x36 for each in range(256))
_OUTER: Final = bytes(each ^ 0x5C for each in range(256))


def hash_key_id() -> str:
    """Id of the key that new hashes are made with [R-4.10]."""
    return str(next(iter(settings.PHONE_HASH_KEYS)))


def phone_hash(e164: str) -> bytes:
    """HMAC-SHA-256 of a number with the current key: what contacts and suppressions match by.

    A key is needed: without one, ten billion numbers are tried in minutes [R-4.9].
    """
    return rules.phone_hash(e164, settings.PHONE_HASH_KEYS[hash_key_id()].encode())


def phone_hasher() -> Callable[[str], bytes]:
    """`phone_hash` with the key looked up and taken in once, for a million numbers in a row.

    HMAC (RFC 2104) from two hashes that have taken in the key: half the time of hmac.digest, which
    asks OpenSSL for the algorithm and takes the key in with every call.
    """
    key = settings.PHONE_HASH_KEYS[hash_key_id()].encode()
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(block.translate(_INNER))
    outer = hashlib.sha256(block.translate(_OUTER))

    def hashed(e164: str) -> bytes:
        text = inner.copy()
        text.update(e164.encode("ascii"))
        whole = outer.copy()
        whole.update(text.digest())
        return whole.digest()

    return hashed


def hashes_meant(text: str) -> list[bytes]:
    """The hashes of a whole number as people write it; none when it is no number [R-4.13]."""
    try:
        return phone_hashes(rules.phone_parse(text).e164)
    except rules.PhoneError:
        return []


def phone_hashes(e164: str) -> list[bytes]:
    """The number under every key, current first: an erased row keeps its old hash [R-4.10]."""
    return [rules.phone_hash(e164, key.encode()) for key in settings.PHONE_HASH_KEYS.values()]
