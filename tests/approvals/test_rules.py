"""Pure rules: conditions, quorum, votes, limits, drift."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.approvals.rules.conditions import (
    condition_problem,
    condition_words,
    conditions_match,
)
from smsmarketing.approvals.rules.limits import approved_until, drift_found, pending_until
from smsmarketing.approvals.rules.operations import operation_category
from smsmarketing.approvals.rules.voting import (
    Ballot,
    Voter,
    approvers_needed,
    quorum_reached,
    roles_allowed,
    vote_refusal,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def on(fact: str, op: str, value: Any) -> dict[str, Any]:
    return {"fact": fact, "op": op, "value": value}


@pytest.mark.parametrize(
    ("condition", "facts", "holds"),
    [
        (on("recipients", ">", 1000), {"recipients": 1001}, True),
        (on("recipients", ">", 1000), {"recipients": 1000}, False),
        (on("recipients", ">=", 1000), {"recipients": 1000}, True),
        (on("recipients", "<", 10), {"recipients": 10}, False),
        (on("recipients", "<=", 10), {"recipients": 10}, True),
        (on("cost", ">", 50), {"cost": Decimal("50.0001")}, True),
        (on("cost", ">", 50), {"cost": "50.00"}, False),
        (on("cost", ">", "50.5"), {"cost": "50.51"}, True),
        (on("cost", "==", "50"), {"cost": Decimal("50.00")}, True),
        (on("purpose", "==", "marketing"), {"purpose": "marketing"}, True),
        (on("purpose", "!=", "marketing"), {"purpose": "marketing"}, False),
        (on("state", "in", ["approved", "scheduled"]), {"state": "scheduled"}, True),
        (on("state", "in", ["approved", "scheduled"]), {"state": "draft"}, False),
        (on("countries", "contains", "US"), {"countries": ["LT", "US"]}, True),
        (on("countries", "contains", "US"), {"countries": ["LT"]}, False),
        (on("countries", "!=", []), {"countries": []}, False),
        (on("countries", "!=", []), {"countries": ["LT"]}, True),
        (on("countries", "==", ["LT", "US"]), {"countries": ["US", "LT"]}, True),
        (on("new_template", "==", True), {"new_template": True}, True),
        (on("new_template", "==", True), {"new_template": False}, False),
        (on("new_template", "==", False), {"new_template": False}, True),
        (on("recipients", ">", 5), {"recipients": True}, True),
        (on("recipients", ">", 5), {"recipients": "many"}, True),
    ],
)
def test_a_condition_holds_or_not(
    condition: dict[str, Any], facts: dict[str, Any], holds: bool
) -> None:
    assert (conditions_match([condition], facts) is not None) is holds


@pytest.mark.parametrize("facts", [{}, {"recipients": None}])
def test_what_is_not_known_counts_as_holding(facts: dict[str, Any]) -> None:
    """A policy may ask too often, never too seldom."""
    because = conditions_match([on("recipients", ">", 1000)], facts)
    assert because == ("recipients: not known, so counted as yes",)


def test_all_conditions_must_hold_and_none_always_does() -> None:
    both = [on("recipients", ">", 10), on("purpose", "==", "marketing")]
    assert conditions_match(both, {"recipients": 11, "purpose": "marketing"}) is not None
    assert conditions_match(both, {"recipients": 11, "purpose": "otp"}) is None
    assert conditions_match([], {}) == ()


@given(st.decimals(-10_000, 10_000, places=4), st.decimals(-10_000, 10_000, places=4))
def test_numbers_are_compared_exactly(found: Decimal, limit: Decimal) -> None:
    holds = conditions_match([on("cost", ">", str(limit))], {"cost": str(found)}) is not None
    assert holds is (found > limit)


def test_conditions_read_as_sentences() -> None:
    assert condition_words(on("recipients", ">", 1000)) == "recipients more than 1,000"
    assert condition_words(on("new_template", "==", True)) == "a text that was never sent before"
    assert condition_words(on("approved", "==", False)).startswith("not: ")
    assert conditions_match([on("recipients", ">", 1000)], {"recipients": 2000}) == (
        "recipients more than 1,000: 2,000",
    )


@pytest.mark.parametrize(
    "condition",
    [
        on("no_such_fact", ">", 1),
        on("recipients", "contains", 1),
        on("recipients", ">", "many"),
        on("recipients", ">", True),
        on("new_template", ">", True),
        on("new_template", "==", "yes"),
        on("purpose", ">", "a"),
        on("purpose", "in", "marketing"),
        on("countries", "contains", ["US"]),
        on("countries", "==", "US"),
    ],
)
def test_a_condition_that_cannot_work_is_named(condition: dict[str, Any]) -> None:
    assert condition_problem(condition)


def policy(roles: list[str], approvers: int) -> dict[str, Any]:
    return {"key": "k", "roles": roles, "approvers": approvers}


def test_each_policy_needs_its_own_number_of_its_own_people() -> None:
    policies = [policy(["approver", "compliance"], 2), policy(["compliance"], 1)]
    assert approvers_needed(policies) == 2
    assert roles_allowed(policies) == ["approver", "compliance"]
    two_approvers = [(1, ["approver"]), (2, ["approver"])]
    assert not quorum_reached(policies, two_approvers)
    assert quorum_reached(policies, [(1, ["approver"]), (2, ["compliance"])])
    assert not quorum_reached(policies, [(2, ["compliance"])])
    assert not quorum_reached(policies, [(2, ["compliance"]), (2, ["compliance"])])
    assert not quorum_reached([], [(1, ["approver"])])


def voter(**fields: Any) -> Voter:
    values: dict[str, Any] = {
        "user_id": 2,
        "roles": frozenset({"approver"}),
        "is_agent": False,
        "active": True,
        "in_team": True,
    }
    return Voter(**(values | fields))


def ballot(**fields: Any) -> Ballot:
    values: dict[str, Any] = {
        "requester_id": 1,
        "answerable": frozenset({3}),
        "roles": frozenset({"approver"}),
        "voted": frozenset({4}),
    }
    return Ballot(**(values | fields))


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (voter(), True),
        (voter(user_id=1), False),
        (voter(user_id=3), False),
        (voter(user_id=4), False),
        (voter(roles=frozenset({"marketing"})), False),
        (voter(roles=frozenset()), False),
        (voter(is_agent=True), False),
        (voter(active=False), False),
        (voter(in_team=False), False),
    ],
)
def test_who_may_vote(who: Voter, may: bool) -> None:
    """[R-8.1]"""
    assert (vote_refusal(who, ballot(), self_approval=False) is None) is may


def test_self_approval_opens_nothing_but_the_own_request() -> None:
    """[R-8.1] Not for agents, not without the role, not twice."""
    assert vote_refusal(voter(user_id=1), ballot(), self_approval=True) is None
    for who in (
        voter(user_id=1, is_agent=True),
        voter(user_id=1, roles=frozenset()),
        voter(user_id=4),
        voter(user_id=1, active=False),
    ):
        assert vote_refusal(who, ballot(), self_approval=True)


def test_time_limits_end_with_the_window() -> None:
    assert pending_until(NOW, None) == NOW + timedelta(hours=72)
    assert pending_until(NOW, NOW + timedelta(hours=5)) == NOW + timedelta(hours=5)
    assert approved_until(NOW, None) == NOW + timedelta(days=7)
    assert approved_until(NOW, NOW + timedelta(days=30)) == NOW + timedelta(days=7)
    assert approved_until(NOW, NOW + timedelta(days=2)) == NOW + timedelta(days=2)


@pytest.mark.parametrize(
    ("approved", "current", "ceiling", "drifts"),
    [
        ({"recipients": 1000}, {"recipients": 1050}, None, set()),
        ({"recipients": 1000}, {"recipients": 1051}, None, {"recipients"}),
        ({"recipients": 1000}, {"recipients": 3}, None, set()),
        ({"recipients": 0}, {"recipients": 1}, None, {"recipients"}),
        ({"recipients": 1000}, {}, None, {"recipients"}),
        ({}, {"recipients": 9999}, None, set()),
        ({}, {"cost": "50.01"}, Decimal("50.00"), {"cost"}),
        ({}, {"cost": "50.0000"}, Decimal("50"), set()),
        ({}, {}, Decimal("50"), {"cost"}),
        ({"countries": ["LT"]}, {"countries": ["LT"]}, None, set()),
        ({"countries": ["LT"]}, {"countries": []}, None, set()),
        ({"countries": ["LT"]}, {"countries": ["LT", "US"]}, None, {"countries"}),
        ({"countries": []}, {"countries": ["US"]}, None, {"countries"}),
    ],
)
def test_drift(
    approved: dict[str, Any], current: dict[str, Any], ceiling: Decimal | None, drifts: set[str]
) -> None:
    """[R-8.3] 5 % more recipients, or a cost above the ceiling."""
    assert set(drift_found(approved, current, cost_ceiling=ceiling)) == drifts


@pytest.mark.parametrize(
    ("key", "category"),
    [
        ("contacts.upsert", "write"),
        ("campaigns.schedule", "scheduling"),
        ("campaigns.send_approved", "sending"),
        ("campaigns.submit_for_review", "sending"),
        ("failed_messages.resend", "resending"),
        ("otp.send", "otp"),
        ("sender_id.apply", "sender_id"),
        ("short_links.create", "tracking"),
        ("review_notification.send", "notification"),
    ],
)
def test_the_category_of_a_request(key: str, category: str) -> None:
    """Seed 000-43: writes, scheduling, sending, resending, OTP, sender ID, tracking, notification."""
    assert operation_category(key) == category
