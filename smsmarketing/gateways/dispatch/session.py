"""The wave's own way to PostgreSQL: prepared statements, and plans that never depend on luck.

A wave's statements touch a few hundred rows by key in tables of any size. Planned anew each time
they cost as much as they run, and with fresh statistics missing the planner may prefer to read a
whole table; so they are prepared, and only plans by index are allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import OperationalError, connection

_DEADLOCK = "40P01"

T = TypeVar("T")

BY_INDEX = """
set_config('enable_seqscan', 'off', true),
set_config('enable_hashjoin', 'off', true),
set_config('enable_mergejoin', 'off', true)
"""
"""Select list that binds the rest of the transaction to plans by index."""


def array_of(values: Iterable[object]) -> str:
    """A PostgreSQL array literal of numbers, times or None; the statement casts it.

    psycopg dumps lists element by element in Python, which cost more than all checks together.
    """
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def array_of_texts(values: Iterable[str | None]) -> str:
    """A PostgreSQL array literal of texts, whatever is in them."""
    return "{" + ",".join(map(_quoted, values)) + "}"


def array_of_bytes(values: Iterable[bytes]) -> str:
    """A PostgreSQL array literal of bytea."""
    return "{" + ",".join(f'"\\\\x{value.hex()}"' for value in values) + "}"


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    if not value or value.isalnum():
        return f'"{value}"'
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class WaveCursor:
    """A psycopg cursor that binds on the server and prepares."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        # A pooling proxy hands out another session each time: nothing stays prepared there.
        self._prepare = not connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]

    def execute(self, statement: str, parameters: Mapping[str, Any]) -> None:
        with connection.wrap_database_errors:
            self._raw.execute(statement, parameters, prepare=self._prepare)

    def one(self) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._raw.fetchone()
        return row

    def all(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._raw.fetchall()
        return rows


@contextmanager
def wave_cursor() -> Iterator[WaveCursor]:
    """A cursor on Django's connection, in the caller's transaction."""
    connection.ensure_connection()
    raw: Any = connection.connection
    with raw.cursor() as cursor:
        yield WaveCursor(cursor)


def deadlock_again(work: Callable[[], T]) -> T:
    """Repeat a transaction that lost a deadlock; it left nothing behind."""
    for _ in range(3):
        try:
            return work()
        except OperationalError as exc:
            if getattr(exc.__cause__, "sqlstate", "") != _DEADLOCK:
                raise
    return work()
