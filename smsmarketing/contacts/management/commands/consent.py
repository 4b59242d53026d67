"""`manage.py consent verify`: does the consent ledger hold? `manage.py consent seal`: seal it now."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from smsmarketing.contacts.selectors.seals import consents_verify
from smsmarketing.contacts.services.seals import consents_seal


class Command(BaseCommand):
    """Prints a verdict; exit 0 when the ledger holds, 1 at the first break, 2 for bad usage."""

    help = "Verify or seal the consent ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what to do and where to begin."""
        parser.add_argument("action", choices=["verify", "seal"])
        parser.add_argument("--from-seal", type=int, default=1, help="First seal to verify.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal, or walk the seals and print the verdict."""
        if options["action"] == "seal":
            done = consents_seal()
            rest = "; newer rows wait for writers that are not done" if done.waiting else ""
            self.stdout.write(f"{done.seals} seals over {done.rows} events written{rest}.")
            return
        found = consents_verify(from_seal=max(1, options["from_seal"]))
        if found.valid:
            self.stdout.write(
                f"The consent ledger holds: {found.seals} seals over {found.rows} events, newest"
                f" {found.last_seal}:{found.last_digest}; {found.unsealed} events not sealed yet."
            )
            return
        row = f", event {found.broken_row}" if found.broken_row is not None else ""
        self.stdout.write(
            f"The consent ledger is broken at seal {found.broken_seal}{row}: {found.problem}."
            f" {found.seals} seals before it hold."
        )
        sys.exit(1)
