"""Gives a test session its own servers, unless DATABASE_URL and REDIS_URL name some."""

import atexit
import json
import os
import signal
import subprocess
import sys

from tools.embedded.place import CHECKOUT
from tools.migrated import template_ensure

TEMPLATE_VARIABLE = "SMSMARKETING_TEST_TEMPLATE"
PROBLEM_VARIABLE = "SMSMARKETING_TEST_PROBLEM"
STARTED_VARIABLE = "SMSMARKETING_TEST_SESSION"


def servers_ensure() -> None:
    """Start the keeper once per session and set DATABASE_URL and REDIS_URL in our environment.

    Worker processes of pytest-xdist inherit the variables and start nothing.
    """
    if os.environ.get(STARTED_VARIABLE):
        return
    os.environ[STARTED_VARIABLE] = str(os.getpid())
    if os.environ.get("DATABASE_URL"):
        template, problem = template_ensure(os.environ["DATABASE_URL"])
        os.environ[TEMPLATE_VARIABLE], os.environ[PROBLEM_VARIABLE] = template, problem
        if os.environ.get("REDIS_URL"):
            return
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tools.keeper"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C reaches us, not the keeper: it ends after us, when its input closes.
        start_new_session=True,
    )
    assert keeper.stdin is not None  # noqa: S101 - for the type checker
    assert keeper.stdout is not None  # noqa: S101
    line = keeper.stdout.readline()
    if not line:
        raise SystemExit(
            f"The test servers did not start (exit {keeper.wait()}); see the lines above."
        )
    session = json.loads(line)
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = session["database_url"]
        os.environ[TEMPLATE_VARIABLE] = session["template"]
        os.environ[PROBLEM_VARIABLE] = session["problem"]
    os.environ.setdefault("REDIS_URL", session["redis_url"])
    atexit.register(_keeper_end, keeper, os.getpid())


def _keeper_end(keeper: "subprocess.Popen[str]", owner: int) -> None:
    """Close the keeper's input and wait, so that nothing is left running; forked children do nothing."""
    if os.getpid() != owner or keeper.stdin is None:
        return
    keeper.stdin.close()
    try:
        keeper.wait(timeout=40)
    except subprocess.TimeoutExpired:
        keeper.send_signal(signal.SIGTERM)
        keeper.wait(timeout=10)
