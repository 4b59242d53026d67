"""The table of quiet hours as data: when marketing may be sent, on the recipient's clock.

Source: compliance §3.1; rules [R-3.1], [R-3.2], [R-3.6], [R-3.9]. The packaged file holds source, class and
review date of every row. A window may only be tightened by passing another table.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

Mode = Literal["default", "strict", "normal"]
Intervals = tuple[tuple[int, int], ...]  # minutes after local midnight, end exclusive

REVIEW_EVERY: Final = timedelta(days=365)

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FILE = Path(__file__).resolve().parent.parent / "data" / "quiet_hours.csv"
_EVERYWHERE = "*"


class QuietRow(NamedTuple):
    """One row as written. ``country`` is ISO 3166-1 or "*"; ``weekdays`` like "Mon-Sat" or "none";
    ``start`` and ``end`` local HH:MM, end exclusive; ``holidays`` allow or block."""

    country: str
    subdivision: str
    weekdays: str
    start: str
    end: str
    holidays: str
    row_class: str
    confidence: str
    valid_from: date | None
    reviewed_at: date
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one place may be texted: intervals for Monday to Sunday, and the calendars of (country,
    subdivision) whose public holidays are closed."""

    week: tuple[Intervals, ...]
    calendars: tuple[tuple[str, str], ...] = ()

    @property
    def prohibited(self) -> bool:
        """True where marketing is never allowed on these routes."""
        return not any(self.week)

    @property
    def calendar_missing(self) -> bool:
        """True when a calendar that the row needs does not exist: fail closed ([R-3.6])."""
        return any(holiday_dates(*calendar, 2026) is None for calendar in self.calendars)

    def intervals(self, day: date) -> Intervals:
        """Open intervals of a local date; empty on days off and on public holidays."""
        for country, subdivision in self.calendars:
            if day in (holiday_dates(country, subdivision, day.year) or ()):
                return ()
        return self.week[day.weekday()]


@dataclass(frozen=True, eq=False, slots=True)
class QuietTable:
    """All rows, by (country, subdivision). Compared by identity: answers are cached by table."""

    rows: Mapping[tuple[str, str], tuple[QuietRow, ...]] = field(repr=False)

    def schedule(self, country: str, subdivision: str, mode: Mode) -> Schedule:
        """The schedule of a place; the default row where the country has none.

        ``subdivision`` is ISO 3166-2 without the country, "" when unknown. For an unknown US state
        ``strict`` (and ``default``) takes what every state allows, ``normal`` a wider window ([R-3.9]).
        """
        if country == "US" and not subdivision and ("US", "") in self.rows:
            return self._unknown_state(mode)
        rows = (
            self.rows.get((country, subdivision))
            or self.rows.get((country, ""))
            or self.rows[(_EVERYWHERE, "")]
        )
        calendars = ((country, subdivision),) if _blocks(rows) else ()
        return Schedule(_week(rows), calendars)

    def _unknown_state(self, mode: Mode) -> Schedule:
        if mode == "normal":
            return Schedule(_uniform("Mon-Sat", "10:00", "20:00"))
        blocking = tuple(
            sorted(key for key, rows in self.rows.items() if key[0] == "US" and _blocks(rows))
        )
        return Schedule(_uniform("Mon-Fri", "10:00", "18:00"), blocking)

    def rows_stale(self, today: date) -> list[QuietRow]:
        """Rows that nobody has reviewed for twelve months ([R-3.1])."""
        return [
            row
            for rows in self.rows.values()
            for row in rows
            if today - row.reviewed_at > REVIEW_EVERY
        ]


def quiet_rows_read(path: Path = _FILE) -> list[QuietRow]:
    """Read a table file. Raises ValueError or KeyError for a malformed one."""
    with path.open(encoding="utf-8", newline="") as file:
        return [_row(record) for record in csv.DictReader(file)]


def quiet_table(rows: Iterable[QuietRow]) -> QuietTable:
    """Build a table; it must hold the default row ("*"). Raises ValueError without one."""
    by_place: dict[tuple[str, str], list[QuietRow]] = defaultdict(list)
    for row in rows:
        by_place[(row.country, row.subdivision)].append(row)
    if (_EVERYWHERE, "") not in by_place:
        raise ValueError("The table of quiet hours needs a default row (*).")
    return QuietTable({place: tuple(placed) for place, placed in by_place.items()})


@lru_cache(maxsize=4096)
def holiday_dates(country: str, subdivision: str, year: int) -> frozenset[date] | None:
    """Public holidays of a year, national ones only where the subdivision is unknown to the
    calendar; None when the country has no calendar ([R-3.6])."""
    import holidays  # every process starts without its list of countries

    try:
        calendar = holidays.country_holidays(country, years=year)
        if subdivision and subdivision in calendar.subdivisions:
            calendar = holidays.country_holidays(country, subdiv=subdivision, years=year)
    except NotImplementedError:
        return None
    return frozenset(calendar)


def _row(record: Mapping[str, str]) -> QuietRow:
    valid_from = record["valid_from"]
    row = QuietRow(
        country=record["country"],
        subdivision=record["subdivision"],
        weekdays=record["weekdays"],
        start=record["start"],
        end=record["end"],
        holidays=record["holidays"],
        row_class=record["class"],
        confidence=record["confidence"],
        valid_from=date.fromisoformat(valid_from) if valid_from else None,
        reviewed_at=date.fromisoformat(record["reviewed_at"]),
        source=record["source"],
        note=record["note"],
    )
    if row.holidays not in ("allow", "block"):
        raise ValueError(f"holidays of {row.country} {row.subdivision} must be allow or block.")
    _week((row,))
    return row


def _blocks(rows: Iterable[QuietRow]) -> bool:
    return any(row.holidays == "block" for row in rows)


def _week(rows: Iterable[QuietRow]) -> tuple[Intervals, ...]:
    days: list[list[tuple[int, int]]] = [[] for _ in _DAYS]
    for row in rows:
        for day in _weekdays(row.weekdays):
            start, end = _minutes(row.start), _minutes(row.end)
            if not 0 <= start < end <= 24 * 60:
                raise ValueError(f"{row.country} {row.subdivision}: {row.start} to {row.end}.")
            days[day].append((start, end))
    return tuple(tuple(sorted(day)) for day in days)


def _uniform(weekdays: str, start: str, end: str) -> tuple[Intervals, ...]:
    open_days = set(_weekdays(weekdays))
    interval = ((_minutes(start), _minutes(end)),)
    return tuple(interval if day in open_days else () for day in range(7))


def _weekdays(text: str) -> list[int]:
    """Day numbers of "Mon-Sat", "Sun-Thu" (round the week's end), "Sat" or "none"."""
    if text == "none":
        return []
    first, _, last = text.partition("-")
    start, end = _DAYS.index(first), _DAYS.index(last or first)
    return [(start + step) % 7 for step in range((end - start) % 7 + 1)]


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


QUIET_TABLE: Final = quiet_table(quiet_rows_read())
