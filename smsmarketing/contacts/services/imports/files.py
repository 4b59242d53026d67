"""Uploaded files: kept outside the web root under a random name, and read row by row."""

from __future__ import annotations

import csv
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import User
from smsmarketing.contacts.models import ImportFile
from smsmarketing.contacts.rules.import_files import (
    ENCODINGS,
    ROWS_MAX,
    SAMPLE_BYTES,
    SIZE_MAX,
    FileRefused,
    delimiter_detect,
    encoding_detect,
    file_type_check,
    header_check,
    quoting_refused,
    rows_of,
    sep_line,
    text_of,
)
from smsmarketing.contacts.services.private_files import private_folder, private_path
from smsmarketing.operations.audit import audit_append
from smsmarketing.operations.errors import Conflict, InvalidInput
from smsmarketing.operations.types import Actor

SAMPLE_ROWS = 5
FOLDER = "imports"
_FRAME = 64 * 1024  # of a multipart form, around the file


@dataclass(frozen=True, kw_only=True)
class FileLook:
    """What the first bytes of a file tell: how to read it, its columns and its first rows."""

    encoding: str
    delimiter: str
    headers: list[str]
    sample: list[list[str]]


def import_folder() -> Path:
    """The private folder of uploads, made when it is missing; only the owner can enter."""
    return private_folder(FOLDER)


def import_path(stored_path: str) -> Path:
    """Where a stored file lies. Raises ValueError for a path that leaves the folder."""
    return private_path(FOLDER, stored_path)


def upload_store(chunks: Iterable[bytes], *, file_name: str, user: User) -> ImportFile:
    """Write an upload to the private folder while it comes in; at most 50 MiB are ever written.

    Raises InvalidInput (field `file`) for one that is empty, too large or not text; nothing is kept
    of it then.
    """
    path = import_folder() / f"{uuid.uuid4().hex}.csv"
    digest = hashlib.sha256()
    size = 0
    head = b""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            for chunk in chunks:
                size += len(chunk)
                if size > SIZE_MAX:
                    raise too_large()
                if len(head) < SAMPLE_BYTES:
                    head += chunk[: SAMPLE_BYTES - len(head)]
                digest.update(chunk)
                target.write(chunk)
        file_type_check(head)
        return ImportFile.objects.create(
            uploaded_by=user,
            file_name=Path(file_name.replace("\\", "/")).name[-200:] or "upload.csv",
            stored_path=path.name,
            size_bytes=size,
            sha256=digest.hexdigest(),
            created_at=timezone.now(),
        )
    except FileRefused as exc:
        path.unlink(missing_ok=True)
        raise file_refusal(exc) from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def upload_record(actor: Actor, chunks: Iterable[bytes], file_name: str) -> ImportFile:
    """`upload_store` for a caller, noted in the audit log. Raises InvalidInput (field `file`)."""
    with transaction.atomic():
        upload = upload_store(chunks, file_name=file_name, user=actor.user)
        audit_append(
            operation="imports.upload",
            outcome="done",
            actor=actor,
            object_type="contacts.importfile",
            object_id=str(upload.pk),
            facts={"size_bytes": upload.size_bytes, "sha256": upload.sha256},
        )
    return upload


def upload_size_check(content_length: str) -> None:
    """Refuse a body that is too large before a byte of it is read [R-10.11]. Raises InvalidInput."""
    if not content_length.isdecimal() or int(content_length) > SIZE_MAX + _FRAME:
        error = file_refusal(too_large())
        error.http_status = 413
        raise error


_CHANGED: Final = (
    "The stored file is not the one that was uploaded. Upload it again and start anew."
)


def file_changed() -> Conflict:
    """The refusal of a file that is gone, or other than it was."""
    return Conflict(_CHANGED)


def file_intact(upload: ImportFile) -> bool:
    """Whether the stored file still is, byte for byte, what was uploaded (and approved)."""
    try:
        with import_path(upload.stored_path).open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest() == upload.sha256
    except OSError:
        return False


def upload_remove(stored_path: str) -> None:
    """Delete a stored file that nobody refers to."""
    import_path(stored_path).unlink(missing_ok=True)


def too_large() -> FileRefused:
    """The answer to a file over the limit [R-10.11]."""
    return FileRefused(
        "FILE_TOO_LARGE",
        f"The file is larger than {SIZE_MAX // 2**20} MiB. Split it into smaller files.",
    )


def file_refusal(exc: FileRefused) -> InvalidInput:
    """As an answer to the caller."""
    return InvalidInput(
        exc.message, field_errors={"file": exc.message}, details={"reason": exc.code}
    )


def file_look(upload: ImportFile, *, encoding: str = "", delimiter: str = "") -> FileLook:
    """Read the beginning of a file. `encoding` and `delimiter` are what a person chose; else they
    are detected. Raises InvalidInput (field `file`).
    """
    with import_path(upload.stored_path).open("rb") as source:
        head = source.read(SAMPLE_BYTES)
    whole = len(head) == upload.size_bytes
    try:
        encoding = encoding or encoding_detect(head)
        text = text_of(head, encoding, whole=whole)
        told, text = sep_line(text)
        delimiter = delimiter or told or delimiter_detect(_first_line(text))
        rows = rows_of(text, delimiter, whole=whole)
        headers = header_check(rows[0] if rows else [])
        sample = [row for row in rows[1:] if any(row)][:SAMPLE_ROWS]
        if whole and not sample:
            raise FileRefused("NO_ROWS", "The file has a header row and no other row.")
    except FileRefused as exc:
        raise file_refusal(exc) from None
    return FileLook(
        encoding=encoding,
        delimiter=delimiter,
        headers=headers,
        sample=[[cell[:200] for cell in row[: len(headers)]] for row in sample],
    )


def _first_line(text: str) -> str:
    lines = text.lstrip("\r\n").splitlines()
    return lines[0] if lines else ""


def file_lines(upload: ImportFile) -> int:
    """How many lines a file has, whatever ends them: at least as many as rows."""
    feeds = returns = 0
    with import_path(upload.stored_path).open("rb") as source:
        while block := source.read(2**20):
            feeds += block.count(b"\n")
            returns += block.count(b"\r")
    return max(feeds, returns)


def file_rows(
    stored_path: str, *, encoding: str, delimiter: str, after: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) of each row behind the header that is not blank; the header is row 1.

    Streams: memory does not grow with the file. Rows up to number `after` are passed over. Raises
    FileRefused for broken quoting or encoding, and for more than a million rows.
    """
    number = 0
    with import_path(stored_path).open(encoding=ENCODINGS[encoding], newline="") as source:
        before = 0
        reader = None
        try:
            first = source.readline()
            before = int(bool(sep_line(first.removeprefix("\ufeff"))[0]))
            lines = source if before else chain([first], source)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            for cells in reader:
                number += 1
                if number <= max(after, 1) or not any(cells):
                    continue
                if number > ROWS_MAX + 1:
                    raise FileRefused(
                        "TOO_MANY_ROWS",
                        f"The file has more than {ROWS_MAX:,} rows. Split it into smaller files.",
                    )
                yield number, cells
        except csv.Error as exc:
            line = before + (reader.line_num if reader else 0)
            raise quoting_refused(line, exc) from None
        except UnicodeDecodeError:
            raise FileRefused(
                "ENCODING",
                f"Near row {number + 1} the file is not {encoding} text."
                " Upload it again and choose the encoding it was saved in.",
            ) from None
