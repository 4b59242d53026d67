"""Trying a definition without sending: the request it would make, and how samples would be read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from smsmarketing.gateways.transports.base import (
    CredentialField,
    OutboundMessage,
    SubmitRequest,
    Transport,
    TransportConfig,
)

MASK: Final = "SECRET-"
SHOWN_MOST: Final = 8_000
_BASIC: Final = "Basic "


@dataclass(frozen=True, slots=True)
class RequestShown:
    """A request as people read it; every secret is a word that begins with SECRET-."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str


def masked_credentials(fields: Iterable[CredentialField]) -> dict[str, str]:
    """A word in the place of every credential: none is read for a request that is only shown."""
    return {each.name: f"{MASK}{each.name}" for each in fields}


def request_show(
    transport: Transport, message: OutboundMessage, config: TransportConfig
) -> RequestShown:
    """The request for a message. `config` must hold masked credentials. Raises TransportDataError."""
    return request_shown(transport.submit_request(message, config))


def request_shown(request: SubmitRequest) -> RequestShown:
    """The same of a request that was built with masked credentials."""
    return RequestShown(
        method=request.method,
        url=request.url[:SHOWN_MOST],
        headers=tuple((name, _opened(value)) for name, value in request.headers),
        body=request.body.decode("utf-8", "backslashreplace")[:SHOWN_MOST],
    )


def _opened(value: str) -> str:
    """A Basic login in readable form."""
    if not value.startswith(_BASIC):
        return value
    try:
        plain = base64.b64decode(value[len(_BASIC) :], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return _BASIC + "…"
    return f"{_BASIC}base64({plain})"


def content_changes(
    before: Mapping[str, object], after: Mapping[str, object]
) -> list[tuple[str, str, str]]:
    """(place, before, after) of everything that differs between two definitions."""
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    return [
        (path, old.get(path, ""), new.get(path, ""))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]


def _leaves(path: str, value: object) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        pairs = [(str(name), each) for name, each in value.items()]
    elif isinstance(value, list):
        pairs = [(str(number), each) for number, each in enumerate(value)]
    else:
        if value not in (None, ""):
            yield path, str(value)
        return
    for name, each in pairs:
        yield from _leaves(f"{path}.{name}" if path else name, each)
