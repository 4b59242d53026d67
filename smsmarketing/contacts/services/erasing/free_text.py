"""What people wrote down in passing: names of lists, criteria, notes. The number and the whole name of
an erased person are taken out of them; the rest of the text stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from smsmarketing.contacts.services.erasing.jobs import Cleared, Traces, eraser_add

ERASED: Final = "[erased]"
_ROWS_AT_ONCE = 1000
_LENGTH: Final = """(SELECT NULLIF(atttypmod, -1) - 4 FROM pg_attribute
    WHERE attrelid = %s::regclass AND attname = %s AND atttypid = 'varchar'::regtype)"""
_columns: dict[str, tuple[str, ...]] = {}


def free_text_add(table: str, *columns: str) -> None:
    """Register columns (text or JSON) that people write into, of a table with the key `id`."""
    _columns[table] = columns


def free_text_columns() -> dict[str, tuple[str, ...]]:
    """Table → columns that are looked through."""
    return dict(_columns)


def free_text_erase(traces: Traces, now: datetime) -> Cleared:
    """Replace every spelling of the number, and the whole name, by a word. At most 1,000 rows of a
    column at once; the rest is left for the next round.
    """
    rows = left = 0
    for table, columns in sorted(_columns.items()):
        for column in columns:
            count = sum(1 for _ in _replaced(table, column, traces))
            rows += count
            left += count == _ROWS_AT_ONCE
    return Cleared(rows=rows, left=left)


def _replaced(table: str, column: str, traces: Traces) -> Iterator[object]:
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT id, "{column}"::text, pg_typeof("{column}")::text, {_LENGTH} FROM "{table}"'  # noqa: S608
            f' WHERE "{column}"::text ~* %s ORDER BY id LIMIT {_ROWS_AT_ONCE}',
            [table, column, traces.pattern.pattern],
        )
        found = cursor.fetchall()
    for pk, text, kind, most in found:
        clean = json.dumps(_walked(json.loads(text), traces)) if kind == "jsonb" else None
        words = clean or _fitted(traces.pattern.sub(ERASED, text), most)
        if words == text:
            continue
        try:
            _write(table, column, pk, words)
        except IntegrityError:  # a name that must be the only one of its kind
            _write(table, column, pk, f"{words} {pk}")
        yield pk


def _fitted(words: str, most: int | None) -> str:
    """Cut to what the column holds: the word may be longer than what it stands for."""
    if most is None or len(words) <= most:
        return words
    words = words[:most]
    cut = next((n for n in range(len(ERASED) - 1, 0, -1) if words.endswith(ERASED[:n])), 0)
    return words[: most - cut]


def _write(table: str, column: str, pk: Any, words: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{table}" SET "{column}" = %s WHERE id = %s', [words, pk])  # noqa: S608


def _walked(value: Any, traces: Traces) -> Any:
    if isinstance(value, dict):
        return {
            traces.pattern.sub(ERASED, key): _walked(item, traces) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_walked(item, traces) for item in value]
    if isinstance(value, str):
        return traces.pattern.sub(ERASED, value)
    if isinstance(value, int) and not isinstance(value, bool):
        return ERASED if traces.pattern.search(str(value)) else value
    return value


free_text_add("contacts_audience", "name", "description", "source")
free_text_add("contacts_blockclearing", "note")
free_text_add("contacts_exportfile", "reason", "problem", "file_name")
free_text_add("contacts_importfile", "file_name")
free_text_add("contacts_importfolder", "seen", "problem")
free_text_add("contacts_importfolderfile", "file_name", "note")
free_text_add("contacts_importjob", "file_name", "headers", "mapping", "options", "error_message")
free_text_add("contacts_importmapping", "name", "mapping")
free_text_add("contacts_segment", "name", "criteria", "preview")
free_text_add("contacts_suppressionlift", "reason", "document")
eraser_add("contacts.free_text", free_text_erase)
