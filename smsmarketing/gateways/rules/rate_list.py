"""Lists of prices and exchange rates as people and providers hand them over: CSV or JSON, read whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import phonenumbers

ROWS_MOST = 20_000
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
_PRICE = re.compile(r"\d{1,6}(\.\d{1,6})?")
_PARTS = re.compile(r"\d{1,12}")
_AMOUNT = re.compile(r"-?\d{1,9}(\.\d{1,6})?")
_RATE = re.compile(r"\d{1,9}(\.\d{1,10})?")
_OPERATOR = re.compile(r"\d{5,6}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_NAMES = {
    "country_code": "country",
    "iso": "country",
    "mccmnc": "operator",
    "network": "operator",
    "rate": "price",
    "from": "base",
    "to": "quote",
    "valid from": "valid_from",
}
"""Other names that columns have in the wild."""


class RateRow(NamedTuple):
    """One price of one part. `operator` is MCC and MNC together, or empty for any operator."""

    country: str
    operator: str
    price: Decimal
    currency: str
    valid_from: datetime | None


class ExchangeRow(NamedTuple):
    """How much of `quote` one unit of `base` is."""

    base: str
    quote: str
    rate: Decimal
    valid_from: datetime | None


class BillRow(NamedTuple):
    """What a provider charged in one row of a bill."""

    country: str
    operator: str
    parts: int
    amount: Decimal


class RowProblem(NamedTuple):
    """Why a line cannot be taken: its number in the file, a stable code, a sentence."""

    line: int
    code: str
    text: str


class ListUnreadable(Exception):
    """The file as a whole cannot be read; the text says why."""


Line = tuple[int, Mapping[str, str]]


def lines_read(content: str, file_format: str) -> list[Line]:
    """The rows of a CSV (with a header) or a JSON list of objects, with their line numbers.

    In JSON the line is the position in the list, from 1. Raises ListUnreadable.
    """
    text = content.removeprefix("\ufeff")
    lines = _json_lines(text) if file_format == "json" else _csv_lines(text)
    if not lines:
        raise ListUnreadable("There is no row in it. Give a header and at least one row.")
    if len(lines) > ROWS_MOST:
        raise ListUnreadable(f"It has {len(lines)} rows; {ROWS_MOST} are taken at once. Split it.")
    return lines


def _csv_lines(text: str) -> list[Line]:
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        names = [_name(each) for each in next(reader, [])]
        if len(set(names)) < len(names):
            raise ListUnreadable("A column is named twice. Give each column one name.")
        found: list[Line] = []
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(names):
                row = [*row[: len(names)], *(cell for cell in row[len(names) :] if cell.strip())]
            cells = dict(zip(names, (cell.strip() for cell in row), strict=False))
            if len(row) != len(names):
                cells["__columns__"] = str(len(row))
            found.append((reader.line_num, cells))
    except csv.Error as exc:
        raise ListUnreadable(f"Line {reader.line_num} is not CSV: {exc}.") from exc
    return found


def _json_lines(text: str) -> list[Line]:
    try:
        rows = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as exc:
        raise ListUnreadable("It is not JSON. Give a list of objects.") from exc
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ListUnreadable("Give a JSON list of objects, one for each price.")
    return [
        (
            number,
            {
                _name(name): "" if value is None else str(value).strip()
                for name, value in row.items()
            },
        )
        for number, row in enumerate(rows, 1)
    ]


def _name(text: str) -> str:
    name = text.strip().lower()
    return _NAMES.get(name, name)


def rates_read(
    lines: Iterable[Line], *, currency: str, now: datetime
) -> tuple[list[RateRow], list[RowProblem]]:
    """The prices of a list and what is wrong with it; take the prices only when nothing is.

    `currency` is what the gateway bills in: a price in another one is refused, not converted. A
    `valid_from` in the past means now: past prices are never changed.
    """
    rows: list[RateRow] = []
    problems: list[RowProblem] = []
    seen: dict[tuple[str, str, datetime], int] = {}
    for number, cells in lines:
        wrong = _rate_problem(cells, currency)
        begins, late = _moment(cells.get("valid_from", ""), now)
        wrong = wrong or late
        if wrong is not None:
            problems.append(RowProblem(number, *wrong))
            continue
        country, operator = cells["country"].upper(), cells.get("operator", "")
        key = (country, operator, begins or now)
        if key in seen:
            problems.append(
                RowProblem(
                    number,
                    "duplicate",
                    f"The same country and operator as in line {seen[key]}. Keep one of them.",
                )
            )
            continue
        seen[key] = number
        rows.append(RateRow(country, operator, Decimal(cells["price"]), currency, begins))
    return rows, problems


def bill_read(lines: Iterable[Line], *, currency: str) -> tuple[list[BillRow], list[RowProblem]]:
    """The rows of a bill and what is wrong with it, like `rates_read`. A credit is a negative amount."""
    rows: list[BillRow] = []
    problems: list[RowProblem] = []
    for number, cells in lines:
        wrong = _bill_problem(cells, currency)
        if wrong is not None:
            problems.append(RowProblem(number, *wrong))
            continue
        rows.append(
            BillRow(
                cells["country"].upper(),
                cells.get("operator", ""),
                int(cells["parts"]),
                Decimal(cells["amount"]),
            )
        )
    return rows, problems


def _bill_problem(cells: Mapping[str, str], currency: str) -> tuple[str, str] | None:
    wrong = _route_problem(cells)
    if wrong is not None:
        return wrong
    parts, amount = cells.get("parts", ""), cells.get("amount", "")
    if not _PARTS.fullmatch(parts):
        return "parts_format", f"“{parts[:20]}” is no number of parts. Give a whole number."
    if not _AMOUNT.fullmatch(amount):
        return (
            "amount_format",
            f"“{amount[:20]}” is no amount. Give it with a point and at most 6 places.",
        )
    return _currency_problem(cells, currency)


def _rate_problem(cells: Mapping[str, str], currency: str) -> tuple[str, str] | None:
    wrong = _route_problem(cells)
    if wrong is not None:
        return wrong
    price = cells.get("price", "")
    if not _PRICE.fullmatch(price):
        return (
            "price_format",
            f"“{price[:20]}” is no price. Give 0 or more with a point and at most 6 places.",
        )
    return _currency_problem(cells, currency)


def _route_problem(cells: Mapping[str, str]) -> tuple[str, str] | None:
    """What is wrong with the shape of a row, its country or its operator."""
    if "__columns__" in cells:
        return "columns", f"It has {cells['__columns__']} columns, the header has another number."
    country = cells.get("country", "")
    if country.upper() not in COUNTRIES:
        return "country_unknown", f"“{country[:20]}” is no country. Give two letters, such as LT."
    operator = cells.get("operator", "")
    if operator and not _OPERATOR.fullmatch(operator):
        return (
            "operator_format",
            f"“{operator[:20]}” is no MCC and MNC. Give 5 or 6 digits, such as 24601, or nothing.",
        )
    return None


def _currency_problem(cells: Mapping[str, str], currency: str) -> tuple[str, str] | None:
    given = cells.get("currency", "") or currency
    if given.upper() != currency:
        return "currency_differs", f"It is in {given[:3]}; this gateway bills in {currency}."
    return None


def exchange_read(
    lines: Iterable[Line], *, now: datetime
) -> tuple[list[ExchangeRow], list[RowProblem]]:
    """The exchange rates of a list and what is wrong with it, like `rates_read`."""
    rows: list[ExchangeRow] = []
    problems: list[RowProblem] = []
    seen: dict[tuple[str, str, datetime], int] = {}
    for number, cells in lines:
        wrong = _exchange_problem(cells)
        begins, late = _moment(cells.get("valid_from", ""), now)
        wrong = wrong or late
        base, quote = cells.get("base", "").upper(), cells.get("quote", "").upper()
        if wrong is None and (base, quote, begins or now) in seen:
            line = seen[base, quote, begins or now]
            wrong = ("duplicate", f"The same pair as in line {line}. Keep one of them.")
        if wrong is not None:
            problems.append(RowProblem(number, *wrong))
            continue
        seen[base, quote, begins or now] = number
        rows.append(ExchangeRow(base, quote, Decimal(cells["price"]), begins))
    return rows, problems


def _exchange_problem(cells: Mapping[str, str]) -> tuple[str, str] | None:
    if "__columns__" in cells:
        return "columns", f"It has {cells['__columns__']} columns, the header has another number."
    base, quote = cells.get("base", "").upper(), cells.get("quote", "").upper()
    if not (_CURRENCY.fullmatch(base) and _CURRENCY.fullmatch(quote)):
        return "currency_format", "Give base and quote as three letters, such as EUR and USD."
    if base == quote:
        return "currency_same", "A currency is always one of itself. Leave the row out."
    rate = cells.get("price", "")
    if not _RATE.fullmatch(rate) or Decimal(rate) == 0:
        return "rate_format", f"“{rate[:20]}” is no rate. Give more than 0, at most 10 places."
    return None


def _moment(text: str, now: datetime) -> tuple[datetime | None, tuple[str, str] | None]:
    """From when it holds; None = from now. A date alone is its first moment in UTC."""
    if not text:
        return None, None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None, ("date_format", f"“{text[:30]}” is no date. Give 2026-01-31.")
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if not 1970 <= at.year < 2100:
        return None, ("date_format", "Give a date between 1970 and 2100.")
    return (None if at <= now else at), None


def problem_dicts(problems: Iterable[RowProblem]) -> list[dict[str, Any]]:
    """The first hundred for an error's details."""
    return [problem._asdict() for problem in list(problems)[:100]]
