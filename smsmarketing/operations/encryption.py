"""Secrets at rest: AES-256-GCM under settings.CREDENTIALS_KEYS (ASVS 11.3).

The key's id stands in the ciphertext, so keys can be rotated; the row and the field are bound as
associated data, so a ciphertext copied to another row does not open. Here, because gateways and
webhooks both keep secrets and neither knows the other.
"""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_FORMAT = b"\x01"
_NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """The ciphertext was made with a key that is gone, was changed, or belongs to another row."""


def secret_seal(plain: bytes, *, bound_to: str) -> bytes:
    """Encrypt under the first key. `bound_to` names row and field and is needed to open it."""
    key_id, secret = next(iter(settings.CREDENTIALS_KEYS.items()))
    name = key_id.encode("ascii")
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_key(secret)).encrypt(nonce, plain, bound_to.encode())
    return _FORMAT + bytes([len(name)]) + name + nonce + sealed


def secret_open(sealed: bytes, *, bound_to: str) -> bytes:
    """Decrypt with the key that the ciphertext names. Raises SecretUnreadable."""
    if len(sealed) < 2 or sealed[:1] != _FORMAT:
        raise SecretUnreadable("There is no stored secret here. Enter it again.")
    end = 2 + sealed[1]
    secret = settings.CREDENTIALS_KEYS.get(sealed[2:end].decode("ascii", "replace"))
    if secret is None:
        raise SecretUnreadable("The key of this secret is not in CREDENTIALS_KEYS.")
    nonce, body = sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
    try:
        return AESGCM(_key(secret)).decrypt(nonce, body, bound_to.encode())
    except InvalidTag as exc:
        raise SecretUnreadable(
            "The stored secret was changed or belongs to another row. Enter it again."
        ) from exc


def secret_key_id(sealed: bytes) -> str:
    """The id of the key that a ciphertext names; empty for bytes that are none. Needs no key."""
    if len(sealed) < 2 or sealed[:1] != _FORMAT or len(sealed) < 2 + sealed[1] + _NONCE_BYTES:
        return ""
    name = sealed[2 : 2 + sealed[1]]
    return name.decode("ascii") if name.isascii() else ""


def _key(secret: str) -> bytes:
    # The prefix is part of every ciphertext that exists; it says gateways for that reason only.
    return hashlib.sha256(b"smsmarketing.gateways.credentials:" + secret.encode()).digest()
