"""`manage.py smpp_supervise`: a process for the bind of every SMPP gateway, until SIGTERM."""

from __future__ import annotations

import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand

from smsmarketing.gateways.binds import Supervisor


class Command(BaseCommand):
    """Starts and stops `smpp_bind` as gateways come and go; ends with all of them."""

    help = "Keep the SMPP binds of all active gateways running, until it is stopped."

    def handle(self, *_: Any, **_options: Any) -> None:
        stopping: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: stopping.append(received))
        Supervisor(sys.argv[0], lambda: bool(stopping)).run()
