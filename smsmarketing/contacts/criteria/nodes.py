"""The nodes of a criteria tree after validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "exists", "missing"]
ValueType = Literal["text", "number", "date", "boolean"]
Value = str | Decimal | bool | tuple[str, ...] | tuple[Decimal, ...] | None


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
    tags: tuple[str, ...]


@dataclass(frozen=True)
class InCountry:
    countries: tuple[str, ...]


@dataclass(frozen=True)
class SpeaksLanguage:
    languages: tuple[str, ...]


@dataclass(frozen=True)
class InRegion:
    regions: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """A typed comparison of one named value. `exists` and `missing` have no value."""

    name: str
    type: ValueType
    operator: Operator
    value: Value


@dataclass(frozen=True)
class ConsentAge:
    operator: Operator
    days: int


@dataclass(frozen=True)
class LastSent:
    operator: Operator
    days: int


@dataclass(frozen=True)
class NeverSent:
    """No marketing text of the brand was ever sent."""


@dataclass(frozen=True)
class HadEvent:
    """So many events of a kind, in a window of days counted back from now."""

    kind: str
    within_days: int | None
    operator: Operator
    count: int
    properties: tuple[Comparison, ...]


@dataclass(frozen=True)
class HasCustomerKey:
    present: bool


Node = (
    Group
    | Not
    | Everyone
    | InAudience
    | HasTag
    | InCountry
    | SpeaksLanguage
    | InRegion
    | Comparison
    | ConsentAge
    | LastSent
    | NeverSent
    | HadEvent
    | HasCustomerKey
)


@dataclass(frozen=True)
class Criteria:
    """A tree that may be compiled. `audience_ids` are all lists named anywhere in it."""

    root: Node
    brand_id: int
    audience_ids: tuple[int, ...] = field(default=())
