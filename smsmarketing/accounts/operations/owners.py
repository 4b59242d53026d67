"""owners.list: who answers for what (seed 000-07)."""

from __future__ import annotations

from pydantic import Field

from smsmarketing.accounts.models import Role, User
from smsmarketing.accounts.rules.permissions import PERMISSIONS
from smsmarketing.accounts.selectors import (
    actor_for_user,
    owners,
    permissions_of,
    person_name,
    roles_all,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Actor,
    Context,
    Kind,
    Operation,
    Output,
    RestRoute,
    Surface,
)


class OwnerTeam(Output):
    """A team the owner belongs to."""

    team_id: int = Field(description="Id of the team.")
    name: str = Field(description="Name of the team.")


class RoleRow(Output):
    """A kind of owner, with what it may do."""

    role: str = Field(description="Key of the role, e.g. marketing, crm, operations, approver.")
    name: str = Field(description="Name of the role.")
    description: str = Field(description="What holders of the role do.")
    permissions: list[str] = Field(description="Permissions of the role, sorted.")


class OwnerRow(Output):
    """One person (or agent account) with what they may be given to do."""

    user_id: int = Field(description="Id of the person.")
    username: str = Field(description="Login name.")
    name: str = Field(description="Full name, else the login name.")
    is_agent: bool = Field(description="An agent's own account; it can never approve.")
    roles: list[str] = Field(description="Keys of the person's roles.")
    teams: list[OwnerTeam] = Field(description="Teams of the person that you can see.")
    works_in_all_teams: bool = Field(description="The person works in every team.")
    permissions: list[str] = Field(description="Everything the person may do, sorted.")
    may_start_sends: bool = Field(description="May be assigned sends and resends.")
    may_apply_for_senders: bool = Field(description="May be assigned sender ID applications.")
    may_approve: bool = Field(description="May decide on requests of other people.")


class OwnersIn(PageInput):
    """Input of owners.list."""

    role: str | None = Field(
        default=None, max_length=50, description="Only holders of this role, e.g. approver."
    )
    permission: str | None = Field(
        default=None, max_length=80, description="Only people with this permission."
    )


class OwnersOut(Page[OwnerRow]):
    """Output of owners.list."""

    roles: list[RoleRow] = Field(description="All roles, by name.")


def run(context: Context, data: OwnersIn) -> OwnersOut:
    """The owners who share a team with the caller, by login name."""
    people = owners(context.actor)
    if data.role:
        people = people.filter(pk__in=User.objects.filter(roles__key=data.role).values("pk"))
    if data.permission:
        if data.permission not in PERMISSIONS:
            raise InvalidInput(
                "There is no such permission. Leave the filter out to see all permissions.",
                field_errors={"permission": "Unknown permission."},
            )
        holders = Role.objects.filter(permissions__contains=[data.permission])
        by_role = people.filter(pk__in=User.objects.filter(roles__in=holders).values("pk"))
        people = by_role | people.filter(is_superuser=True)
    rows, following = page_cut(people, data, principal=context.actor.principal)
    return OwnersOut(
        items=[_row(user, context.actor) for user in rows],
        next_cursor=following,
        roles=[
            RoleRow(
                role=role.key,
                name=role.name,
                description=role.description,
                permissions=sorted(role.permissions),
            )
            for role in roles_all()
        ],
    )


def _row(user: User, viewer: Actor) -> OwnerRow:
    rights = permissions_of(user)
    everywhere = actor_for_user(user, surface=Surface.SYSTEM).sees_all_teams
    return OwnerRow(
        user_id=user.pk,
        username=user.get_username(),
        name=person_name(user),
        is_agent=user.is_agent,
        roles=sorted(role.key for role in user.roles.all()),
        teams=[
            OwnerTeam(team_id=team.pk, name=team.name)
            for team in user.teams.all()
            if viewer.sees_all_teams or team.pk in viewer.team_ids
        ],
        works_in_all_teams=everywhere,
        permissions=sorted(rights),
        may_start_sends="campaigns.campaign_send" in rights,
        may_apply_for_senders="gateways.sender_apply" in rights,
        may_approve="approvals.request_decide" in rights and not user.is_agent,
    )


registry.add(
    Operation(
        key="owners.list",
        summary="List marketing, CRM, operations, compliance, technical and approval owners.",
        kind=Kind.READ,
        input=OwnersIn,
        output=OwnersOut,
        run=run,
        permission="accounts.owner_view",
        scope="sms:read",
        rest=RestRoute("GET", "/owners"),
        group="settings",
        requires=("config.get",),
        description=(
            "Each owner with roles, teams and permissions. Do not assign sends, resends, one-time "
            "codes or sender ID applications to somebody who lacks the permission."
        ),
    )
)
