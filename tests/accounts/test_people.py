"""manage.py person_save."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from smsmarketing.accounts.models import Team, User
from smsmarketing.operations.models import AuditEntry

pytestmark = pytest.mark.django_db


def save(*arguments: str) -> str:
    out = StringIO()
    call_command("person_save", *arguments, stdout=out)
    return out.getvalue()


def test_a_person_is_created_and_changed(team: Team, monkeypatch: Any) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("correct horse battery\n"))
    assert "Created" in save(
        "anna",
        "--name",
        "Anna Berg",
        "--roles",
        "marketing,viewer",
        "--teams",
        "north",
        "--password-stdin",
    )
    user = User.objects.get(username="anna")
    assert user.check_password("correct horse battery")
    assert {role.key for role in user.roles.all()} == {"marketing", "viewer"}
    assert user.is_staff
    assert "Changed" in save("anna", "--roles", "viewer", "--deactivate")
    user.refresh_from_db()
    assert [role.key for role in user.roles.all()] == ["viewer"]
    assert not user.is_active
    assert [t.slug for t in user.teams.all()] == ["north"]
    entries = AuditEntry.objects.filter(operation="accounts.person_save")
    assert entries.count() == 2
    assert "horse" not in str(list(entries.values()))


@pytest.mark.parametrize(
    "arguments",
    [
        ("anna", "--roles", "emperor"),
        ("anna", "--teams", "nowhere"),
        ("robot", "--agent-of", "nobody"),
    ],
)
def test_a_wrong_name_changes_nothing(arguments: tuple[str, ...], team: Team) -> None:
    with pytest.raises(CommandError):
        save(*arguments)
    assert not User.objects.exists()
    assert not AuditEntry.objects.filter(operation="accounts.person_save").exists()


def test_a_weak_password_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("12345\n"))
    with pytest.raises(CommandError):
        save("anna", "--password-stdin")
    assert not User.objects.exists()


def test_an_agents_account_has_an_owner_and_no_admin(person: Callable[..., User]) -> None:
    anna = person("anna", "marketing")
    save("robot", "--agent-of", "anna", "--roles", "marketing")
    robot = User.objects.get(username="robot")
    assert (robot.is_agent, robot.owner, robot.is_staff) == (True, anna, False)
