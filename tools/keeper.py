"""Runs the servers of one test session and ends them when the session ends, however it ends.

Started by tests/settings.py as ``python -m tools.keeper``. It prints one line of JSON with the URLs and then waits
for the end of its standard input: that comes when the session closes the pipe, crashes or is killed with -9.

Migrating takes seconds, so the migrated cluster is kept as a snapshot named after a hash of everything that the
migrations are made of; a session starts from a copy of it.
"""

import contextlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tools import migrated
from tools.embedded import place, postgres, valkey

TEMPLATE = "template_sms"
SNAPSHOTS_KEPT = 4
CONNECTIONS = 300


@dataclass(frozen=True, slots=True)
class Session:
    """What the test session needs to know; ``problem`` says why there is no migrated template."""

    database_url: str
    redis_url: str
    template: str
    problem: str


def main() -> int:
    """Start the servers, tell the URLs, wait for the end, clean up."""
    cache = place.cache_folder()
    sessions_clear_stale(cache)
    name = f"t-{os.getpid()}"
    lock = place.lock_try(cache / f"{name}.lock")
    folder = cache / name
    shutil.rmtree(folder, ignore_errors=True)
    server: postgres.Postgres | None = None
    store: valkey.Valkey | None = None
    try:
        folder.mkdir(mode=0o711)
        problem = snapshot_take(cache, folder / "postgres")
        server = postgres.postgres_open(folder / "postgres", cache=cache)
        postgres.postgres_start(server, durable=False, connections=CONNECTIONS)
        store = valkey.valkey_open(folder / "valkey", cache=cache)
        valkey.valkey_start(store, durable=False)
        session = Session(server.url("postgres"), store.url(), "" if problem else TEMPLATE, problem)
        print(json.dumps(asdict(session)), flush=True)
        sys.stdin.buffer.read()
    finally:
        if store is not None:
            valkey.valkey_stop(store)
        if server is not None:
            postgres.postgres_stop(server)
        shutil.rmtree(folder, ignore_errors=True)
        (cache / f"{name}.lock").unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)
    return 0


def sessions_clear_stale(cache: Path) -> None:
    """End the servers and remove the files of sessions whose keeper was killed."""
    for folder in cache.glob("t-*"):
        if not folder.is_dir():
            continue
        lock_path = cache / f"{folder.name}.lock"
        lock = place.lock_try(lock_path)
        if lock is None:
            continue
        postgres.postgres_clear_stale(postgres.Postgres(folder=folder / "postgres", binaries=cache))
        valkey.valkey_clear_stale(valkey.Valkey(folder=folder / "valkey", binary=cache))
        shutil.rmtree(folder, ignore_errors=True)
        lock_path.unlink(missing_ok=True)
        os.close(lock)


def snapshot_take(cache: Path, target: Path) -> str:
    """Copy a stopped cluster with a migrated template to ``target``; return why it has none if so."""
    shelf = cache / "snapshots"
    shelf.mkdir(mode=0o711, exist_ok=True)
    empty, wanted = shelf / "empty", shelf / migrated.migrations_key(postgres.MAJOR)
    with place.locked(cache / "snapshots.lock"):
        if not (empty / "ready").exists():
            shutil.rmtree(empty, ignore_errors=True)
            postgres.postgres_open(empty, cache=cache)
        if wanted.exists():
            os.utime(wanted)
            place.copy_tree(wanted, target)
            return ""
        building = shelf / f"b-{wanted.name}"
        shutil.rmtree(building, ignore_errors=True)
        place.copy_tree(empty, building)
        problem = _migrate(building, cache=cache)
        if problem:
            shutil.rmtree(building, ignore_errors=True)
            place.copy_tree(empty, target)
            return problem
        building.rename(wanted)
        # The copy kept the old time of "empty": without a new one the newest would be pruned first.
        os.utime(wanted)
        _snapshots_prune(shelf)
        place.copy_tree(wanted, target)
        return ""


def _migrate(folder: Path, *, cache: Path) -> str:
    """Create and migrate the template in the cluster of ``folder``; return the error text, empty when it went well."""
    server = postgres.postgres_open(folder, cache=cache)
    postgres.postgres_start(server, durable=False)
    try:
        postgres.database_ensure(server, TEMPLATE)
        return migrated.database_migrate(server.url(TEMPLATE))
    finally:
        postgres.postgres_stop(server)


def _snapshots_prune(shelf: Path) -> None:
    found = [path for path in shelf.iterdir() if path.name != "empty"]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[SNAPSHOTS_KEPT:]:
        with contextlib.suppress(OSError):
            shutil.rmtree(path)


if __name__ == "__main__":
    raise SystemExit(main())
