"""Clearing away what imports leave behind."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from smsmarketing.contacts.models import ImportFile, ImportJob, ImportReject
from smsmarketing.contacts.services.changes import import_changes_keep
from smsmarketing.contacts.services.imports.files import FOLDER, import_path, upload_remove
from smsmarketing.contacts.services.imports.jobs import import_fail
from smsmarketing.contacts.services.imports.staging import stage_drop
from smsmarketing.contacts.services.private_files import loose_remove
from smsmarketing.operations.audit import audit_append_system

CHECKED_KEPT = timedelta(days=7)
FILES_KEPT = timedelta(days=30)
_UNDO_SLICE = 10_000
_REJECT_STEPS = 100


def imports_expire(*, now: datetime | None = None) -> int:
    """End dry runs that nobody confirmed in a week, and delete files after 30 days.

    An uploaded list is personal data: it is kept as long as somebody may still mend its rejected
    rows, not longer [R-4.14]. Returns how many files went.
    """
    now = now or timezone.now()
    waiting = ImportJob.objects.filter(
        state__in=("uploaded", "previewed"), created_at__lt=now - CHECKED_KEPT
    )
    for job_id in waiting.values_list("pk", flat=True):
        message = "Nobody confirmed the dry run within seven days. Upload the file again."
        import_fail(job_id, code="EXPIRED", message=message)
        stage_drop(job_id)
    _undo_expire(now)
    rejects = _rejects_expire(now)
    removed = 0
    for upload in ImportFile.objects.filter(created_at__lt=now - FILES_KEPT).exclude(
        jobs__state="running"
    ):
        if import_path(upload.stored_path).exists():
            upload_remove(upload.stored_path)
            removed += 1
    removed += loose_remove(FOLDER, known=_known(), now=now)
    if removed or rejects:
        with transaction.atomic():
            audit_append_system(
                operation="contacts.imports_expire",
                outcome="done",
                facts={"files": removed, "rejected_cells": rejects},
            )
    return removed


def _undo_expire(now: datetime) -> None:
    """Forget what imports changed once they can no longer be undone; that they did stays told."""
    ended = ImportJob.objects.filter(
        finished_at__lt=now - timedelta(days=settings.IMPORT_UNDO_DAYS),
        state__in=("done", "failed"),
    ).exclude(bounds={})
    for job in ended:
        first, last = job.bounds.get("changes", (0, -1))
        for start in range(first, last + 1, _UNDO_SLICE):
            import_changes_keep(job.pk, first=start, last=min(start + _UNDO_SLICE - 1, last))
        ImportJob.objects.filter(pk=job.pk).update(bounds={})


def _rejects_expire(now: datetime) -> int:
    """Forget the cells of rejected rows with the file they came from; number and reason stay.
    Returns of how many rows.
    """
    old = ImportReject.objects.filter(job__created_at__lt=now - FILES_KEPT).exclude(row=[])
    removed = 0
    for _ in range(_REJECT_STEPS):
        ids = list(old.values_list("pk", flat=True)[:_UNDO_SLICE])
        if not ids:
            break
        removed += ImportReject.objects.filter(pk__in=ids).update(row=[])
    return removed


def _known() -> set[str]:
    """The files that a row stands for."""
    return set(ImportFile.objects.values_list("stored_path", flat=True))
