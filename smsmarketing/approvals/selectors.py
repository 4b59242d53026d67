"""Reading requests: what somebody may see, what waits for them, and who may decide."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from smsmarketing.accounts.models import Role, User
from smsmarketing.accounts.selectors import ALL_TEAMS, person_name
from smsmarketing.approvals import subjects
from smsmarketing.approvals.models import ActionRequest, OwnerNotification, Vote
from smsmarketing.approvals.rules.voting import (
    APPROVE,
    Ballot,
    Voter,
    approvers_short,
    roles_allowed,
    vote_refusal,
)
from smsmarketing.operations.types import Actor

DECIDE = "approvals.request_decide"
OPEN_STATES = ("pending", "approved", "executing")


def role_keys(user: User) -> frozenset[str]:
    """The keys of the person's roles."""
    return frozenset(role.key for role in user.roles.all())


def requests_visible(actor: Actor) -> QuerySet[ActionRequest]:
    """The requests the actor asked for or may decide on; all others do not exist for them."""
    own = Q(requester=actor.user) | Q(requester__owner=actor.user)
    deciding = Q(pk__in=[])
    if holds_decide(actor.user):
        deciding = Q(roles__overlap=sorted(role_keys(actor.user)))
    if not actor.sees_all_teams:
        in_team = Q(team=None) | Q(team__in=sorted(actor.team_ids))
        deciding &= in_team
        if actor.token_id is not None:
            own &= in_team
    return ActionRequest.objects.filter(own | deciding).select_related("requester", "team")


def holds_decide(user: User) -> bool:
    """Whether one of the person's roles lets them decide. A superuser needs such a role too."""
    return any(DECIDE in role.permissions for role in user.roles.all())


def requests_waiting(actor: Actor) -> QuerySet[ActionRequest]:
    """Pending requests on which this person can vote now, the oldest first."""
    if actor.is_agent or not holds_decide(actor.user):
        return ActionRequest.objects.none()
    voted = Vote.objects.filter(request=OuterRef("pk"), voter=actor.user)
    return (
        requests_visible(actor)
        .filter(state="pending", roles__overlap=sorted(role_keys(actor.user)))
        .exclude(requester=actor.user)
        .exclude(requester__owner=actor.user)
        .exclude(Exists(voted))
        .order_by("created_at", "pk")
    )


def voters_possible(request: ActionRequest) -> list[User]:
    """The people who may still vote on the request, by name. Self-approval is not counted."""
    ballot = ballot_of(request)
    return [
        user
        for user in _deciders(request)
        if vote_refusal(voter_of(user, request), ballot, self_approval=False) is None
    ]


def undecidable_words(request: ActionRequest) -> str:
    """Why the people there are now cannot bring a pending request to its end, and what to do about
    it; empty when they can. Also for a request that is not stored yet.

    Who may vote is asked as when they vote, so the asker counts where self-approval is open.
    """
    people = voters_possible(request) or [
        user for user in _deciders(request) if vote_refusal_for(user, request) is None
    ]
    given = list(request.votes.filter(verdict=APPROVE).values_list("voter_id", "roles"))
    possible = [*given, *((user.pk, role_keys(user)) for user in people)]
    missing = max((approvers_short(policy, possible) for policy in request.policies), default=0)
    if missing == 0:
        return ""
    short = [policy for policy in request.policies if approvers_short(policy, possible)]
    problem = (
        f"Those who may decide this now ({len(people)}) cannot agree to it alone."
        if people
        else "Nobody may decide this now."
    )
    others = "another person" if missing == 1 else f"{missing} other people"
    whose = f" in the team {request.team.name}" if request.team else ""
    return (
        f"{problem} It takes {others}{whose} with {_roles_words(roles_allowed(short))}: not who asked, "
        "wrote it or answers for the agent that asked, and nobody who voted already. An admin gives "
        "somebody else that role; until then it waits and is not done."
    )


def _roles_words(keys: list[str]) -> str:
    """The roles that would help, by name, and the permission to decide when none of them has it."""
    roles = list(Role.objects.filter(key__in=keys).order_by("name"))
    deciding = [role for role in roles if DECIDE in role.permissions]
    names = [role.name for role in deciding or roles] or keys
    words = f"the role {' or '.join(names)}"
    return f"{words} (permission {DECIDE})" if deciding else f"{words} and the permission {DECIDE}"


def vote_refusal_for(user: User, request: ActionRequest) -> str | None:
    """Why this person may not vote on the request, or None [R-8.1]."""
    if not holds_decide(user):
        return "Deciding needs a role with the permission to approve."
    return vote_refusal(
        voter_of(user, request),
        ballot_of(request),
        self_approval=self_approval_open(user, request),
    )


def self_approval_open(user: User, request: ActionRequest) -> bool:
    """Whether the asker may decide: the installation allows it, and there is nobody else [R-8.1]."""
    if not settings.ALLOW_SELF_APPROVAL:
        return False
    ballot = ballot_of(request)
    stands_behind = {ballot.requester_id, *ballot.answerable}
    return user.pk in stands_behind and not any(
        person.pk not in stands_behind for person in _deciders(request)
    )


def voter_of(user: User, request: ActionRequest) -> Voter:
    """What the voting rules look at in a person."""
    everywhere = user.is_superuser or any(
        ALL_TEAMS in role.permissions for role in user.roles.all()
    )
    in_team = (
        request.team_id is None
        or everywhere
        or any(team.pk == request.team_id for team in user.teams.all())
    )
    return Voter(
        user_id=user.pk,
        roles=role_keys(user),
        is_agent=user.is_agent,
        active=user.is_active,
        in_team=in_team,
    )


def ballot_of(request: ActionRequest) -> Ballot:
    """What the voting rules look at in a request."""
    subject = subjects.find(request.operation)
    authors = subject.authors(request) if subject and subject.authors else set()
    owner_id = request.requester.owner_id
    return Ballot(
        requester_id=request.requester_id,
        answerable=frozenset(authors | ({owner_id} if owner_id else set())),
        roles=frozenset(request.roles),
        voted=frozenset(request.votes.values_list("voter_id", flat=True)),
    )


def _deciders(request: ActionRequest) -> list[User]:
    """Active people with a role of the request, the right to decide, and its team."""
    roles = Role.objects.filter(key__in=request.roles)
    deciding = Role.objects.filter(permissions__contains=[DECIDE])
    people = (
        User.objects.filter(is_active=True, is_agent=False)
        .filter(pk__in=User.objects.filter(roles__in=roles).values("pk"))
        .filter(pk__in=User.objects.filter(roles__in=deciding).values("pk"))
        .prefetch_related("roles", "teams")
        .order_by("first_name", "last_name", "username")
    )
    return [person for person in people if voter_of(person, request).in_team]


def waiting_panel(actor: Actor, *, limit: int = 5) -> dict[str, Any]:
    """What waits for this person: `count`, and the oldest `rows` (id, title, requester, created_at,
    expires_at, recipients, cost_ceiling, currency). For the front page of the admin.
    """
    waiting = requests_waiting(actor)
    rows = [
        {
            "id": request.pk,
            "title": request.title,
            "requester": person_name(request.requester),
            "created_at": request.created_at,
            "expires_at": request.expires_at,
            "recipients": request.facts.get("recipients"),
            "cost_ceiling": request.cost_ceiling,
            "currency": request.currency,
        }
        for request in waiting[:limit]
    ]
    return {"count": waiting.count(), "rows": rows}


def notifications_unread(user: User, *, limit: int = 10) -> list[OwnerNotification]:
    """The person's newest unread notes."""
    return list(OwnerNotification.objects.filter(user=user, read_at=None)[:limit])
