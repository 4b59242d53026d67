"""Writing a file for somebody into the private folder, and the row that stands for it."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from smsmarketing.contacts.models import ExportFile
from smsmarketing.contacts.services.private_files import private_folder, private_path
from smsmarketing.operations.jobs import enqueue
from smsmarketing.operations.states import transition_apply
from smsmarketing.operations.types import Actor

FOLDER = "exports"
KEPT = timedelta(days=7)
"""How long a file may be fetched: it is personal data, so not longer than needed [R-4.14]."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a file is: who it is for is said by the actor, what is in it by its maker."""

    operation: str
    kind: str
    file_name: str
    content_type: str
    team_ids: Collection[int]
    full_numbers: bool = False
    reason: str = ""
    kept: timedelta = KEPT
    params: Mapping[str, Any] = field(default_factory=dict)
    """Ids, flags and keyed hashes only: whose data it is, so that erasure finds it."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file on the disk."""

    stored_path: str
    size_bytes: int
    sha256: str


def export_folder() -> Path:
    """The private folder of exports, made when it is missing; only the owner can enter."""
    return private_folder(FOLDER)


def export_path(stored_path: str) -> Path:
    """Where a stored file lies. Raises ValueError for a path that leaves the folder."""
    return private_path(FOLDER, stored_path)


def file_write(blocks: Iterable[bytes]) -> Written:
    """Write blocks to a new file with a random name, as they come. Nothing is left when it fails."""
    path = export_folder() / uuid.uuid4().hex
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            for block in blocks:
                digest.update(block)
                size += target.write(block)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Written(stored_path=path.name, size_bytes=size, sha256=digest.hexdigest())


def export_now(
    wanted: Wanted,
    blocks: Iterable[bytes],
    *,
    actor: Actor,
    rows: int,
    now: datetime | None = None,
) -> ExportFile:
    """Make a small file at once, in the caller's transaction.

    When that is rolled back the file has no row; the sweep removes it.
    """
    now = now or timezone.now()
    row = _row(wanted, actor, now)
    row.save(force_insert=True)
    export_finish(row, file_write(blocks), rows=rows, now=now)
    return row


def export_finish(
    row: ExportFile, written: Written, *, rows: int, now: datetime | None = None
) -> None:
    """The file of a row that this transaction holds is there."""
    row.rows, row.ready_at = rows, now or timezone.now()
    row.stored_path, row.size_bytes, row.sha256 = (
        written.stored_path,
        written.size_bytes,
        written.sha256,
    )
    fields = ["rows", "ready_at", "stored_path", "size_bytes", "sha256"]
    transition_apply(row, "finish", save=fields)


def export_ask(
    wanted: Wanted, params: Mapping[str, Any], *, actor: Actor, now: datetime | None = None
) -> ExportFile:
    """Ask a worker for a large file: its kind names the maker, `params` what to make.

    `params` hold ids and flags only: no number, no name.
    """
    row = _row(wanted, actor, now or timezone.now())
    row.params = {**wanted.params, **params}
    row.save(force_insert=True)
    enqueue("contacts.export_work", export_id=str(row.pk))
    return row


def _row(wanted: Wanted, actor: Actor, now: datetime) -> ExportFile:
    return ExportFile(
        requested_by=actor.user,
        team_ids=sorted(wanted.team_ids),
        operation=wanted.operation,
        kind=wanted.kind,
        params=dict(wanted.params),
        reason=wanted.reason[:300],
        full_numbers=wanted.full_numbers,
        file_name=wanted.file_name[:120],
        content_type=wanted.content_type,
        created_at=now,
        expires_at=now + wanted.kept,
    )
