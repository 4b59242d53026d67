"""Spans of time that are counted back from now: reading, bounds and words. Pure.

    {"within_days": 30}              in the last 30 days
    {"older_than_days": 30}          at least 30 days ago
    {"between_days": [30, 60]}       between 30 and 60 days ago
    {"calendar": "last_month"}       today, yesterday, this or last week, month, year
    {"since": "2026-03-01", "until": "2026-03-31"}   calendar dates, both included

Calendar words and dates are days of the clock in `zone` (an IANA name, UTC unless said).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from smsmarketing.contacts.criteria.values import Refusal, date_read, days_whole

CALENDAR: Final = {
    "today": "today",
    "yesterday": "yesterday",
    "this_week": "this week",
    "last_week": "last week",
    "this_month": "this month",
    "last_month": "last month",
    "this_year": "this year",
    "last_year": "last year",
}
KEYS: Final = frozenset(
    {"within_days", "older_than_days", "between_days", "calendar", "since", "until", "zone"}
)
_FORMS: Final = ("within_days", "older_than_days", "between_days", "calendar")


@dataclass(frozen=True)
class Window:
    """One span. `newest` and `oldest` are days ago; None is open. Dates include both ends."""

    newest: int | None = None
    oldest: int | None = None
    calendar: str = ""
    since: str = ""
    until: str = ""
    zone: str = ""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_read(content: Any, path: str) -> str:
    """An IANA time zone; empty for none."""
    if content in (None, "", "UTC"):
        return ""
    if not isinstance(content, str) or content not in _zones():
        raise Refusal(path, "Give an IANA time zone, such as Europe/Vilnius.")
    return content


def window_read(content: Mapping[str, Any], path: str) -> Window | None:
    """The span named by the keys of a condition; None when it names none."""
    named = [key for key in _FORMS if content.get(key) is not None]
    dates = [key for key in ("since", "until") if content.get(key) is not None]
    if len(named) + bool(dates) > 1:
        raise Refusal(
            f"{path}.{(named + dates)[1]}",
            "Give one span of time: within_days, older_than_days, between_days, calendar, or since and until.",
        )
    zone = zone_read(content.get("zone"), f"{path}.zone")
    if dates:
        since, until = (
            date_read(content[key], f"{path}.{key}") if key in dates else ""
            for key in ("since", "until")
        )
        if since and until and until < since:
            raise Refusal(f"{path}.until", "This lies before since. Swap the two dates.")
        return Window(since=since, until=until, zone=zone)
    if not named:
        return None
    key = named[0]
    where, value = f"{path}.{key}", content[key]
    if key == "within_days":
        return Window(oldest=days_whole(value, where, least=1))
    if key == "older_than_days":
        return Window(newest=days_whole(value, where))
    if key == "between_days":
        return _between(value, where)
    if not isinstance(value, str) or value not in CALENDAR:
        raise Refusal(where, f"Give one of: {', '.join(CALENDAR)}.")
    return Window(calendar=value, zone=zone)


def _between(value: Any, path: str) -> Window:
    if not isinstance(value, list) or len(value) != 2:
        raise Refusal(path, "Give two numbers of days, such as [30, 60].")
    newest, oldest = sorted(
        days_whole(item, f"{path}[{index}]") for index, item in enumerate(value)
    )
    if newest == oldest:
        raise Refusal(path, "Give two different numbers of days, such as [30, 60].")
    return Window(newest=newest, oldest=oldest)


def window_bounds(window: Window, now: datetime) -> tuple[datetime | None, datetime | None]:
    """(from, before): the span holds what is at or after the first and before the second."""
    if window.calendar:
        first, after = _calendar(window.calendar, now.astimezone(_zone(window)).date())
        return _midnight(first, window), _midnight(after, window)
    if window.since or window.until:
        first_at = _midnight(date.fromisoformat(window.since), window) if window.since else None
        last = date.fromisoformat(window.until) if window.until else None
        return first_at, _midnight(last + timedelta(days=1), window) if last else None
    oldest, newest = window.oldest, window.newest
    return (
        None if oldest is None else now - timedelta(days=oldest),
        None if newest is None else now - timedelta(days=newest),
    )


def _zone(window: Window) -> ZoneInfo | Any:
    return ZoneInfo(window.zone) if window.zone else UTC


def _midnight(day: date, window: Window) -> datetime:
    return datetime.combine(day, time.min, tzinfo=_zone(window)).astimezone(UTC)


def _calendar(word: str, today: date) -> tuple[date, date]:
    """The first day, and the day after the last. Weeks begin on Monday."""
    if word in ("today", "yesterday"):
        first = today - timedelta(days=word == "yesterday")
        return first, first + timedelta(days=1)
    if word.endswith("week"):
        monday = today - timedelta(days=today.weekday() + 7 * word.startswith("last"))
        return monday, monday + timedelta(days=7)
    if word.endswith("month"):
        first = today.replace(day=1)
        if word.startswith("last"):
            first = (first - timedelta(days=1)).replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    year = today.year - word.startswith("last")
    return date(year, 1, 1), date(year + 1, 1, 1)


def window_words(window: Window) -> str:
    """`in the last 30 days`, `between 30 and 60 days ago`, `last month`."""
    if window.calendar:
        return CALENDAR[window.calendar]
    if window.since and window.until:
        return f"from {window.since} to {window.until}"
    if window.since or window.until:
        return f"since {window.since}" if window.since else f"until {window.until}"
    if window.newest is None:
        return f"in the last {days_words(window.oldest or 0)}"
    if window.oldest is None:
        return f"at least {days_words(window.newest)} ago"
    return f"between {window.newest} and {days_words(window.oldest)} ago"


def days_words(days: int) -> str:
    """`1 day`, `30 days`."""
    return f"{days} day" if days == 1 else f"{days} days"


def days_of_year(today: date, ahead: int) -> list[str]:
    """MM-DD of today and the `ahead` days after it. Who was born on 29 February has their day on
    28 February in the other years.
    """
    found: dict[str, None] = {}
    for offset in range(min(ahead, 366) + 1):
        day = today + timedelta(days=offset)
        found[day.strftime("%m-%d")] = None
        if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3:
            found["02-29"] = None
    return list(found)
