"""What can be set on the simulator, from the command line or at run time through `POST /_control`."""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

FAULTS = (
    "none",
    "http_400",
    "http_401",
    "http_403",
    "http_429",
    "http_500",
    "http_501",
    "http_503",
    "http_500_after_accept",
    "hang",
    "hang_after_accept",
    "reset",
    "reset_after_accept",
    "html_200",
    "html_200_after_accept",
    "empty_200",
    "empty_200_after_accept",
    "cut_after_accept",
)
"""What can happen to a valid submit. Names ending in `_after_accept` count as accepted first; the
others are never accepted. `hang` keeps the connection open without an answer (accept, then
timeout, is `hang_after_accept`), `reset` sends a TCP RST, `cut` closes in the middle of the body.
"""

REPLIES = ("STOP", "START", "HELP", "other")
_OUTCOME = re.compile(r"delivered|expired|none|[0-9]{1,4}|status:[0-9]{1,3}")
_MAX_MS = 3_600_000.0


class SettingError(ValueError):
    """A setting that cannot be used; the sentence names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are milliseconds, mixes are weights by name, shares are 0 to 1."""

    token: str = field(default="simulator-token", repr=False)
    latency_ms: float = 0.0
    latency_jitter_ms: float = 0.0
    hang_ms: float = 60_000.0
    """How long a hanging connection is kept before it is closed without an answer."""
    faults: Mapping[str, float] = field(default_factory=lambda: {"none": 1.0})
    receipts: Mapping[str, float] = field(default_factory=lambda: {"delivered": 1.0})
    """Outcomes: `delivered`, `expired`, `none`, an error code (status 2), or `status:N` (unknown).
    """
    receipt_delay_ms: float = 1_000.0
    receipt_jitter_ms: float = 0.0
    receipt_slow_ms: float = 30_000.0
    """Delay of the magic number for slow delivery."""
    receipt_retry_ms: float = 500.0
    """First pause before a receipt is repeated; it doubles up to 30 s, without end."""
    receipt_duplicate_share: float = 0.0
    receipt_contradict_share: float = 0.0
    """Messages that get two different final receipts, in either order."""
    receipt_early_share: float = 0.0
    """Messages whose receipt is posted before the submit is answered."""
    replies: Mapping[str, float] = field(default_factory=dict)
    """Share of accepted messages that are answered by STOP, START, HELP or other text; sum <= 1."""
    reply_delay_ms: float = 2_000.0
    reply_jitter_ms: float = 0.0
    inbound_url: str = ""
    """Where replies are posted; empty = replies are counted as not sent."""
    inbound_format: str = "json"
    magic: bool = True
    """Whether recipients that end in 99901 to 99915 behave as documented."""


def settings_merge(base: Settings, changes: object) -> Settings:
    """`base` with `changes` (a JSON object) applied, all or nothing. Raises SettingError."""
    if not isinstance(changes, Mapping):
        raise SettingError("Send one JSON object of settings.")
    known = {item.name for item in fields(Settings)}
    for name in changes:
        if name not in known:
            raise SettingError(f"There is no setting {str(name)[:40]!r}.")
    checked: dict[str, Any] = {name: _checker(name)(name, value) for name, value in changes.items()}
    return replace(base, **checked)


def settings_public(settings: Settings) -> dict[str, object]:
    """All settings but the token, for `GET /_control`, `GET /_stats` and the page."""
    return {name: value for name, value in asdict(settings).items() if name != "token"}


def loopback_target(url: str) -> tuple[str, int, str] | None:
    """Host literal, port and request target of an http URL on this machine; None for any other.

    Names are not resolved (except `localhost`, taken as 127.0.0.1): the simulator must not be able
    to call another machine, whatever a test or a person enters.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 80
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme != "http" or parts.username or parts.password or not url.isascii():
        return None
    if any(character <= " " for character in url):
        return None
    if host == "localhost":
        host = "127.0.0.1"
    try:
        if not ipaddress.ip_address(host).is_loopback:
            return None
    except ValueError:
        return None
    target = parts.path or "/"
    return host, port, f"{target}?{parts.query}" if parts.query else target


def _checker(name: str) -> Callable[[str, object], object]:
    if name.endswith("_ms"):
        return _milliseconds
    if name.endswith("_share"):
        return _share
    return _CHECKERS[name]


def _number(name: str, value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingError(f"{name} must be a number.")
    if not 0 <= value <= most:
        raise SettingError(f"{name} must be 0 to {most:g}.")
    return float(value)


def _milliseconds(name: str, value: object) -> float:
    return _number(name, value, _MAX_MS)


def _share(name: str, value: object) -> float:
    return _number(name, value, 1.0)


def _mix(name: str, value: object, allowed: Callable[[str], bool]) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise SettingError(f"{name} must be an object of weights by name.")
    mix: dict[str, float] = {}
    for key, weight in value.items():
        if not isinstance(key, str) or not allowed(key):
            raise SettingError(f"{name} knows no {str(key)[:40]!r}.")
        mix[key] = _number(f"{name}.{key}", weight, 1e9)
    return mix


def _weights(name: str, value: object, allowed: Callable[[str], bool]) -> dict[str, float]:
    mix = _mix(name, value, allowed)
    if sum(mix.values()) <= 0:
        raise SettingError(f"{name} needs at least one weight above 0.")
    return mix


def _faults(name: str, value: object) -> dict[str, float]:
    return _weights(name, value, lambda key: key in FAULTS)


def _receipts(name: str, value: object) -> dict[str, float]:
    return _weights(name, value, lambda key: _OUTCOME.fullmatch(key) is not None)


def _replies(name: str, value: object) -> dict[str, float]:
    mix = _mix(name, value, lambda key: key in REPLIES)
    if sum(mix.values()) > 1.0 + 1e-9:
        raise SettingError(f"{name} are shares of the recipients; their sum must not pass 1.")
    return mix


def _token(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise SettingError(f"{name} must be printable ASCII text.")
    return value


def _inbound_url(name: str, value: object) -> str:
    if not isinstance(value, str) or (value and loopback_target(value) is None):
        raise SettingError(f"{name} must be an http address on this machine (127.0.0.1).")
    return value


def _inbound_format(name: str, value: object) -> str:
    if value not in ("json", "form"):
        raise SettingError(f"{name} must be json or form.")
    return str(value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise SettingError(f"{name} must be true or false.")
    return value


_CHECKERS: Mapping[str, Callable[[str, object], object]] = {
    "token": _token,
    "faults": _faults,
    "receipts": _receipts,
    "replies": _replies,
    "inbound_url": _inbound_url,
    "inbound_format": _inbound_format,
    "magic": _flag,
}
