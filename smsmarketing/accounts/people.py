"""Creating and changing people: for the command line and demo data only, never for a surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from smsmarketing.accounts.models import Role, Team, User
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.errors import InvalidInput

Named = TypeVar("Named", Role, Team)


def person_save(
    username: str,
    *,
    roles: Sequence[str] | None = None,
    teams: Sequence[str] | None = None,
    full_name: str | None = None,
    email: str | None = None,
    password: str | None = None,
    active: bool | None = None,
    agent_of: str | None = None,
) -> tuple[User, bool]:
    """Create or change a person; None leaves a value as it is. Returns the person and whether new.

    `roles` and `teams` replace the former ones, by key and slug. `agent_of` makes the account an
    agent's, and names the person who answers for it. Raises InvalidInput for unknown names, and
    django's ValidationError for a weak password.
    """
    with transaction.atomic():
        user, created = User.objects.select_for_update().get_or_create(
            username=username, defaults={"is_staff": True}
        )
        if full_name is not None:
            user.first_name, _, user.last_name = full_name.partition(" ")
        if email is not None:
            user.email = email
        if active is not None:
            user.is_active = active
        if agent_of is not None:
            user.is_agent, user.owner = True, _owner(agent_of)
            user.is_staff = False
        if password is not None:
            validate_password(password, user)
            user.set_password(password)
        elif created:
            user.set_unusable_password()
        user.save()
        if roles is not None:
            user.roles.set(_named(Role, "key", roles))
        if teams is not None:
            user.teams.set(_named(Team, "slug", teams))
        audit_append_system(
            operation="accounts.person_save",
            outcome="done",
            object_type="accounts.user",
            object_id=str(user.pk),
            facts={
                "created": created,
                "active": user.is_active,
                "roles": sorted(user.roles.values_list("key", flat=True)),
                "teams": sorted(user.teams.values_list("slug", flat=True)),
                "password_set": password is not None,
            },
        )
    return user, created


def _owner(username: str) -> User:
    owner = User.objects.filter(username=username, is_agent=False).first()
    if owner is None:
        raise InvalidInput(f"There is no person {username!r} who could answer for the agent.")
    return owner


def _named(model: type[Named], field: str, names: Sequence[str]) -> list[Named]:
    found = list(model._default_manager.filter(**{f"{field}__in": names}))
    missing = sorted(set(names) - {str(getattr(row, field)) for row in found})
    if missing:
        every = model._default_manager.order_by(field).values_list(field, flat=True)
        raise InvalidInput(
            f"Unknown {field}: {', '.join(missing)}. Known: {', '.join(every) or 'none'}."
        )
    return found
