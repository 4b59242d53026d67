"""Creates .venv from a hashed lock file. Needs nothing but the standard library, so that any Python can start it.

Run as ``python3 tools/bootstrap.py requirements-dev.lock``. Does nothing when .venv already matches the lock file.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENT = CHECKOUT / ".venv"
OLDEST = (3, 11)


def main() -> int:
    """Build or refresh the environment; say in one sentence what is missing when that fails."""
    if sys.version_info < OLDEST:
        return _refuse(
            f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}."
        )
    lock = CHECKOUT / sys.argv[1]
    mark = ENVIRONMENT / f".{lock.stem}.sha256"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == wanted and _python_works():
        return 0
    print(f"Preparing .venv from {lock.name} (first time: about a minute) ...", flush=True)
    if not _python_works():
        try:
            venv.create(ENVIRONMENT, with_pip=True, clear=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            return _refuse(
                f"Making .venv failed ({problem}). On Debian: apt-get install python3-venv."
            )
    command = [
        str(_python()),
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--no-input",
        "--require-hashes",
        "--only-binary=:all:",
        "--requirement",
        str(lock),
    ]
    # PYTHONPATH of the caller could put other packages in front of the locked ones.
    surroundings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if subprocess.run(command, cwd=CHECKOUT, env=surroundings, check=False).returncode:
        return _refuse("Installing the locked packages failed; the reason is above.")
    mark.write_text(wanted)
    return 0


def _python() -> Path:
    return ENVIRONMENT / "bin" / "python"


def _python_works() -> bool:
    """Tell whether .venv has a Python that starts, is new enough and has pip (a moved checkout breaks it)."""
    probe = f"import sys, pip; sys.exit(sys.version_info < {OLDEST} or sys.prefix != {str(ENVIRONMENT)!r})"
    try:
        return (
            subprocess.run(
                [str(_python()), "-c", probe], check=False, capture_output=True
            ).returncode
            == 0
        )
    except OSError:
        return False


def _refuse(problem: str) -> int:
    print(f"bootstrap: {problem}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
