"""Preview records: what a preview found, kept so that a later write can name it [R-8.8],
[R-9.14].
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from smsmarketing.operations.canonical import sha256_hex
from smsmarketing.operations.errors import PreconditionRequired
from smsmarketing.operations.models import PreviewRecord
from smsmarketing.operations.types import Context

_KEPT = timedelta(days=14)


def preview_store(
    context: Context,
    kind: str,
    *,
    payload: Mapping[str, Any],
    result: Mapping[str, Any],
    ttl: timedelta,
) -> UUID:
    """Keep a preview for its caller and return its id.

    `payload` is what was previewed, `result` what was found; both must be plain JSON. `ttl` is 30
    minutes for cost and segment, 24 hours for links [R-8.8].
    """
    record = PreviewRecord.objects.create(
        kind=kind,
        principal=context.actor.principal,
        input_hash=sha256_hex(payload),
        payload=dict(payload),
        result=dict(result),
        created_at=context.now,
        expires_at=context.now + ttl,
    )
    return record.id


def preview_take(
    context: Context,
    kind: str,
    preview_id: UUID | str | None,
    *,
    tool: str,
    argument: str = "",
    payload: Mapping[str, Any] | None = None,
) -> PreviewRecord:
    """The caller's own preview, locked and marked used (not in a dry run).

    `tool` is the operation that makes such a preview, `argument` the input field that carries the
    id, and `payload`, when given, must be what was previewed. Under a grant the expiry is not
    looked at: people needed longer than 30 minutes, and the drift guards [R-8.3] compare the world
    with what they approved. Raises PreconditionRequired, the same for a missing, unknown, foreign,
    used, expired or non-matching preview.
    """
    record = _found(context, kind, preview_id, lock=True)
    wrong = (
        record is None
        or record.used_at is not None
        or (payload is not None and record.input_hash != sha256_hex(payload))
    )
    if record is None or wrong:
        raise _refusal(kind, tool, argument)
    if not context.dry_run:
        record.used_at = context.now
        record.save(update_fields=["used_at"])
    return record


def preview_read(
    context: Context, kind: str, preview_id: UUID | str | None, *, tool: str, argument: str = ""
) -> PreviewRecord:
    """The caller's own unexpired preview without using it up. Raises PreconditionRequired like
    `preview_take`.
    """
    record = _found(context, kind, preview_id, lock=False)
    if record is None:
        raise _refusal(kind, tool, argument)
    return record


def _found(
    context: Context, kind: str, preview_id: UUID | str | None, *, lock: bool
) -> PreviewRecord | None:
    try:
        wanted = preview_id if isinstance(preview_id, UUID) else UUID(str(preview_id))
    except ValueError:
        return None
    rows = PreviewRecord.objects.filter(id=wanted, kind=kind, principal=context.actor.principal)
    if context.action_request_id is None:
        rows = rows.filter(expires_at__gt=context.now)
    return (rows.select_for_update() if lock else rows).first()


def _refusal(kind: str, tool: str, argument: str) -> PreconditionRequired:
    field = argument or "preview_id"
    return PreconditionRequired(
        f"This needs a fresh {kind.replace('_', ' ')} preview of your own. Call {tool} first and "
        f"pass the id it returns as {field}.",
        field_errors={field: f"Pass an unused, unexpired id from {tool}."},
        details={"call_first": [tool]},
    )


def previews_expire(*, now: datetime) -> int:
    """Delete previews that nothing can name any more; returns how many.

    They outlive their expiry by 14 days: a request may wait 3 days for people and run up to 7 days
    later [R-8.3].
    """
    deleted, _ = PreviewRecord.objects.filter(expires_at__lte=now - _KEPT).delete()
    return deleted
