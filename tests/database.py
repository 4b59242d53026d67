"""The database of one test process: cloned from the migrated template, and put back after a test that committed.

A clone copies 800 files, which is most of what a small test costs. So the rows are put back instead: what the
migrations did not leave is deleted, what they left is written again, sequences start where they did. Only a test that
changed the structure (a trigger switched off, a new table) is followed by a new clone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connections
from psycopg import sql

# Beyond this many bytes the deleted rows of a table are vacuumed away, so that no later test reads over them.
BLOAT = 128 * 1024
TERMINATE_MS = 10_000

TABLES = "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
SEQUENCES = (
    "SELECT sequencename, last_value, start_value FROM pg_sequences WHERE schemaname = 'public'"
)
# Every row of the catalogue that DDL writes, and neither VACUUM nor ANALYZE nor the rows of a table do.
STRUCTURE = """
    SELECT
        (SELECT (count(*), sum(oid::bigint))::text FROM pg_class WHERE oid >= 16384),
        (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_attribute WHERE attrelid >= 16384),
        (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_attrdef),
        (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_constraint WHERE oid >= 16384),
        (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_trigger),
        (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_proc WHERE oid >= 16384),
        (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_index WHERE indexrelid >= 16384),
        (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_namespace WHERE oid >= 16384)
"""
OTHERS = f"""
    SELECT pg_terminate_backend(pid, {TERMINATE_MS}) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class Seed:
    """What the migrations left in one table: a hash of its rows, and the rows as COPY writes them."""

    fingerprint: str
    rows: bytes


class TestDatabase:
    """One database by name; ``restore`` makes it what the template is."""

    __test__ = False  # not a class of tests

    def __init__(self, name: str, template: str) -> None:
        self.name = name
        self._template = template
        self._janitor: Connection | None = None

    @property
    def url(self) -> str:
        """Where it is, as the owner of the server reaches it."""
        return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{self.name}"))

    def clone(self) -> None:
        """Replace the database by a fresh copy of the template, and learn what that holds."""
        self.drop()
        with _server() as server:
            server.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG").format(
                    sql.Identifier(self.name), sql.Identifier(self._template)
                )
            )
        self._learn()

    def drop(self) -> None:
        """End every connection and drop the database."""
        self._leave()
        with _server() as server:
            server.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name))
            )

    def restore(self) -> None:
        """End every other connection and undo all that was committed since the clone."""
        connections.close_all()
        if self._janitor is None or not self._cleared(self._janitor):
            self.clone()
            return
        touched = self._touched(self._janitor)
        if touched:
            self._rows_restore(self._janitor, touched)
        self._sequences_restore(self._janitor)

    def _learn(self) -> None:
        janitor = psycopg.connect(self.url, autocommit=True, application_name="tests janitor")
        try:
            # Neither foreign keys nor the triggers that guard append-only tables stop the janitor.
            janitor.execute("SET session_replication_role = replica")
        except psycopg.errors.InsufficientPrivilege:
            janitor.close()  # a server that somebody lends us, without its superuser: clone each time
            return
        self._janitor = janitor
        self._structure = janitor.execute(STRUCTURE).fetchone()
        tables = [str(row[0]) for row in janitor.execute(TABLES)]
        self._seeds = {table: _seed(janitor, table) for table in tables if _filled(janitor, table)}
        self._sequences = set(janitor.execute(SEQUENCES).fetchall())
        self._checks = sql.SQL(" UNION ALL ").join(
            [_check(table, seeded=table in self._seeds) for table in tables]
        )

    def _leave(self) -> None:
        connections.close_all()
        if self._janitor is not None:
            self._janitor.close()
            self._janitor = None

    def _cleared(self, janitor: Connection) -> bool:
        """End every other connection; False when the structure changed or somebody did not leave."""
        gone = all(row[0] for row in janitor.execute(OTHERS).fetchall())
        return gone and janitor.execute(STRUCTURE).fetchone() == self._structure

    def _touched(self, janitor: Connection) -> list[str]:
        found = dict(janitor.execute(self._checks).fetchall())
        return [
            str(table)
            for table, state in found.items()
            if state != (self._seeds[str(table)].fingerprint if table in self._seeds else None)
        ]

    def _rows_restore(self, janitor: Connection, touched: list[str]) -> None:
        with janitor.transaction():
            for table in touched:
                janitor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            for table in self._seeds.keys() & set(touched):
                statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                with janitor.cursor().copy(statement) as copy:
                    copy.write(self._seeds[table].rows)
        large = janitor.execute(
            "SELECT name FROM unnest(%s::text[]) name WHERE pg_relation_size(quote_ident(name)) > %s",
            [touched, BLOAT],
        ).fetchall()
        for (table,) in large:
            janitor.execute(sql.SQL("VACUUM {}").format(sql.Identifier(str(table))))

    def _sequences_restore(self, janitor: Connection) -> None:
        now = set(janitor.execute(SEQUENCES).fetchall())
        moved = [
            (name, start if value is None else value, value is not None)
            for name, value, start in self._sequences - now
        ]
        if moved:
            janitor.execute(
                "SELECT setval(quote_ident(name)::regclass, value, called)"
                " FROM unnest(%s::text[], %s::bigint[], %s::boolean[]) AS moved (name, value, called)",
                [list(column) for column in zip(*moved, strict=True)],
            )


def _server() -> Connection:
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def _filled(janitor: Connection, table: str) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))
    return janitor.execute(query).fetchone() == (True,)


def _check(table: str, *, seeded: bool) -> sql.Composed:
    """A table's name with a hash of its rows, or for one that starts empty with NULL as long as it is."""
    if not seeded:
        return sql.SQL("SELECT {}, CASE WHEN EXISTS (SELECT FROM {}) THEN '' END").format(
            sql.Literal(table), sql.Identifier(table)
        )
    return sql.SQL(
        "SELECT {}, coalesce(md5(string_agg(t::text, ';' ORDER BY t::text)), '') FROM {} AS t"
    ).format(sql.Literal(table), sql.Identifier(table))


def _seed(janitor: Connection, table: str) -> Seed:
    found = janitor.execute(_check(table, seeded=True)).fetchone()
    assert found is not None
    statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
    with janitor.cursor().copy(statement) as copy:
        return Seed(str(found[1]), b"".join(bytes(block) for block in copy))
