"""The nodes of a criteria tree after validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from smsmarketing.contacts.criteria.windows import Window

Operator = Literal[
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "in",
    "contains",
    "exists",
    "missing",
    "last_days",
    "next_days",
    "anniversary",
]
ValueType = Literal["text", "number", "date", "boolean"]
Value = str | Decimal | bool | int | tuple[str, ...] | tuple[Decimal, ...] | None


@dataclass(frozen=True)
class Group:
    """All of the nodes, or any of them."""

    joiner: Literal["all", "any"]
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    node: Node


@dataclass(frozen=True)
class Everyone:
    """Every contact that has a send state for the brand."""


@dataclass(frozen=True)
class InAudience:
    audience_ids: tuple[int, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class HasTag:
    """One of the tags, or all of them."""

    tags: tuple[str, ...]
    every: bool = False


@dataclass(frozen=True)
class OneOf:
    """A plain column of the contact that has one of these values."""

    column: Literal["country", "region", "customer_group", "line_type", "source"]
    values: tuple[str, ...]


@dataclass(frozen=True)
class SpeaksLanguage:
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """A typed comparison of one named value. `exists` and `missing` have no value; `last_days`,
    `next_days` and `anniversary` a number of days, on the clock of `zone`.
    """

    name: str
    type: ValueType
    operator: Operator
    value: Value
    zone: str = ""


@dataclass(frozen=True)
class Created:
    """The contact came in within a span of time."""

    window: Window


@dataclass(frozen=True)
class FromImport:
    import_ids: tuple[int, ...]


@dataclass(frozen=True)
class ConsentAge:
    operator: Operator
    days: int


@dataclass(frozen=True)
class HasConsent:
    """The newest word on this purpose, for the present number, is a consent of this kind [R-4.3]."""

    purpose: str
    bases: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    source: str = ""
    given: Window | None = None
    expires_within: int | None = None


@dataclass(frozen=True)
class LastSent:
    operator: Operator
    days: int


@dataclass(frozen=True)
class LastSentIn:
    """The newest marketing text of the brand went out within a span of time."""

    window: Window


@dataclass(frozen=True)
class SentCount:
    """So many marketing texts of the brand in the last days; the newest 16 are remembered."""

    operator: Operator
    count: int
    within_days: int | None


@dataclass(frozen=True)
class NeverSent:
    """No marketing text of the brand was ever sent."""


@dataclass(frozen=True)
class HadEvent:
    """So many events of a kind, in a span of time, with these properties."""

    kind: str
    window: Window | None
    operator: Operator
    count: int
    properties: tuple[Comparison, ...]


@dataclass(frozen=True)
class NewestEvent:
    """The newest event of a kind is in one of these states, and lies in a span of time."""

    kind: str
    states: tuple[str, ...]
    window: Window | None


@dataclass(frozen=True)
class Purchases:
    """Count, sum, first and last of all events of a kind. Who has none has 0 of both."""

    kind: str
    count: tuple[Operator, int] | None
    total: tuple[Operator, Decimal] | None
    first: Window | None
    last: Window | None


@dataclass(frozen=True)
class Repurchase:
    """Due to buy again: the last order is `days` ago, or `factor` times the person's own mean gap;
    not lost either: at most `lapsed_days` ago.
    """

    kind: str
    days: int | None
    factor: Decimal | None
    lapsed_days: int | None


@dataclass(frozen=True)
class HasCustomerKey:
    present: bool


Node = (
    Group
    | Not
    | Everyone
    | InAudience
    | HasTag
    | OneOf
    | SpeaksLanguage
    | Comparison
    | Created
    | FromImport
    | ConsentAge
    | HasConsent
    | LastSent
    | LastSentIn
    | SentCount
    | NeverSent
    | HadEvent
    | NewestEvent
    | Purchases
    | Repurchase
    | HasCustomerKey
)


@dataclass(frozen=True)
class Criteria:
    """A tree that may be compiled. `audience_ids` are all lists named anywhere in it."""

    root: Node
    brand_id: int
    team_id: int = 0
    """The brand's team: only its events are looked at."""
    audience_ids: tuple[int, ...] = field(default=())
