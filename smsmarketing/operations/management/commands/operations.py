"""`manage.py operations`: the catalogue, its generated page, and calls from the shell."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from smsmarketing.operations import registry
from smsmarketing.operations.dispatch import execute
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.reference import catalogue_markdown
from smsmarketing.operations.replies import outcome_json
from smsmarketing.operations.schemas import operation_json
from smsmarketing.operations.types import Actor, Surface

USAGE = 2
"""Exit code of bad usage; 1 is a refusal."""

ACTOR_BUILDER = "smsmarketing.accounts.selectors.actor_for_user"
"""Default of settings.ACTOR_BUILDER: `(user, *, surface) -> Actor`. A path, since accounts lies
above this app.
"""


class Command(BaseCommand):
    """Without arguments: the catalogue as a table."""

    help = "Print the catalogue of operations, check or write docs/operations.md, or call one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options and the subcommand `call`."""
        form = parser.add_mutually_exclusive_group()
        form.add_argument(
            "--json", action="store_true", help="Print everything with schemas as JSON."
        )
        form.add_argument(
            "--check", action="store_true", help="Exit 1 when docs/operations.md is stale."
        )
        form.add_argument("--write", action="store_true", help="Write docs/operations.md.")
        actions = parser.add_subparsers(dest="action", metavar="call")
        call = actions.add_parser("call", help="Call one operation under its usual rules.")
        call.add_argument("key", metavar="KEY", help="Key of the operation, e.g. campaigns.get.")
        call.add_argument(
            "input", metavar="JSON", help="Its input as a JSON object; - reads it from stdin."
        )
        call.add_argument(
            "--as", dest="username", required=True, metavar="USERNAME", help="Who calls."
        )
        call.add_argument("--idempotency-key", metavar="KEY", help="16 to 128 of A-Z a-z 0-9 - _.")
        call.add_argument("--dry-run", action="store_true", help="Do everything, then roll back.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked; the table is the default."""
        if options.get("action") == "call":
            self._call(options)
        elif options["json"]:
            catalogue = [operation_json(operation) for operation in registry.every()]
            self.stdout.write(json.dumps(catalogue, indent=2, ensure_ascii=False))
        elif options["check"]:
            self._check()
        elif options["write"]:
            _page().write_text(catalogue_markdown(), encoding="utf-8")
            self.stdout.write(f"Wrote {_page()}")
        else:
            self._table()

    def _table(self) -> None:
        rows = [("OPERATION", "KIND", "APPROVAL", "PERMISSION", "SUMMARY")]
        rows += [
            (found.key, found.kind.value, found.approval.value, found.permission, found.summary)
            for found in registry.every()
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            self.stdout.write("  ".join([*cells, row[4]]).rstrip())

    def _check(self) -> None:
        page = _page()
        current = page.read_text(encoding="utf-8") if page.exists() else ""
        if current != catalogue_markdown():
            self.stderr.write(f"{page} is stale. Run manage.py operations --write and commit it.")
            sys.exit(1)
        self.stdout.write(f"{page} is current.")

    def _call(self, options: dict[str, Any]) -> None:
        payload = _payload(options["input"])
        actor = _actor(options["username"])
        try:
            outcome = execute(
                options["key"],
                payload,
                actor=actor,
                idempotency_key=options["idempotency_key"],
                dry_run=options["dry_run"],
            )
        except OperationError as refusal:
            self._print(refusal.envelope())
            sys.exit(1)
        self._print(outcome_json(outcome))

    def _print(self, value: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False))


def _page() -> Path:
    return Path(settings.BASE_DIR) / "docs" / "operations.md"


def _payload(text: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as exc:
        raise CommandError(f"The input is not JSON: {exc}", returncode=USAGE) from exc


def _actor(username: str) -> Actor:
    users = get_user_model()
    try:
        user = users._default_manager.get_by_natural_key(username)
    except users.DoesNotExist as exc:
        raise CommandError(f"There is no user {username}.", returncode=USAGE) from exc
    builder = import_string(getattr(settings, "ACTOR_BUILDER", ACTOR_BUILDER))
    actor: Actor = builder(user, surface=Surface.CLI)
    return actor
