"""Secrets of gateways at rest: AES-256-GCM under settings.CREDENTIALS_KEYS (ASVS 11.3).

The key's id stands in the ciphertext, so keys can be rotated; the row and the field are bound as
associated data, so a ciphertext copied to another row does not open.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils.crypto import constant_time_compare

from smsmarketing.gateways.models import Gateway

_FORMAT = b"\x01"
_NONCE_BYTES = 12


class CredentialsUnreadable(Exception):
    """The ciphertext was made with a key that is gone, was changed, or belongs to another row."""


def secret_seal(plain: bytes, *, bound_to: str) -> bytes:
    """Encrypt under the first key. `bound_to` names row and field and is needed to open it."""
    key_id, secret = next(iter(settings.CREDENTIALS_KEYS.items()))
    name = key_id.encode("ascii")
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_key(secret)).encrypt(nonce, plain, bound_to.encode())
    return _FORMAT + bytes([len(name)]) + name + nonce + sealed


def secret_open(sealed: bytes, *, bound_to: str) -> bytes:
    """Decrypt with the key that the ciphertext names. Raises CredentialsUnreadable."""
    if len(sealed) < 2 or sealed[:1] != _FORMAT:
        raise CredentialsUnreadable("This gateway has no stored credentials. Enter them again.")
    end = 2 + sealed[1]
    secret = settings.CREDENTIALS_KEYS.get(sealed[2:end].decode("ascii", "replace"))
    if secret is None:
        raise CredentialsUnreadable("The key of these credentials is not in CREDENTIALS_KEYS.")
    nonce, body = sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
    try:
        return AESGCM(_key(secret)).decrypt(nonce, body, bound_to.encode())
    except InvalidTag as exc:
        raise CredentialsUnreadable(
            "The stored credentials were changed or belong to another gateway. Enter them again."
        ) from exc


def credentials_write(gateway: Gateway, values: Mapping[str, str]) -> None:
    """Put the credentials into the saved row's field; the caller saves it."""
    gateway.credentials = secret_seal(
        json.dumps(dict(values), sort_keys=True).encode(), bound_to=_bound(gateway, "credentials")
    )


def credentials_read(gateway: Gateway) -> dict[str, str]:
    """The credentials by name; empty when none were entered. Raises CredentialsUnreadable."""
    if not gateway.credentials:
        return {}
    plain = secret_open(bytes(gateway.credentials), bound_to=_bound(gateway, "credentials"))
    return {str(name): str(value) for name, value in json.loads(plain).items()}


def webhook_secret_write(gateway: Gateway, secret: str) -> None:
    """Put the secret path segment and its hash into the saved row; the caller saves it."""
    gateway.webhook_secret_hash = webhook_secret_digest(secret)
    gateway.webhook_secret = secret_seal(
        secret.encode("ascii"), bound_to=_bound(gateway, "webhook_secret")
    )


def webhook_secret_read(gateway: Gateway) -> str:
    """The secret path segment, to build callback URLs. Raises CredentialsUnreadable."""
    return secret_open(
        bytes(gateway.webhook_secret), bound_to=_bound(gateway, "webhook_secret")
    ).decode()


def webhook_secret_matches(gateway: Gateway | None, given: str) -> bool:
    """Compare in constant time; an unknown gateway costs the same as a wrong secret [R-10.1]."""
    expected = gateway.webhook_secret_hash if gateway is not None else "0" * 64
    return constant_time_compare(webhook_secret_digest(given), expected) and gateway is not None


def webhook_secret_digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _bound(gateway: Gateway, field: str) -> str:
    if gateway.pk is None:
        raise ValueError("save the gateway before its secrets: they are bound to its id")
    return f"gateways.gateway:{gateway.pk}:{field}"


def _key(secret: str) -> bytes:
    return hashlib.sha256(b"smsmarketing.gateways.credentials:" + secret.encode()).digest()
