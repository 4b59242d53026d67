"""Folders that are looked into again and again: which files are ready, and what became of them.

Never outside the allowed root, never through a symbolic link. A file is ready when it is as it was
at the look before, or when a file of the same name and `.done` lies beside it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import (
    ImportFile,
    ImportFolder,
    ImportFolderFile,
    ImportJob,
    ImportMapping,
)
from smsmarketing.contacts.services.imports.files import import_path, upload_store
from smsmarketing.operations.errors import InvalidInput, OperationError
from smsmarketing.operations.types import Done, Held

logger = structlog.get_logger("smsmarketing.contacts.imports")

FILES_AT_ONCE = 20
PROCESSED, FAILED = "processed", "failed"
_BLOCK = 2**20
Start = Callable[[User, dict[str, Any], str], Done | Held]
problem_told: Callable[[User, str], None] | None = None
"""Set by gateways at ready(), which lies above approvals and its notes to people."""


def folder_path(relative: str) -> Path:
    """Where an import folder lies. Raises InvalidInput (field `folder`) for one that is not a plain
    folder below IMPORT_FOLDER_ROOT.
    """
    if not settings.IMPORT_FOLDER_ROOT:
        raise _refused("Imports from folders are off. Ask an administrator for IMPORT_FOLDER_ROOT.")
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or ".." in parts or "\x00" in relative:
        raise _refused("Give a path below the allowed folder, such as shop/daily, without `..`.")
    path = Path(settings.IMPORT_FOLDER_ROOT).resolve()
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise _refused("The path leads through a symbolic link. Give the folder itself.")
    if not path.is_dir():
        raise _refused("There is no such folder. Make it first, readable for this system.")
    return path


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field_errors={"folder": message})


def folder_save(
    *,
    brand: Brand,
    name: str,
    folder: str,
    pattern: str,
    options: Mapping[str, Any],
    every_minutes: int,
    responsible: User,
    active: bool,
    row: ImportFolder | None = None,
    now: datetime,
) -> ImportFolder:
    """Watch a folder, or change how. Raises InvalidInput."""
    if active:
        folder_path(folder)
    if "/" in pattern or "\x00" in pattern:
        message = "Give a pattern for names, such as *.csv, without a slash."
        raise InvalidInput(message, field_errors={"pattern": message})
    row = row or ImportFolder(created_at=now, version=0)
    twin = ImportFolder.objects.filter(team_id=brand.team_id, name=name).exclude(pk=row.pk)
    if twin.exists():
        message = "The team already has a folder of this name. Choose another."
        raise InvalidInput(message, field_errors={"name": message})
    row.team_id, row.brand, row.name = brand.team_id, brand, name
    row.folder, row.pattern, row.options = folder, pattern, dict(options)
    row.every_minutes, row.responsible, row.active = every_minutes, responsible, active
    row.problem, row.seen = "", {}
    row.version += 1
    row.save()
    return row


def folders_due(*, now: datetime | None = None) -> list[int]:
    """Folders whose time has come."""
    now = now or timezone.now()
    rows = ImportFolder.objects.filter(active=True).order_by("id")
    return [
        row.pk
        for row in rows
        if row.looked_at is None or row.looked_at + timedelta(minutes=row.every_minutes) <= now
    ]


def folder_run(folder_id: int, start: Start, *, now: datetime | None = None) -> list[str]:
    """Look into a folder once and start what is ready through `start`; the outcomes.

    Two workers: the one that takes the row's turn looks, the other does nothing.
    """
    now = now or timezone.now()
    row = _turn_taken(folder_id, now)
    if row is None:
        return []
    try:
        path = folder_path(row.folder)
        for name in (PROCESSED, FAILED):
            (path / name).mkdir(exist_ok=True)
            if (path / name).is_symlink():
                raise _refused(f"{name} is a symbolic link. Make it a folder.")
        ready = _ready(row, path)
    except (InvalidInput, OSError) as exc:
        message = exc.message if isinstance(exc, InvalidInput) else "The folder cannot be read."
        _problem(row, message)
        return []
    _followed(row)
    outcomes = [_file_take(row, path, name, start, now) for name in ready]
    if outcomes and not any(outcome == FAILED for outcome in outcomes):
        ImportFolder.objects.filter(pk=row.pk).update(problem="")
    return outcomes


def _turn_taken(folder_id: int, now: datetime) -> ImportFolder | None:
    with transaction.atomic():
        row = ImportFolder.objects.select_for_update(of=("self",)).filter(pk=folder_id).first()
        if row is None or not row.active:
            return None
        due = row.looked_at is None or row.looked_at + timedelta(minutes=row.every_minutes) <= now
        if not due:
            return None
        row.looked_at = now
        row.save(update_fields=["looked_at"])
    return row


def _ready(row: ImportFolder, path: Path) -> list[str]:
    """Names of plain files that nobody is writing to any more; remembers the others' sizes."""
    found: dict[str, list[float]] = {}
    names = set()
    with os.scandir(path) as entries:
        for entry in entries:
            names.add(entry.name)
            if entry.is_file(follow_symlinks=False) and fnmatchcase(entry.name, row.pattern):
                about = entry.stat(follow_symlinks=False)
                found[entry.name] = [about.st_size, about.st_mtime]
    ready = [
        name
        for name, about in sorted(found.items())
        if row.seen.get(name) == about or f"{name}.done" in names
    ]
    ImportFolder.objects.filter(pk=row.pk).update(seen=found)
    return ready[:FILES_AT_ONCE]


def _file_take(row: ImportFolder, path: Path, name: str, start: Start, now: datetime) -> str:
    """Bring one file in, or say why not; then it is moved away."""
    outcome, note, job_id, request_id, digest = FAILED, "", None, None, ""
    try:
        digest = _digest(path / name)
        before = _before(row, digest)
        if before is not None:
            outcome = "skipped"
            note = f"The very same file was brought in before, as import {before}."
            job_id = before
        else:
            upload = _kept(row, name, digest) or upload_store(
                _blocks(path / name), file_name=name, user=row.responsible
            )
            payload = {**_options(row), "upload_id": str(upload.pk), "brand_id": row.brand_id}
            answer = start(row.responsible, payload, f"folder-{row.pk:08}-{upload.pk}")
            if isinstance(answer, Held):
                outcome, request_id = "held", answer.action_request_id
                note = "It is large: a second person must agree first. " + answer.message
            else:
                outcome = "started"
                job_id = int(answer.result.import_id)  # type: ignore[attr-defined]
    except OperationError as exc:
        note = exc.message
    except OSError:
        note = "The file cannot be read. Check its rights."
    target = FAILED if outcome == FAILED else PROCESSED
    _moved(path, name, target, now)
    ImportFolderFile.objects.create(
        folder=row,
        file_name=name[-200:],
        sha256=digest,
        outcome=outcome,
        note=note[:300],
        job_id=job_id,
        action_request_id=request_id,
        at=now,
    )
    if outcome == FAILED:
        _problem(row, f"{name}: {note}")
    return outcome


def _options(row: ImportFolder) -> dict[str, Any]:
    """The input of imports.start, with the saved mapping as it is now."""
    options = {name: value for name, value in row.options.items() if name != "mapping_id"}
    if "mapping_id" in row.options:
        found = ImportMapping.objects.filter(pk=row.options["mapping_id"]).first()
        if found is None:
            raise InvalidInput("The saved columns of this folder are gone. Choose others.")
        options["mapping"] = found.mapping
    return options


def _kept(row: ImportFolder, name: str, digest: str) -> ImportFile | None:
    """The upload of a worker that died before it could move the file: the same call again."""
    rows = ImportFile.objects.filter(
        sha256=digest, file_name=name, uploaded_by=row.responsible, jobs=None
    ).order_by("-created_at")
    found = rows.first()
    return found if found and import_path(found.stored_path).exists() else None


def _followed(row: ImportFolder) -> None:
    """Files that were started and whose import failed afterwards: say so, once."""
    open_ = {each.job_id: each for each in row.files.filter(outcome="started")[:200]}
    for job in ImportJob.objects.filter(pk__in=[each for each in open_ if each]):
        each = open_[job.pk]
        if job.state == "failed":
            each.outcome, each.note = FAILED, job.error_message[:300]
            each.save(update_fields=["outcome", "note"])
            _problem(row, f"{each.file_name}: {job.error_message}")


def _before(row: ImportFolder, digest: str) -> int | None:
    """An import of the same file for the brand that went through, if any."""
    jobs = ImportJob.objects.filter(
        sha256=digest,
        brand_id=row.brand_id,
        kind=row.options.get("kind", "contacts"),
        state__in=("running", "done"),
    )
    return jobs.order_by("-id").values_list("pk", flat=True).first()


def _blocks(path: Path) -> Iterator[bytes]:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as source:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            raise OSError("not a plain file")
        while block := source.read(_BLOCK):
            yield block


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _moved(path: Path, name: str, target: str, now: datetime) -> None:
    """Into processed or failed, under a name of its own."""
    try:
        (path / name).rename(path / target / f"{now:%Y%m%dT%H%M%S}-{name}")
        (path / f"{name}.done").unlink(missing_ok=True)
    except OSError:
        logger.warning("import_folder_move_failed", target=target)


def _problem(row: ImportFolder, message: str) -> None:
    """Show it at the folder, and tell who is responsible, once for the same words."""
    changed = ImportFolder.objects.filter(pk=row.pk).exclude(problem=message[:300])
    if changed.update(problem=message[:300]) and problem_told:
        problem_told(row.responsible, f"Import folder {row.name}: {message}"[:300])
