"""Folders below MEDIA_ROOT that only the product's own user can enter, and what lies in them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

LOOSE_KEPT: Final = timedelta(days=1)
"""How long a file may lie without a row: the transaction that writes both may still be open."""


def private_folder(name: str) -> Path:
    """The folder, made when it is missing."""
    folder = Path(settings.MEDIA_ROOT) / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def private_path(name: str, stored_path: str) -> Path:
    """Where a stored file lies. Raises ValueError for a path that leaves the folder."""
    folder = private_folder(name).resolve()
    path = (folder / stored_path).resolve()
    if path.parent != folder:
        raise ValueError(f"a file of {name} lies in its own folder")
    return path


def loose_remove(name: str, *, known: Collection[str], now: datetime) -> int:
    """Delete old files that no row knows: their transaction was rolled back, or a worker died. Returns
    how many.
    """
    removed = 0
    for path in private_folder(name).iterdir():
        written = datetime.fromtimestamp(path.stat().st_mtime, tz=now.tzinfo)
        if path.name not in known and written < now - LOOSE_KEPT:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
