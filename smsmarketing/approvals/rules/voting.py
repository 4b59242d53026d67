"""Who may vote, and when there are votes enough [R-8.1]."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

APPROVE, REJECT, REQUEST_CHANGES = "approve", "reject", "request_changes"
VERDICTS = frozenset({APPROVE, REJECT, REQUEST_CHANGES})
REASON_NEEDED = frozenset({REJECT, REQUEST_CHANGES})


@dataclass(frozen=True, kw_only=True)
class Voter:
    """What the rules need to know about a person who wants to vote."""

    user_id: int
    roles: frozenset[str]
    is_agent: bool
    active: bool
    in_team: bool


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """What the rules need to know about a request."""

    requester_id: int
    answerable: frozenset[int]
    """Who else stands behind the request: authors of the content, owners of the agent."""
    roles: frozenset[str]
    voted: frozenset[int]


def vote_refusal(voter: Voter, ballot: Ballot, *, self_approval: bool) -> str | None:
    """Why this person may not vote, as a sentence, or None.

    `self_approval` is true only where the installation allows it and nobody else could decide. A
    superuser gets no exception [R-8.1].
    """
    if not voter.active:
        return "This account is switched off."
    if voter.is_agent:
        return "An agent's account can never approve; a person must."
    if not voter.in_team:
        return "This request belongs to a team you are not in."
    if not voter.roles & ballot.roles:
        return f"Deciding needs one of the roles {', '.join(sorted(ballot.roles))}."
    if voter.user_id in ballot.voted:
        return "You have voted on this request already."
    if not self_approval and voter.user_id == ballot.requester_id:
        return "You asked for this yourself; a second person must decide."
    if not self_approval and voter.user_id in ballot.answerable:
        return "You wrote what is asked here, or answer for the agent that asked; another person must decide."
    return None


def quorum_reached(
    policies: Sequence[Mapping[str, Any]], approvals: Iterable[tuple[int, Collection[str]]]
) -> bool:
    """Whether every policy has its number of distinct approvers who held one of its roles.

    `approvals` are (person, roles at the time of the vote).
    """
    given = list(approvals)
    return bool(policies) and all(approvers_short(policy, given) == 0 for policy in policies)


def approvers_short(
    policy: Mapping[str, Any], approvals: Iterable[tuple[int, Collection[str]]]
) -> int:
    """How many more people with one of its roles the policy needs beside these approvals."""
    votes = {person: frozenset(roles) for person, roles in approvals}
    counted = sum(1 for roles in votes.values() if roles & set(policy["roles"]))
    return max(int(policy["approvers"]) - counted, 0)


def approvers_needed(policies: Sequence[Mapping[str, Any]]) -> int:
    """The most approvers that any of the policies asks for."""
    return max((int(policy["approvers"]) for policy in policies), default=1)


def roles_allowed(policies: Sequence[Mapping[str, Any]]) -> list[str]:
    """All roles that any of the policies accepts, sorted."""
    return sorted({role for policy in policies for role in policy["roles"]})
