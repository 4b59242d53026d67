"""The rejected rows of an import as a CSV that can be mended and uploaded again."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.db import transaction
from django.http import StreamingHttpResponse

from smsmarketing.contacts.models import ImportJob
from smsmarketing.contacts.rules.csv_cells import cell_safe
from smsmarketing.contacts.rules.import_files import FileRefused
from smsmarketing.contacts.services.imports import file_rows
from smsmarketing.operations.audit import audit_append
from smsmarketing.operations.types import Actor

_DIGITS_OF_NUMBER = 7


class _Echo:
    def write(self, text: str) -> str:
        return text


def rejects_response(job: ImportJob, actor: Actor) -> StreamingHttpResponse:
    """A stream of the rejected rows with row number and reason first; formula-safe ([1.2.10]).

    Who uploaded the file gets their own rows back to mend them; for everybody else the numbers in
    them are masked [R-4.12].
    """
    whole = job.created_by_id == actor.user_id
    with transaction.atomic():
        audit_append(
            operation="imports.rejects",
            outcome="done",
            actor=actor,
            object_type="contacts.importjob",
            object_id=str(job.pk),
            facts={"rows": job.rejects.count(), "masked": not whole},
        )
    response = StreamingHttpResponse(
        _lines(job, whole=whole), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="rejected-{job.pk}.csv"'
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _lines(job: ImportJob, *, whole: bool) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(["row", "column", "reason", *map(cell_safe, job.headers)])
    cells = _cells(job)
    rejects = job.rejects.order_by("row_number", "id")
    number = 0
    row: list[str] = []
    for reject in rejects.iterator(chunk_size=2000):
        while number < reject.row_number:
            number, row = next(cells, (2**62, []))
        content = row if number == reject.row_number else []
        if not whole:
            content = [_masked(cell) for cell in content]
        first = [str(reject.row_number), reject.field, f"{reject.code}: {reject.message}"]
        yield writer.writerow([cell_safe(cell) for cell in [*first, *content]])


def _masked(cell: str) -> str:
    """The cell, with all digits but the last two hidden when there are as many as in a number."""
    if sum(character.isdigit() for character in cell) < _DIGITS_OF_NUMBER:
        return cell
    kept = cell[-2:] if cell[-2:].isdigit() else ""
    return f"•••••••{kept}"


def _cells(job: ImportJob) -> Iterator[tuple[int, list[str]]]:
    """The rows of the stored file, as far as they can be read."""
    try:
        yield from file_rows(job.stored_path, encoding=job.encoding, delimiter=job.delimiter)
    except (FileRefused, FileNotFoundError):
        return
