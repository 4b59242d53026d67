"""Deleting files whose time is over. Their rows stay."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.services.exports.files import FOLDER, export_path
from smsmarketing.contacts.services.private_files import loose_remove
from smsmarketing.operations.states import transition_apply


def exports_expire(*, now: datetime | None = None) -> int:
    """Delete the files that expired, and those without a row; returns how many went [R-4.14]."""
    now = now or timezone.now()
    removed = 0
    due = ExportFile.objects.filter(state__in=("making", "ready"), expires_at__lte=now)
    for export_id in list(due.order_by("expires_at").values_list("pk", flat=True)[:1000]):
        with transaction.atomic():
            row = due.select_for_update(skip_locked=True).filter(pk=export_id).first()
            if row is None:
                continue
            transition_apply(row, "expire")
            if row.stored_path:
                export_path(row.stored_path).unlink(missing_ok=True)
                removed += 1
    return removed + loose_remove(FOLDER, known=_known(), now=now)


def _known() -> set[str]:
    """The files that a live row stands for."""
    return set(ExportFile.objects.filter(state="ready").values_list("stored_path", flat=True))
