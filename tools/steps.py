"""Runs commands one after the other, says what each is and how long it took, and remembers what failed."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.embedded.place import CHECKOUT


@dataclass(slots=True)
class Steps:
    """The steps of one run; ``failed`` holds the names of those that did not succeed."""

    failed: list[str] = field(default_factory=list)

    def run(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        quiet: bool = False,
    ) -> bool:
        """Run one command in the checkout; return whether it succeeded.

        ``quiet`` shows the output of a command that failed only.
        """
        if not quiet:
            print(f"==> {name}", flush=True)
        started = time.monotonic()
        done = subprocess.run(
            list(command),
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            text=True,
            check=False,
        )
        if done.returncode:
            self.failed.append(name)
            print(done.stdout or "", end="", flush=True)
        verdict = f"FAILED ({done.returncode})" if done.returncode else "ok"
        print(f"{name:<20} {verdict}, {time.monotonic() - started:.0f} s", flush=True)
        return not done.returncode


def python(*arguments: str) -> list[str]:
    """Return a command line for the Python that runs us."""
    return [sys.executable, *arguments]
