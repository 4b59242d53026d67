"""Idempotency keys: a call that is repeated with the same key has one effect [R-8.9], [R-8.10]."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import (
    InvalidInput,
    KeyInProgress,
    KeyReused,
    PreconditionRequired,
)
from smsmarketing.operations.models import IdempotencyClaim
from smsmarketing.operations.types import Actor, Done, Held, Input, Operation, Outcome

KEY_TTL = timedelta(hours=72)
"""How long a key is remembered [R-8.10]: at least 24 hours."""

_KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")


def key_check(operation: Operation[Any, Any], key: str | None, *, dry_run: bool = False) -> None:
    """Refuse a missing or malformed key.

    A dry run has no effect to protect, so it needs no key. Raises PreconditionRequired and
    InvalidInput.
    """
    if key is None:
        if operation.requires_key and operation.writes and not dry_run:
            raise PreconditionRequired(
                f"{operation.key} can send or spend, so it needs an idempotency key: make one per "
                "intended effect, "
                "and repeat the call with the same key if you do not get an answer.",
                field_errors={
                    "idempotency_key": "Pass 16 to 128 letters, digits, hyphens or underscores."
                },
            )
        return
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            "The idempotency key is not valid. Use 16 to 128 letters, digits, hyphens or "
            "underscores, for example a UUID.",
            field_errors={
                "idempotency_key": "Use 16 to 128 of A-Z, a-z, 0-9, hyphen and underscore."
            },
        )


def input_fingerprint(data: Input) -> str:
    """SHA-256 of the canonical parameters; the key is not part of them [R-8.9]."""
    return sha256_hex(data.model_dump(mode="json"))


def claim_take(
    operation: Operation[Any, Any], data: Input, *, actor: Actor, key: str, now: datetime
) -> IdempotencyClaim:
    """The claim of this key, new or found, in the caller's transaction.

    A found claim carries the outcome of the first call; a new one has None until `claim_store`.
    Raises KeyInProgress while the first call runs and KeyReused when the first call had other
    parameters.
    """
    if not _lock_tried(actor.principal, operation.key, key):
        raise KeyInProgress(
            "The first call with this idempotency key is still running. Repeat the same call in a "
            "second to get its result.",
            retry_after_s=1,
        )
    fingerprint = input_fingerprint(data)
    claims = IdempotencyClaim.objects.filter(
        principal=actor.principal, operation=operation.key, key=key
    )
    found = claims.first()
    if found is not None and found.expires_at > now:
        if found.input_hash != fingerprint:
            raise KeyReused(
                "This idempotency key was already used with other parameters. Use a new key for a "
                "new effect.",
                field_errors={"idempotency_key": "Already used with other parameters."},
            )
        return found
    if found is not None:
        found.delete()
    return IdempotencyClaim.objects.create(
        principal=actor.principal,
        operation=operation.key,
        key=key,
        input_hash=fingerprint,
        created_at=now,
        expires_at=now + KEY_TTL,
    )


def claim_store(claim: IdempotencyClaim, outcome: Outcome) -> None:
    """Keep the outcome for replays; commits with the effect itself.

    Output fields named in the output class's `SHOWN_ONCE` (secrets) are not kept: a replay has null
    there.
    """
    if isinstance(outcome, Held):
        claim.outcome = {
            "held": str(outcome.action_request_id),
            "message": outcome.message,
            "policies": list(outcome.policies),
        }
    else:
        secret = set(outcome.result.SHOWN_ONCE)
        kept = outcome.result.model_dump(mode="json", exclude=secret)
        claim.outcome = {"done": kept | dict.fromkeys(sorted(secret))}
    claim.save(update_fields=["outcome"])


def claim_replay(
    operation: Operation[Any, Any], outcome: dict[str, Any], *, request_id: str
) -> Outcome:
    """The stored outcome as the first caller got it, marked as replayed."""
    if "held" in outcome:
        return Held(
            action_request_id=UUID(outcome["held"]),
            message=outcome["message"],
            policies=tuple(outcome["policies"]),
            replayed=True,
            request_id=request_id,
        )
    return Done(
        result=operation.output.model_validate(outcome["done"]),
        replayed=True,
        request_id=request_id,
    )


def claims_expire(*, now: datetime) -> int:
    """Delete claims whose time is over; returns how many."""
    deleted, _ = IdempotencyClaim.objects.filter(expires_at__lte=now).delete()
    return deleted


def _lock_tried(*parts: str) -> bool:
    """An advisory lock until the end of the transaction: tells "still running" without waiting for
    the first call.
    """
    digest = hashlib.sha256("\x1f".join(("idempotency", *parts)).encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)]
        )
        return bool(cursor.fetchone()[0])
