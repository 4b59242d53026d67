"""From a CSV row to a clean contact or opt-out, or to the reason why not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from smsmarketing.contacts.rules.consent import (
    BASES,
    METHODS,
    ConsentEvidence,
    consent_expiry,
    consent_faults,
)
from smsmarketing.contacts.rules.custom_values import Declared, value_read
from smsmarketing.contacts.rules.events import EventRefused
from smsmarketing.contacts.rules.import_dates import time_read
from smsmarketing.contacts.rules.import_events import event_values
from smsmarketing.contacts.rules.import_fields import CONTACT_FIELDS, FIELDS, NAMED_MAX
from smsmarketing.contacts.rules.import_values import (
    READERS,
    BadValue,
    cell_clean,
    cell_formula,
    text_read,
)
from smsmarketing.contacts.rules.phone import (
    TEXTABLE_LINE_TYPES,
    Phone,
    PhoneError,
    phone_parse,
)
from smsmarketing.contacts.rules.phone_patterns import number_match
from smsmarketing.contacts.rules.source_urls import source_fault

_MINUTES_BEFORE = timedelta(minutes=5)
_NUL: Final = (
    "The cell holds a NUL character, which is no text. Take it out and upload the row again."
)
_APART: Final = frozenset(
    {
        "phone",
        "country",
        "opted_out_at",
        "until",
        *(name for name in CONTACT_FIELDS if name.startswith("consent.")),
    }
)


@dataclass(frozen=True, slots=True)
class Reject:
    """Why a row is left out: the column it is about, a stable code, and what to do."""

    row_number: int
    field: str
    code: str
    message: str


@dataclass(frozen=True)
class Plan:
    """How every row of a file is read. `columns` are (index, field, header) in file order."""

    kind: str
    columns: tuple[tuple[int, str, str], ...]
    width: int
    default_region: str | None
    uploaded_at: datetime
    evidence: ConsentEvidence | None = None
    row_evidence: bool = False
    date_order: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: Mapping[str, Declared] = field(default_factory=dict)
    """Custom fields of the team, by name."""
    declared_events: Mapping[str, Mapping[str, Declared]] = field(default_factory=dict)
    """Event properties of the team, by kind and name."""
    event_kind: str = "order"
    event_source: str = "import"


@dataclass(frozen=True, slots=True)
class Row:
    """A clean row. `values` has only mapped fields that are not blank; `evidence` is the row's."""

    row_number: int
    phone: Phone
    values: dict[str, Any]
    evidence: ConsentEvidence | None


class CellRefused(Exception):
    """A cell for which its row is left out: a stable code, and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Column(NamedTuple):
    """How the cells of one column are read. `apart`: number and evidence, which no value is."""

    place: int
    name: str
    header: str
    longest: int
    reader: Callable[[str], Any] | None
    apart: bool


class RowReader:
    """Cleans the rows of one file. What depends on the file only is decided once, not per row."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.evident = plan.evidence is not None or plan.row_evidence
        self.columns = [
            Column(
                index,
                name,
                header,
                FIELDS[plan.kind].get(name, (NAMED_MAX, ""))[0],
                _reader(plan, name),
                name in _APART,
            )
            for index, name, header in plan.columns
        ]

    def read(self, cells: Sequence[str], row_number: int) -> Row | Reject:
        """A clean row, or why it is left out."""
        plan = self.plan
        if len(cells) != plan.width:
            if any(cell.strip() for cell in cells[plan.width :]):
                return _too_many(row_number, cells, plan.width)
            cells = [*cells, *[""] * (plan.width - len(cells))]
        found: dict[str, str] = {}
        values: dict[str, Any] = {}
        fault = self._cells(cells, row_number, found, values)
        if fault is not None:
            return fault
        if plan.kind == "events":
            return _event(row_number, found, values, plan)
        phone = _phone(found, row_number, plan)
        if isinstance(phone, Reject):
            return phone
        if plan.kind == "opt_outs":
            return _opt_out(row_number, phone, values, found, plan)
        evidence = _evidence(row_number, phone, found, plan) if self.evident else None
        if isinstance(evidence, Reject):
            return evidence
        return Row(row_number, phone, values, evidence)

    def _cells(
        self, cells: Sequence[str], row_number: int, found: dict[str, str], values: dict[str, Any]
    ) -> Reject | None:
        """Put what is not blank into `found` (number and evidence) and `values` (the rest)."""
        for column in self.columns:
            text = cells[column.place]
            if not text:
                continue
            try:
                value = cell_value(column, text)
            except CellRefused as exc:
                return Reject(row_number, column.header, exc.code, exc.message)
            if value is not None:
                (found if column.apart else values)[column.name] = value
        return None


def cell_value(column: Column, text: str) -> Any:
    """What a cell says; None when nothing is left of it. Raises CellRefused."""
    plain = text.isalnum()  # no space, no quote, no formula: nothing to clean
    if len(text) > column.longest + 2:
        raise CellRefused("TOO_LONG", f"Longer than {column.longest} characters. Shorten it.")
    if not plain:
        if column.name != "phone" and cell_formula(text):
            message = "The cell holds a formula. Put a plain value there."
            raise CellRefused("FORMULA", message)
        text = cell_clean(text)
        if "\x00" in text:
            raise CellRefused("NUL", _NUL)
    if not text:
        return None
    if column.apart:
        return text
    try:
        return column.reader(text) if column.reader else text_read(text)
    except BadValue as exc:
        raise CellRefused("VALUE", str(exc)) from None


def _reader(plan: Plan, name: str) -> Callable[[str], Any] | None:
    """How a cell of the field is read: a declared custom field by its type, a time of an event by
    the file's order of day and month.
    """
    if plan.kind == "events" and name in ("occurred_at", "updated_at"):
        return partial(_time, plan.date_order)
    declared = (
        plan.declared.get(name.removeprefix("custom:")) if name.startswith("custom:") else None
    )
    return READERS.get(name) if declared is None else partial(value_read, declared)


def _time(order: str, text: str) -> datetime:
    try:
        return time_read(text, order)
    except ValueError as exc:
        raise BadValue(str(exc)) from None


def _too_many(row_number: int, cells: Sequence[str], width: int) -> Reject:
    return Reject(
        row_number,
        "",
        "COLUMNS",
        f"The row has {len(cells)} cells instead of {width}."
        " Is a delimiter inside a cell without quotes?",
    )


def phone_plain(raw: str) -> tuple[str, str] | None:
    """(country, line type) of a clean mobile number; None: ask phone_parse. Clean numbers are most
    of a file; their time zones are not asked for here.
    """
    if raw[:1] != "+" or not raw[1:].isdecimal() or not raw.isascii():
        return None
    answer = number_match(raw)
    return answer if answer is not None and answer[1] in TEXTABLE_LINE_TYPES else None


def _phone(found: Mapping[str, str], row_number: int, plan: Plan) -> Phone | Reject:
    header = plan.headers["phone"]
    raw = found.get("phone", "")
    answer = phone_plain(raw)
    if answer is not None:
        return Phone(raw, *answer, ())
    try:
        phone = phone_parse(
            raw, (found.get("country") or plan.default_region or "").upper() or None
        )
    except PhoneError as exc:
        return Reject(row_number, header, f"PHONE_{exc.code}", exc.message)
    if plan.kind == "contacts" and not phone.textable:
        return Reject(
            row_number,
            header,
            "PHONE_LANDLINE" if phone.line_type == "fixed_line" else "PHONE_NOT_TEXTABLE",
            f"This is a {phone.line_type.replace('_', ' ')} number; it cannot get a text message.",
        )
    return phone


def _evidence(
    row_number: int, phone: Phone, found: Mapping[str, str], plan: Plan
) -> ConsentEvidence | Reject | None:
    """The row's own evidence, that of the whole file, or none."""
    if plan.row_evidence:
        return _row_evidence(row_number, phone, found, plan)
    # All else about the evidence of a whole file was checked before the first row.
    if plan.evidence is not None and plan.evidence.checkbox_default:
        faults = _faults(plan.evidence, phone, plan)
        if faults:
            return Reject(row_number, "", "CONSENT", next(iter(faults.values())))
    if plan.evidence is not None and (text := source_fault(plan.evidence.source_url, phone.e164)):
        return Reject(row_number, "", "CONSENT_SOURCE_PERSONAL", text)
    return plan.evidence


def _faults(evidence: ConsentEvidence, phone: Phone, plan: Plan) -> dict[str, str]:
    return consent_faults(
        evidence,
        country=phone.country,
        plus_one=phone.e164.startswith("+1"),
        now=plan.uploaded_at,
    )


def _row_evidence(
    row_number: int, phone: Phone, found: Mapping[str, str], plan: Plan
) -> ConsentEvidence | Reject | None:
    """Evidence from the row's own columns over that of the whole file. A row that leaves all of
    them blank has none when the time is a column: a blank is not consent.
    """
    changes: dict[str, Any] = {
        name.removeprefix("consent."): text
        for name, text in found.items()
        if text and name.startswith("consent.")
    }
    timed = "consent.captured_at" in plan.headers
    if not changes and (timed or plan.evidence is None):
        return None
    fault = _evidence_fault(changes, plan, timed=timed)
    if fault is not None:
        name, text = fault
        return Reject(row_number, plan.headers.get(f"consent.{name}", name), "CONSENT", text)
    base = plan.evidence or ConsentEvidence(method="import", basis="import")
    evidence = replace(base, **changes)
    header = plan.headers.get("consent.source_url", "source_url")
    if text := source_fault(evidence.source_url, phone.e164):
        return Reject(row_number, header, "CONSENT_SOURCE_PERSONAL", text)
    for name, text in _faults(evidence, phone, plan).items():
        return Reject(row_number, plan.headers.get(f"consent.{name}", name), "CONSENT", text)
    return replace(evidence, expires_at=consent_expiry(evidence))


def _evidence_fault(changes: dict[str, Any], plan: Plan, *, timed: bool) -> tuple[str, str] | None:
    """Read the words and the time in place; (field, what is wrong) for the first that fails."""
    for name, known in (("method", METHODS), ("basis", BASES)):
        if name in changes and changes[name] not in known:
            return name, f"Give one of: {', '.join(known)}."
    if timed and "captured_at" not in changes:
        return "captured_at", "Say when the person agreed."
    for name in ("captured_at", "expires_at"):
        try:
            if name in changes:
                changes[name] = time_read(changes[name], plan.date_order)
        except ValueError as exc:
            return name, str(exc)
    if "ip" in changes and not _ip(changes["ip"]):
        return "ip", "This is no IP address. Give one such as 203.0.113.7, or leave the cell blank."
    if "captured_at" in changes and changes["captured_at"] > plan.uploaded_at - _MINUTES_BEFORE:
        return (
            "captured_at",
            "This is as new as the import itself, or lies in the future."
            " Give the time when the person agreed.",
        )
    return None


def _ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _opt_out(
    row_number: int, phone: Phone, values: dict[str, Any], found: Mapping[str, str], plan: Plan
) -> Row | Reject:
    for name in ("opted_out_at", "until"):
        if not found.get(name):
            continue
        try:
            at = time_read(found[name], plan.date_order)
        except ValueError as exc:
            return Reject(row_number, plan.headers[name], "VALUE", str(exc))
        if name == "opted_out_at" and at > plan.uploaded_at:
            message = "This lies in the future. Give the time of the opt-out."
            return Reject(row_number, plan.headers[name], "VALUE", message)
        if name == "until" and at <= plan.uploaded_at:
            message = "This is over already. Give a later end, or leave the cell blank."
            return Reject(row_number, plan.headers[name], "VALUE", message)
        values[name] = at
    return Row(row_number, phone, values, None)


_NO_PHONE: Final = Phone("", "", "", ())


def _event(
    row_number: int, found: Mapping[str, str], values: dict[str, Any], plan: Plan
) -> Row | Reject:
    """An event; its contact is named by number, else by customer id."""
    phone = _phone(found, row_number, plan) if found.get("phone") else _NO_PHONE
    if isinstance(phone, Reject):
        return phone
    if phone is _NO_PHONE and not values.get("customer_key"):
        header = plan.headers.get("phone") or plan.headers.get("customer_key", "")
        message = "The row names no contact. Give the phone number or the customer id."
        return Reject(row_number, header, "CONTACT_NOT_NAMED", message)
    try:
        staged = event_values(
            values,
            kind=plan.event_kind,
            source=plan.event_source,
            declared=plan.declared_events,
            now=plan.uploaded_at,
        )
    except EventRefused as exc:
        name = exc.field if exc.field != "properties" else f"property:{str(exc).partition(':')[0]}"
        return Reject(row_number, plan.headers.get(name, ""), exc.code, exc.message)
    return Row(row_number, phone, staged, None)
