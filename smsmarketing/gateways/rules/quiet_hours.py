"""May this person be texted now, and if not, when? On the recipient's own clock.

Rules [R-3.1] to [R-3.11], compliance §3. Applies to marketing only: what is exempt ([R-3.3]) is the
caller's to know. Every zone in which the recipient may be must be inside its window.

A million messages share few clocks: the answers come from weekly timelines that are computed once
per (place, zones, mode) and kept.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from smsmarketing.contacts.rules.phone import phone_subdivision, phone_zones
from smsmarketing.gateways.rules.quiet_table import QUIET_TABLE, Mode, QuietTable, Schedule

QUIET_HOURS: Final = "quiet_hours"
TIMEZONE_UNKNOWN: Final = "held_timezone_unknown"
PROHIBITED: Final = "marketing_prohibited"
CALENDAR_MISSING: Final = "holiday_calendar_missing"

SPREAD: Final = timedelta(minutes=45)  # asks for 30 to 60 minutes

_WEEK: Final = 7 * 86_400
_AHEAD: Final = 31 * 86_400  # no place is closed for longer than a month
_NORTH_AMERICA: Final = frozenset({"US", "CA"})


@dataclass(frozen=True, slots=True)
class Open:
    """The message may go now; ``closes`` is the instant (UTC) from which it may not."""

    closes: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """The message must wait.

    ``until`` is the first instant (UTC) that is open in all zones, ``closes`` the end of that
    opening; both are None when there is none. ``reason``: quiet_hours, held_timezone_unknown (no
    zone, or zones that are never open together, [R-3.8]), marketing_prohibited, or
    holiday_calendar_missing ([R-3.6]).
    """

    until: datetime | None
    reason: str
    closes: datetime | None = None


class LocalTimeInvalid(ValueError):
    """A wall time that cannot be turned into an instant. ``code``: UNKNOWN_ZONE, DST_GAP,
    NOT_NAIVE, OUT_OF_RANGE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def window_check(
    now: datetime,
    *,
    phone: str,
    country: str,
    subdivision: str | None = "",
    explicit_zone: str | None = "",
    mode: Mode = "strict",
    margin: timedelta = timedelta(0),
) -> Open | Held:
    """``window_open`` for a contact: zones, and the state of a +1 number, come from the number.

    ``subdivision`` and ``explicit_zone`` are what an address or the person said, or empty.
    """
    return window_open(
        now,
        country=country,
        subdivision=subdivision or phone_subdivision(phone),
        zones=phone_zones(phone),
        mode=mode,
        explicit_zone=explicit_zone,
        margin=margin,
    )


def window_open(
    now: datetime,
    *,
    country: str,
    subdivision: str | None,
    zones: tuple[str, ...],
    mode: Mode = "strict",
    explicit_zone: str | None = None,
    margin: timedelta = timedelta(0),
    table: QuietTable = QUIET_TABLE,
) -> Open | Held:
    """Whether a marketing message may be handed over at ``now`` (aware).

    ``zones`` are those of the number; ``strict`` adds the explicit zone to them, ``normal`` lets it
    win, ``default`` is strict for the US and Canada and normal elsewhere ([R-3.7]). ``margin`` is the
    time the gateway may need: it must fit before the window closes ([R-3.5]).
    """
    clock = _clock(table, country, subdivision or "", zones, explicit_zone or "", mode)
    return clock.answer(now.timestamp(), margin.total_seconds())


def window_end(
    now: datetime,
    *,
    country: str,
    subdivision: str | None,
    zones: tuple[str, ...],
    mode: Mode = "strict",
    explicit_zone: str | None = None,
    table: QuietTable = QUIET_TABLE,
) -> datetime | None:
    """When the window that is open now closes (UTC), for the validity period; None when closed."""
    answer = window_open(
        now,
        country=country,
        subdivision=subdivision,
        zones=zones,
        mode=mode,
        explicit_zone=explicit_zone,
        table=table,
    )
    return answer.closes if isinstance(answer, Open) else None


def reopening_spread(message_id: int, *, within: timedelta = SPREAD) -> timedelta:
    """The message's own delay after a re-opening, even over ``within`` and always the same ([R-3.4])."""
    digest = hashlib.blake2b(str(message_id).encode("ascii"), digest_size=8).digest()
    return within * (int.from_bytes(digest) / 2**64)


def reopening_at(held: Held, message_id: int) -> datetime | None:
    """When a held message should be tried again: the opening plus its spread, never past the
    middle of a short opening. None when nothing will open."""
    if held.until is None:
        return None
    within = SPREAD if held.closes is None else min(SPREAD, (held.closes - held.until) / 2)
    return held.until + reopening_spread(message_id, within=within)


def local_time_resolve(
    naive: datetime, zone: str, *, on_gap: Literal["refuse", "shift"] = "refuse"
) -> datetime:
    """The UTC instant of a wall time ([R-3.11]).

    A time that happens twice is its first occurrence. A time that the clock jumps over is refused
    (a person's schedule must be meant) or, with ``shift``, becomes the first instant after the
    jump (a campaign at each recipient's local time). Raises LocalTimeInvalid.
    """
    if naive.tzinfo is not None:
        message = "The wall time carries an offset of its own. Give it without one."
        raise LocalTimeInvalid("NOT_NAIVE", message)
    if zone not in _zone_names():
        message = "The time zone is not known. Give an IANA name such as Europe/London."
        raise LocalTimeInvalid("UNKNOWN_ZONE", message)
    try:
        instant, exists = _instant(naive, ZoneInfo(zone))
    except (OverflowError, ValueError) as exc:
        message = "The calendar ends before this time. Choose an earlier one."
        raise LocalTimeInvalid("OUT_OF_RANGE", message) from exc
    if not exists and on_gap == "refuse":
        raise LocalTimeInvalid(
            "DST_GAP",
            f"{naive:%Y-%m-%d %H:%M} does not exist in {zone}: the clock jumps over it. Choose a"
            " time before or after the change.",
        )
    return datetime.fromtimestamp(instant, UTC)


@dataclass(eq=False, slots=True)
class _Clock:
    """A schedule seen from a set of zones. Weeks are filled in when first asked for."""

    schedule: Schedule
    zones: tuple[ZoneInfo, ...]
    verdict: str
    weeks: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=dict)

    def answer(self, now: float, margin: float) -> Open | Held:
        if self.verdict:
            return Held(None, self.verdict)
        starts, ends = self._week(int(now // _WEEK))
        index = bisect_right(starts, now) - 1
        if index >= 0 and now + margin < ends[index]:
            return Open(datetime.fromtimestamp(ends[index], UTC))
        index += 1
        while index < len(starts) and ends[index] - starts[index] <= margin:
            index += 1
        if index == len(starts):
            return Held(None, TIMEZONE_UNKNOWN)
        return Held(
            datetime.fromtimestamp(starts[index], UTC),
            QUIET_HOURS,
            datetime.fromtimestamp(ends[index], UTC),
        )

    def _week(self, number: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        known = self.weeks.get(number)
        if known is None:
            # A dispatcher asks for this week and the next: old ones need not pile up.
            if len(self.weeks) >= 8:
                self.weeks.clear()
            known = self.weeks[number] = self._timeline(number * _WEEK)
        return known

    def _timeline(self, start: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Starts and ends of the openings around one week and the month after it, all zones."""
        first = datetime.fromtimestamp(start, UTC).date() - timedelta(days=2)
        days = [first + timedelta(days=step) for step in range((_WEEK + _AHEAD) // 86_400 + 4)]
        common: list[tuple[float, float]] | None = None
        for zone in self.zones:
            own = _openings(self.schedule, zone, days)
            common = own if common is None else _overlap(common, own)
        openings = common or []
        return tuple(start for start, _ in openings), tuple(end for _, end in openings)


@lru_cache(maxsize=16_384)
def _clock(
    table: QuietTable,
    country: str,
    subdivision: str,
    zones: tuple[str, ...],
    explicit_zone: str,
    mode: Mode,
) -> _Clock:
    names = _considered(country, zones, explicit_zone, mode)
    schedule = table.schedule(country, subdivision, mode)
    verdict = ""
    if schedule.prohibited:
        verdict = PROHIBITED
    elif schedule.calendar_missing:
        verdict = CALENDAR_MISSING
    elif not names:
        verdict = TIMEZONE_UNKNOWN
    return _Clock(schedule, tuple(ZoneInfo(name) for name in sorted(names)), verdict)


def _considered(country: str, zones: Iterable[str], explicit: str, mode: Mode) -> set[str]:
    """Zones in which the recipient may be ([R-3.7]); names that no clock has are no zones."""
    known = _zone_names()
    from_number = {zone for zone in zones if zone in known and zone != "Etc/Unknown"}
    if explicit not in known:
        return from_number
    strict = mode == "strict" or (mode == "default" and country in _NORTH_AMERICA)
    return from_number | {explicit} if strict else {explicit}


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _openings(
    schedule: Schedule, zone: ZoneInfo, days: Iterable[date]
) -> list[tuple[float, float]]:
    openings = []
    for day in days:
        for start, end in schedule.intervals(day):
            # Of a time that happens twice, the narrower reading: open late, close early.
            opens, _ = _instant(_wall(day, start), zone, fold=1)
            closes, _ = _instant(_wall(day, end), zone)
            if opens < closes:
                openings.append((opens, closes))
    return openings


def _wall(day: date, minutes: int) -> datetime:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall time, zone to come
    return midnight + timedelta(minutes=minutes)


def _overlap(
    left: list[tuple[float, float]], right: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Intersection of two sorted lists of intervals."""
    common = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            common.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return common


def _instant(naive: datetime, zone: ZoneInfo, *, fold: int = 0) -> tuple[float, bool]:
    """(epoch seconds, whether the wall time exists); in a gap the first instant after it."""
    instant = naive.replace(tzinfo=zone, fold=fold).timestamp()
    if datetime.fromtimestamp(instant, zone).replace(tzinfo=None, fold=0) == naive:
        return instant, True
    # fold=1 reads the gap with the later offset, so it lies before the jump; fold=0 behind it.
    before = int(naive.replace(tzinfo=zone, fold=1).timestamp())
    after = int(naive.replace(tzinfo=zone, fold=0).timestamp())
    target = datetime.fromtimestamp(after, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == target:
            after = middle
        else:
            before = middle
    return float(after), False
