"""Who may do what: rights of people and tokens, and what they can see."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from smsmarketing.accounts.models import ApiToken, Brand, Role, Team, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS, scope_permissions
from smsmarketing.operations.types import Actor, Surface

ALL_TEAMS = "accounts.team_all"


def permissions_of(user: User) -> frozenset[str]:
    """The permissions of the person's roles; all of them for a superuser; none when inactive."""
    if not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset(PERMISSIONS)
    return frozenset(permission for role in user.roles.all() for permission in role.permissions)


def actor_for_user(
    user: User,
    *,
    surface: Surface,
    request_id: str = "",
    ip: str = "",
    is_session: bool = False,
) -> Actor:
    """The person with the rights they have at this moment.

    `is_session` is for a signed-in browser session only: nobody else may approve [R-8.1].
    """
    permissions = permissions_of(user)
    return Actor(
        user=user,
        surface=surface,
        permissions=permissions,
        team_ids=_team_ids(user),
        sees_all_teams=ALL_TEAMS in permissions,
        is_session=is_session and not user.is_agent,
        is_agent=user.is_agent,
        request_id=request_id,
        ip=ip,
    )


def actor_for_token(
    token: ApiToken, *, surface: Surface, request_id: str = "", ip: str = ""
) -> Actor:
    """The token's person with the rights that person and scopes have in common [R-9.24].

    Never a session, so it can approve nothing. A token of one team sees that team only, and only
    while its person does.
    """
    user = token.user
    scopes = frozenset(token.scopes)
    rights = permissions_of(user)
    permissions = rights & scope_permissions(scopes)
    everywhere = ALL_TEAMS in rights
    team_ids = _team_ids(user)
    if token.team_id is not None:
        team_ids = team_ids & {token.team_id} if not everywhere else frozenset({token.team_id})
        everywhere = False
    return Actor(
        user=user,
        surface=surface,
        permissions=permissions,
        team_ids=team_ids,
        sees_all_teams=everywhere,
        scopes=scopes,
        token_id=token.pk,
        is_session=False,
        is_agent=token.for_agent or user.is_agent,
        request_id=request_id,
        ip=ip,
    )


def _team_ids(user: User) -> frozenset[int]:
    return frozenset(team.pk for team in user.teams.all()) if user.is_active else frozenset()


def teams_visible(actor: Actor) -> QuerySet[Team]:
    """The teams the actor works in."""
    teams = Team.objects.order_by("name", "pk")
    return teams if actor.sees_all_teams else teams.filter(pk__in=actor.team_ids)


def brands_visible(actor: Actor) -> QuerySet[Brand]:
    """The brands of those teams."""
    brands = Brand.objects.select_related("team").order_by("name", "pk")
    return brands if actor.sees_all_teams else brands.filter(team_id__in=actor.team_ids)


def tokens_visible(actor: Actor) -> QuerySet[ApiToken]:
    """The actor's own tokens; with `accounts.token_manage_all` everybody's."""
    tokens = ApiToken.objects.select_related("user", "team").order_by("-id")
    if actor.may("accounts.token_manage_all"):
        return tokens
    if actor.token_id is not None:
        return tokens.filter(pk=actor.token_id)
    return tokens.filter(user=actor.user)


def roles_all() -> QuerySet[Role]:
    """All roles by name."""
    return Role.objects.order_by("name", "pk")


def owners(actor: Actor) -> QuerySet[User]:
    """The active people who hold a role and share a team with the actor, or work in every team.

    Roles and teams are prefetched.
    """
    people = User.objects.filter(is_active=True, roles__isnull=False).distinct()
    if not actor.sees_all_teams:
        shared = Team.objects.filter(pk__in=actor.team_ids)
        everywhere = Role.objects.filter(permissions__contains=[ALL_TEAMS])
        people = people.filter(pk__in=User.objects.filter(teams__in=shared).values("pk")) | (
            people.filter(pk__in=User.objects.filter(roles__in=everywhere).values("pk"))
        )
    return people.order_by("username", "pk").prefetch_related(
        Prefetch("roles", queryset=roles_all()),
        Prefetch("teams", queryset=Team.objects.order_by("name", "pk")),
    )


def person_name(user: User) -> str:
    """How a person is called on pages: full name, else the login."""
    return user.get_full_name() or user.get_username()
