"""Proof that a refusal changed nothing but the audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from smsmarketing.operations.errors import OperationError

_WATCHED = "^(accounts|approvals|campaigns|contacts|gateways)_"


def rows_state() -> dict[str, str]:
    """A hash of every table's rows, of the apps; audit, idempotency and rate windows are the framework's."""
    state = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ %s",
            [_WATCHED],
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"
            )
            state[table] = cursor.fetchone()[0]
    return state


@contextmanager
def refused(
    kind: type[OperationError], *, field: str = "", says: str = ""
) -> Iterator[pytest.ExceptionInfo[OperationError]]:
    """The block is refused like this, and leaves every row as it was."""
    before = rows_state()
    with pytest.raises(kind) as caught:
        yield caught
    assert rows_state() == before
    assert caught.value.message.endswith(".")
    if field:
        assert field in caught.value.field_errors, caught.value.field_errors
    assert says in caught.value.message, caught.value.message
