"""Making a large file in a worker: once, and again when the worker was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.services.exports.files import (
    export_finish,
    export_path,
    file_write,
)
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.states import transition_apply

logger = structlog.get_logger("smsmarketing.contacts")

Maker = Callable[[ExportFile, "Count"], Iterator[bytes]]
MAKERS: dict[str, Maker] = {}
"""Kind → what yields the blocks of such a file. Filled by the modules that make them."""

_ATTEMPTS = 3
_STALLED = timedelta(minutes=1)


class Count:
    """How many rows a maker has written so far."""

    rows = 0


def export_work(export_id: UUID | str) -> bool:
    """Make the file of a row in state `making`. False when another worker is at it or it is done.

    The row's lock is held meanwhile: a worker that dies gives it back, and the sweep starts again.
    What cannot be made is `failed` with a sentence; nothing of it stays on the disk.
    """
    if not _attempt_begin(export_id):
        return False
    written = None
    try:
        with transaction.atomic():
            row = _locked(export_id)
            if row is None:
                return False
            count = Count()
            written = file_write(MAKERS[row.kind](row, count))
            export_finish(row, written, rows=count.rows)
    except OperationError as exc:
        _failed(export_id, exc.message)
        return False
    except Exception:
        if written is not None:
            export_path(written.stored_path).unlink(missing_ok=True)
        logger.exception("export_failed", export_id=str(export_id))
        return False  # the sweep tries again, until the attempts are used up
    return True


def _locked(export_id: UUID | str) -> ExportFile | None:
    rows = ExportFile.objects.select_for_update(skip_locked=True)
    return rows.filter(pk=export_id, state="making").first()


def _attempt_begin(export_id: UUID | str) -> bool:
    """Count the attempt in a transaction of its own, so that a crash does not forget it."""
    with transaction.atomic():
        row = _locked(export_id)
        if row is None:
            return False
        if row.attempts >= _ATTEMPTS:
            _failed(export_id, "It broke off several times. Ask for a smaller file.")
            return False
        ExportFile.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1)
        return True


def _failed(export_id: UUID | str, problem: str) -> None:
    with transaction.atomic():
        row = _locked(export_id)
        if row is not None:
            row.problem = problem[:300]
            transition_apply(row, "fail", save=["problem"])


def exports_stalled(*, now: datetime | None = None) -> list[str]:
    """Files that no worker finished within a minute; those being made are passed over by the lock."""
    late = (now or timezone.now()) - _STALLED
    rows = ExportFile.objects.filter(state="making", created_at__lt=late).order_by("created_at")
    return [str(pk) for pk in rows.values_list("pk", flat=True)[:50]]
