"""Starts servers, migrates, loads demo data, runs every process of the product and stops it all on Ctrl-C."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urljoin

from tools.demo import configuration
from tools.demo.children import Children
from tools.demo.configuration import DemoRefused, Ports
from tools.demo.summary import summary_render
from tools.embedded import place, postgres, processes, valkey
from tools.steps import python

DATABASE = "smsmarketing"
START_SECONDS = 90
FAST_QUEUES = "otp,transactional,inbound,dlr,callbacks,periodic"
BULK_QUEUES = "marketing,imports"
# A carrier as they are: some delay, some failures, some receipts that never come, and people who answer.
CARRIER_BEHAVIOUR = [
    *("--latency-ms", "40", "--latency-jitter-ms", "80"),
    *("--receipts", "delivered=94,43=3,53=1,expired=1,none=1"),
    *("--receipt-delay-ms", "1500", "--receipt-jitter-ms", "4000"),
    *("--replies", "STOP=0.01,other=0.02"),
]


@dataclass(slots=True)
class Signals:
    """Counts the requests to stop; the second one is a wish to hurry."""

    received: int = 0
    handled: list[signal.Signals] = field(
        default_factory=lambda: [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    )

    def listen(self) -> None:
        """Take over the signals that end a foreground program."""
        for name in self.handled:
            signal.signal(name, self._count)

    def _count(self, number: int, frame: FrameType | None) -> None:
        self.received += 1

    def stopping(self) -> bool:
        return self.received > 0

    def hurrying(self) -> bool:
        return self.received > 1


def main() -> int:
    """Run the demo until it is stopped; return 0 after Ctrl-C and 1 when something ended by itself."""
    signals = Signals()
    signals.listen()
    try:
        cache = place.cache_folder()
        lock = place.lock_try(cache / "demo.lock")
        if lock is None:
            raise DemoRefused(
                "A demo of this checkout is running already; stop it first (Ctrl-C there)."
            )
        ports = configuration.ports_read()
        with _servers(cache, ports) as environment:
            return _run(ports, folder=cache / "demo", environment=environment, signals=signals)
    except (DemoRefused, place.PlaceRefused, processes.ServerFailed) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1


@contextlib.contextmanager
def _servers(cache: Path, ports: Ports) -> Iterator[dict[str, str]]:
    """Start PostgreSQL and Valkey (unless DATABASE_URL, REDIS_URL name some) and yield the environment."""
    folder = cache / "demo"
    folder.mkdir(mode=0o711, exist_ok=True)
    database_url = os.environ.get("DATABASE_URL", "")
    redis_url = os.environ.get("REDIS_URL", "")
    with contextlib.ExitStack() as stack:
        if not database_url:
            _say("starting PostgreSQL ...")
            server = postgres.postgres_open(folder / "postgres", cache=cache)
            stack.callback(postgres.postgres_stop, server)
            postgres.postgres_start(server, durable=True)
            postgres.database_ensure(server, DATABASE)
            database_url = server.url(DATABASE)
        if not redis_url:
            _say("starting Valkey ...")
            store = valkey.valkey_open(folder / "valkey", cache=cache)
            stack.callback(valkey.valkey_stop, store)
            valkey.valkey_start(store, durable=True, port=ports.redis)
            redis_url = store.url()
        yield configuration.environment_make(
            ports, folder=folder, database_url=database_url, redis_url=redis_url
        )
        _say("stopping the servers ...")
    _say("stopped; the data is kept for the next start (make reset removes it).")


def _run(ports: Ports, *, folder: Path, environment: dict[str, str], signals: Signals) -> int:
    _say("migrating the database ...")
    _manage(["migrate", "--verbosity", "0"], environment=environment, signals=signals)
    _say("loading demo data ...")
    address = f"http://{configuration.HOST}:{ports.carrier}"
    load = ["demo_data", "--json", "--carrier-url", address]
    load += ["--carrier-smpp-url", f"smpp://{configuration.HOST}:{ports.smpp}"]
    printed = _manage(load, environment=environment, signals=signals)
    notes = configuration.notes_merge(folder / "notes.json", _last_object(printed))
    if signals.stopping():
        return 0
    children = Children(environment)
    try:
        commands = _commands(ports, folder=folder, notes=notes)
        for name, command in commands.items():
            children.start(name, command)
        if _wait_for_web(ports, children, signals):
            print(summary_render(ports, notes, environment=environment, folder=folder), flush=True)
        while not signals.stopping() and children.ended() is None:
            children.relay(seconds=0.5)
        ended = None if signals.stopping() else children.ended()
    finally:
        _say("stopping ...")
        children.stop(hurry=signals.hurrying)
    if ended is not None:
        print(f"demo: {ended} ended by itself; its last lines above say why.", file=sys.stderr)
        return 1
    return 0


def _commands(ports: Ports, *, folder: Path, notes: dict[str, Any]) -> dict[str, list[str]]:
    """Return the command line of every process of the product."""
    celery = python("-m", "celery", "--app", "smsmarketing", "--quiet")
    worker = [*celery, "worker", "--concurrency", "2", "--without-mingle", "--without-gossip"]
    web = f"{configuration.HOST}:{ports.web}"
    inbound = urljoin(f"http://{web}/", str(notes.get("inbound_url") or ""))
    carrier = ["-m", "smsmarketing.simulator", "--port", str(ports.carrier), *CARRIER_BEHAVIOUR]
    carrier += ["--inbound-url", inbound, "--smpp-port", str(ports.smpp)]
    return {
        "carrier": python(*carrier),
        "web": python("-m", "gunicorn", "smsmarketing.wsgi:application", "--bind", web),
        "fast": [*worker, "--queues", FAST_QUEUES, "--hostname", "fast@%h"],
        "bulk": [*worker, "--queues", BULK_QUEUES, "--hostname", "bulk@%h"],
        "binds": python("manage.py", "smpp_supervise"),
        "beat": [*celery, "beat", "--schedule", str(folder / "beat-schedule")],
    }


def _manage(arguments: list[str], *, environment: dict[str, str], signals: Signals) -> str:
    """Run a management command, its messages shown; return what it printed. Raises DemoRefused when it fails."""
    done = subprocess.run(
        python("manage.py", *arguments),
        cwd=place.CHECKOUT,
        env={**environment, "LOG_LEVEL": "WARNING"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode and not signals.stopping():
        raise DemoRefused(f"manage.py {arguments[0]} failed; the reason is above.\n{done.stdout}")
    return done.stdout


def _last_object(printed: str) -> dict[str, Any]:
    """Return the JSON object in the last line that demo_data printed."""
    lines = printed.strip().splitlines()
    with contextlib.suppress(ValueError):
        found = json.loads(lines[-1]) if lines else {}
        return found if isinstance(found, dict) else {}
    return {}


def _wait_for_web(ports: Ports, children: Children, signals: Signals) -> bool:
    """Relay output until the web server answers; False when it does not within the start time."""
    address = f"http://{configuration.HOST}:{ports.web}/health/live"
    for _ in range(START_SECONDS * 2):
        if signals.stopping() or children.ended() is not None:
            return False
        children.relay(seconds=0.5)
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2) as answer:
            if answer.status == 200:
                return True
    raise DemoRefused(f"The web server did not answer at {address}; its lines above say why.")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"demo      | {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
