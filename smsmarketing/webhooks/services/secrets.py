"""The signing secret of an endpoint: made here, shown once, sealed at rest, rotated with an overlap."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from smsmarketing.operations.encryption import secret_open, secret_seal
from smsmarketing.operations.sealed import sealed_add
from smsmarketing.webhooks.models import WebhookEndpoint

OVERLAP = timedelta(hours=24)
"""How long both secrets sign after a rotation."""


_BOUND = "webhooks.endpoint:{pk}:secret"


def sealed_register() -> None:
    """Called at ready()."""
    for name in ("secret", "secret_before"):
        sealed_add(WebhookEndpoint, name, bound_to=_BOUND)


def secret_make(endpoint: WebhookEndpoint, *, now: datetime) -> str:
    """Put a new secret into the saved row, keep the one before for a day; the caller saves it."""
    plain = f"whsec_{secrets.token_urlsafe(32)}"
    if endpoint.secret:
        endpoint.secret_before = secret_seal(
            secret_open(bytes(endpoint.secret), bound_to=_bound(endpoint)),
            bound_to=_bound(endpoint),
        )
        endpoint.before_until = now + OVERLAP
    endpoint.secret = secret_seal(plain.encode("ascii"), bound_to=_bound(endpoint))
    return plain


def secrets_holding(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """What signs now, newest first. Raises operations.encryption.SecretUnreadable."""
    held = [bytes(endpoint.secret)]
    if endpoint.secret_before and endpoint.before_until and endpoint.before_until > now:
        held.append(bytes(endpoint.secret_before))
    return [secret_open(sealed, bound_to=_bound(endpoint)).decode() for sealed in held]


def _bound(endpoint: WebhookEndpoint) -> str:
    if endpoint.pk is None:
        raise ValueError("save the endpoint before its secret: it is bound to its id")
    return _BOUND.format(pk=endpoint.pk)
