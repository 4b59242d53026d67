"""One request on one libcurl handle: what is sent, what is read, and how the end of it is told."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pycurl

from smsmarketing.gateways.engine.connections import Connections
from smsmarketing.gateways.transports.base import (
    FailureKind,
    SubmitRequest,
    SubmitResult,
    Transport,
)
from smsmarketing.gateways.transports.doubts import result_doubted

_CONNECTION_IDLE_S = 30
_CONNECTION_LIFE_S = 600
_SOCKOPT_OK: int = pycurl.SOCKOPT_OK
_PREREQ_OK: int = pycurl.PREREQFUNC_OK
_PREREQ_ABORT: int = pycurl.PREREQFUNC_ABORT

_KINDS: dict[int, FailureKind] = {
    pycurl.E_COULDNT_RESOLVE_HOST: "dns",
    pycurl.E_COULDNT_CONNECT: "connect",
    pycurl.E_URL_MALFORMAT: "bad_request",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls",
    pycurl.E_SSL_CACERT_BADFILE: "tls",
    pycurl.E_SSL_CERTPROBLEM: "tls",
    pycurl.E_UNSUPPORTED_PROTOCOL: "protocol",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "protocol",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Header names are lower case. `complete` is False when the body was cut, by
    the peer or our cap.
    """

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    complete: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No usable answer. `sent` False: nothing of the body left this machine. True: it may have been
    accepted.
    """

    kind: FailureKind
    sent: bool
    seconds: float


Exchange = Answer | NoAnswer


def exchange_result(transport: Transport, exchange: Exchange) -> SubmitResult:
    """What the exchange means in the words of its transport; a refusal only where it is beyond doubt."""
    if isinstance(exchange, NoAnswer):
        return transport.transport_failure(exchange.kind, sent=exchange.sent)
    result = transport.submit_result(exchange.status, exchange.headers, exchange.body)
    return result_doubted(
        transport,
        result,
        status=exchange.status,
        headers=exchange.headers,
        body=exchange.body,
        complete=exchange.complete,
    )


class Slot:
    """One reusable easy handle with the callbacks that watch its exchange."""

    def __init__(self, ca_file: str, max_response_bytes: int, connections: Connections) -> None:
        self._connections = connections
        self._opened: list[int] = []
        self._fresh = self._bare = False
        self._reached = self._barred = False
        self._may_connect: Callable[[str], bool] | None = None
        self.stale = False
        self.key: object = None
        self._body = b""
        self._offset = 0
        self._lines: list[bytes] = []
        self._chunks: list[bytes] = []
        self._left = self._cap = max_response_bytes
        self._headers: object = None
        self._url = ""
        self._timeout: object = None
        self._method = ""
        self.curl = curl = pycurl.Curl()
        for option, value in (
            (curl.PROTOCOLS, curl.PROTO_HTTP | curl.PROTO_HTTPS),
            (curl.HTTP_VERSION, curl.CURL_HTTP_VERSION_1_1),
            (curl.FOLLOWLOCATION, 0),
            (curl.PROXY, ""),  # an empty string also switches off http_proxy and its like
            (curl.NOPROXY, "*"),
            (curl.SSL_VERIFYPEER, 1),
            (curl.SSL_VERIFYHOST, 2),
            (curl.CAINFO, ca_file),
            (curl.NOSIGNAL, 1),
            (curl.TCP_NODELAY, 1),
            (curl.MAXAGE_CONN, _CONNECTION_IDLE_S),
            (curl.MAXLIFETIME_CONN, _CONNECTION_LIFE_S),
            (curl.USERAGENT, "smsmarketing"),
            (curl.SOCKOPTFUNCTION, self._socket_made),
            (curl.PREREQFUNCTION, self._before_request),
            (curl.READFUNCTION, self._read),
            (curl.WRITEFUNCTION, self._write),
            (curl.HEADERFUNCTION, self._lines.append),
        ):
            curl.setopt(option, value)

    def load(self, key: object, request: SubmitRequest) -> None:
        """Set what differs from this handle's last request; setting it all costs more than a
        submit.

        Raises ValueError for a request without a body that is no GET. A GET without a body gets a
        connection of its own, since libcurl repeats it on a kept one that died, and counts as sent
        from the moment the connection is up.
        """
        if not request.body and request.method != "GET":
            raise ValueError("The engine sends requests with a body, or GET.")
        curl = self.curl
        if request.url != self._url:
            self._url = ""
            curl.setopt(curl.URL, request.url)
            self._url = request.url
        if request.headers is not self._headers:
            self._headers = None
            # An empty Expect keeps libcurl from asking for a 100 first.
            lines = [f"{name}: {value}" for name, value in request.headers]
            if any("\r" in line or "\n" in line for line in lines):
                raise ValueError("A header must be one line.")
            curl.setopt(curl.HTTPHEADER, [*lines, "Expect:"])
            self._headers = request.headers
        if request.timeout != self._timeout:
            connect_s, read_s = request.timeout
            curl.setopt(curl.CONNECTTIMEOUT_MS, max(1, round(connect_s * 1000)))
            curl.setopt(curl.TIMEOUT_MS, max(1, round((connect_s + read_s) * 1000)))
            self._timeout = request.timeout
        self._method_set(request)
        self._may_connect = request.may_connect
        self._reached = self._barred = False
        self._opened.clear()
        self.key = key
        self._body = request.body
        self._offset = 0
        self._left = self._cap
        self._lines.clear()
        self._chunks.clear()

    def _method_set(self, request: SubmitRequest) -> None:
        """The method, and a connection of its own for what has no body."""
        curl = self.curl
        if request.method != self._method:
            self._method = ""
            if request.method == "GET":
                curl.setopt(curl.HTTPGET, 1)
            else:
                curl.setopt(curl.POST, 1)
            curl.setopt(curl.CUSTOMREQUEST, request.method)
            self._method = request.method
        bare = request.method == "GET"
        if not bare:
            curl.setopt(curl.POSTFIELDSIZE, len(request.body))
        if self._fresh != bare:
            curl.setopt(curl.FRESH_CONNECT, int(bare))
            self._fresh = bare
        if bare != self._bare:
            curl.setopt(curl.FORBID_REUSE, int(bare))
            self._bare = bare

    def on_new_connection(self) -> None:
        """Prepare to run the same request again after a stale connection, on a new one."""
        self.stale = False
        self._fresh = True
        self.curl.setopt(pycurl.FRESH_CONNECT, 1)

    def _socket_made(self, descriptor: int, _purpose: int) -> int:
        self._opened.append(descriptor)
        return _SOCKOPT_OK

    def _before_request(self, peer: str, _local: str, _peer_port: int, local_port: int) -> int:
        """Connected, nothing sent yet: the last moment to refuse a kept connection as closed, and a
        place where this request must not go.
        """
        if self._may_connect is not None and not self._may_connect(peer):
            self._barred = True
            return _PREREQ_ABORT
        self._reached = True
        if self._opened:
            self._connections.opened(local_port, self._opened)
            self._opened.clear()
            return _PREREQ_OK
        self.stale = self._connections.closed(local_port)
        self._reached = not self.stale
        return _PREREQ_ABORT if self.stale else _PREREQ_OK

    def _read(self, size: int) -> bytes:
        piece = self._body[self._offset : self._offset + size]
        self._offset += len(piece)
        return piece

    def _write(self, data: bytes) -> int | None:
        if len(data) > self._left:
            self._chunks.append(data[: self._left])
            self._left = 0
            return 0  # fewer than given: libcurl ends the transfer
        self._chunks.append(data)
        self._left -= len(data)
        return None

    def exchange(self, code: int | None) -> Exchange:
        """Read how it ended; `code` is libcurl's error or None. An answer whose headers came whole
        counts as an answer.
        """
        seconds: float = self.curl.getinfo(pycurl.TOTAL_TIME)
        status, headers = _head(self._lines)
        if status >= 200:
            return Answer(status, headers, b"".join(self._chunks), code is None, seconds)
        if self._barred:
            return NoAnswer("address", False, seconds)
        sent = self._offset > 0 or (self._bare and self._reached)
        if code is None:
            return NoAnswer("protocol", sent, seconds)
        if code == pycurl.E_OPERATION_TIMEDOUT:
            return NoAnswer("timeout" if sent else "connect_timeout", sent, seconds)
        kind = _KINDS.get(code, "reset")
        if not sent and kind == "protocol":
            kind = "bad_request"  # a scheme that is not http or https
        return NoAnswer(kind, sent, seconds)


def _head(lines: list[bytes]) -> tuple[int, dict[str, str]]:
    """Status and headers of the last complete header block; status 0 when there is none (interim
    1xx do not count).
    """
    status = 0
    complete = False
    headers: dict[str, str] = {}
    for line in lines:
        if line.startswith(b"HTTP/"):
            word = line.split(None, 2)[1:2]
            status = int(word[0]) if word and word[0].isdigit() and len(word[0]) == 3 else 0
            headers = {}
            complete = False
        elif line in (b"\r\n", b"\n"):
            complete = True
        elif not complete:  # trailers after a chunked body are not headers
            name, _, value = line.decode("latin-1").partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
    return (status if complete else 0), headers
