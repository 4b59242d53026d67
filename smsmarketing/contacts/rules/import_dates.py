"""Dates as files write them. Pure. What can be read in two ways is refused, never guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

ORDERS: Final = ("", "day_first", "month_first")
_MONTHS: Final = (
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "january february march april may june july august september october november december",
)
_CLOCK = r"(?:[ T,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<half>[AaPp][Mm])?)?"
_NUMBERS = re.compile(
    rf"(?P<one>\d{{1,2}})(?P<mark>[./-])(?P<two>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){_CLOCK}"
)
_YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})[/.](?P<one>\d{{1,2}})[/.](?P<two>\d{{1,2}}){_CLOCK}")
_DAY_NAMED = re.compile(
    rf"(?P<day>\d{{1,2}})[ .-]+(?P<month>[A-Za-z]+)\.?[ ,.-]+(?P<year>\d{{4}}){_CLOCK}"
)
_MONTH_NAMED = re.compile(
    rf"(?P<month>[A-Za-z]+)\.? +(?P<day>\d{{1,2}}),? +(?P<year>\d{{4}}){_CLOCK}"
)
_SERIAL = re.compile(r"\d{5}([.,]\d+)?")
_FORMS: Final = "Write dates as 2026-03-31 or 2026-03-31T14:05:00+02:00"


def time_read(text: str, order: str = "") -> datetime:
    """A date or time; without an offset it is UTC. Raises ValueError with what to do.

    ISO 8601; 31.03.2026 (with dots the day is first); 31/03/2026 or 03/31/2026 where only one
    reading is a date, or as `order` says; 2026/03/31; 31 Mar 2026; March 31, 2026; each with a time.
    """
    text = text.strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = _written(text, order)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _written(text: str, order: str) -> datetime:
    found = _NUMBERS.fullmatch(text)
    if found:
        day, month = _day_month(found, order)
        return _made(found, month, day)
    if found := _YEAR_FIRST.fullmatch(text):
        return _made(found, int(found["one"]), int(found["two"]))
    if found := (_DAY_NAMED.fullmatch(text) or _MONTH_NAMED.fullmatch(text)):
        return _made(found, _month(found["month"]), int(found["day"]))
    if _SERIAL.fullmatch(text):
        raise ValueError(
            "This is a spreadsheet's day number. Format the column as a date and export it again."
        )
    raise ValueError(f"{_FORMS}; this form is not known.")


def _day_month(found: re.Match[str], order: str) -> tuple[int, int]:
    one, two = int(found["one"]), int(found["two"])
    if found["mark"] == "." or one > 12 or one == two or (order == "day_first" and two <= 12):
        return one, two
    if two > 12 or order == "month_first":
        return two, one
    raise ValueError(
        f"{found['one']}{found['mark']}{found['two']} is ambiguous: day first or month first?"
        f" Say for the whole file which it is (date_order), or use 2026-03-31."
    )


def _month(word: str) -> int:
    for names in _MONTHS:
        if word.casefold() in names.split():
            return names.split().index(word.casefold()) + 1
    raise ValueError(f"{_FORMS}; the month is not known.")


def _made(found: re.Match[str], month: int, day: int) -> datetime:
    hour = int(found["hour"] or 0)
    half = (found["half"] or "").lower()
    if half and not 1 <= hour <= 12:
        raise ValueError(f"{_FORMS}; there is no such time of day.")
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        clock = (hour, int(found["minute"] or 0), int(found["second"] or 0))
        return datetime(int(found["year"]), month, day, *clock, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{_FORMS}; there is no such day.") from None
