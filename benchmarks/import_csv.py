"""Importing a CSV: the whole pipeline against a bare COPY of the same rows into the same tables.

    python -m benchmarks import_csv            200,000 rows on a database of its own
    DATABASE_URL=... python -m benchmarks.import_csv --rows 1000000

Measured: reading and cleaning the file, staging, comparing, merging contacts, send states, consent
events and list members, with progress committed chunk by chunk. The limit is COPY of the rows that
came out into empty tables with the same columns and indexes, measured in the same run; "as a user"
imports with consent evidence for the file and a list, "contacts only" without both.
Wall clock decides; with busy neighbours look at the CPU column: microseconds a row of this process
and its PostgreSQL backend together.
Targets (perf.md §7): new >= 0.55 and unchanged >= 0.8 of the limit's rows/s, memory < 300 MB.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import django

TABLES = {
    "contacts only": ("contacts_contact", "contacts_sendstate"),
    "as a user": (
        "contacts_contact",
        "contacts_sendstate",
        "contacts_consentevent",
        "contacts_audiencemember",
    ),
}
TARGETS = {"new": 0.55, "unchanged": 0.8}
MEMORY_MB = 300
FLAT_MB = 20  # what ten times the rows may add
CONSENT = {
    "disclosure_text": "I agree to get offers of Acme by SMS. Reply STOP to end.",
    "method": "web_form",
    "source_url": "https://acme.example/join",
    "captured_at": "2026-03-31",
}


def file_write(path: Path, rows: int, *, first: int) -> None:
    """A file as shops export it, in no order, within the 50 MiB that are allowed."""
    step = 7919  # coprime to the row count: every number once, scattered
    with path.open("w", encoding="utf-8") as target:
        target.write("phone,name,lang,tags,id\n")
        for index in range(rows):
            number = first + index * step % rows
            target.write(f"+4475{number:08},N{number % 997},en,t{number % 9},c{number}\n")


class Clock:
    """Seconds on the wall, and of CPU of this process and its PostgreSQL backend."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> Clock:
        self._start = (perf_counter(), self._used())
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu = self._start
        self.wall += perf_counter() - wall
        self.cpu += self._used() - cpu

    @staticmethod
    def _used() -> float:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backend = Path(f"/proc/{cursor.fetchone()[0]}/stat")
        ticks = backend.read_text().rpartition(")")[2].split()[11:13]
        return process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def import_time(path: Path, world: Any, *, full: bool) -> tuple[Clock, dict[str, int]]:
    """From the stored upload to a finished import, and its counts."""
    from django.db import transaction

    from smsmarketing.contacts.services import imports

    with path.open("rb") as source:
        upload = imports.upload_store(
            iter(lambda: source.read(2**20), b""), file_name=path.name, user=world.user
        )
    options = imports.ImportOptions(consent=CONSENT if full else None)
    with Clock() as clock:
        with transaction.atomic():
            job = imports.import_create(
                upload,
                kind="contacts",
                brand=world.brand,
                created_by=world.user,
                options=options,
                audience=world.audience if full else None,
                mapping={
                    "phone": "phone",
                    "name": "first_name",
                    "lang": "language",
                    "tags": "tags",
                    "id": "customer_key",
                },
            )
            imports.import_start(job)
        imports.import_work(job.pk)
    job.refresh_from_db()
    if job.state != "done":
        raise SystemExit(f"the import ended as {job.state}: {job.error_message}")
    return clock, job.counts


def copy_time(tables: tuple[str, ...], folder: Path, since: dict[str, int]) -> Clock:
    """COPY into empty tables of the same shape and indexes, of the rows just made."""
    from django.db import connection

    clock = Clock()
    for table in tables:
        rows = folder / f"{table}.rows"
        columns = _columns(table)
        with connection.cursor() as cursor, rows.open("wb") as target:
            query = f"SELECT {columns} FROM {table} WHERE id > {since[table]}"
            with cursor.copy(f"COPY ({query}) TO STDOUT") as out:
                for block in out:
                    target.write(block)
            cursor.execute(f"CREATE TABLE limit_{table} (LIKE {table} INCLUDING ALL)")
        with (
            clock,
            rows.open("rb") as source,
            connection.cursor() as cursor,
            cursor.copy(f"COPY limit_{table} ({columns}) FROM STDIN") as into,
        ):
            while block := source.read(2**18):
                into.write(block)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE limit_{table}")
        rows.unlink()
    return clock


def _columns(table: str) -> str:
    from django.apps import apps

    model = next(model for model in apps.get_models() if model._meta.db_table == table)
    return ", ".join(str(field.column) for field in model._meta.concrete_fields)


def newest(tables: tuple[str, ...]) -> dict[str, int]:
    from django.db import connection

    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
            found[table] = cursor.fetchone()[0]
    return found


def peak_mb() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_of_a_tenth(folder: Path, world: World, rows: int) -> float:
    """Peak memory after an import of a tenth of the rows, before any larger one."""
    path = folder / "small.csv"
    file_write(path, rows // 10, first=90_000_000)
    import_time(path, world, full=True)
    return peak_mb()


class World:
    """A team with a brand, a person and a list."""

    def __init__(self) -> None:
        from smsmarketing.accounts.models import Brand, Team, User
        from smsmarketing.contacts.services import audience_save

        team = Team.objects.create(name="Bench", slug="bench")
        self.brand = Brand.objects.create(team=team, name="Bench", name_in_texts="Bench")
        self.user = User.objects.create(username="bench")
        self.audience = audience_save(team_id=team.pk, brand=self.brand, name="Bench")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsmarketing.settings")
    django.setup()
    from django.conf import settings

    missed = []
    print(f"{rows:,} rows")
    print(
        f"{'import':<28}{'rows/s':>9}{'COPY':>9}{'ratio':>7}{'target':>8}{'CPU us':>9}{'COPY':>7}{'ratio':>7}"
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings.MEDIA_ROOT = folder / "media"
        world = World()
        small = memory_of_a_tenth(folder, world, rows)
        for number, (name, tables) in enumerate(TABLES.items()):
            path = folder / "list.csv"
            file_write(path, rows, first=number * rows)
            since = newest(tables)
            for kind, target in TARGETS.items():
                took, counts = import_time(path, world, full=number == 1)
                assert counts["unchanged"] == (rows if kind == "unchanged" else 0), counts
                limit = copy_time(tables, folder, since)
                ratio = limit.wall / took.wall
                missed += [f"{name}, {kind}"] if ratio < target else []
                print(
                    f"{name + ', ' + kind:<28}{rows / took.wall:>9,.0f}{rows / limit.wall:>9,.0f}"
                    f"{ratio:>7.2f}{target:>8.2f}{took.cpu / rows * 1e6:>9.1f}"
                    f"{limit.cpu / rows * 1e6:>7.1f}{limit.cpu / took.cpu:>7.2f}"
                )
    memory = peak_mb()
    print(
        f"peak memory of the importing process: {memory:,.0f} MB (target < {MEMORY_MB} MB);"
        f" after an import of {rows // 10:,} rows it was {small:,.0f} MB (flat: within {FLAT_MB} MB)"
    )
    if memory >= MEMORY_MB or memory - small > FLAT_MB:
        missed.append("memory")
    print("targets met" if not missed else f"targets missed: {'; '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
