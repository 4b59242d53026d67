"""The shape of a definition. What its parts mean together is checked in `checks`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smsmarketing.gateways.transports.base import ErrorClass, ReceiptStatus
from smsmarketing.gateways.transports.generic.sending import (
    Charset,
    Pair,
    Secret,
    Shape,
    Submit,
    TimeFormat,
)

AnswerForm = Literal["json", "lines", "csv", "text"]
Method = Literal["GET", "POST"]
CallForm = Literal["form", "json", "lines"]
Place = Annotated[str, Field(max_length=120)]
Pattern = Annotated[str, Field(max_length=120)]
Sentence = Annotated[str, Field(max_length=160)]


class Find(Shape):
    """Where one value stands."""

    place: Literal["body", "header"] = Field(default="body", description="In the body or a header.")
    at: Place = Field(
        default="",
        description=(
            "JSON pointer (/messages/0/id), key, column number of CSV, or header name; empty = the"
            " whole body."
        ),
    )
    pattern: Pattern = Field(
        default="",
        description="Pattern searched in the value; its one group, or all of it, is the result.",
    )


class Test(Find):
    """A condition on one value: it is there, and is one of `values` when some are given."""

    values: list[Annotated[str, Field(max_length=80)]] = Field(
        default_factory=list, max_length=100, description="Values that fit; empty = any value."
    )


class Rule(Shape):
    """When an answer means something: its status lies in the range and all tests fit."""

    status_from: int = Field(default=200, ge=100, le=599, description="Lowest HTTP status.")
    status_to: int = Field(default=299, ge=100, le=599, description="Highest HTTP status.")
    tests: list[Test] = Field(
        default_factory=list, max_length=6, description="Conditions; all must fit."
    )


class Refusal(Rule):
    """An answer that surely means: not accepted."""

    error_class: ErrorClass = Field(
        default="soft",
        description=(
            "Who must act, unless the code says: auth, account, throttle, soft (try again), hard"
            " (bad number), optout, content, sender, duplicate or ambiguous."
        ),
    )


class Code(Shape):
    """One code of the provider."""

    code: str = Field(min_length=1, max_length=32, description="The code as it comes.")
    error_class: ErrorClass = Field(description="Who must act on it.")
    meaning: Sentence = Field(description="A sentence for people, with a full stop.")


class Answer(Shape):
    """What the answer to a submit means. What no rule fits, or what fits both sides, is ambiguous."""

    read: AnswerForm = Field(
        default="json", description="JSON, lines of key=value, one line of CSV, or plain text."
    )
    charset: Charset = Field(default="utf-8", description="Characters of the answer.")
    accepted: list[Rule] = Field(
        min_length=1, max_length=6, description="Any of these: the provider took the message."
    )
    duplicate: list[Rule] = Field(
        default_factory=list,
        max_length=3,
        description="Any of these: it had the message already; treated as sent.",
    )
    refused: list[Refusal] = Field(
        default_factory=list,
        max_length=20,
        description="Any of these: surely not accepted; the first that fits counts.",
    )
    id: Find | None = Field(
        default=None, description="The provider's message id; null when it gives none."
    )
    id_needed: bool = Field(
        default=True, description="An acceptance without an id is ambiguous (when id is set)."
    )
    code: Find | None = Field(default=None, description="The error code of a refusal.")
    codes: list[Code] = Field(
        default_factory=list,
        max_length=200,
        description="Meaning of codes in answers and receipts.",
    )
    parts: Find | None = Field(default=None, description="Billed parts, when it tells them.")
    price: Find | None = Field(default=None, description="Price of the message, when it tells it.")
    currency: str = Field(
        default="", pattern="^([A-Z]{3})?$", max_length=3, description="Currency of that price."
    )
    plain_http: bool = Field(
        default=False,
        description=(
            "The provider's documents use HTTP's own words: 401 and 403 credentials, 402 balance,"
            " 404 address, 429 slow down, other 4xx refused, 3xx moved. False: all of these are"
            " ambiguous unless a rule names them."
        ),
    )


class Word(Shape):
    """One status word of a receipt."""

    word: str = Field(min_length=1, max_length=32, description="The word as it comes.")
    status: ReceiptStatus = Field(
        description="delivered, undelivered, expired, rejected, failed, accepted or unknown."
    )
    error_class: ErrorClass | None = Field(
        default=None, description="Who must act; null when nobody must."
    )
    meaning: Sentence = Field(default="", description="A sentence for people, or nothing.")


class ReceiptMap(Shape):
    """Which fields of a call are a delivery receipt."""

    when: list[Test] = Field(
        default_factory=list, max_length=4, description="It is a receipt when all of these fit."
    )
    id: Find | None = Field(default=None, description="The provider's message id.")
    our_id: Find | None = Field(
        default=None, description="Our message id, where the address does not carry it."
    )
    status: Find = Field(description="The status word.")
    words: list[Word] = Field(
        min_length=1, max_length=100, description="What each status word means."
    )
    code: Find | None = Field(default=None, description="The error code; looked up in the codes.")
    recipient: Find | None = Field(
        default=None, description="Whom the message went to; tells ids apart that look alike."
    )
    at: Find | None = Field(default=None, description="When it happened.")
    parts: Find | None = Field(default=None, description="Billed parts.")
    price: Find | None = Field(default=None, description="Price of the message.")


class ReplyMap(Shape):
    """Which fields of a call are a text that a person wrote."""

    when: list[Test] = Field(
        default_factory=list, max_length=4, description="It is a reply when all of these fit."
    )
    id: Find | None = Field(default=None, description="The provider's id of the reply.")
    sender: Find = Field(description="Who wrote.")
    recipient: Find | None = Field(default=None, description="The number written to.")
    recipient_is: str = Field(
        default="", max_length=20, description="Our number, when the provider does not tell it."
    )
    text: Find = Field(description="The text.")
    text_encoding: Literal["plain", "ucs2hex"] = Field(
        default="plain", description="The text as it is, or as hexadecimal UCS-2."
    )
    at: Find | None = Field(default=None, description="When it came in.")


class Ack(Shape):
    """The answer without which the provider repeats a call."""

    status: int = Field(default=200, ge=200, le=299, description="HTTP status.")
    content_type: str = Field(
        default="text/plain; charset=utf-8",
        pattern=r"^[A-Za-z0-9 /;=.+-]{1,80}$",
        max_length=80,
        description="Content-Type.",
    )
    body: str = Field(
        default="", max_length=300, description="Text; {id} is the provider's id of the message."
    )


class Token(Shape):
    """A shared secret in each call, compared in constant time."""

    place: Literal["field", "header"] = Field(description="A field of the call, or a header.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9_.-]{1,60}$", max_length=60, description="Name of the field or header."
    )
    credential: str = Field(
        pattern="^[a-z][a-z0-9_]{0,29}$",
        max_length=30,
        description="Name of the credential that it must equal.",
    )


class Webhook(Shape):
    """What the provider calls us with."""

    methods: list[Method] = Field(
        default=["POST"], min_length=1, max_length=2, description="How it calls."
    )
    read: CallForm = Field(
        default="form", description="Form fields (a GET's query too), JSON, or lines of key=value."
    )
    charset: Charset = Field(default="utf-8", description="Characters of form fields and lines.")
    many_at: Place = Field(
        default="", description="JSON pointer of a list of events; empty = one event a call."
    )
    time_format: TimeFormat = Field(default="iso", description="How times are written.")
    time_zone: str = Field(
        default="UTC", max_length=40, description="IANA zone of times without an offset."
    )
    receipt: ReceiptMap | None = Field(default=None, description="Delivery receipts.")
    reply: ReplyMap | None = Field(default=None, description="Replies of people.")
    ack: Ack = Field(default_factory=Ack, description="What we answer.")
    token: Token | None = Field(
        default=None, description="A shared secret to check; null = the secret path decides alone."
    )


class LoginCheck(Shape):
    """A call that proves the account and sends nothing, such as the balance."""

    method: Literal["GET", "POST"] = Field(default="GET", description="HTTP method.")
    path: str = Field(default="/", pattern="^/", max_length=300, description="Path; a template.")
    query: list[Pair] = Field(default_factory=list, max_length=20, description="Query fields.")
    form: list[Pair] = Field(
        default_factory=list, max_length=20, description="Form fields of a POST."
    )
    read: AnswerForm = Field(default="text", description="How its answer is read.")
    passed: list[Rule] = Field(
        min_length=1, max_length=4, description="Any of these: the account works."
    )


class Definition(Shape):
    """A gateway as data."""

    label: str = Field(min_length=2, max_length=40, description="The provider's name for people.")
    notes: str = Field(
        default="", max_length=1000, description="What people must know: source, set-up, limits."
    )
    credentials: list[Secret] = Field(
        default_factory=list, max_length=8, description="What is entered at the server."
    )
    submit: Submit = Field(description="How a message becomes a request.")
    answer: Answer = Field(description="What its answer means.")
    webhook: Webhook | None = Field(
        default=None, description="Receipts and replies; null = the provider calls nothing."
    )
    check: LoginCheck | None = Field(
        default=None, description="A call that proves the account without sending."
    )
    client_reference: bool = Field(
        default=False, description="The provider keeps our id and can be asked by it."
    )
    max_characters: int = Field(
        default=0, ge=0, le=10_000, description="Longest text it takes; 0 = not documented."
    )
    webhook_networks: list[Annotated[str, Field(max_length=43)]] = Field(
        default_factory=list, max_length=50, description="CIDR blocks its calls come from."
    )
