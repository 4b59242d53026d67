"""Finds the Chromium of the browser tests and, as root on Debian, installs it."""

import os
import shutil
import subprocess
from pathlib import Path

CHOSEN = "CHROMIUM_PATH"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADVICE = f"install Debian's chromium (apt-get install chromium) or set {CHOSEN} to a Chromium"


def browser_path() -> Path | None:
    """Return the browser to use: CHROMIUM_PATH, else the first known name on the PATH."""
    for name in (os.environ.get(CHOSEN, "").strip(), *NAMES):
        found = shutil.which(name) if name else None
        if found:
            return Path(found)
    return None


def browser_ensure() -> Path | None:
    """Return the browser; install it first when it is missing, we are root and the system has apt-get."""
    found = browser_path()
    if found or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    print("==> Installing chromium for the browser tests (apt-get)", flush=True)
    surroundings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *arguments]
        done = subprocess.run(
            command, env=surroundings, capture_output=True, text=True, check=False
        )
        if done.returncode and arguments[0] == "install":
            print(done.stderr[-2000:], flush=True)
    return browser_path()
