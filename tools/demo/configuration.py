"""What a demo runs with: ports, secrets and the environment of its processes."""

import errno
import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WEB_PORT = 8000
CARRIER_PORT = 8091
HOST = "127.0.0.1"


class DemoRefused(RuntimeError):
    """The demo cannot start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports of 127.0.0.1 that a demo listens on; ``redis`` None means any free one."""

    web: int
    carrier: int
    redis: int | None

    @property
    def smpp(self) -> int:
        """Where the carrier speaks SMPP: the port beside its HTTP one."""
        return self.carrier + 1 if self.carrier < 65535 else self.carrier - 1


def ports_read() -> Ports:
    """Read the ports from the environment and make sure that nobody uses them. Raises DemoRefused."""
    found = Ports(
        web=_port("WEB_PORT", WEB_PORT) or WEB_PORT,
        carrier=_port("CARRIER_PORT", CARRIER_PORT) or CARRIER_PORT,
        redis=_port("REDIS_PORT", None),
    )
    named = {
        "WEB_PORT": found.web,
        "CARRIER_PORT": found.carrier,
        "CARRIER_PORT (SMPP beside it)": found.smpp,
        "REDIS_PORT": found.redis,
    }
    taken: dict[int, str] = {}
    for name, port in named.items():
        if port is None:
            continue
        if port in taken:
            raise DemoRefused(
                f"{name} and {taken[port]} are both {port}; give them different numbers."
            )
        taken[port] = name
        _port_must_be_free(name, port)
    return found


def _port(name: str, default: int | None) -> int | None:
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    if not raw.isdecimal() or not 1 <= int(raw) <= 65535:
        raise DemoRefused(f"{name} must be a port number from 1 to 65535.")
    return int(raw)


def _port_must_be_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            if problem.errno == errno.EACCES:
                raise DemoRefused(
                    f"Port {port} ({name}) needs more rights; choose one above 1023."
                ) from None
            raise DemoRefused(
                f"Port {port} ({name}) is used by another program. Choose another: make demo {name}={port + 1}"
            ) from None


def secrets_keep(path: Path) -> dict[str, str]:
    """Return the demo's own secrets, made on the first start; data encrypted with them survives a restart."""
    if not path.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "VERSION_TOKEN_KEY": secrets.token_urlsafe(48),
            "CREDENTIALS_KEYS": f"demo:{secrets.token_urlsafe(48)}",
            "PHONE_HASH_KEYS": f"demo:{secrets.token_urlsafe(48)}",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(made))
    found: dict[str, str] = json.loads(path.read_text())
    return found


def notes_merge(path: Path, news: dict[str, Any]) -> dict[str, Any]:
    """Keep what demo_data printed (a token is shown once only) and return everything known."""
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    known.update({key: value for key, value in news.items() if value})
    path.touch(mode=0o600)
    path.write_text(json.dumps(known, indent=1))
    return known


def inbox_ensure(folder: Path) -> Path:
    """Return the folder below which import folders may lie, with one to begin with: `shop`."""
    inbox = folder / "inbox"
    (inbox / "shop").mkdir(parents=True, exist_ok=True)
    return inbox


def environment_make(
    ports: Ports, *, folder: Path, database_url: str, redis_url: str
) -> dict[str, str]:
    """Return the environment of every process of the demo; nothing of the caller's shell leaks into it."""
    web = f"http://{HOST}:{ports.web}"
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", str(folder)),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        # As root Celery would fill a screen with advice that does not fit a demo.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        "DJANGO_SETTINGS_MODULE": "smsmarketing.settings",
        "DJANGO_ENV": "development",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PUBLIC_BASE_URL": web,
        "CSRF_TRUSTED_ORIGINS": f"{web},http://localhost:{ports.web}",
        "MEDIA_ROOT": str(folder / "media"),
        "IMPORT_FOLDER_ROOT": str(inbox_ensure(folder)),
        **secrets_keep(folder / "secrets.json"),
    }
