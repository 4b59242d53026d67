"""Real workers and beat, as processes of their own, on the test's database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
QUEUES = "otp,transactional,marketing,inbound,dlr,callbacks,periodic"


class Crew:
    """The processes of one test; whatever is left is killed at its end."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._number = 0
        self.alive: list[subprocess.Popen[bytes]] = []

    def worker(self) -> subprocess.Popen[bytes]:
        """A worker in one process, so that SIGKILL ends all of it."""
        return self._start(
            "worker", "--pool", "solo", "--queues", QUEUES, "--without-mingle", "--without-gossip"
        )

    def beat(self) -> subprocess.Popen[bytes]:
        return self._start("beat", "--schedule", str(self._folder / "beat-schedule"))

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL to this process, by its id."""
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        self.alive.remove(process)

    def log(self) -> str:
        """The end of every process' log, for a failing assertion."""
        texts = [
            path.read_text(errors="replace")[-3000:] for path in sorted(self._folder.glob("*.log"))
        ]
        return "\n---\n".join(texts)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        self._number += 1
        with (self._folder / f"{self._number}-{arguments[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "--app", "smsmarketing", "--quiet", *arguments],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.alive.append(process)
        return process


@contextmanager
def crew_running(environment: dict[str, str]) -> Iterator[Crew]:
    """Processes that end with the block; the broker starts and ends empty."""
    store = redis.Redis.from_url(settings.REDIS_URL)
    store.flushdb()
    with tempfile.TemporaryDirectory() as folder:
        crew = Crew(environment, Path(folder))
        try:
            yield crew
        finally:
            for process in list(crew.alive):
                crew.kill(process)
            store.flushdb()


def until(crew: Crew, ready: Callable[[], bool], *, seconds: float) -> None:
    """Poll until `ready`; AssertionError with the logs when a process ends by itself or the time
    is up.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        assert all(process.poll() is None for process in crew.alive), crew.log()
        assert time.monotonic() < deadline, crew.log()
        time.sleep(0.05)
