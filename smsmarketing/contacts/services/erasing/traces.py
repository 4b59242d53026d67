"""The steps of contacts itself: files, rejected rows, answers kept for repeats, what others were told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from smsmarketing.contacts.models import (
    ConsentEvent,
    EvidenceFile,
    ImportFile,
    ImportFolder,
    ImportReject,
)
from smsmarketing.contacts.services.erasing.jobs import Cleared, Traces, eraser_add
from smsmarketing.contacts.services.imports.evidence import evidence_path
from smsmarketing.contacts.services.imports.files import import_folder
from smsmarketing.contacts.services.imports.folders import FAILED, PROCESSED, folder_path
from smsmarketing.operations.errors import InvalidInput

_OPEN = ("uploaded", "previewed", "running")
_ENCODINGS = ("utf-16-le", "utf-16-be", "latin-1")
"""Digits look the same in every other encoding that files come in; latin-1 reads any bytes."""
_FAMILIES = ("contacts.", "audiences.", "events.", "consent.", "opt_outs.", "imports.")
_BLOCK = 2**20
_TOLD = """
SELECT e.id, e.payload::text, EXISTS (SELECT 1 FROM webhooks_webhookdelivery d
    WHERE d.event_id = e.id AND d.state = 'pending')
FROM webhooks_webhookevent e
WHERE EXISTS (SELECT 1 FROM jsonb_path_query(e.payload, '$.items[*].contact_id') q(v)
    WHERE q.v #>> '{}' = ANY(%(ids)s)) OR e.payload::text LIKE %(phone)s
"""


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


def folders_erase(traces: Traces, now: datetime) -> Cleared:
    """Delete what import folders hand out again: files that were brought in, or refused, and hold the
    number. One that was not read yet is the sender's, and is looked at when it has been.
    """
    rows = 0
    for path in _folder_files():
        if _file_holds(path, traces):
            path.unlink(missing_ok=True)
            rows += 1
    return Cleared(rows=rows)


def _folder_files() -> Iterator[Path]:
    if not settings.IMPORT_FOLDER_ROOT:
        return
    for row in ImportFolder.objects.all():
        try:
            folder = folder_path(row.folder)
        except InvalidInput:
            continue  # somebody took the folder away
        for name in (PROCESSED, FAILED):
            below = folder / name
            if below.is_dir() and not below.is_symlink():
                yield from (
                    path for path in below.iterdir() if path.is_file() and not path.is_symlink()
                )


def evidence_erase(traces: Traces, now: datetime) -> Cleared:
    """Delete documents that prove the consent of this person and of nobody else. One that proves
    others' too stays, as their proof; of the deleted ones the hash stays in the ledger [R-4.11].
    """
    rows = 0
    for document in EvidenceFile.objects.filter(pk__in=_evidence_named(traces)):
        others = ConsentEvent.objects.exclude(contact_id__in=traces.contact_ids).filter(
            contact__erased_at=None
        )
        shared = others.filter(evidence_file_id=document.pk).exists()
        if shared or others.filter(evidence_file=document.reference).exists():
            continue
        path = evidence_path(document.stored_path)
        if path.exists():
            path.unlink(missing_ok=True)
            rows += 1
        EvidenceFile.objects.filter(pk=document.pk).update(file_name="erased")
    return Cleared(rows=rows)


def _evidence_named(traces: Traces) -> set[UUID]:
    """The documents that the person's consent names, by id or by reference."""
    events = ConsentEvent.objects.filter(contact_id__in=traces.contact_ids)
    named = {pk for pk in events.values_list("evidence_file_id", flat=True) if pk is not None}
    references = events.filter(evidence_file__startswith="evidence:")
    for reference in references.values_list("evidence_file", flat=True):
        with suppress(ValueError):  # people may write such a word, too
            named.add(UUID(reference.removeprefix("evidence:")))
    return named


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
    """Delete the rejected rows of imports that hold the number in any spelling, or the whole name."""
    found = [
        pk
        for pk, row in ImportReject.objects.values_list("pk", "row").iterator(chunk_size=2000)
        if traces.written_in(" ".join(str(cell) for cell in _cells(row)))
        or any(traces.written_in(str(cell)) for cell in _cells(row))
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


def told_erase(traces: Traces, now: datetime) -> Cleared:
    """What other systems were told: the person's key and the end of the number go when it has been
    delivered or given up, which it is within days.
    """
    ids = {str(pk) for pk in traces.contact_ids}
    rows = left = 0
    with connection.cursor() as cursor:
        cursor.execute(_TOLD, {"ids": sorted(ids), "phone": f"%{traces.phone.lstrip('+')}%"})
        for event_id, text, pending in cursor.fetchall():
            payload = json.loads(text)
            changed = False
            for item in payload.get("items", []):
                theirs = str(item.get("contact_id")) in ids
                if theirs and (item.get("customer_key") or item.get("phone", "erased") != "erased"):
                    item["customer_key"] = ""
                    item |= {"phone": "erased"} if "phone" in item else {}
                    changed = True
            if changed and pending:
                left += 1
            elif changed:
                rows += 1
                cursor.execute(
                    "UPDATE webhooks_webhookevent SET payload = %s WHERE id = %s",
                    [json.dumps(payload), event_id],
                )
    return Cleared(rows=rows, left=left)


eraser_add("contacts.answers", answers_erase)
eraser_add("contacts.evidence", evidence_erase)
eraser_add("contacts.files", files_erase)
eraser_add("contacts.folders", folders_erase)
eraser_add("contacts.rejects", rejects_erase)
eraser_add("contacts.told", told_erase)
