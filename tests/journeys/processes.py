"""The product as users meet it: web server, workers, beat and carrier as processes, on the test's database.

with product_running(process_environment) as product:
    product.url, product.carrier            # where they listen
    product.until(lambda: ..., seconds=30)  # polls, and shows the logs when the deadline passes
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
from django.conf import settings

from tests.simulator.process import RunningSimulator, simulator_running
from tools.demo.__main__ import BULK_QUEUES, FAST_QUEUES
from tools.embedded.place import CHECKOUT
from tools.embedded.processes import PR_SET_PDEATHSIG, child_end, port_free

START_SECONDS = 180
LOG_SHOWN = 4000


@dataclass
class Product:
    """Everything that runs for one test."""

    url: str
    carrier: RunningSimulator
    folder: Path
    environment: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        """Start `python -m <arguments>`; its output goes to a file. The kernel ends it should we die."""
        libc = ctypes.CDLL(None) if sys.platform == "linux" else None

        def tie_to_parent() -> None:
            if libc is not None:
                libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))

        with (self.folder / f"{name}.log").open("wb") as output:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=CHECKOUT,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=tie_to_parent,
            )

    def logs(self) -> dict[str, str]:
        """All that every process wrote, by name."""
        return {
            path.stem: path.read_text(errors="replace")
            for path in sorted(self.folder.glob("*.log"))
        }

    def why(self) -> str:
        """The ends of the logs, for a failing assertion."""
        return "\n".join(f"--- {name}\n{text[-LOG_SHOWN:]}" for name, text in self.logs().items())

    def until(self, ready: Callable[[], bool], *, seconds: float = 60) -> None:
        """Poll until `ready`; AssertionError with the logs after the deadline, or when a process ended."""

        deadline = time.monotonic() + seconds
        while not ready():
            ended = [name for name, child in self.running.items() if child.poll() is not None]
            assert not ended, f"{ended} ended by itself\n{self.why()}"
            assert time.monotonic() < deadline, self.why()
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether the web server is ready."""
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def stop(self) -> None:
        """End every process by its id, the web server and workers first."""
        for child in self.running.values():
            if child.poll() is None:
                child.terminate()
        for child in self.running.values():
            child_end(child, first=signal.SIGTERM, seconds=10)


@contextmanager
def product_running(
    environment: Mapping[str, str], *, workers: bool = True, **carrier_flags: object
) -> Iterator[Product]:
    """The whole product, ended with the block also after a failure; the broker starts and ends empty."""
    store = redis.Redis.from_url(settings.REDIS_URL)
    store.flushdb()
    port = port_free()
    url = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as folder,
        simulator_running(**{"receipt_delay_ms": 50, **carrier_flags}) as carrier,
    ):
        product = Product(
            url=url,
            carrier=carrier,
            folder=Path(folder),
            environment={
                **environment,
                "PUBLIC_BASE_URL": url,
                "MEDIA_ROOT": str(Path(folder) / "media"),
                "LOG_FORMAT": "json",
                "PYTHONUNBUFFERED": "1",
                "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
            },
        )
        try:
            _start_all(product, port, workers=workers)
            product.until(product.answers, seconds=START_SECONDS)
            yield product
        finally:
            product.stop()
            store.flushdb()
            store.close()


def _start_all(product: Product, port: int, *, workers: bool) -> None:
    """The same processes and queues as `make demo`, each worker in one process to spare two cores."""
    product.start(
        "web",
        *("gunicorn", "smsmarketing.wsgi:application", "--bind", f"127.0.0.1:{port}"),
        *("--workers", "1", "--threads", "8"),
    )
    if not workers:
        return
    celery = ("celery", "--app", "smsmarketing", "--quiet")
    worker = (*celery, "worker", "--pool", "solo", "--without-mingle", "--without-gossip")
    for name, queues in (("fast", FAST_QUEUES), ("bulk", BULK_QUEUES)):
        product.start(name, *worker, "--queues", queues, "--hostname", f"{name}@%h")
    product.start("beat", *celery, "beat", "--schedule", str(product.folder / "beat-schedule"))
