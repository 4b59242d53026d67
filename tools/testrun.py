"""`make test`: all checks and all tests, with own servers and browser, leaving nothing running."""

import os

from tools.browser import ADVICE, CHOSEN, browser_ensure
from tools.check import checks_run
from tools.steps import Steps, python

WORKERS = "2"


def main() -> int:
    """Run checks and tests; the last line says what happened, loudest when the browser tests could not run."""
    steps = Steps()
    browser = browser_ensure()
    checks_run(steps)
    environment = dict(os.environ)
    # A test session makes its own servers and files; settings of the caller's shell must not leak into it.
    for name in ("DJANGO_SETTINGS_MODULE", "DJANGO_ENV", "DEBUG"):
        environment.pop(name, None)
    command = python("-m", "pytest", "-q", "-n", WORKERS, "--dist", "loadfile")
    if browser:
        environment[CHOSEN] = str(browser)
    else:
        command += ["-m", "not browser"]
    steps.run("pytest", command, environment=environment)
    if not browser and os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        steps.failed.append("browser tests (no Chromium)")
    print(f"\ntest: {'FAILED: ' + ', '.join(steps.failed) if steps.failed else 'all ok'}")
    if not browser:
        print(
            f"!!! THE BROWSER TESTS DID NOT RUN: no Chromium here and no right to install it; {ADVICE}. !!!"
        )
    return 1 if steps.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
