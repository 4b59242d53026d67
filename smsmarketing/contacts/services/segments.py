"""Changing and archiving saved segments. Whether campaigns allow it is decided above, in campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from smsmarketing.contacts.models import Segment
from smsmarketing.operations.errors import Conflict


def segment_update(
    segment: Segment,
    *,
    name: str | None = None,
    criteria: Mapping[str, Any] | None = None,
    preview: Mapping[str, Any] | None = None,
    now: datetime,
) -> list[str]:
    """Change a locked segment; returns what really changed. Raises Conflict for a taken name."""
    changed = []
    if name is not None and name != segment.name:
        segment.name = name
        changed.append("name")
    if criteria is not None:
        if dict(criteria) != segment.criteria:
            segment.criteria = dict(criteria)
            changed.append("criteria")
        segment.preview = dict(preview or {})
        segment.previewed_at = now
    if not changed and criteria is None:
        return []
    segment.version += 1
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError:
        raise Conflict(
            "The team already has a segment of this name. Choose another name.",
            field_errors={"name": "Choose a name that is not taken."},
        ) from None
    return changed


def segment_archive(segment: Segment, *, archived: bool, now: datetime) -> bool:
    """Put a locked segment away, or take it back; False when it is so already."""
    if (segment.archived_at is not None) == archived:
        return False
    segment.archived_at = now if archived else None
    segment.version += 1
    segment.save(update_fields=["archived_at", "version"])
    return True
