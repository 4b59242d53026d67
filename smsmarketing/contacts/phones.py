"""Keyed hashes of phone numbers with the keys of the settings."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from django.conf import settings

from smsmarketing.contacts.rules import phone as rules


def hash_key_id() -> str:
    """Id of the key that new hashes are made with [R-4.10]."""
    return str(next(iter(settings.PHONE_HASH_KEYS)))


def phone_hash(e164: str) -> bytes:
    """HMAC-SHA-256 of a number with the current key: what contacts and suppressions match by.

    A key is needed: without one, ten billion numbers are tried in minutes [R-4.9].
    """
    return rules.phone_hash(e164, settings.PHONE_HASH_KEYS[hash_key_id()].encode())


def phone_hasher() -> Callable[[str], bytes]:
    """`phone_hash` with the key looked up once, for a million numbers in a row."""
    key = settings.PHONE_HASH_KEYS[hash_key_id()].encode()
    return lambda e164: hmac.digest(key, e164.encode("ascii"), "sha256")


def phone_hashes(e164: str) -> list[bytes]:
    """The number under every key, current first: an erased row keeps its old hash [R-4.10]."""
    return [rules.phone_hash(e164, key.encode()) for key in settings.PHONE_HASH_KEYS.values()]
