"""The form of an API token and how it is told apart from a guess."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

TOKEN_MARK = "smsmk"  # noqa: S105 - the visible start of every token, so that secret scanners know it
_PREFIX_BYTES = 5
_SECRET_BYTES = 32
_FORM = re.compile(rf"({TOKEN_MARK}_[0-9a-f]{{10}})_([A-Za-z0-9_-]{{43}})")


@dataclass(frozen=True)
class NewToken:
    """A token at the moment of its birth: the only time its plaintext exists here."""

    plaintext: str
    prefix: str
    digest: str


def token_make() -> NewToken:
    """A new random token of 256 bits behind a public prefix."""
    prefix = f"{TOKEN_MARK}_{secrets.token_hex(_PREFIX_BYTES)}"
    plaintext = f"{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return NewToken(plaintext, prefix, token_digest(plaintext))


def token_prefix(plaintext: str) -> str | None:
    """The public prefix, or None when the text does not have a token's form."""
    found = _FORM.fullmatch(plaintext)
    return found.group(1) if found else None


def token_digest(plaintext: str) -> str:
    """SHA-256 in hexadecimal. Enough for 256 random bits; a slow hash is for passwords."""
    return hashlib.sha256(plaintext.encode("utf-8")).hexdigest()


def digest_matches(plaintext: str, digest: str) -> bool:
    """Whether the token has this digest, compared in constant time."""
    return hmac.compare_digest(token_digest(plaintext), digest)


def network_normal(text: str) -> str:
    """An address or network (CIDR) in its normal form. Raises ValueError."""
    return str(ipaddress.ip_network(text.strip(), strict=False))


def address_allowed(address: str, networks: Sequence[str]) -> bool:
    """Whether the caller's address lies in one of the networks; an empty list allows every address."""
    if not networks:
        return True
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(caller, ipaddress.IPv6Address) and caller.ipv4_mapped:
        caller = caller.ipv4_mapped
    return any(caller in ipaddress.ip_network(network) for network in networks)
