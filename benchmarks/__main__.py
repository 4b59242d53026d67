"""Runs benchmarks, each in a process and a freshly migrated database of its own, on durable servers.

What begins with a benchmark's name reaches it: EXPORT_ROWS=1000000 BENCH=export make bench.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from psycopg import sql

from tools.embedded import place, postgres, valkey
from tools.migrated import database_migrate
from tools.steps import Steps, python

FOLDER = Path(__file__).resolve().parent
TEMPLATE = "bench_template"
NOT_BENCHMARKS = {"__main__", "stub"}  # this runner, and a carrier that the others start


def benchmark_names(asked: list[str]) -> list[str]:
    """Return the names of the benchmarks to run; every one when none is asked for. Raises SystemExit."""
    known = sorted(
        path.stem
        for path in FOLDER.glob("*.py")
        if path.stem not in NOT_BENCHMARKS and "__main__" in path.read_text(encoding="utf-8")
    )
    wrong = [name for name in asked if name not in known]
    if wrong:
        raise SystemExit(f"bench: no benchmark {', '.join(wrong)}; there are: {', '.join(known)}")
    return asked or known


def main() -> int:
    """Run the benchmarks named on the command line or in BENCH."""
    names = benchmark_names(sys.argv[1:] or os.environ.get("BENCH", "").split())
    cache = place.cache_folder()
    folder = Path(tempfile.mkdtemp(prefix="b-", dir=cache))
    folder.chmod(0o711)
    server = postgres.postgres_open(folder / "postgres", cache=cache)
    store = valkey.valkey_open(folder / "valkey", cache=cache)
    steps = Steps()
    try:
        postgres.postgres_start(server, durable=True, connections=200)
        valkey.valkey_start(store, durable=False)
        postgres.database_ensure(server, TEMPLATE)
        problem = database_migrate(server.url(TEMPLATE))
        if problem:
            raise SystemExit(f"bench: manage.py migrate failed:\n{problem}")
        for name in names:
            _run(name, server, redis_url=store.url(), steps=steps)
    finally:
        valkey.valkey_stop(store)
        postgres.postgres_stop(server)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\nbench: {'missed: ' + ', '.join(steps.failed) if steps.failed else 'all done'}")
    return 1 if steps.failed else 0


def _run(name: str, server: postgres.Postgres, *, redis_url: str, steps: Steps) -> None:
    database = f"bench_{name}"
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(database), sql.Identifier(TEMPLATE)
            )
        )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "smsmarketing.settings",
        "DATABASE_URL": server.url(database),
        "REDIS_URL": redis_url,
        "LOG_LEVEL": "ERROR",
        **{key: value for key, value in os.environ.items() if key.startswith(f"{name.upper()}_")},
    }
    try:
        steps.run(name, python("-m", f"benchmarks.{name}"), environment=environment)
    finally:
        with server.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database))
            )


if __name__ == "__main__":
    raise SystemExit(main())
