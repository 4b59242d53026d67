"""Erasing a person from the files that were made before [R-4.9]."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.services.erasing.jobs import Cleared, Traces, eraser_add
from smsmarketing.contacts.services.exports.files import export_path
from smsmarketing.operations.states import transition_apply

_LISTS = ("contacts", "opt_outs")
_OF_PERSON = ("consent_proof", "person", "evidence")


def exports_erase(traces: Traces, now: datetime) -> Cleared:
    """Expire the files that are about the person, and the lists with a line of them. The rows stay:
    they tell who took which data away. What is being made is left for the next time.
    """
    numbers = [hashed.hex() for hashed in (*traces.hashes, traces.phone_hash)]
    about = Q(kind__in=_OF_PERSON) & (
        Q(params__contact_id__in=list(traces.contact_ids)) | Q(params__number__in=numbers)
    )
    lists = Q(kind__in=_LISTS)
    rows = left = 0
    live = ExportFile.objects.filter(state__in=("making", "ready"))
    for pk, state in list(live.filter(about | lists).order_by("pk").values_list("pk", "state")):
        if state == "making":
            left += 1
            continue
        row = live.select_for_update().filter(pk=pk, state="ready").first()
        if row is None or (row.kind in _LISTS and not _held(row, traces)):
            continue
        path = export_path(row.stored_path)
        transition_apply(row, "expire")
        path.unlink(missing_ok=True)
        rows += 1
    return Cleared(rows=rows, left=left)


def _held(row: ExportFile, traces: Traces) -> bool:
    """Whether a list has a line of the person: by id in the first cell, or the number anywhere."""
    ids = {f'"{pk}"' for pk in traces.contact_ids} if row.kind == "contacts" else set()
    try:
        source = export_path(row.stored_path).open(encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        return False
    with source:
        return any(line.split(",", 1)[0] in ids or traces.written_in(line) for line in source)


eraser_add("contacts.exports", exports_erase)
