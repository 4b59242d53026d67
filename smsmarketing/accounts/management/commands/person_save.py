"""manage.py person_save: create a person, or change roles, teams, password or state."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from smsmarketing.accounts.people import person_save
from smsmarketing.operations.errors import OperationError


class Command(BaseCommand):
    """Needs a shell on the host. The change is written to the audit log."""

    help = "Create a person, or change roles, teams, password or state. Left out: left as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username")
        parser.add_argument("--roles", help="Role keys, separated by commas; they replace all.")
        parser.add_argument("--teams", help="Team slugs, separated by commas; they replace all.")
        parser.add_argument("--name", help="Full name.")
        parser.add_argument("--email")
        parser.add_argument("--agent-of", help="Make it an agent's account that this person owns.")
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read the password from standard input."
        )
        state = parser.add_mutually_exclusive_group()
        state.add_argument("--activate", dest="active", action="store_const", const=True)
        state.add_argument("--deactivate", dest="active", action="store_const", const=False)

    def handle(self, *args: Any, **options: Any) -> None:
        """Save the person."""
        password = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else None
        try:
            user, created = person_save(
                options["username"],
                roles=_names(options["roles"]),
                teams=_names(options["teams"]),
                full_name=options["name"],
                email=options["email"],
                password=password,
                active=options["active"],
                agent_of=options["agent_of"],
            )
        except OperationError as exc:
            raise CommandError(exc.message) from exc
        except ValidationError as exc:
            raise CommandError(" ".join(exc.messages)) from exc
        self.stdout.write(f"{'Created' if created else 'Changed'} {user.get_username()}.")


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]
