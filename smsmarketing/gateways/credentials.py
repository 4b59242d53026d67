"""Secrets of gateways at rest, sealed by `operations.encryption`, bound to their row and field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from django.utils.crypto import constant_time_compare

from smsmarketing.gateways.models import Gateway
from smsmarketing.operations.encryption import SecretUnreadable, secret_open, secret_seal
from smsmarketing.operations.sealed import sealed_add

CredentialsUnreadable = SecretUnreadable
"""The name under which this app speaks of it."""


_BOUND = "gateways.gateway:{pk}:"


def sealed_register() -> None:
    """Called at ready()."""
    for name in ("credentials", "webhook_secret"):
        sealed_add(Gateway, name, bound_to=_BOUND + name)


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
    return _BOUND.format(pk=gateway.pk) + field
