"""`manage.py audit verify`: does the audit chain hold?"""

from __future__ import annotations

import re
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from smsmarketing.operations.audit import audit_verify

_ANCHOR = re.compile(r"([1-9]\d{0,18}):([0-9a-f]{64})")


class Command(BaseCommand):
    """Prints a verdict; exit 0 when the chain holds, 1 at the first break, 2 for bad usage."""

    help = "Verify the hash chain of the audit log."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what to do and the positions that are known from log lines."""
        parser.add_argument("action", choices=["verify"])
        parser.add_argument(
            "--anchor",
            action="append",
            default=[],
            metavar="SEQ:HASH",
            help="A position from a shipped audit_anchor log line; may be given several times.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk the chain and print the verdict."""
        known: dict[int, str] = {}
        for anchor in options["anchor"]:
            found = _ANCHOR.fullmatch(anchor)
            if found is None:
                raise CommandError(
                    f"--anchor {anchor} does not have the form SEQ:HASH.", returncode=2
                )
            known[int(found.group(1))] = found.group(2)
        verdict = audit_verify(expected=known)
        if verdict.valid:
            self.stdout.write(
                f"The audit chain holds: {verdict.entries} entries, {verdict.anchors} anchors, "
                f"head {verdict.head_seq}:{verdict.head_hash}"
            )
            return
        self.stdout.write(
            f"The audit chain is broken at entry {verdict.broken_seq}: {verdict.problem}. "
            f"{verdict.entries} entries before it hold."
        )
        sys.exit(1)
