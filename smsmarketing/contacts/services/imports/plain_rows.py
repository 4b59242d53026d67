"""The fast lane of reading: whole columns at a time, for rows in which nothing is unusual.

A cell that stands in a file again and again is read once. A row with a clean number and no cell to
refuse is written here; every other row is left to the careful way, which also knows why a row is
rejected. Both read a cell with `cell_value`, so that they cannot differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from smsmarketing.contacts.phones import phone_hasher
from smsmarketing.contacts.rules.events import EventRefused
from smsmarketing.contacts.rules.import_rows import (
    CellRefused,
    Column,
    RowReader,
    cell_value,
    phone_plain,
)
from smsmarketing.contacts.rules.source_urls import TAIL, source_digits

ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL: Final = "\\N"
_KNOWN_MAX = 2000
"""Different cells of a column that are kept in mind; a column with more of them has none."""


def text_write(value: Any) -> str:
    """A text in the text form of COPY."""
    if isinstance(value, str) and value.isalnum():
        return value
    return str(value).translate(ESCAPES)


def number_writer(sourced: str = "") -> Callable[[str], str | None]:
    """A function that writes what is staged of a clean number: itself, hash, country, line type.

    `sourced`: digits of the consent's source; a number whose end stands there is left to the careful way.
    """
    hashed = phone_hasher()

    def write(raw: str) -> str | None:
        found = phone_plain(raw)
        if found is None or raw[-TAIL:] in sourced:
            return None
        return f"{raw}\t\\\\x{hashed(raw).hex()}\t{found[0]}\t{found[1]}"

    return write


class Cells(dict[str, "str | None"]):
    """Cell of a column → its text for COPY; None when the careful way must look at it."""

    def __init__(self, column: Column, write: Callable[[Any], str]) -> None:
        super().__init__()
        self.column, self.write = column, write
        self.simple = column.reader is None and write is text_write and not column.apart

    def __missing__(self, cell: str) -> str | None:
        text = self.read(cell)
        if len(self) < _KNOWN_MAX:
            self[cell] = text
        return text

    def read(self, cell: str) -> str | None:
        if self.simple and cell.isalnum() and len(cell) <= self.column.longest:
            return cell
        try:
            value = cell_value(self.column, cell) if cell else None
            return NULL if value is None else self.write(value)
        except (CellRefused, EventRefused):
            return None

    def all(self, cells: Sequence[str]) -> list[str | None]:
        if len(self) < _KNOWN_MAX:
            return [self[cell] for cell in cells]
        read = self.read
        return [read(cell) for cell in cells]


class PlainRows:
    """Writes the plain rows of one file."""

    def __init__(
        self,
        reader: RowReader,
        writers: Mapping[str, Callable[[Any], str]],
        *,
        custom: bool,
        crm: bool,
    ) -> None:
        plan = reader.plan
        ticked = plan.evidence is not None and bool(plan.evidence.checkbox_default)
        self.usable = plan.kind == "contacts" and not plan.row_evidence and not ticked
        self.blank = [""] * plan.width
        sourced = source_digits(plan.evidence.source_url) if plan.evidence else ""
        self.number = number_writer(sourced)
        known = {column.name: column for column in reader.columns}
        self.phone = known["phone"].place if self.usable else 0
        self.fields = [Cells(known[name], writers[name]) for name in writers if name in known]
        self.objects = [
            [_named(column) for column in reader.columns if column.name.startswith(prefix)]
            for prefix, wanted in (("custom:", custom), ("crm:", crm))
            if wanted
        ]
        self.rest = [
            Cells(column, text_write)
            for column in reader.columns
            if column.apart and column.name != "phone"
        ]

    def texts(self, block: Sequence[tuple[int, list[str]]]) -> list[str | None]:
        """The line of each row for COPY; None: to be read the careful way."""
        if not self.usable:
            return [None] * len(block)
        width, blank = len(self.blank), self.blank
        columns = list(zip(*[c if len(c) == width else blank for _, c in block], strict=True))
        numbers = [str(number) for number, _ in block]
        pieces = [[self.number(raw) for raw in columns[self.phone]]]
        pieces += [cells.all(columns[cells.column.place]) for cells in self.fields]
        pieces += [objects_join(group, columns) for group in self.objects]
        lines: list[str | None] = []
        for row in zip(numbers, *pieces, strict=True):
            try:
                lines.append("\t".join(row) + "\n")
            except TypeError:  # a piece is None
                lines.append(None)
        for cells in self.rest:
            for place, text in enumerate(cells.all(columns[cells.column.place])):
                if text is None:
                    lines[place] = None
        return lines


def _named(column: Column) -> Cells:
    """The cells of a custom field or an id elsewhere, as members of a JSON object."""
    name = column.name.partition(":")[2]
    return Cells(column, lambda value: members_write({name: value}))


def members_write(values: Mapping[str, Any]) -> str:
    """The members of a JSON object, without its braces."""
    return json.dumps(values, ensure_ascii=False)[1:-1].translate(ESCAPES)


def objects_join(
    group: Sequence[Cells], columns: Sequence[Sequence[str]], *, empty: str = NULL
) -> list[str | None]:
    """The JSON objects of a group of columns, row by row; `empty` where no cell says anything."""
    lines: list[str | None] = []
    for members in zip(*[cells.all(columns[cells.column.place]) for cells in group], strict=True):
        given = [member for member in members if member != NULL]
        if None in given:
            lines.append(None)
        else:
            lines.append("{" + ", ".join(given) + "}" if given else empty)
    return lines
