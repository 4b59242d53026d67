"""`make lock`: resolves requirements*.in into lock files with hashes, in an environment of its own.

The lock files hold names, versions and hashes only, never the address of an index (docs/adr/0001).
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENT = CHECKOUT / ".cache" / "lock-venv"
PYTHON_VERSION = "3.11"
OPTIONS = [
    "--universal",
    "--generate-hashes",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
]


def main() -> int:
    """Write both lock files; the development one contains the runtime one."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-qq", "uv"], check=True)
    settings = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    for sources, target in (
        (["requirements.in"], "requirements.lock"),
        (["requirements.in", "requirements-dev.in"], "requirements-dev.lock"),
    ):
        command = [str(python), "-m", "uv", "pip", "compile", *OPTIONS, "--quiet"]
        command += [
            "--python-version",
            PYTHON_VERSION,
            "--output-file",
            target,
            *sys.argv[1:],
            *sources,
        ]
        if subprocess.run(command, cwd=CHECKOUT, env=settings, check=False).returncode:
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
