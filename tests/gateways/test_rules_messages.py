"""The transition table itself, and that receipts obey it."""

from __future__ import annotations

import itertools

import pytest

from smsmarketing.gateways.rules.messages import (
    CLOSED,
    DEFAULT_RETRY_SPAN,
    FINAL,
    MEANINGS,
    OPEN,
    RANK,
    RECEIPT_STATES,
    STATES,
    TRANSITIONS,
    may_follow,
    receipt_moves,
    retry_wait_s,
    sources,
    tries_allowed,
)


def test_every_target_is_a_state_with_a_rank_and_a_meaning() -> None:
    for targets in TRANSITIONS.values():
        assert targets <= STATES
    assert set(RANK) == set(MEANINGS) == STATES


def test_open_and_closed_split_all_states() -> None:
    assert OPEN | CLOSED == STATES
    assert not OPEN & CLOSED
    assert FINAL < CLOSED
    assert {"unknown", "quarantined"} == CLOSED - FINAL


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_state_is_left_only_by_a_late_delivery(state: str) -> None:
    """[R-10.4]"""
    assert TRANSITIONS[state] <= {"delivered"}


@pytest.mark.parametrize(
    ("state", "target"),
    list(itertools.product(sorted(STATES), sorted(RECEIPT_STATES.values()))),
)
def test_receipts_move_only_up_the_rank(state: str, target: str) -> None:
    """[R-10.4]"""
    if receipt_moves(state, target):
        assert RANK[target] > RANK[state]
        assert may_follow(state, target)


def test_nothing_is_handed_over_but_what_is_queued() -> None:
    """[R-10.20]"""
    assert sources("handing_over") == {"queued"}


def test_unknown_is_queued_again_only_by_people() -> None:
    """[R-8.12]: no automatic road leads from unknown to handing_over in one step."""
    assert "handing_over" not in TRANSITIONS["unknown"]


def test_marketing_has_eight_more_tries_within_four_hours() -> None:
    """[R-10.15]"""
    assert tries_allowed("marketing") == 9
    waits = [retry_wait_s("marketing", attempt) for attempt in range(1, 9)]
    assert sum(waits) <= DEFAULT_RETRY_SPAN.total_seconds()
    assert waits == sorted(waits)


def test_otp_has_three_tries_within_a_minute() -> None:
    """[R-10.15]"""
    assert tries_allowed("otp") == 3
    assert sum(retry_wait_s("otp", attempt) for attempt in (1, 2)) < 60


def test_a_gateway_may_ask_for_a_longer_wait() -> None:
    assert retry_wait_s("marketing", 1, asked_s=90) == 90
