"""The token of an opt-out link: short, unguessable, no number in it. Pure.

19 characters of base62. The last nine are a truncated HMAC over brand, contact, purpose and the
number's hash (53 bits: at a thousand tries a second, some 140,000 years for one hit); the first ten
are the ids, masked with a key stream drawn from that HMAC, so that neither counts nor neighbours can
be read or tried. The same person, brand and purpose always give the same token: nothing is stored.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN_LENGTH: Final = 19
SAMPLE_TOKEN: Final = "SAMPLElinkDOESnothn"  # noqa: S105 - opens nothing
"""Stands in previews and test sends; it names nobody."""
PURPOSES: Final = ("marketing", "notification")

_IDS_LENGTH = 10
_MAC_LENGTH = TOKEN_LENGTH - _IDS_LENGTH
_IDS: Final[int] = 62**_IDS_LENGTH
_MACS: Final[int] = 62**_MAC_LENGTH
_BRANDS: Final = 62**3
_CONTACTS: Final = 62**6
_PAIRS: Final = [high + low for high in ALPHABET for low in ALPHABET]
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}


@dataclass(frozen=True, slots=True)
class OptOutTicket:
    """What a token claims under one key; `ticket_holds` tells whether it is true."""

    brand_id: int
    contact_id: int
    purpose: str
    mac: int
    key: bytes


def link_purpose(purpose: str) -> str:
    """What a link in a text of this purpose is about."""
    return purpose if purpose in PURPOSES else "notification"


def link_key(secret: str) -> bytes:
    """The key of links, drawn from a key of phone hashes: kept as long as the opt-outs it serves."""
    return hmac.digest(secret.encode(), b"opt-out-link:1", "sha256")


def token_maker(key: bytes, *, brand_id: int, purpose: str) -> Callable[[int, bytes], str]:
    """`make(contact_id, phone_hash)` for a million recipients of one brand. Raises ValueError for ids
    beyond what fits.
    """
    if not 0 <= brand_id < _BRANDS:
        raise ValueError("the brand's id does not fit into a token")
    head = (PURPOSES.index(purpose) * _BRANDS + brand_id) * _CONTACTS

    def make(contact_id: int, phone_hash: bytes) -> str:
        if not 0 <= contact_id < _CONTACTS:
            raise ValueError("the contact's id does not fit into a token")
        ids = head + contact_id
        mac = _mac(key, ids, phone_hash)
        return _text((ids + _stream(key, mac)) % _IDS, _IDS_LENGTH) + _text(mac, _MAC_LENGTH)

    return make


def token_read(token: str, keys: Iterable[bytes]) -> list[OptOutTicket]:
    """What the token may mean, one ticket a key; empty for what is no token at all."""
    if len(token) != TOKEN_LENGTH or not all(character in _VALUES for character in token):
        return []
    masked, mac = _number(token[:_IDS_LENGTH]), _number(token[_IDS_LENGTH:])
    tickets = []
    for key in keys:
        ids = (masked - _stream(key, mac)) % _IDS
        rest, contact_id = divmod(ids, _CONTACTS)
        purpose, brand_id = divmod(rest, _BRANDS)
        if purpose < len(PURPOSES):
            tickets.append(OptOutTicket(brand_id, contact_id, PURPOSES[purpose], mac, key))
    return tickets


def ticket_holds(ticket: OptOutTicket, phone_hash: bytes) -> bool:
    """Whether the ticket was given out for this number."""
    head = (PURPOSES.index(ticket.purpose) * _BRANDS + ticket.brand_id) * _CONTACTS
    wanted = _mac(ticket.key, head + ticket.contact_id, phone_hash)
    return hmac.compare_digest(ticket.mac.to_bytes(8, "big"), wanted.to_bytes(8, "big"))


def _mac(key: bytes, ids: int, phone_hash: bytes) -> int:
    digest = hmac.digest(key, ids.to_bytes(8, "big") + phone_hash, "sha256")
    return int.from_bytes(digest[:16], "big") % _MACS


def _stream(key: bytes, mac: int) -> int:
    digest = hmac.digest(key, b"mask" + mac.to_bytes(8, "big"), "sha256")
    return int.from_bytes(digest[:16], "big") % _IDS


def _text(number: int, length: int) -> str:
    text = ""
    for _ in range((length + 1) // 2):
        number, pair = divmod(number, 3844)
        text = _PAIRS[pair] + text
    return text[-length:]


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number * 62 + _VALUES[character]
    return number
