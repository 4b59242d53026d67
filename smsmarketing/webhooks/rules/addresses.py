"""Where the system may connect to at somebody's wish: the checks of [R-10.8]. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

URL_MOST: Final = 500
_OWN_NETWORKS: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
"""Loopback and private ranges: refused, unless this installation is allowed into its own network."""
_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
"""Unspecified, link-local, documentation, benchmark, multicast, reserved, and IPv6 that carries IPv4
(mapped, compatible, NAT64, 6to4, Teredo): never a place for a request, whatever the settings say.
"""
_METADATA: Final = ipaddress.ip_address("fd00:ec2::254")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LOCAL_NAMES: Final = ("localhost", "local", "internal", "localdomain", "home.arpa")


@dataclass(frozen=True, kw_only=True)
class AddressPolicy:
    """What this installation allows besides https to public addresses."""

    allow_private: bool = False
    allow_http: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """An address that may be looked up: `literal` when the host is an IP address itself."""

    url: str
    scheme: str
    host: str
    port: int
    literal: IPAddress | None


class AddressRefused(Exception):
    """The address is not one to connect to. The sentence says why and what to do."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def place_of(url: str, policy: AddressPolicy) -> Place:
    """Read the address as strictly as it is checked, so that nobody else reads it differently.

    Raises AddressRefused: other schemes, a login in it, other ports than 443 and 80, numbers that
    stand for an IP address (decimal, octal, hexadecimal, short), a trailing dot, local names.
    """
    if len(url) > URL_MOST or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise AddressRefused(
            "url_unreadable", "Give an address of at most 500 plain ASCII characters, no spaces."
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise AddressRefused("url_unreadable", "The address cannot be read.") from exc
    if parts.scheme not in ("https", "http"):
        raise AddressRefused("url_scheme", "The address must begin with https://.")
    if "@" in parts.netloc:
        raise AddressRefused("url_login", "Leave the login out of the address.")
    if parts.fragment:
        raise AddressRefused("url_unreadable", "Leave out what stands behind the # sign.")
    literal = _host_check(host, policy)
    if parts.scheme == "http" and not (policy.allow_http or policy.allow_private):
        raise AddressRefused("url_scheme", "The address must begin with https://.")
    default = 443 if parts.scheme == "https" else 80
    if port not in (None, 443, 80) and not policy.allow_private:
        raise AddressRefused("url_port", "Only the ports 443 and 80 are allowed.")
    return Place(url=url, scheme=parts.scheme, host=host, port=port or default, literal=literal)


def _host_check(host: str, policy: AddressPolicy) -> IPAddress | None:
    """The IP address that the host is, or None for a name. Raises AddressRefused."""
    if not host:
        raise AddressRefused("url_host", "The address has no host.")
    if host.endswith("."):
        raise AddressRefused("url_host", "Leave out the dot at the end of the host.")
    if ":" in host or host.replace(".", "").isdigit():
        try:
            literal = ipaddress.ip_address(host)
        except ValueError as exc:
            raise AddressRefused(
                "url_host", "Write an IP address in its usual form, or use a host name."
            ) from exc
        if getattr(literal, "scope_id", None):
            raise AddressRefused("url_host", "An address with a zone is not allowed.")
        return literal
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("url_host", "The host name cannot be read.")
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        raise AddressRefused(
            "url_host", "Write an IP address in its usual form, or use a host name."
        )
    local = any(host == name or host.endswith(f".{name}") for name in _LOCAL_NAMES)
    if (local or len(labels) == 1) and not policy.allow_private:
        raise AddressRefused("address_private", "This name is of a local network, not of the web.")
    return None


def ip_fault(address: IPAddress, *, scheme: str, policy: AddressPolicy) -> str:
    """Why we do not connect to this IP address; empty when we may."""
    if address == _METADATA:
        return "address_refused"
    if any(address in network for network in _OWN_NETWORKS):
        return "" if policy.allow_private else "address_private"
    if any(address in network for network in _NEVER):
        return "address_refused"
    if not address.is_global or address.is_multicast:
        return "address_refused"
    if scheme == "http" and not policy.allow_http:
        return "url_scheme"
    return ""


def addresses_check(place: Place, found: list[str], policy: AddressPolicy) -> list[IPAddress]:
    """The IP addresses to connect to. One that is refused refuses all: a name with a public and a
    private address is an attack, not a mistake. Raises AddressRefused.
    """
    checked = []
    for text in found:
        try:
            address = ipaddress.ip_address(text)
        except ValueError as exc:
            raise AddressRefused("address_refused", "The name has no usable address.") from exc
        if fault := ip_fault(address, scheme=place.scheme, policy=policy):
            raise AddressRefused(fault, FAULT_WORDS[fault])
        checked.append(address)
    if not checked:
        raise AddressRefused("dns", "The name has no address.")
    return checked


FAULT_WORDS: Final = {
    "address_private": (
        "The address lies in a private network. Use a public one; who runs the system may allow its"
        " own network with INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES."
    ),
    "address_refused": "The address is reserved, link-local or multicast: nothing is sent there.",
    "url_scheme": "The address must begin with https://.",
}
