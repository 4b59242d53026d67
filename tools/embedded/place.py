"""Where embedded servers keep binaries and data, and as whom they run.

PostgreSQL refuses to run as root, and a checkout under ``/root`` cannot be entered by anybody else. So everything
lives in one folder under ``/var/tmp``, named after the user and the checkout; as root the servers run as nobody.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
CACHE_VARIABLE = "SMSMARKETING_CACHE"
NOBODY = 65534


class PlaceRefused(RuntimeError):
    """The folder cannot be used safely; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The numeric user and group that servers run as when we are root."""

    uid: int
    gid: int


def server_user() -> ServerUser | None:
    """Return nobody when we are root, else None: servers then run as ourselves."""
    return ServerUser(NOBODY, NOBODY) if os.geteuid() == 0 else None


def cache_folder() -> Path:
    """Return our folder, created on first use and checked for a foreign owner every time.

    Raises PlaceRefused when somebody else made it, may write to it, or the servers could not enter it.
    """
    chosen = os.environ.get(CACHE_VARIABLE, "").strip()
    mark = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]
    folder = Path(chosen or f"/var/tmp/smsmarketing-{os.geteuid()}-{mark}")  # noqa: S108 - checked below
    if not folder.is_absolute():
        raise PlaceRefused(f"{CACHE_VARIABLE} must be an absolute path, not {folder}.")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o711, parents=bool(chosen))
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PlaceRefused(
            f"{folder} is not a folder of ours. Remove it or set {CACHE_VARIABLE} to another path."
        )
    folder.chmod(0o711)
    if server_user():
        for parent in folder.parents:
            if not parent.stat().st_mode & stat.S_IXOTH:
                raise PlaceRefused(
                    f"{parent} cannot be entered by the server's user. Set {CACHE_VARIABLE} elsewhere."
                )
    return folder


def server_folder(path: Path) -> Path:
    """Create ``path`` so that only the servers' user (and root) can look inside."""
    path.mkdir(mode=0o700, exist_ok=True)
    give_to_server(path)
    return path


def give_to_server(path: Path) -> None:
    """Make the servers' user the owner of ``path``; nothing to do when servers run as ourselves."""
    user = server_user()
    if user:
        os.chown(path, user.uid, user.gid)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder with owners and modes, sharing blocks where the file system can."""
    reflink = ["--reflink=auto"] if os.uname().sysname == "Linux" else []
    subprocess.run(
        ["cp", "-a", *reflink, str(source), str(target)], check=True, capture_output=True
    )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; waits for another holder. The kernel drops it when we die."""
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def lock_try(path: Path) -> int | None:
    """Take the lock file and return its descriptor, to be kept open; None when another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
