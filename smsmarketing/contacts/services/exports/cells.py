"""CSV files written by PostgreSQL: masks, times and formula-safe cells as SQL, one COPY a file.

The rules are those of `rules.csv_cells` and `rules.phone`; test_export_cells.py holds both to the
same answers. Cell by cell in Python, a file took nine times as long as the COPY of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from django.db import connection

from smsmarketing.contacts.rules.csv_cells import BOM, LINE_END, STARTS, csv_line
from smsmarketing.contacts.rules.phone import MASK, MASK_LEAST
from smsmarketing.contacts.rules.phone_patterns import COUNTRY_CODES
from smsmarketing.contacts.services.exports.working import Count

_BLOCK = 500
_END = LINE_END.encode()
_STARTS = ", ".join(str(ord(start)) for start in STARTS if start != "\x00")  # no text holds a NUL
_CODES: Final = {
    length: ", ".join(f"'{code}'" for code in sorted(COUNTRY_CODES) if len(code) == length)
    for length in (1, 2, 3)
}


def safe_sql(text: str) -> str:
    """A text that may be NULL as a cell: `rules.csv_cells.cell_safe`."""
    return (
        f"CASE WHEN ascii({text}) IN ({_STARTS}) THEN '''' || {text} ELSE COALESCE({text}, '') END"
    )


def mask_sql(phone: str) -> str:
    """An E.164 number, masked and safe: `rules.phone.phone_mask` [R-4.12]."""
    shown = " ".join(
        f"WHEN substr({phone}, 2, {length}) IN ({codes}) THEN '''' || left({phone}, {length + 1})"
        for length, codes in _CODES.items()
    )
    return (
        f"CASE WHEN left({phone}, 1) <> '+' THEN '' {shown} ELSE '''+' END || '{MASK}'"
        f" || CASE WHEN length({phone}) > {MASK_LEAST} THEN right({phone}, 2) ELSE '' END"
    )


def time_sql(moment: str) -> str:
    """A moment that may be NULL as a cell, UTC to the second."""
    text = f"left(({moment} AT TIME ZONE 'UTC')::text, 19)"  # ISO, as psycopg asks; to_char is slow
    return f"COALESCE(replace({text}, ' ', 'T') || 'Z', '')"


def list_sql(texts: str) -> str:
    """An array of texts as a cell."""
    return safe_sql(f"array_to_string({texts}, '; ')")


def words_sql(word: str) -> str:
    """A word of the tables for people: `rules.proof_words.word_of` for one without its own."""
    return f"replace({word}, '_', ' ')"


def csv_blocks(
    cells: Mapping[str, str], rows_sql: str, params: Sequence[Any], count: Count
) -> Iterator[bytes]:
    """The file in blocks of some hundred lines: every cell quoted, CRLF.

    `cells` are the columns and the SQL of each one's text, never NULL; `rows_sql` begins with FROM.
    PostgreSQL sends one line at a time, so memory stays flat.
    """
    yield (BOM + csv_line(cells)).encode()
    sql = f"COPY (SELECT {', '.join(cells.values())} {rows_sql}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"
    with connection.cursor() as cursor, cursor.copy(sql, params) as copy:
        lines = iter(copy)
        while block := list(islice(lines, _BLOCK)):
            count.rows += len(block)
            yield _END.join([line[:-1] for line in block]) + _END  # each came with a \n
