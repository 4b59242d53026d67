"""`make test`: all checks and all tests, with own servers and browser, leaving nothing running."""

import os
import resource
import subprocess
import tempfile
from pathlib import Path

from tools.browser import ADVICE, CHOSEN, browser_ensure
from tools.embedded.place import CHECKOUT
from tools.steps import Steps, python

WORKERS = str(max(3, min(9, (os.cpu_count() or 2) + 1)))
"""One more than cores: a test waits for servers, browsers and workers a third of its time."""
SLOWEST = ("--durations=15", "--durations-min=2")
# What a caller's shell may have set for the product; a test session makes its own servers and settings. Without
# bytecode each of a hundred processes would compile the whole product again.
FOREIGN = (
    *("DJANGO_SETTINGS_MODULE", "DJANGO_ENV", "DEBUG", "LOG_LEVEL", "LOG_FORMAT"),
    "PYTHONDONTWRITEBYTECODE",
)


def main() -> int:
    """Run checks and tests, also when something failed before, and say in the end what happened."""
    steps = Steps()
    browser = browser_ensure()
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    if browser:
        environment[CHOSEN] = str(browser)
    with tempfile.TemporaryFile("w+") as shown:
        # Beside the tests: those wait for processes of their own often enough.
        checks = subprocess.Popen(
            python("-m", "tools.check"), cwd=CHECKOUT, stdout=shown, stderr=subprocess.STDOUT
        )
        try:
            steps.run("pytest", pytest_command(browser), environment=environment)
        except BaseException:
            checks.terminate()
            raise
        finally:
            failed = checks.wait() != 0
        shown.seek(0)
        print("\n==> check (ran beside the tests)\n" + shown.read(), end="", flush=True)
    if failed:
        steps.failed.insert(0, "check")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\nCPU used by checks and tests: {used.ru_utime + used.ru_stime:.0f} s", flush=True)
    ci = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
    code, lines = verdict(steps.failed, browser=browser, ci=ci)
    print("\n" + "\n".join(lines))
    return code


def pytest_command(browser: Path | None) -> list[str]:
    """Return the command that runs every test, or every test but those that need a browser."""
    command = python("-m", "pytest", "-q", "-n", WORKERS, "--dist", "worksteal", *SLOWEST)
    return command if browser else [*command, "-m", "not browser"]


def verdict(failed: list[str], *, browser: Path | None, ci: bool) -> tuple[int, list[str]]:
    """Return the exit code and the last lines; a missing browser is the loud last one, and a failure in CI."""
    named = [*failed, "browser tests (no Chromium)"] if ci and not browser else failed
    lines = [f"test: {'FAILED: ' + ', '.join(named) if named else 'all ok'}"]
    if not browser:
        lines.append(
            "!!! THE BROWSER TESTS DID NOT RUN: no Chromium here and no right to install it; "
            f"{ADVICE}. !!!"
        )
    return (1 if named else 0), lines


if __name__ == "__main__":
    raise SystemExit(main())
