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
ANSWER_MOST: Final = 2_000
_BASIC: Final = "Basic "
_SHORTEST_SECRET: Final = 4
_DIGITS_KNOWN: Final = 7
"""The last digits of a number, which stand alike in all its spellings."""


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


def number_hidden(phone: str) -> str:
    """A number (E.164) of the same country and length that is nobody's: its middle is zeros."""
    return phone[:4] + "0" * max(0, len(phone) - 6) + phone[-2:]


def answer_shown(body: bytes, *, phone: str, credentials: Mapping[str, str]) -> str:
    """What came back, as people read it: without the number and the credentials, and not all of it."""
    text = body[:SHOWN_MOST].decode("utf-8", "backslashreplace")
    for name, value in sorted(credentials.items(), key=lambda each: -len(each[1])):
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, f"{MASK}{name}")
    if last := phone.removeprefix("+")[-_DIGITS_KNOWN:]:
        text = text.replace(last, "0" * len(last))
    return text[:ANSWER_MOST]
