"""Keeps one process running for every SMPP gateway that is not disabled."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from django.db import DatabaseError, InterfaceError, connection

from smsmarketing.gateways import transports
from smsmarketing.gateways.models import Gateway

logger = structlog.get_logger("smsmarketing.gateways.binds")

_LOOK_S: Final = 2.0
_STOP_S: Final = 50.0
"""What a bind may take to await its answers and say goodbye."""
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 60.0


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    started: float


@dataclass
class Supervisor:
    """Starts, restarts with growing pauses, and stops processes of `manage.py smpp_bind`."""

    program: str
    should_stop: Callable[[], bool]
    _children: dict[str, _Child] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)
    _wanted: set[str] = field(default_factory=set)

    def run(self) -> int:
        """Until told to stop; every child has ended then."""
        looked = float("-inf")
        while not self.should_stop():
            if time.monotonic() - looked > _LOOK_S:
                looked = time.monotonic()
                self._look()
            self._reap()
            time.sleep(0.1)
        self._stop(set(self._children))
        return 0

    def _look(self) -> None:
        try:
            rows = Gateway.objects.filter(transport__in=transports.bound_names())
            self._wanted = set(rows.exclude(state="disabled").values_list("slug", flat=True))
        except (DatabaseError, InterfaceError):
            logger.exception("supervisor_without_database")
        finally:
            connection.close()
        self._stop(set(self._children) - self._wanted)
        for slug in sorted(self._wanted - set(self._children)):
            if time.monotonic() >= self._not_before.get(slug, 0.0):
                self._start(slug)

    def _start(self, slug: str) -> None:
        command = [sys.executable, self.program, "smpp_bind", slug, "--supervised"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own program
        self._children[slug] = _Child(process, time.monotonic())
        logger.info("bind_started", gateway=slug, pid=process.pid)

    def _reap(self) -> None:
        """Children that ended by themselves come again, later each time they end soon."""
        for slug, child in list(self._children.items()):
            code = child.process.poll()
            if code is None:
                continue
            del self._children[slug]
            short = time.monotonic() - child.started < _LONGEST_WAIT_S
            failures = self._failures.get(slug, 0) + 1 if short else 1
            self._failures[slug] = failures
            wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(failures - 1, 10))
            self._not_before[slug] = time.monotonic() + wait
            logger.warning("bind_ended", gateway=slug, code=code, again_s=wait)

    def _stop(self, slugs: set[str]) -> None:
        """Ask them to end, wait, and end what does not."""
        going = {slug: self._children.pop(slug) for slug in slugs}
        for child in going.values():
            child.process.terminate()
        deadline = time.monotonic() + _STOP_S
        for slug, child in going.items():
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.warning("bind_killed", gateway=slug)
                child.process.kill()
                child.process.wait()
