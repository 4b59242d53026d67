"""What every carrier protocol speaks to the rest of the house: plain values in, plain values out.

A transport is sans-IO: it turns a message into one HTTP request and turns answers, receipts and
replies into typed results. It opens no socket, reads no setting and knows no database row, so a
provider is one file that is tested with recorded bytes. Sockets belong to
`smsmarketing.gateways.engine`; rows belong to the services.

Nothing in a `repr` shows a phone number, a message body or a credential: the fields that hold them
are excluded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol, get_args

from smsmarketing.gateways.rules.numbers import NumberFault

Outcome = Literal["accepted", "rejected", "throttled", "retryable", "duplicate", "ambiguous"]
"""What one submit came to.

accepted: the provider queued it and gave its id. rejected: refused for good, the same request fails
again. throttled: not accepted, slow down and send the same message later. retryable: not accepted,
try again with a limit or use the next gateway. duplicate: the provider says that it already has it;
treat as sent. ambiguous: it may have been accepted; never sent again by itself (design.md §7, the
message becomes `unknown`).
"""

ErrorClass = Literal[
    "auth",
    "account",
    "throttle",
    "soft",
    "hard",
    "optout",
    "content",
    "sender",
    "duplicate",
    "ambiguous",
]
"""Who has to act on an error (providers.md §0).

auth: stop the gateway, alert. account: balance, permission or country not enabled; stop the
campaign. throttle: back off. soft: retry with a limit. hard: this number is bad; counts towards
suppression. optout: suppress now. content, sender: the same request always fails; stop the
campaign. duplicate: treat as already sent. ambiguous: do not resend.
"""

ReceiptStatus = Literal[
    "delivered", "undelivered", "expired", "rejected", "failed", "accepted", "unknown"
]
"""Our word for a provider's status. `unknown` = the provider sent a status we have no meaning for
[R-10.4]; never guessed.
"""

Priority = Literal["high", "normal", "low"]
FailureKind = Literal[
    "dns",
    "connect",
    "connect_timeout",
    "tls",
    "bad_request",
    "address",
    "not_started",
    "timeout",
    "reset",
    "protocol",
]
"""How an HTTP exchange ended without a usable answer. `sent` says apart from it whether the request
may have arrived.
"""

ERROR_CLASSES: frozenset[str] = frozenset(get_args(ErrorClass))
RECEIPT_STATUSES: frozenset[str] = frozenset(get_args(ReceiptStatus))

MESSAGE_ID_PARAMETER = "m"
"""Query parameter of a callback URL that carries our message id; webhook views that use a path
segment pass it under this name.
"""

MAX_WEBHOOK_BYTES = 64 * 1024
"""Larger receipt or reply bodies are refused before they are parsed."""


class TransportDataError(ValueError):
    """Bytes from a provider, or a message for it, that do not fit the protocol.

    `code` is a stable word; the sentence never quotes the data, because it may hold a number or a
    text.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Timeout(NamedTuple):
    """Seconds for one exchange [R-10.14]: to connect, and to get the whole answer after that."""

    connect_s: float = 3.0
    read_s: float = 10.0


DEFAULT_TIMEOUT = Timeout()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportConfig:
    """One gateway's way in: `base_url` without a trailing path, credentials by name, and options
    the transport documents.
    """

    base_url: str
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    timeout: Timeout = DEFAULT_TIMEOUT
    may_connect: Callable[[str], bool] | None = field(default=None, repr=False, compare=False)
    """Whether an IP address may be connected to; None = any. Set for addresses that people enter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One message to one recipient, ready to hand over. `parts` and `body` are as planned; a
    transport never edits them.
    """

    message_id: int
    to: str = field(repr=False)
    """E.164 with the leading plus."""
    sender: str
    body: str = field(repr=False)
    parts: int
    validity_s: int | None = None
    """Seconds after which the provider must give up; None = the provider's default."""
    expires_at: datetime | None = None
    """The same as a moment (aware UTC), for providers that take one; set whenever `validity_s` is."""
    priority: Priority = "normal"
    dlr_url: str = field(default="", repr=False)
    """Where receipts go; it carries a secret path and our message id, the caller builds it. Empty =
    no receipts asked.
    """
    test_mode: str | None = None
    """The provider's own word for its sandbox (VertexSMS: "1" emulates success, "2" failure); None
    = a real send.
    """


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """One HTTP request, complete. Header pairs are reused by identity, so the engine sets them once
    per connection handle.
    """

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    timeout: Timeout = DEFAULT_TIMEOUT
    may_connect: Callable[[str], bool] | None = field(default=None, repr=False, compare=False)
    """As in the config: asked with the peer's IP address before anything is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitResult:
    """What one submit came to. `error_text` is our own sentence from the transport's table, safe to
    show and to log.
    """

    outcome: Outcome
    definitely_not_accepted: bool
    """True only when the provider cannot have queued it; the sole ground for a resend or the next
    gateway.
    """
    gateway_message_id: str | None = None
    parts_billed: int | None = None
    """Parts the provider says it charges; None when it did not say."""
    price: Decimal | None = None
    currency: str | None = None
    error_class: ErrorClass | None = None
    error_code: str | None = None
    error_text: str = ""
    retry_after_s: int | None = None
    part_ids: tuple[str, ...] = ()
    """The provider's id of every part, where receipts come by them alone; "" for a part without."""
    raw: bytes = field(default=b"", repr=False)
    """The answer as it came, capped by the engine; for the raw store, never for a log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptEvent:
    """One delivery receipt (DLR). The raw status and code stay beside ours, because providers mean
    different things.
    """

    gateway_message_id: str
    status: ReceiptStatus
    raw_status: str
    error_code: str | None = None
    """The provider's code as text, also when it has no entry in the table; None when it said "no
    error".
    """
    error_class: ErrorClass | None = None
    error_text: str = ""
    mcc: str | None = None
    mnc: str | None = None
    occurred_at: datetime | None = None
    parts: int | None = None
    price: Decimal | None = None
    currency: str | None = None
    our_message_id: int | None = None
    recipient: str = field(default="", repr=False)
    """Whom the receipt is about, where the provider says it; guards ids that can be read two ways."""

    @property
    def code_known(self) -> bool:
        """False when status or code is not in the transport's table: store it and alert a person
        [R-10.4].
        """
        return self.status != "unknown" and (
            self.error_code is None or self.error_class is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundEvent:
    """One message from a person. `sender` is E.164 where the digits allow it; `text` is untrusted
    and free of NUL and lone surrogates.
    """

    gateway_message_id: str | None
    sender: str = field(repr=False)
    recipient: str
    """The number or sender ID that was written to, in the same form."""
    text: str = field(repr=False)
    received_at: datetime | None = None
    """Aware UTC when the provider says it, else None."""
    provider_action: Literal["", "stop", "start", "help"] = ""
    """What the provider itself understood and already did on its side, e.g. Twilio's OptOutType."""


WebhookEvent = ReceiptEvent | InboundEvent


class ErrorMeaning(NamedTuple):
    """One line of a provider's error table, in our words."""

    error_class: ErrorClass
    meaning: str
    status: ReceiptStatus | None = None
    """The state the code puts a message in when a receipt carries it; None = the code occurs in
    submit answers only.
    """
    number: NumberFault | None = None
    """What the code says of the number itself (compliance §2.5); None: nothing certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCall:
    """One call of a provider, as far as its signature covers it."""

    url: str = field(repr=False)
    """The public address that was called, query included [R-10.1]."""
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    now: datetime


class CredentialField(NamedTuple):
    """One thing a person enters so that the gateway can be used."""

    name: str
    label: str
    required: bool = True


class WebhookAck(NamedTuple):
    """The answer without which the provider repeats a webhook."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider documents. Undocumented = False or None: nothing is assumed (providers.md A1,
    last lines).
    """

    dlr: bool = False
    inbound: bool = False
    mms: bool = False
    scheduled: bool = False
    balance: bool = False
    idempotency_key: bool = False
    """The provider refuses a second send with the same key, so a resend after a timeout is safe."""
    client_reference: bool = False
    """The provider stores our id and can be asked by it."""
    webhook_signature: bool = False
    rates: bool = False
    hlr: bool = False
    sender_registration: bool = False
    suppression_sync: bool = False
    """The provider keeps a list of numbers that it does not text, and we can write it."""
    test_mode: bool = False
    priority: bool = False
    validity_range_s: tuple[int, int] | None = None
    """Shortest and longest validity that may be asked, seconds."""
    max_body_characters: int | None = None
    """Longest text the provider takes before splitting; None = no limit documented."""
    national_tables: frozenset[str] = frozenset()
    """GSM-7 national language tables the provider uses by itself (ISO 639-1)."""
    webhook_networks: tuple[str, ...] = ()
    """CIDR blocks callbacks come from, for the allow-list."""
    receipts_by_id: bool = False
    """Its receipts name the provider's own id only, so that id is kept to find the message by."""
    long_lived: bool = False
    """A process of its own holds the connection (SMPP): workers that speak HTTP leave its batches
    alone, and that process takes no others.
    """

    @property
    def names_parts(self) -> bool:
        """Whether a receipt may have to wait until the answer with its id is recorded."""
        return self.long_lived or self.receipts_by_id


class Transport(Protocol):
    """One provider. Every method is pure; all but `submit_request` and `webhook_events` never raise
    on any bytes.
    """

    name: str
    label: str
    """The provider's name for people."""
    capabilities: Capabilities
    credential_fields: tuple[CredentialField, ...]
    webhook_methods: frozenset[str]
    """How the provider calls: POST, or also GET with everything in the query."""

    @property
    def checks_webhooks(self) -> bool:
        """Whether `webhook_check` looks at anything: only then the gateway's secrets are read for it."""
        ...

    errors: Mapping[str, ErrorMeaning]
    """Codes as text → class, meaning, and the state when a receipt carries it."""

    def submit_request(self, message: OutboundMessage, config: TransportConfig) -> SubmitRequest:
        """Describe the request. Raises TransportDataError when the message cannot be expressed (a
        validity out of range).
        """
        ...

    def submit_result(self, status: int, headers: Mapping[str, str], body: bytes) -> SubmitResult:
        """Read an answer; header names are lower case. What is not understood is ambiguous, never
        an exception.
        """
        ...

    def transport_failure(self, kind: FailureKind, *, sent: bool) -> SubmitResult:
        """Read the absence of an answer: before anything left = not accepted, after that =
        ambiguous.
        """
        ...

    def webhook_check(self, call: WebhookCall, config: TransportConfig) -> None:
        """Believe the call or not [R-10.1], [R-10.2]. Raises TransportDataError with the code
        `signature` or `too_old`; a provider without signatures raises nothing.
        """
        ...

    def webhook_events(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> list[WebhookEvent]:
        """Read a callback. Raises TransportDataError for anything that does not fit; never another
        exception.
        """
        ...

    def webhook_ack(self) -> WebhookAck: ...

    def webhook_ack_of(self, events: Sequence[WebhookEvent]) -> WebhookAck:
        """The same for a call with these events, where the answer names what came."""
        ...
