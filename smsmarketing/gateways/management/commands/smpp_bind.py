"""`manage.py smpp_bind <slug>`: hold the SMPP bind of one gateway until SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from smsmarketing.gateways import transports
from smsmarketing.gateways.binds import BindProcess
from smsmarketing.gateways.models import Gateway


class Command(BaseCommand):
    """One process for each gateway; a second one waits until the first is gone."""

    help = "Bind to an SMPP gateway, send its batches and keep its receipts, until it is stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="Short name of the gateway.")
        parser.add_argument(
            "--supervised", action="store_true", help="End when the process that started this does."
        )

    def handle(self, *_: Any, **options: Any) -> None:
        gateway = Gateway.objects.filter(slug=options["slug"]).first()
        if gateway is None:
            raise CommandError("There is no gateway with this slug.")
        if gateway.transport not in transports.bound_names():
            raise CommandError(f"This gateway speaks {gateway.transport}; workers reach it.")
        stopping: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: stopping.append(received))
        parent = os.getppid()

        def should_stop() -> bool:
            return bool(stopping) or (bool(options["supervised"]) and os.getppid() != parent)

        code = BindProcess(gateway.slug, should_stop).run()
        if code:
            self.stderr.write("The gateway is disabled, or is not reached by SMPP any more.")
            sys.exit(code)
