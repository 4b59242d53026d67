"""The steps of contacts itself: uploaded files, rejected rows, and answers kept for repeats."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection

from smsmarketing.contacts.models import ImportFile, ImportReject
from smsmarketing.contacts.services.erasing.jobs import Cleared, Traces, eraser_add
from smsmarketing.contacts.services.imports.files import import_folder

_OPEN = ("uploaded", "previewed", "running")
_ENCODINGS = ("utf-16-le", "utf-16-be", "latin-1")
"""Digits look the same in every other encoding that files come in; latin-1 reads any bytes."""
_FAMILIES = ("contacts.", "audiences.", "events.", "consent.", "opt_outs.", "imports.")
_BLOCK = 2**20


def files_erase(traces: Traces, now: datetime) -> Cleared:
    """Delete every uploaded file that holds the number. One that an import still reads is left for
    later: it ends within a week at the most [R-4.14].
    """
    rows = left = 0
    for upload in ImportFile.objects.all().iterator():
        path = import_folder() / upload.stored_path
        if not path.exists() or not _file_holds(path, traces):
            continue
        if upload.jobs.filter(state__in=_OPEN).exists():
            left += 1
            continue
        path.unlink(missing_ok=True)
        rows += 1
    return Cleared(rows=rows, left=left)


def _file_holds(path: Path, traces: Traces) -> bool:
    overlap = b""
    with path.open("rb") as source:
        while block := source.read(_BLOCK):
            piece = overlap + block
            overlap = piece[-200:] if len(piece) % 2 == 0 else piece[-201:-1]
            texts = [piece.decode("utf-8", errors="ignore")]
            if b"\x00" in piece:
                texts += [piece.decode(name, errors="ignore") for name in _ENCODINGS]
            if any(traces.written_in(line) for text in texts for line in text.splitlines()):
                return True
    return False


def rejects_erase(traces: Traces, now: datetime) -> Cleared:
    """Delete the rejected rows of imports that hold the number in any spelling."""
    found = [
        pk
        for pk, row in ImportReject.objects.values_list("pk", "row").iterator(chunk_size=2000)
        if any(traces.written_in(str(cell)) for cell in _cells(row))
    ]
    ImportReject.objects.filter(pk__in=found).delete()
    return Cleared(rows=len(found))


def _cells(row: object) -> list[object]:
    if isinstance(row, dict):
        return list(row.values())
    return list(row) if isinstance(row, list) else [row]


def answers_erase(traces: Traces, now: datetime) -> Cleared:
    """Answers that are kept for a repeated call, and previews, when they speak of the contact."""
    params: dict[str, Any] = {
        "ids": [str(pk) for pk in traces.contact_ids],
        "phone": f"%{traces.phone.lstrip('+')}%",
        "families": [f"{name}%" for name in _FAMILIES],
    }
    rows = 0
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM operations_idempotencyclaim c WHERE c.operation LIKE ANY(%(families)s)"
            " AND (c.outcome::text LIKE %(phone)s OR EXISTS (SELECT 1 FROM"
            " jsonb_path_query(c.outcome, '$.**.contact_id') q(v) WHERE q.v #>> '{}' = ANY(%(ids)s)))",
            params,
        )
        rows += cursor.rowcount
        cursor.execute(
            "DELETE FROM operations_previewrecord p WHERE p.payload::text LIKE %(phone)s"
            " OR p.result::text LIKE %(phone)s OR EXISTS (SELECT 1 FROM"
            " jsonb_path_query(p.payload, '$.**.contact_id') q(v) WHERE q.v #>> '{}' = ANY(%(ids)s))",
            params,
        )
        rows += cursor.rowcount
    return Cleared(rows=rows)


eraser_add("contacts.answers", answers_erase)
eraser_add("contacts.files", files_erase)
eraser_add("contacts.rejects", rejects_erase)
