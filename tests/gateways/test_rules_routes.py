"""The pure rules of routing."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.gateways.rules.routes import (
    FLOOR,
    WAIT_EDGES_S,
    Candidate,
    Meter,
    Tried,
    breaker_after,
    draw_of,
    gateway_choose,
    percent_step,
    rest_next,
    timeout_learned,
    tried_out,
    wait_quantile,
)

A, B = Candidate(1, 70, Decimal("0.05")), Candidate(2, 30, Decimal("0.06"))
LONG = timedelta(hours=1)


def choose(*candidates: Candidate, draw: float = 0.5, **options: object) -> int | None:
    given_options = {"tried": {}, "purpose": "marketing", "most": Decimal(1), **options}
    return gateway_choose(candidates, draw=draw, **given_options)  # type: ignore[arg-type]


def test_the_draw_follows_the_weights() -> None:
    """[R-10.13]"""
    counts = Counter(choose(A, B, draw=draw_of(number, 0)) for number in range(10_000))
    assert 6_700 < counts[1] < 7_300


def test_a_message_leaves_a_gateway_only_after_a_definite_end() -> None:
    """[R-10.15]"""
    assert tried_out(Tried(1, "auth", "401"), "marketing")
    assert tried_out(Tried(1, "account", "x"), "marketing")
    assert tried_out(Tried(1, "soft", "net_connect"), "marketing")
    assert not tried_out(Tried(1, "throttle", "429"), "marketing")
    assert not tried_out(Tried(2, "soft", "503"), "marketing")
    assert tried_out(Tried(3, "soft", "503"), "marketing")
    assert tried_out(Tried(1, "soft", "503"), "otp")


def test_who_said_no_is_left_out_while_there_is_another() -> None:
    no = Tried(1, "auth", "401")
    assert choose(A, B, tried={1: no}) == 2
    assert choose(A, B, tried={1: Tried(4, "auth", ""), 2: no}) == 2
    assert choose(A, tried={1: no}) == 1


def test_dearer_than_reserved_is_no_choice_and_weight_zero_is_last() -> None:
    assert choose(A, B, most=Decimal("0.05"), draw=0.99) == 1
    assert choose(A, most=Decimal("0.01")) is None
    assert choose(A._replace(weight=0), B._replace(weight=0)) == 1
    assert choose(A._replace(weight=0), B, draw=0.0) == 2
    assert choose() is None


def test_a_breaker_opens_above_a_quarter_of_twenty() -> None:
    """[R-10.17]"""
    assert breaker_after("closed", Meter(19, 19), good=0, bad=19) == "closed"
    assert breaker_after("closed", Meter(20, 5), good=15, bad=5) == "closed"
    assert breaker_after("closed", Meter(20, 6), good=14, bad=6) == "open"
    assert breaker_after("half_open", Meter(1, 0), good=1, bad=0) == "closed"
    assert breaker_after("half_open", Meter(3, 1), good=2, bad=1) == "open"
    assert breaker_after("half_open", Meter(0, 0), good=0, bad=0) == "half_open"
    assert breaker_after("open", Meter(9, 0), good=9, bad=0) == "open"
    assert [rest_next(0), rest_next(30), rest_next(300)] == [30, 60, 300]


def step(percent: int, **changes: object) -> int:
    told = {
        "since_move": LONG,
        "since_trouble": LONG,
        "failing": False,
        "slow": False,
        "others_fine": True,
        **changes,
    }
    return percent_step(percent, **told)  # type: ignore[arg-type]


def test_a_share_moves_in_small_steps_and_drifts_back() -> None:
    """[R-10.17], [R-10.18]"""
    assert step(100, failing=True) == 90
    assert step(100, failing=True, since_move=timedelta(seconds=59)) == 100
    assert step(100, slow=True, since_move=timedelta(minutes=4)) == 100
    assert step(100, slow=True) == 90
    assert step(100, slow=True, others_fine=False) == 100  # all are slow: it is not this gateway
    assert step(50) == 60
    assert step(50, since_trouble=timedelta(minutes=14)) == 50
    assert step(50, since_move=timedelta(minutes=4)) == 50
    assert step(FLOOR, failing=True) == FLOOR


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.integers(0, 40), st.integers(0, 40)),
        max_size=40,
    )
)
def test_a_share_never_leaves_its_bounds(steps: list[tuple[bool, bool, int, int]]) -> None:
    percent = 100
    for failing, slow, moved, trouble in steps:
        after = step(
            percent,
            failing=failing,
            slow=slow,
            since_move=timedelta(minutes=moved),
            since_trouble=timedelta(minutes=trouble),
        )
        assert FLOOR <= after <= 100
        assert abs(after - percent) <= 10
        percent = after


def test_quantiles_and_the_learned_timeout() -> None:
    """[R-10.21]: bounded by a day and by what people set."""
    counts = [0] * (len(WAIT_EDGES_S) + 1)
    assert wait_quantile(counts, 0.5) is None
    counts[2] = 100
    assert wait_quantile(counts, 0.5) == 10
    assert timeout_learned(counts, most_hours=72) is None
    counts[2] = 1000
    assert timeout_learned(counts, most_hours=72) == 24
    counts[-1] = 1000
    assert timeout_learned(counts, most_hours=72) == 72
    assert timeout_learned(counts, most_hours=4) == 4
