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
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> bool:
        """Run one command in the checkout with its output shown; return whether it succeeded."""
        print(f"==> {name}", flush=True)
        started = time.monotonic()
        code = subprocess.run(list(command), cwd=CHECKOUT, env=environment, check=False).returncode
        if code:
            self.failed.append(name)
        print(
            f"    {name}: {'ok' if not code else f'FAILED ({code})'}, {time.monotonic() - started:.0f} s",
            flush=True,
        )
        return not code


def python(*arguments: str) -> list[str]:
    """Return a command line for the Python that runs us."""
    return [sys.executable, *arguments]
