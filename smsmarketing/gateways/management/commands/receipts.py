"""`manage.py receipts replay --since 2026-11-20T00:00`: read stored receipts again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from smsmarketing.gateways.intake import receipts_apply, receipts_replay


class Command(BaseCommand):
    """Replays receipts, for example after a transport learned a code. Harmless to repeat."""

    help = "Put stored receipts back and apply them again; states only move up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["replay"])
        parser.add_argument("--since", required=True, help="ISO 8601 time; UTC without an offset.")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            since = datetime.fromisoformat(options["since"])
        except ValueError as exc:
            raise CommandError("--since must be an ISO 8601 time like 2026-11-20T00:00.") from exc
        if since.tzinfo is None:
            since = since.replace(tzinfo=UTC)
        count = receipts_replay(since=since)
        report = receipts_apply()
        self.stdout.write(
            f"{count} receipts read again: {report.applied} applied, {report.duplicate} known"
            f" before, {report.late} late, {report.parked} parked, {report.unusable} unusable."
        )
