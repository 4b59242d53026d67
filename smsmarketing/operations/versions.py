"""Opaque version tokens: optimistic locking across all surfaces [R-8.7]."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from smsmarketing.operations.canonical import canonical_json
from smsmarketing.operations.errors import PreconditionRequired, VersionConflict
from smsmarketing.operations.types import Actor, VersionedRow, row_label

if TYPE_CHECKING:
    from django.db.models import Model

_SALT = "smsmarketing.operations.version_token"


def version_token(row: Model | VersionedRow, actor: Actor) -> str:
    """base64url(HMAC-SHA256(type, id, version, principal)): what REST shows as ETag and MCP as
    `base_version_token`.

    Bound to the person, so a token read by one user is of no use to another. `row.version` grows
    with each save.
    """
    subject = canonical_json([row_label(row), str(row.pk), int(row.version), actor.principal])  # type: ignore[union-attr]
    digest = salted_hmac(
        _SALT, subject, secret=settings.VERSION_TOKEN_KEY, algorithm="sha256"
    ).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def version_check(
    row: Model | VersionedRow,
    actor: Actor,
    token: str | None,
    *,
    tool: str = "",
    field: str = "base_version_token",
) -> None:
    """Refuse a write that is not based on the row's current version.

    `tool` is the operation that shows the current token, `field` the input that carries it. Raises
    PreconditionRequired without a token and VersionConflict (with the current token in `details`)
    when the row changed since.
    """
    noun = str(row._meta.verbose_name)
    if not token:
        where = f"Call {tool} and pass" if tool else f"Read the {noun} and pass"
        raise PreconditionRequired(
            f"A change of a {noun} needs the version it is based on. {where} its {field}.",
            field_errors={field: "Pass the token that was shown when the row was read."},
            details={"call_first": [tool]} if tool else None,
        )
    current = version_token(row, actor)
    if not constant_time_compare(token.strip('"'), current):
        raise VersionConflict(
            f"This {noun} was changed since you read it. Read it again, check what changed, and "
            "repeat with the new token.",
            field_errors={field: "The token belongs to another version."},
            details={"current_version_token": current},
        )
