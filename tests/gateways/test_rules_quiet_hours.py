"""Quiet hours on the recipient's clock (compliance §3)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsmarketing.contacts.rules.phone import phone_zones
from smsmarketing.gateways.rules.quiet_hours import (
    CALENDAR_MISSING,
    PROHIBITED,
    QUIET_HOURS,
    SPREAD,
    TIMEZONE_UNKNOWN,
    Held,
    LocalTimeInvalid,
    Open,
    local_time_resolve,
    reopening_at,
    reopening_spread,
    window_check,
    window_end,
    window_open,
)
from smsmarketing.gateways.rules.quiet_table import (
    QUIET_TABLE,
    Mode,
    QuietRow,
    holiday_dates,
    quiet_rows_read,
    quiet_table,
)

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def local(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def check(
    now: datetime,
    country: str,
    *zones: str,
    state: str = "",
    mode: Mode = "strict",
    explicit: str | None = None,
) -> Open | Held:
    return window_open(
        now, country=country, subdivision=state, zones=zones, mode=mode, explicit_zone=explicit
    )


def held_until(answer: Open | Held) -> datetime | None:
    assert isinstance(answer, Held)
    return answer.until


def custom_row(country: str, weekdays: str, start: str, end: str, holidays: str) -> QuietRow:
    return QuietRow(
        country,
        "",
        weekdays,
        start,
        end,
        holidays,
        "product",
        "high",
        None,
        date(2026, 11, 1),
        "",
        "",
    )


def test_florida_panhandle_needs_both_zones() -> None:
    """[R-3.7] [R-3.10]: +1 850 at 20:30 Eastern is 19:30 Central; the FL row ends at 20:00."""
    late = local(NEW_YORK, "2026-01-14T20:30")
    answer = window_check(late, phone="+18505550123", country="US")
    assert answer == Held(
        local(CHICAGO, "2026-01-15T08:00"), QUIET_HOURS, local(NEW_YORK, "2026-01-15T20:00")
    )
    early = local(NEW_YORK, "2026-01-14T19:30")
    assert isinstance(window_check(early, phone="+18505550123", country="US"), Open)


def test_australian_mobile_waits_for_perth() -> None:
    """[R-3.7]: 08:30 in Sydney is 05:30 in Perth."""
    now = local("Australia/Sydney", "2026-01-14T08:30")
    answer = window_check(now, phone="+61412345678", country="AU")
    assert held_until(answer) == local("Australia/Perth", "2026-01-14T09:00")
    # The same with the default row (08:00), as the rule's own example has it.
    zones = phone_zones("+61412345678")
    assert held_until(check(now, "XX", *zones)) == local("Australia/Perth", "2026-01-14T08:00")


def test_toll_free_is_held() -> None:
    """[R-3.8]: +1 800 may be anywhere between Puerto Rico and Guam, at any hour and in any state."""
    noon = local(NEW_YORK, "2026-01-14T12:00")
    for state in ("", "CA"):
        for hour in range(24):
            now = noon + timedelta(hours=hour)
            answer = window_check(now, phone="+18005550123", country="US", subdivision=state)
            assert answer == Held(None, TIMEZONE_UNKNOWN)


def test_no_zone_is_held() -> None:
    """[R-3.8]: never sent by default."""
    noon = datetime(2026, 1, 14, 12, tzinfo=UTC)
    for zones in ((), ("Etc/Unknown",), ("Not/AZone",)):
        assert check(noon, "DE", *zones) == Held(None, TIMEZONE_UNKNOWN)
    assert window_check(noon, phone="+870773111632", country="ZZ") == Held(None, TIMEZONE_UNKNOWN)


def test_texas_sunday() -> None:
    """Compliance §3: Sunday 11:59 blocked, 12:00 allowed."""
    noon = local(CHICAGO, "2026-01-11T12:00")
    answer = check(noon - timedelta(minutes=1), "US", CHICAGO, state="TX")
    assert held_until(answer) == noon
    assert check(noon, "US", CHICAGO, state="TX") == Open(local(CHICAGO, "2026-01-11T21:00"))


def test_french_national_holiday() -> None:
    """[R-3.6]: 14 July is held to 15 July 08:00."""
    now = local("Europe/Paris", "2026-07-14T10:00")
    answer = window_check(now, phone="+33612345678", country="FR")
    assert held_until(answer) == local("Europe/Paris", "2026-07-15T08:00")


def test_two_intervals_a_day() -> None:
    """[R-3.2]: Taiwan rests from 12:30 to 13:30."""
    zone = "Asia/Taipei"
    answer = check(local(zone, "2026-01-14T12:45"), "TW", zone)
    assert held_until(answer) == local(zone, "2026-01-14T13:30")
    assert check(local(zone, "2026-01-14T12:29"), "TW", zone) == Open(
        local(zone, "2026-01-14T12:30")
    )


def test_the_end_is_exclusive() -> None:
    """[R-3.2]: 20:00:00 is outside."""
    zone = "Europe/London"
    end = local(zone, "2026-01-14T20:00")
    assert isinstance(check(end - timedelta(microseconds=1), "GB", zone), Open)
    assert held_until(check(end, "GB", zone)) == local(zone, "2026-01-15T08:00")
    assert isinstance(check(local(zone, "2026-01-15T08:00"), "GB", zone), Open)


def test_a_batch_that_runs_into_the_evening() -> None:
    """[R-3.4] [R-3.5]: starts 19:50, two hours of sending; after 20:00 all move to the next day."""
    zone = "Europe/London"
    start = local(zone, "2026-01-14T19:50")
    sent = moved = 0
    for minute in range(120):
        answer = check(start + timedelta(minutes=minute), "GB", zone)
        if isinstance(answer, Open):
            sent += 1
            assert answer.closes == local(zone, "2026-01-14T20:00")
        else:
            moved += 1
            assert answer.until == local(zone, "2026-01-15T08:00")
    assert (sent, moved) == (10, 110)


def test_margin_leaves_room_for_the_gateway() -> None:
    """[R-3.5]."""
    now = local("Europe/London", "2026-01-14T19:50")

    def answer(minutes: int) -> Open | Held:
        return window_open(
            now,
            country="GB",
            subdivision=None,
            zones=("Europe/London",),
            margin=timedelta(minutes=minutes),
        )

    assert isinstance(answer(9), Open)
    assert held_until(answer(10)) == local("Europe/London", "2026-01-15T08:00")


def test_window_end_is_for_the_validity_period() -> None:
    """[R-3.5]."""
    now = local("Europe/London", "2026-01-14T12:00")
    zones = ("Europe/London",)
    end = window_end(now, country="GB", subdivision=None, zones=zones)
    assert end == local("Europe/London", "2026-01-14T20:00")
    night = local("Europe/London", "2026-01-14T23:00")
    assert window_end(night, country="GB", subdivision=None, zones=zones) is None


def test_unknown_state() -> None:
    """[R-3.9]: strict Mon-Fri 10-18 without holidays, normal Mon-Sat 10-20."""
    friday = local(NEW_YORK, "2026-01-16T18:30")
    # Monday 19 January is a holiday in AL, LA, MS, PA, RI and UT.
    assert held_until(check(friday, "US", NEW_YORK)) == local(NEW_YORK, "2026-01-20T10:00")
    assert check(friday, "US", NEW_YORK, mode="normal") == Open(local(NEW_YORK, "2026-01-16T20:00"))
    sunday = local(NEW_YORK, "2026-01-18T12:00")
    assert held_until(check(sunday, "US", NEW_YORK, mode="normal")) == local(
        NEW_YORK, "2026-01-19T10:00"
    )


def test_the_strict_us_window_is_inside_every_state_row() -> None:
    """[R-3.9]: it is what every state allows."""
    unknown = QUIET_TABLE.schedule("US", "", "strict")
    states = [state for country, state in QUIET_TABLE.rows if country == "US" and state]
    assert len(states) == 21
    for day in range(365):
        today = date(2026, 1, 1) + timedelta(days=day)
        for start, end in unknown.intervals(today):
            for state in states:
                allowed = QUIET_TABLE.schedule("US", state, "strict").intervals(today)
                assert any(s <= start and end <= e for s, e in allowed), (state, today)


def test_the_state_comes_from_the_address_before_the_area_code() -> None:
    """[R-3.9]."""
    now = local(NEW_YORK, "2026-01-14T20:30")
    assert isinstance(window_check(now, phone="+12125550123", country="US"), Open)  # NY: federal
    moved = window_check(now, phone="+12125550123", country="US", subdivision="FL")
    assert isinstance(moved, Held)


def test_modes_and_the_explicit_zone() -> None:
    """[R-3.7]: strict adds the zone that the person said, normal lets it win."""
    now = local("Asia/Tokyo", "2026-01-14T12:00")  # 22:00 the day before in New York
    assert isinstance(check(now, "XX", NEW_YORK, explicit="Asia/Tokyo", mode="normal"), Open)
    assert isinstance(check(now, "XX", NEW_YORK, explicit="Asia/Tokyo"), Held)
    assert isinstance(check(now, "XX", NEW_YORK, explicit="Asia/Tokyo", mode="default"), Open)
    assert isinstance(
        check(now, "US", NEW_YORK, explicit="Asia/Tokyo", mode="default", state="NY"), Held
    )
    assert isinstance(check(now, "XX", explicit="Asia/Tokyo"), Open)
    # A name that is no zone is as good as none.
    assert isinstance(check(now, "XX", NEW_YORK, explicit="Mars/Base", mode="normal"), Held)


def test_prohibited_countries() -> None:
    noon = datetime(2026, 1, 14, 9, tzinfo=UTC)
    assert window_check(noon, phone="+905321234567", country="TR") == Held(None, PROHIBITED)
    assert check(noon, "VN", "Asia/Ho_Chi_Minh") == Held(None, PROHIBITED)


def test_a_missing_calendar_fails_closed() -> None:
    """[R-3.6]."""
    rows = [
        custom_row("*", "Mon-Sun", "08:00", "20:00", "allow"),
        custom_row("XX", "Mon-Sun", "08:00", "20:00", "block"),
    ]
    answer = window_open(
        datetime(2026, 1, 14, 12, tzinfo=UTC),
        country="XX",
        subdivision=None,
        zones=("Europe/London",),
        table=quiet_table(rows),
    )
    assert answer == Held(None, CALENDAR_MISSING)


def test_every_blocking_row_has_a_calendar() -> None:
    """[R-3.6]."""
    for country, state in QUIET_TABLE.rows:
        assert not QUIET_TABLE.schedule(country, state, "strict").calendar_missing


def test_holidays_of_a_state() -> None:
    """[R-3.6]: Confederate Memorial Day is a holiday in Alabama, not in Pennsylvania."""
    assert date(2026, 4, 27) in (holiday_dates("US", "AL", 2026) or ())
    assert date(2026, 4, 27) not in (holiday_dates("US", "PA", 2026) or ())
    assert holiday_dates("DE", "nowhere", 2026) == holiday_dates("DE", "", 2026)


def test_zones_that_are_never_open_together() -> None:
    """[R-3.8]."""
    noon = datetime(2026, 1, 14, 12, tzinfo=UTC)
    answer = check(noon, "XX", "Pacific/Fiji", "Europe/London")
    assert answer == Held(None, TIMEZONE_UNKNOWN)


def test_the_next_opening_crosses_a_clock_change() -> None:
    """DST-proof: 08:00 on the wall, whatever the offset."""
    night = local("Europe/London", "2026-03-28T22:00")
    assert held_until(check(night, "GB", "Europe/London")) == datetime(2026, 3, 29, 7, tzinfo=UTC)
    night = local("Europe/London", "2026-10-24T22:00")
    assert held_until(check(night, "GB", "Europe/London")) == datetime(2026, 10, 25, 8, tzinfo=UTC)


PLACES = [
    ("US", "TX", (CHICAGO, "America/Denver")),
    ("US", "", (NEW_YORK,)),
    ("US", "RI", (NEW_YORK,)),
    ("FR", "", ("Europe/Paris",)),
    ("TW", "", ("Asia/Taipei",)),
    ("JO", "", ("Asia/Amman",)),
    ("AU", "", ("Australia/Perth", "Australia/Lord_Howe")),
    ("ZA", "", ("Africa/Johannesburg",)),
    ("XX", "", ("Africa/Cairo", "Asia/Beirut")),
]


def is_open(now: datetime, country: str, state: str, zones: tuple[str, ...]) -> bool:
    """The rule read word by word, one instant at a time."""
    schedule = QUIET_TABLE.schedule(country, state, "strict")
    for zone in zones:
        wall = now.astimezone(ZoneInfo(zone))
        minute = wall.hour * 60 + wall.minute
        if not any(start <= minute < end for start, end in schedule.intervals(wall.date())):
            return False
    return True


@settings(max_examples=150)
@given(
    st.sampled_from(PLACES),
    st.datetimes(wall("2025-12-01"), wall("2027-12-31"), timezones=st.just(UTC)),
)
def test_answers_agree_with_the_rule_minute_by_minute(
    place: tuple[str, str, tuple[str, ...]], now: datetime
) -> None:
    """Oracle: Open means open until the close; Held means no open instant before ``until``."""
    country, state, zones = place
    answer = check(now, country, *zones, state=state)
    if isinstance(answer, Open):
        assert is_open(now, country, state, zones)
        assert not is_open(answer.closes, country, state, zones)
        turn, verdict = answer.closes, True
    else:
        assert answer.until is not None
        assert answer.closes is not None
        assert is_open(answer.until, country, state, zones)
        assert not is_open(answer.until - timedelta(seconds=1), country, state, zones)
        turn, verdict = answer.until, False
    moment = now
    while moment < turn:
        assert is_open(moment, country, state, zones) is verdict
        moment += timedelta(minutes=14)


def test_a_million_messages_cost_few_timelines() -> None:
    """The answers of one place and week come from one timeline."""
    now = datetime(2026, 1, 14, 3, tzinfo=UTC)
    answers = {
        held_until(
            window_check(now + timedelta(seconds=index), phone=f"+4474001{index:05}", country="GB")
        )
        for index in range(2_000)
    }
    assert answers == {datetime(2026, 1, 14, 8, tzinfo=UTC)}


def test_reopening_is_spread() -> None:
    """[R-3.4]: deterministic per message, over 30 to 60 minutes, near even."""
    assert timedelta(minutes=30) <= SPREAD <= timedelta(minutes=60)
    delays = [reopening_spread(message_id) for message_id in range(4_500)]
    assert delays == [reopening_spread(message_id) for message_id in range(4_500)]
    assert min(delays) >= timedelta(0)
    assert max(delays) < SPREAD
    per_minute = [0] * 45
    for delay in delays:
        per_minute[int(delay.total_seconds() // 60)] += 1
    assert all(50 < count < 160 for count in per_minute)


def test_reopening_stays_inside_a_short_opening() -> None:
    start = datetime(2026, 1, 14, 8, tzinfo=UTC)
    short = Held(start, QUIET_HOURS, start + timedelta(minutes=10))
    times = [reopening_at(short, message_id) for message_id in range(200)]
    assert all(time is not None and start <= time < start + timedelta(minutes=5) for time in times)
    assert reopening_at(Held(None, PROHIBITED), 1) is None


def test_local_time() -> None:
    """[R-3.11]."""
    assert local_time_resolve(wall("2026-12-01T10:00"), "Europe/London") == datetime(
        2026, 12, 1, 10, tzinfo=UTC
    )
    # 01:30 happens twice: the first occurrence, still summer time.
    assert local_time_resolve(wall("2026-10-25T01:30"), "Europe/London") == datetime(
        2026, 10, 25, 0, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("gap", "zone", "first"),
    [
        (wall("2026-03-29T01:30"), "Europe/London", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (wall("2026-03-08T02:00"), NEW_YORK, datetime(2026, 3, 8, 7, tzinfo=UTC)),
        (
            wall("2026-10-04T02:15"),
            "Australia/Lord_Howe",
            datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_time_in_a_gap_is_refused_or_shifted(gap: datetime, zone: str, first: datetime) -> None:
    """[R-3.11]: a schedule is refused; a per-recipient time becomes the first instant after it."""
    with pytest.raises(LocalTimeInvalid) as refusal:
        local_time_resolve(gap, zone)
    assert refusal.value.code == "DST_GAP"
    assert zone in str(refusal.value)
    assert local_time_resolve(gap, zone, on_gap="shift") == first


@pytest.mark.parametrize("zone", ["", "London", "../etc/passwd", "America", "Etc/Unknown"])
def test_unknown_zones_are_refused(zone: str) -> None:
    with pytest.raises(LocalTimeInvalid) as refusal:
        local_time_resolve(wall("2026-12-01T10:00"), zone)
    assert refusal.value.code == "UNKNOWN_ZONE"


def test_a_wall_time_has_no_offset() -> None:
    with pytest.raises(LocalTimeInvalid) as refusal:
        local_time_resolve(datetime(2026, 12, 1, 10, tzinfo=UTC), "Europe/London")
    assert refusal.value.code == "NOT_NAIVE"


def test_the_table_is_data_with_a_review_date() -> None:
    """[R-3.1]: 68 rows; a row nobody looked at for 12 months is told."""
    rows = quiet_rows_read()
    assert len(rows) == 68
    assert all(row.source and row.row_class and row.confidence for row in rows)
    assert QUIET_TABLE.rows_stale(date(2026, 11, 21)) == []
    assert len(QUIET_TABLE.rows_stale(date(2027, 12, 1))) == 68


def test_malformed_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="default row"):
        quiet_table([custom_row("DE", "Mon-Sun", "08:00", "20:00", "allow")])
