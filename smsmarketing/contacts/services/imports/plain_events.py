"""The fast lane of reading events, as plain_rows.py is that of contacts: the same rules read a cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smsmarketing.contacts.phones import phone_hasher
from smsmarketing.contacts.rules.custom_values import Declared
from smsmarketing.contacts.rules.events import (
    PROPERTIES_MAX,
    EventRefused,
    kind_check,
    properties_read,
    times_check,
)
from smsmarketing.contacts.rules.import_events import PROPERTY
from smsmarketing.contacts.rules.import_rows import CellRefused, Plan, RowReader, cell_value
from smsmarketing.contacts.services.imports.plain_rows import (
    NULL,
    Cells,
    members_write,
    number_writer,
    objects_join,
    text_write,
)

Columns = Sequence[Sequence[str]]


class PlainEvents:
    """Writes the plain rows of one file of events that all are of the file's kind."""

    def __init__(self, reader: RowReader) -> None:
        self.plan = plan = reader.plan
        self.known = known = {column.name: column for column in reader.columns}
        names = [name for name in known if name.startswith(PROPERTY)]
        self.usable = _usable(plan, known) and len(names) <= PROPERTIES_MAX
        self.blank = [""] * plan.width
        self.kind, self.source = text_write(plan.event_kind), text_write(plan.event_source)
        self.number = number_writer()
        self.nobody = f"\t\\\\x{phone_hasher()('').hex()}\t\t"
        self.texts_of: dict[str, Cells] = {
            name: Cells(known[name], text_write)
            for name in ("customer_key", "external_id", "source")
            if name in known
        }
        declared = plan.declared_events.get(plan.event_kind, {})
        names.sort(key=lambda name: name == f"{PROPERTY}items")  # where properties_read puts it
        self.properties = [Cells(known[name], _member(name, declared)) for name in names]

    def texts(self, block: Sequence[tuple[int, list[str]]]) -> list[str | None]:
        """The line of each row for COPY; None: to be read the careful way."""
        size, width = len(block), len(self.blank)
        if not self.usable:
            return [None] * size
        columns = list(zip(*[c if len(c) == width else self.blank for _, c in block], strict=True))
        customers = self._all("customer_key", columns) or [NULL] * size
        times = self._times(columns, size)
        pieces: list[Sequence[str | None]] = [
            [str(number) for number, _ in block],
            self._people(columns, customers),
            customers,
            [None if text == NULL else text for text in self._all("external_id", columns)],
            [self.kind] * size,
            [each and each[0] for each in times],
            objects_join(self.properties, columns, empty="{}")
            if self.properties
            else ["{}"] * size,
            [self.source if text == NULL else text for text in self._all("source", columns)]
            or [self.source] * size,
            [each and each[1] for each in times],
        ]
        lines: list[str | None] = []
        for row in zip(*pieces, strict=True):
            try:
                lines.append("\t".join(row) + "\n")
            except TypeError:  # a piece is None
                lines.append(None)
        return lines

    def _all(self, name: str, columns: Columns) -> list[str | None]:
        """The texts of a column; none when the file has no such column."""
        cells = self.texts_of.get(name)
        return [] if cells is None else cells.all(columns[cells.column.place])

    def _people(self, columns: Columns, customers: Sequence[str | None]) -> list[str | None]:
        """Number, hash, country and line type; blank where the customer id names the contact."""
        phone = self.known.get("phone")
        raws = columns[phone.place] if phone else [""] * len(customers)
        return [
            self.number(raw) if raw else None if customer == NULL else self.nobody
            for raw, customer in zip(raws, customers, strict=True)
        ]

    def _times(self, columns: Columns, size: int) -> list[tuple[str, str] | None]:
        """When each happened and when it became true."""
        occurred, updated = self.known["occurred_at"], self.known.get("updated_at")
        later = columns[updated.place] if updated else [""] * size
        found: list[tuple[str, str] | None] = []
        for cell, other in zip(columns[occurred.place], later, strict=True):
            try:
                at = cell_value(occurred, cell)
                changed = cell_value(updated, other) if updated and other else None
                if at is None:
                    found.append(None)
                    continue
                times_check(at, changed, now=self.plan.uploaded_at)
            except (CellRefused, EventRefused):
                found.append(None)
                continue
            text = str(at)
            found.append((text, text if changed is None else str(changed)))
        return found


def _usable(plan: Plan, known: Mapping[str, Any]) -> bool:
    """Whether every row is of the file's kind and can be complete."""
    try:
        kind_check(plan.event_kind)
    except EventRefused:
        return False
    return "kind" not in known and {"external_id", "occurred_at"} <= known.keys()


def _member(field: str, declared: Mapping[str, Declared]) -> Callable[[Any], str]:
    name = field.removeprefix(PROPERTY)
    return lambda value: members_write(properties_read({name: value}, declared))
