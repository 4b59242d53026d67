"""The product's processes of a demo: started in our process group, their lines prefixed, stopped together."""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.embedded.place import CHECKOUT
from tools.embedded.processes import PR_SET_PDEATHSIG

COLORS = ("36", "32", "35", "33", "34", "31")
STOP_SECONDS = 20.0


@dataclass(slots=True)
class Children:
    """Running processes by name and what they write."""

    environment: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _unfinished: dict[str, bytes] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start one process; on Linux the kernel ends it should we be killed."""
        libc = ctypes.CDLL(None) if sys.platform == "linux" else None

        def tie_to_parent() -> None:
            if libc is not None:
                libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))

        child = subprocess.Popen(
            list(command),
            cwd=CHECKOUT,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=tie_to_parent,
        )
        assert child.stdout is not None  # noqa: S101 - for the type checker
        os.set_blocking(child.stdout.fileno(), False)
        self.running[name] = child
        self._names.append(name)
        self._selector.register(child.stdout, selectors.EVENT_READ, name)

    def relay(self, *, seconds: float) -> None:
        """Pass on whatever the processes write during ``seconds``, each line with its process's name."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self._selector.get_map():
                time.sleep(left)
                return
            for key, _ in self._selector.select(timeout=left):
                self._pass_on(key)

    def _pass_on(self, key: selectors.SelectorKey) -> None:
        name: str = key.data
        data = os.read(key.fd, 65536)
        if not data:
            self._close(name)
        *lines, rest = (self._unfinished.pop(name, b"") + data).split(b"\n")
        if data:
            self._unfinished[name] = rest
        elif rest:
            lines.append(rest)
        for line in lines:
            self.say(name, line.decode(errors="replace"))

    def _close(self, name: str) -> None:
        output = self.running[name].stdout
        if output is not None and not output.closed:
            self._selector.unregister(output)
            output.close()

    def say(self, name: str, line: str) -> None:
        """Write one prefixed line."""
        label = f"{name:<9}|"
        if sys.stdout.isatty():
            place = self._names.index(name) if name in self._names else len(self._names)
            label = f"\x1b[{COLORS[place % len(COLORS)]}m{label}\x1b[0m"
        with contextlib.suppress(BrokenPipeError, OSError):
            print(label, line, flush=True)

    def ended(self) -> str | None:
        """Return the name of a process that ended by itself, None while all run."""
        for name, child in self.running.items():
            if child.poll() is not None:
                return name
        return None

    def stop(self, *, hurry: Callable[[], bool]) -> None:
        """Ask every process to end, keep relaying, and kill what has not ended in time or when told to hurry."""
        for child in self.running.values():
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.poll() is None for child in self.running.values()):
            if time.monotonic() > deadline or hurry():
                for child in self.running.values():
                    child.kill()
            self.relay(seconds=0.1)
        self.relay(seconds=0.1)
        for name in self.running:
            self._close(name)
