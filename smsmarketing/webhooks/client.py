"""The one HTTP client for addresses that people enter [R-10.8].

The name is looked up once, every address found is checked, and the connection goes to a checked
one, with Host and SNI of the name: a second answer of the name server changes nothing. What libcurl
really connects to is checked once more when the socket opens. Nothing is followed unless asked, and
then each hop goes through the same checks. No proxy, no cookies, no credentials.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import certifi
import pycurl
from django.conf import settings

from smsmarketing.webhooks.rules.addresses import (
    AddressPolicy,
    AddressRefused,
    IPAddress,
    Place,
    addresses_check,
    place_of,
)

Resolve = Callable[[str, int], list[str]]

CONNECT_S = 3.0
TOTAL_S = 5.0
DNS_S = 3.0
_HEADER_BYTES = 64 * 1024
_ERRORS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "dns",
    pycurl.E_COULDNT_CONNECT: "connect",
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls",
    pycurl.E_SSL_CERTPROBLEM: "tls",
    pycurl.E_GOT_NOTHING: "reset",
    pycurl.E_RECV_ERROR: "reset",
    pycurl.E_SEND_ERROR: "reset",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a request. `error` is a word of rules.outcomes; empty when an answer came.

    `body` holds at most the bytes asked for; `cut` says that there was more.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    cut: bool = False
    error: str = ""
    sentence: str = ""
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds and bytes of one exchange. `total_s` counts from the connect on. `redirects`: how many
    hops are followed, 0 for webhooks.
    """

    connect_s: float = CONNECT_S
    total_s: float = TOTAL_S
    dns_s: float = DNS_S
    body_bytes: int = 64 * 1024
    redirects: int = 0


WEBHOOK_LIMITS = Limits()
PAGE_LIMITS = Limits(body_bytes=1024 * 1024, redirects=3)
"""For checks of landing pages."""


def policy_now() -> AddressPolicy:
    """What the settings allow."""
    return AddressPolicy(
        allow_private=settings.INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES,
        allow_http=settings.INTEGRATIONS_ALLOW_HTTP,
    )


def addresses_system(host: str, port: int) -> list[str]:
    """All addresses of a name, as the system finds them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    limits: Limits = WEBHOOK_LIMITS,
    policy: AddressPolicy | None = None,
    resolve: Resolve = addresses_system,
    ca_file: str = "",
) -> Reply:
    """Send one request to an address that somebody entered. Never raises for what the other side
    does: `Reply.error` says it.
    """
    policy = policy or policy_now()
    for hop in range(limits.redirects + 1):
        try:
            place = place_of(url, policy)
            addresses = addresses_check(place, _addresses(place, resolve, limits), policy)
        except AddressRefused as exc:
            return Reply(error=exc.code, sentence=exc.sentence, url=url)
        reply = _exchange(method, place, addresses, dict(headers or {}), body, limits, ca_file)
        target = reply.headers.get("location", "")
        if hop == limits.redirects or not target or reply.status not in (301, 302, 303, 307, 308):
            return reply
        url = urljoin(url, target)
        if reply.status == 303:
            method, body = "GET", b""
    raise AssertionError("unreachable")


def _addresses(place: Place, resolve: Resolve, limits: Limits) -> list[str]:
    """Look the name up, but not for ever: the system's resolver may take half a minute."""
    if place.literal is not None:
        return [str(place.literal)]
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def look() -> None:
        try:
            answers.put(resolve(place.host, place.port))
        except (OSError, UnicodeError):
            answers.put([])

    threading.Thread(target=look, daemon=True).start()
    try:
        return answers.get(timeout=limits.dns_s)
    except queue.Empty:
        return []


def _exchange(
    method: str,
    place: Place,
    addresses: list[IPAddress],
    headers: dict[str, str],
    body: bytes,
    limits: Limits,
    ca_file: str,
) -> Reply:
    sink = _Sink(limits.body_bytes)
    curl = pycurl.Curl()
    try:
        _prepare(curl, method, place, addresses, headers, body, limits, ca_file)
        curl.setopt(curl.WRITEFUNCTION, sink.body_take)
        curl.setopt(curl.HEADERFUNCTION, sink.header_take)
        curl.setopt(curl.OPENSOCKETFUNCTION, _opener(addresses, sink))
        try:
            curl.perform()
        except pycurl.error as exc:
            if not sink.cut:
                word = "address_refused" if sink.refused else _ERRORS.get(exc.args[0], "protocol")
                return Reply(error=word, url=place.url)
        return Reply(
            status=int(curl.getinfo(curl.RESPONSE_CODE)),
            headers=sink.headers,
            body=bytes(sink.content),
            cut=sink.cut,
            url=place.url,
        )
    finally:
        curl.close()
        for made in sink.sockets:
            made.close()


class _Sink:
    """Collects an answer up to its limits; reading on would be the other side's choice, not ours."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.content = bytearray()
        self.headers: dict[str, str] = {}
        self.cut = False
        self.refused = False
        self.sockets: list[socket.socket] = []
        self._header_bytes = 0

    def body_take(self, piece: bytes) -> int:
        room = self.most - len(self.content)
        self.content += piece[:room]
        if len(piece) > room:
            self.cut = True
            return 0  # libcurl stops here
        return len(piece)

    def header_take(self, line: bytes) -> int:
        self._header_bytes += len(line)
        if self._header_bytes > _HEADER_BYTES:
            return 0
        name, colon, value = line.partition(b":")
        if colon:
            self.headers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
        return len(line)


def _prepare(
    curl: Any,
    method: str,
    place: Place,
    addresses: list[IPAddress],
    headers: dict[str, str],
    body: bytes,
    limits: Limits,
    ca_file: str,
) -> None:
    pinned = ",".join(f"[{item}]" if item.version == 6 else str(item) for item in addresses[:4])
    lines = [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Expect:", "Accept-Encoding: identity"]
    for option, value in (
        (curl.URL, place.url),
        (curl.CUSTOMREQUEST, method),
        (curl.PROTOCOLS, curl.PROTO_HTTP | curl.PROTO_HTTPS),
        (curl.HTTP_VERSION, curl.CURL_HTTP_VERSION_1_1),
        (curl.FOLLOWLOCATION, 0),
        (curl.PROXY, ""),  # an empty string also switches off http_proxy and its like
        (curl.NOPROXY, "*"),
        (curl.SSL_VERIFYPEER, 1),
        (curl.SSL_VERIFYHOST, 2),
        (curl.CAINFO, ca_file or certifi.where()),
        (curl.NOSIGNAL, 1),
        (curl.FRESH_CONNECT, 1),
        (curl.FORBID_REUSE, 1),
        (curl.CONNECTTIMEOUT_MS, int(limits.connect_s * 1000)),
        (curl.TIMEOUT_MS, int(limits.total_s * 1000)),
        (curl.USERAGENT, "smsmarketing-webhooks"),
        (curl.HTTPHEADER, lines),
    ):
        curl.setopt(option, value)
    if place.literal is None:
        curl.setopt(curl.RESOLVE, [f"{place.host}:{place.port}:{pinned}"])
    if method == "HEAD":
        curl.setopt(curl.NOBODY, 1)
    elif method != "GET":
        curl.setopt(curl.POSTFIELDS, body)
        curl.setopt(curl.CUSTOMREQUEST, method)


def _opener(addresses: list[IPAddress], sink: _Sink) -> Callable[[int, Any], Any]:
    """The last look: the socket is opened for an address that was checked, or not at all."""

    def opened(purpose: int, target: Any) -> Any:
        family, kind, protocol, address = target
        text = address[0].decode() if isinstance(address[0], bytes) else str(address[0])
        if ipaddress.ip_address(text) not in addresses:
            sink.refused = True
            return pycurl.SOCKET_BAD
        made = socket.socket(family, kind, protocol)
        sink.sockets.append(made)  # libcurl works on a copy of its descriptor
        return made

    return opened
