"""`manage.py secrets status`: which keys sealed what. `manage.py secrets rotate`: seal anew."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from smsmarketing.operations.sealed import KeysMissing, keys_used, secrets_rotate


class Command(BaseCommand):
    """Shows ids of keys and counts, never a secret. Exit 1 when rows cannot be opened."""

    help = "Show which key sealed the stored secrets, or seal them all under the newest one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what to do."""
        parser.add_argument("action", choices=["status", "rotate"])

    def handle(self, *_: Any, **options: Any) -> None:
        """Count, or rotate and count."""
        if options["action"] == "rotate":
            self._rotate()
        newest = next(iter(settings.CREDENTIALS_KEYS))
        total: Counter[str] = Counter()
        for label, counts in keys_used().items():
            total += counts
            told = ", ".join(f"{key_id} {count}" for key_id, count in sorted(counts.items()))
            self.stdout.write(f"{label}: {told or 'none'}")
        for key_id in settings.CREDENTIALS_KEYS:
            if key_id != newest and not total[key_id]:
                self.stdout.write(
                    f"Nothing needs the key {key_id} any more: take it out of CREDENTIALS_KEYS, and"
                    " keep it as long as backups from before."
                )

    def _rotate(self) -> None:
        try:
            done = secrets_rotate()
        except KeysMissing as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(
            f"{done.sealed} secrets sealed under {done.newest}, {done.left} were already."
        )
        if done.unreadable:
            self.stdout.write(
                "Left as they are, because they were changed or belong to another row; enter them"
                f" again: {', '.join(done.unreadable)}"
            )
            sys.exit(1)
