"""One person for every role, one team, one brand, one agent's token."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from smsmarketing.accounts.models import ApiToken, Brand, Role, Team, User
from smsmarketing.accounts.services import token_create

PASSWORD = "demo-sms-2026"  # noqa: S105 - of a demo that listens on 127.0.0.1 only
PEOPLE = (
    # username, first name, last name, role keys
    ("admin", "Ada", "Admin", ("admin",)),
    ("mara", "Mara", "Marketing", ("marketing",)),
    ("amir", "Amir", "Approver", ("approver",)),
    ("anna", "Anna", "Approver", ("approver", "compliance")),
    ("cleo", "Cleo", "Crm", ("crm",)),
    ("otto", "Otto", "Operations", ("operations",)),
    ("tess", "Tess", "Technical", ("technical",)),
    ("vera", "Vera", "Viewer", ("viewer",)),
)
AGENT_SCOPES = (
    "sms:read",
    "sms:contacts.read",
    "sms:contacts.write",
    "sms:draft",
    "sms:schedule",
    "sms:send",
    "sms:compliance",
)


def team_ensure() -> tuple[Team, Brand]:
    """The demo's team and brand, made once."""
    team, _ = Team.objects.get_or_create(
        slug="nordwind", defaults={"name": "Nordwind", "currency": "EUR"}
    )
    brand, _ = Brand.objects.get_or_create(
        name="Nordwind Coffee",
        defaults={
            "team": team,
            "name_in_texts": "Nordwind",
            "opt_out_line": "Reply STOP to opt out",
            "help_line": "Nordwind Coffee: help at help@nordwind.example. Reply STOP to opt out.",
            "website": "https://nordwind.example",
        },
    )
    return team, brand


@transaction.atomic
def people_ensure(team: Team) -> list[dict[str, str]]:
    """A person for each role; returns their logins. Passwords of an earlier start stay."""
    logins = []
    for number, (username, first, last, roles) in enumerate(PEOPLE):
        user, created = User.objects.get_or_create(
            username=username,
            defaults={
                "first_name": first,
                "last_name": last,
                "email": f"{username}@nordwind.example",
                "is_staff": True,
                "is_superuser": username == "admin",
                "test_phone": f"+121255501{number:02d}",
            },
        )
        if created:
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
            user.teams.add(team)
            user.roles.set(Role.objects.filter(key__in=roles))
        logins.append({"role": ", ".join(roles), "username": username, "password": PASSWORD})
    return logins


def token_ensure(*, now: datetime) -> str:
    """A token for Mara's agent; its plaintext only when it is new."""
    owner = User.objects.get(username="mara")
    if ApiToken.objects.filter(
        user=owner, name="Demo agent", revoked_at=None, expires_at__gt=now
    ).exists():
        return ""
    _, plaintext = token_create(
        owner,
        name="Demo agent",
        scopes=AGENT_SCOPES,
        expires_in=timedelta(days=90),
        now=now,
        for_agent=True,
    )
    return plaintext
