"""Starting and ending server processes that are ours, and only those."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import psutil

from tools.embedded.place import server_user

PR_SET_PDEATHSIG = 1


class ServerFailed(RuntimeError):
    """A server did not start; the message holds the end of its log."""


def server_spawn(
    command: Sequence[str],
    *,
    cwd: Path,
    output: IO[bytes] | int,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a server as the servers' user, in its own session, ended by the kernel when we die (Linux)."""
    user = server_user()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def tie_to_parent() -> None:
        # Runs after the user was changed, because changing it clears the death signal.
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, int(death_signal))

    return subprocess.Popen(
        list(command),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C", "TZ": "UTC"},
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
        start_new_session=True,
        preexec_fn=tie_to_parent,
    )


def process_is_ours(pid: int, marker: str) -> bool:
    """Tell whether ``pid`` runs in the folder ``marker``: every server here is started in its data folder."""
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.cwd() == marker)
    except psutil.Error:
        return False


def process_end(pid: int, marker: str, *, first: signal.Signals, seconds: float = 10) -> None:
    """End ``pid`` when it is ours: ask with ``first``, insist with SIGKILL after ``seconds``."""
    if not process_is_ours(pid, marker):
        return
    for order, patience in ((first, seconds), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, order)
        if wait_until(lambda: not process_is_ours(pid, marker), seconds=patience):
            return


def child_end(
    child: subprocess.Popen[bytes], *, first: signal.Signals, seconds: float = 10
) -> None:
    """End a process that we started ourselves and collect it."""
    if child.poll() is not None:
        return
    child.send_signal(first)
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(timeout=5)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll ``condition`` until it holds; False when the deadline passes first."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def port_free() -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def log_tail(path: Path, *, lines: int = 15) -> str:
    """Return the end of a server's log for an error message."""
    with contextlib.suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return "(no log)"
