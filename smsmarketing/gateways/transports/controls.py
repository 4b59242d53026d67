"""Control calls: what a provider can be asked besides sending, as values. Opens no socket.

A control call is a request and the function that reads its answer. A provider lists in a `Controls`
what it documents; what it does not document is None, and nothing is invented. One runner
(`engine.control`) sends them all, so slow, cut-off, HTML and empty answers end alike for everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import http_verdict, retry_after
from smsmarketing.gateways.transports.base import (
    ErrorMeaning,
    SubmitRequest,
    TransportConfig,
    TransportDataError,
)

T = TypeVar("T")

MOST_BYTES: Final = 8 * 1024 * 1024
"""The longest answer that is read: a price list of every operator is some 300 kB."""
_RETRIED = frozenset({"throttle", "soft", "ambiguous"})


class Answer(NamedTuple):
    """A whole HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ControlError(Exception):
    """A control call came to nothing. `code` is the provider's, or http_…, net_… or unreadable."""

    def __init__(
        self,
        sentence: str,
        *,
        code: str,
        retryable: bool,
        retry_after_s: int | None = None,
        unclear: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.unclear = unclear
        """The provider may have done it all the same: what costs money is not asked for twice."""


@dataclass(frozen=True, slots=True)
class ControlCall(Generic[T]):
    """One request, and how its answer is read. `read` raises ControlError, nothing else."""

    request: SubmitRequest = field(repr=False)
    read: Callable[[Answer], T]


class Balance(NamedTuple):
    """What is left on the account. `unit` is an ISO 4217 code, or points where the provider has no
    money.
    """

    amount: Decimal
    unit: str


class Price(NamedTuple):
    """The price of one part. `operator` is MCC and MNC, empty for the whole country; `currency` is
    empty when the provider bills in the account's and does not name it.
    """

    country: str
    operator: str
    price: Decimal
    currency: str


class ListEntry(NamedTuple):
    """A number on a list at the provider."""

    entry_id: str
    phone: str
    """E.164; empty when what stands there is no number."""
    since: datetime | None


class ListPage(NamedTuple):
    """Some of the entries, and how many there are in all."""

    entries: Sequence[ListEntry]
    size: int


class LookupAnswer(NamedTuple):
    """What a network said of a number (HLR). `result` is a word of rules.lookups.RESULTS."""

    remote_id: str
    result: str
    error_code: str
    sentence: str
    country: str
    operator: str
    """MCC and MNC, empty when not told."""
    operator_id: str
    """The provider's own id of the network, for `operator`."""
    ported: bool | None
    ported_from: str


class Network(NamedTuple):
    """A mobile network. `operator` is MCC and MNC; `operator_id` the provider's own id."""

    country: str
    operator: str
    operator_id: str
    name: str


class Prefix(NamedTuple):
    """Digits that numbers of an operator begin with, country code included."""

    prefix: str
    operator_id: str


class SenderName(NamedTuple):
    """A sender at the provider. `state` is active, inactive or unknown (not reviewed yet)."""

    name: str
    state: str
    remote_id: str
    is_default: bool


class SenderRequest(NamedTuple):
    """An alphanumeric sender to apply for. `category` is one of SENDER_CATEGORIES; `about` is read by
    the reviewer; the provider reports its decision to `notify_url`, where it does.
    """

    name: str
    category: str
    about: str
    notify_url: str


SENDER_CATEGORIES: Final = ("Company", "Product", "Brand", "Shortcode", "Landline", "Other")


class BalanceCall(Protocol):
    def __call__(self, config: TransportConfig) -> ControlCall[Balance]: ...


class PricesCall(Protocol):
    def __call__(self, config: TransportConfig, country: str) -> ControlCall[list[Price]]: ...


class PageCall(Protocol):
    def __call__(
        self, config: TransportConfig, *, offset: int, limit: int
    ) -> ControlCall[ListPage]: ...


class NumberCall(Protocol):
    """Asks for, or writes, one number (E.164)."""

    def __call__(self, config: TransportConfig, phone: str) -> ControlCall[ListEntry | None]: ...


class RemoveCall(Protocol):
    def __call__(self, config: TransportConfig, entry_id: str) -> ControlCall[None]: ...


class LookupCall(Protocol):
    """Asks for a number (E.164); the answer comes to `callback_url`. Returns the provider's id."""

    def __call__(
        self, config: TransportConfig, phone: str, *, callback_url: str
    ) -> ControlCall[str]: ...


class NetworksCall(Protocol):
    def __call__(
        self, config: TransportConfig, country: str, *, page: int
    ) -> ControlCall[list[Network]]: ...


class PrefixesCall(Protocol):
    def __call__(self, config: TransportConfig, country: str) -> ControlCall[list[Prefix]]: ...


class OperatorCall(Protocol):
    def __call__(self, config: TransportConfig, operator_id: str) -> ControlCall[list[Network]]: ...


class SenderNamesCall(Protocol):
    def __call__(self, config: TransportConfig) -> ControlCall[list[SenderName]]: ...


class SenderNameCall(Protocol):
    def __call__(self, config: TransportConfig, name: str) -> ControlCall[SenderName | None]: ...


class SenderSubmitCall(Protocol):
    def __call__(
        self, config: TransportConfig, request: SenderRequest
    ) -> ControlCall[SenderName]: ...


class SenderNumberCall(Protocol):
    """Registers a number (E.164) as sender; its owner gets a PIN by text."""

    def __call__(self, config: TransportConfig, phone: str) -> ControlCall[SenderName]: ...


class SenderConfirmCall(Protocol):
    def __call__(self, config: TransportConfig, remote_id: str, pin: str) -> ControlCall[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What can be asked of a provider. None: not documented, so it cannot."""

    balance: BalanceCall | None = None
    prices: PricesCall | None = None
    prices_by_country: bool = False
    """Prices are asked for country by country, else all come at once and the country is empty."""
    pause_s: float = 0
    """Seconds between two calls, where the provider limits them."""
    blocked_find: NumberCall | None = None
    block_add: NumberCall | None = None
    block_remove: RemoveCall | None = None
    opt_outs: PageCall | None = None
    lookup: LookupCall | None = None
    lookup_read: Callable[[bytes], LookupAnswer] | None = None
    """Reads the callback of a lookup. Raises TransportDataError."""
    networks: NetworksCall | None = None
    prefixes: PrefixesCall | None = None
    operator: OperatorCall | None = None
    sender_names: SenderNamesCall | None = None
    sender_name: SenderNameCall | None = None
    sender_submit: SenderSubmitCall | None = None
    sender_number_submit: SenderNumberCall | None = None
    sender_confirm: SenderConfirmCall | None = None

    @property
    def takes_opt_outs(self) -> bool:
        """Whether numbers can be put on its blacklist and taken off again."""
        return None not in (self.blocked_find, self.block_add, self.block_remove)


def answer_json(answer: Answer, label: str, errors: Mapping[str, ErrorMeaning]) -> object:
    """The JSON value of a success. Raises ControlError for everything else, an error that comes with
    status 200 included.
    """
    try:
        value = payload.json_value(answer.body, limit=MOST_BYTES)
    except TransportDataError:
        if 200 <= answer.status < 300:
            raise unreadable(label) from None
        raise status_error(label, answer) from None
    fields = payload.mapping(value)
    code = payload.code_word(fields.get("error")) or payload.code_word(fields.get("code"))
    told = errors.get(code or "")
    if told is not None and (not 200 <= answer.status < 300 or "error" in fields):
        raise ControlError(
            told.meaning,
            code=code or "",
            retryable=told.error_class in _RETRIED,
            retry_after_s=retry_after(answer.headers),
            unclear=told.error_class == "ambiguous",
        )
    if not 200 <= answer.status < 300:
        raise status_error(label, answer)
    if fields.get("error"):
        raise ControlError(
            f"{label} refused it with an error that is not known here.",
            code=code or "unknown",
            retryable=False,
        )
    return value


def status_error(label: str, answer: Answer) -> ControlError:
    """What a status alone says."""
    verdict = http_verdict(label, answer.status)
    return ControlError(
        "There is no such address at the provider. Correct the base URL."
        if answer.status in (404, 405)
        else verdict.meaning.replace("; the message may be queued", ""),
        code=f"http_{answer.status}",
        retryable=verdict.error_class in _RETRIED,
        retry_after_s=retry_after(answer.headers),
        unclear=verdict.error_class == "ambiguous",
    )


def unreadable(label: str) -> ControlError:
    """A success that is none: HTML of a proxy, an empty body, fields that are missing."""
    return ControlError(
        f"The answer of {label} cannot be read. Try again later; check the base URL.",
        code="unreadable",
        retryable=True,
        unclear=True,
    )
