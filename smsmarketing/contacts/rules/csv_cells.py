"""Cells of a CSV file that a spreadsheet opens: nothing in them is run as a formula. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

BOM: Final = "\ufeff"
"""Tells spreadsheets that the file is UTF-8."""
_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LINES: Final = 500


def cell_safe(value: Any) -> str:
    """The value as text; one that a spreadsheet would run gets a quote before it (OWASP, CSV
    injection). An import takes that quote away again, so a number comes back as it was.
    """
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if text.startswith(_STARTS) else text


def csv_blocks(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """The file in blocks of some hundred lines, as the rows come: every cell quoted, CRLF."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    buffer.write(BOM)
    writer.writerow(list(header))
    for place, row in enumerate(rows, start=1):
        writer.writerow([cell_safe(value) for value in row])
        if place % _LINES == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()
