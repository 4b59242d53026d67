"""`make demo` as a stranger meets it: it starts, answers, keeps its data over a crash, and stops with Ctrl-C."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tools.embedded.place import CACHE_VARIABLE, CHECKOUT
from tools.embedded.processes import port_free, wait_until

pytestmark = pytest.mark.processes
READY = "Ctrl-C stops everything and keeps the data."
START_SECONDS = 180
STOP_SECONDS = 60


@dataclass
class Demo:
    """One run of the demo in a folder of its own."""

    folder: Path
    ports: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it the way make does, with next to nothing in the environment; wait until it says so."""
        self.log.unlink(missing_ok=True)
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tools.demo"],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.folder),
                    CACHE_VARIABLE: str(self.folder),
                    **self.ports,
                },
                start_new_session=True,
            )
        process = self.process
        wait_until(
            lambda: process.poll() is not None or READY in self.text(), seconds=START_SECONDS
        )
        assert process.poll() is None, self.text()
        assert READY in self.text(), self.text()

    def stop(self, order: signal.Signals) -> int:
        """Send a signal to the whole process group, as a terminal does, and return the exit code."""
        assert self.process is not None
        os.killpg(self.process.pid, order)
        return self.process.wait(timeout=STOP_SECONDS)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, bytes]:
        """Fetch a page of the web server."""
        address = f"http://127.0.0.1:{self.ports['WEB_PORT']}{path}"
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read()

    def left_over(self) -> list[str]:
        """Return the command lines of processes that still work for this demo."""
        marks = (str(self.folder), *(f":{port}" for port in self.ports.values()))
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                line = " ".join(process.cmdline())
                environment = process.environ().get(CACHE_VARIABLE, "")
                if any(mark in line for mark in marks) or environment == str(self.folder):
                    found.append(line)
        return found


@pytest.fixture
def demo() -> Iterator[Demo]:
    folder = Path(tempfile.mkdtemp(prefix="smsm-", dir="/var/tmp"))
    ports = {"WEB_PORT": str(port_free()), "CARRIER_PORT": str(port_free())}
    run = Demo(folder=folder, ports=ports, log=folder / "demo.log")
    yield run
    if run.process is not None and run.process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()
    wait_until(lambda: run.left_over() == [], seconds=STOP_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def _logins(text: str) -> list[str]:
    """Return the printed lines between the heading of the logins and the next blank line."""
    return text[text.index("  Logins ") :].split("\n\n")[0].splitlines()[1:]


def test_demo_starts_answers_keeps_its_data_and_stops(demo: Demo) -> None:
    demo.start()
    first = _logins(demo.text())
    assert len(first) >= 4
    assert demo.get("/health/ready")[0] == 200
    assert demo.get("/api/docs/")[0] == 200
    status, page = demo.get("/admin/login/")
    assert (status, b"csrfmiddlewaretoken" in page) == (200, True)
    assert '"Authorization": "Bearer ' in demo.text()

    # Everything is killed at once, nothing can clean up: no process stays, and the next start works.
    demo.stop(signal.SIGKILL)
    assert wait_until(lambda: demo.left_over() == [], seconds=STOP_SECONDS), demo.left_over()
    demo.start()
    assert _logins(demo.text()) == first
    assert '"Authorization": "Bearer ' in demo.text()

    assert demo.stop(signal.SIGINT) == 0, demo.text()
    assert wait_until(lambda: demo.left_over() == [], seconds=STOP_SECONDS), demo.left_over()


def test_demo_names_a_busy_port_and_starts_nothing(demo: Demo) -> None:
    with demo.log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "tools.demo"],
            cwd=CHECKOUT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                "PATH": os.environ["PATH"],
                CACHE_VARIABLE: str(demo.folder),
                **demo.ports,
                "CARRIER_PORT": demo.ports["WEB_PORT"],
            },
            check=False,
        )
    assert done.returncode == 1
    assert "CARRIER_PORT and WEB_PORT are both" in demo.text()
    assert demo.left_over() == []
