"""Cells of a CSV file that a spreadsheet opens: nothing in them is run as a formula. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

BOM: Final = "\ufeff"
"""Tells spreadsheets that the file is UTF-8."""
STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠")
"""Beginnings of what a spreadsheet may run (OWASP, CSV injection)."""
LINE_END: Final = "\r\n"


def cell_safe(value: Any) -> str:
    """The value as text; one that a spreadsheet would run gets a quote before it. An import takes
    that quote away again, so a number comes back as it was.
    """
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if text.startswith(STARTS) else text


def csv_line(cells: Iterable[Any]) -> str:
    """A line of safe cells, every one quoted."""
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator=LINE_END).writerow(
        [cell_safe(cell) for cell in cells]
    )
    return buffer.getvalue()
