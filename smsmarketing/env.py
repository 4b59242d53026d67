"""Typed readers for environment variables.

A variable that is missing or malformed stops the start with an :class:`EnvironmentRefused` that names it.
Every reader also records what it declares in :data:`DECLARED`; ``docs/settings.md`` is generated from that.
The value itself never appears in a message, because it may be a secret.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
TRUE_WORDS = frozenset({"true", "1", "yes", "on"})
FALSE_WORDS = frozenset({"false", "0", "no", "off"})
REDIS_SCHEMES = frozenset({"redis", "rediss", "redis+socket", "unix"})


class EnvironmentRefused(ImproperlyConfigured):
    """A variable is missing or malformed; the message names it and says what is allowed."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one variable means, as shown in ``docs/settings.md``."""

    name: str
    kind: str
    default: str
    doc: str


DECLARED: dict[str, Declaration] = {}


def flag(name: str, *, default: bool, doc: str) -> bool:
    """Read ``true`` or ``false`` (also 1/0, yes/no, on/off)."""
    _declare(name, kind="flag", default=str(default).lower(), doc=doc)
    return _read(name, default, _parse_flag, allowed="true or false")


def number(
    name: str, *, default: int, doc: str, minimum: int = 0, maximum: int | None = None
) -> int:
    """Read a whole number within its bounds."""
    bounds = f"a whole number from {minimum}" + (f" to {maximum}" if maximum is not None else "")
    _declare(name, kind=bounds, default=str(default), doc=doc)

    def parse(raw: str) -> int:
        value = int(raw)
        if value < minimum or (maximum is not None and value > maximum):
            raise ValueError(raw)
        return value

    return _read(name, default, parse, allowed=bounds)


def amount(name: str, *, default: Decimal, doc: str, minimum: Decimal = Decimal(0)) -> Decimal:
    """Read an exact decimal amount that is not below ``minimum``."""
    _declare(name, kind=f"a decimal from {minimum}", default=str(default), doc=doc)

    def parse(raw: str) -> Decimal:
        value = Decimal(raw)
        if not value.is_finite() or value < minimum:
            raise ValueError(raw)
        return value

    return _read(name, default, parse, allowed=f"a decimal number from {minimum}")


def text(name: str, *, default: str | None, doc: str, shown: str | None = None) -> str:
    """Read free text; ``default=None`` makes the variable required."""
    _declare(name, kind="text", default=shown or _shown(default), doc=doc)
    return _read(name, default, str, allowed="some text")


def choice(name: str, *, options: Sequence[str], default: str, doc: str) -> str:
    """Read one of a fixed list of words."""
    allowed = " | ".join(options)
    _declare(name, kind=allowed, default=default, doc=doc)

    def parse(raw: str) -> str:
        if raw not in options:
            raise ValueError(raw)
        return raw

    return _read(name, default, parse, allowed=f"one of {allowed}")


def items(name: str, *, default: Sequence[str] | None, doc: str, secret: bool = False) -> list[str]:
    """Read a comma-separated list; ``default=None`` makes it required, ``secret`` accepts ``NAME_FILE`` too."""
    shown = None if default is None else ",".join(default)
    kind = "list, separated by commas" + (f", or `{name}_FILE`" if secret else "")
    _declare(name, kind=kind, default=_shown(shown), doc=doc)
    raw = _secret_raw(name) if secret else os.environ.get(name, "")
    parsed = [part.strip() for part in raw.replace("\n", ",").split(",") if part.strip()]
    if parsed:
        return parsed
    if default is None or raw.strip():
        raise EnvironmentRefused(name, "must hold at least one value, separated by commas.")
    return list(default)


def secret(
    name: str, *, default: str | None, doc: str, minimum: int = 1, shown: str | None = None
) -> str:
    """Read a secret from ``NAME`` or from the file that ``NAME_FILE`` points to.

    ``minimum`` is the least number of characters; ``default=None`` makes the secret required.
    """
    kind = f"secret of at least {minimum} characters, or `{name}_FILE`"
    _declare(name, kind=kind, default=shown or _shown(default), doc=doc)
    raw = _secret_raw(name)
    if not raw:
        if default is None:
            raise EnvironmentRefused(name, f"must be set, or {name}_FILE must name a file with it.")
        return default
    if len(raw) < minimum:
        raise EnvironmentRefused(name, f"is too short; give at least {minimum} characters.")
    return raw


def keyring(
    name: str, *, default: dict[str, str] | None, doc: str, minimum: int = 32
) -> dict[str, str]:
    """Read named keys ``id:secret,id:secret``; the first is used for new data, all can read old data.

    Also from ``NAME_FILE``. Ids are unique words of letters, digits, ``-`` and ``_``.
    """
    kind = f"list of `id:secret` (at least {minimum} characters each), or `{name}_FILE`"
    _declare(
        name, kind=kind, default=_shown(None if default is None else "development key"), doc=doc
    )
    raw = _secret_raw(name)
    if not raw:
        if default is None:
            raise EnvironmentRefused(name, f"must be set, or {name}_FILE must name a file with it.")
        return dict(default)
    keys: dict[str, str] = {}
    for part in raw.replace("\n", ",").split(","):
        if not part.strip():
            continue
        key_id, _, value = part.strip().partition(":")
        if not key_id.replace("-", "").replace("_", "").isalnum() or len(value) < minimum:
            raise EnvironmentRefused(name, f"has a part that is not allowed; give {kind}.")
        if key_id in keys:
            raise EnvironmentRefused(name, "names the same key id twice.")
        keys[key_id] = value
    if not keys:
        raise EnvironmentRefused(name, f"holds no key; give {kind}.")
    return keys


def web_address(name: str, *, default: str | None, doc: str, secure: bool = False) -> str:
    """Read an ``http(s)://host[:port]`` address without a path end; ``secure`` accepts https only."""
    allowed = "an address such as https://sms.example.com"
    _declare(
        name,
        kind="https address" if secure else "http or https address",
        default=_shown(default),
        doc=doc,
    )

    def parse(raw: str) -> str:
        parts = urlsplit(raw)
        if parts.scheme not in ({"https"} if secure else {"http", "https"}) or not parts.hostname:
            raise ValueError(raw)
        if parts.query or parts.fragment or parts.username:
            raise ValueError(raw)
        return raw.rstrip("/")

    return _read(name, default, parse, allowed=allowed)


def redis_url(name: str, *, default: str | None, doc: str) -> str:
    """Read the URL of a Redis or Valkey server, also from ``NAME_FILE``."""
    _declare(
        name, kind=f"redis:// or rediss:// URL, or `{name}_FILE`", default=_shown(default), doc=doc
    )
    raw = _secret_raw(name) or default
    if raw is None or urlsplit(raw).scheme not in REDIS_SCHEMES:
        raise EnvironmentRefused(name, "must be a URL such as redis://127.0.0.1:6379/0.")
    return raw


def postgres_database(name: str, *, default: str | None, doc: str) -> dict[str, Any]:
    """Read a PostgreSQL URL (also from ``NAME_FILE``) as one entry of Django's ``DATABASES``.

    The query part holds libpq options, such as ``?sslmode=verify-full`` or ``?host=/run/postgresql``.
    """
    _declare(name, kind=f"postgresql:// URL, or `{name}_FILE`", default=_shown(default), doc=doc)
    raw = _secret_raw(name) or default
    if raw is None:
        raise EnvironmentRefused(name, "must be set to a postgresql:// URL.")
    try:
        return _postgres_entry(raw)
    except ValueError:
        raise EnvironmentRefused(
            name, "is not a PostgreSQL URL; give postgresql://user:password@host:5432/name."
        ) from None


def _postgres_entry(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ValueError(url)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or options.pop("port", "")),
        "OPTIONS": options,
    }


def _parse_flag(raw: str) -> bool:
    word = raw.lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValueError(raw)


def _secret_raw(name: str) -> str:
    """Return the value of ``NAME`` or the content of the file in ``NAME_FILE``; both at once is refused."""
    direct = os.environ.get(name, "").strip()
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return direct
    if direct:
        raise EnvironmentRefused(name, f"is set together with {name}_FILE; keep one of them.")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise EnvironmentRefused(f"{name}_FILE", "names a file that cannot be read.") from None


def _read(name: str, default: T | None, parse: Callable[[str], T], *, allowed: str) -> T:
    raw = os.environ.get(name, "").strip()
    if not raw:
        if default is None:
            raise EnvironmentRefused(name, f"must be set; give {allowed}.")
        return default
    try:
        return parse(raw)
    except (ValueError, InvalidOperation):
        raise EnvironmentRefused(
            name, f"has a value that is not allowed; give {allowed}."
        ) from None


def _declare(name: str, *, kind: str, default: str, doc: str) -> None:
    DECLARED[name] = Declaration(name=name, kind=kind, default=default, doc=" ".join(doc.split()))


def _shown(default: str | None) -> str:
    if default is None:
        return "(required)"
    return default or "(empty)"
