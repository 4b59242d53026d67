"""What an event of a contact may say, and how several calls about one thing are put together. Pure.

A call about an order is a *fact*: what is said of it, true from a moment on. The order's present
properties are all facts laid over each other in the order of those moments, so a fact that arrives
late changes only what no later fact has said. Facts of the same moment count in the order in which
they came, and a fact that is known already changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from smsmarketing.contacts.rules.custom_values import (
    Declared,
    ValueRefused,
    amount_read,
    values_read,
)

KINDS: Final = ("order", "payment", "shipment", "appointment", "pickup", "offer")
SYSTEM_PREFIX: Final = "sms_"
AHEAD: Final = timedelta(minutes=5)
"""How far the clock of a source may run before ours."""
OLDEST: Final = timedelta(days=20 * 366)
PROPERTIES_MAX: Final = 50
FACTS_MAX: Final = 50
STATE_MAX: Final = 40
ITEMS_MAX: Final = 50

_CUSTOM = re.compile(r"custom:[a-z0-9_]{1,32}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_STATE = re.compile(r"[\w:.-]{1,40}")


class EventRefused(ValueError):
    """An event that is not taken in: a stable code and what to do."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True)
class Fact:
    """What one call said of a thing, from the moment `at` on. None in `properties` removes."""

    at: datetime
    occurred_at: datetime
    recorded_at: datetime
    properties: Mapping[str, Any]

    def same(self, other: Fact) -> bool:
        """Whether both say the same; when it was recorded is beside the point."""
        return (
            self.at == other.at
            and self.occurred_at == other.occurred_at
            and dict(self.properties) == dict(other.properties)
        )


@dataclass(frozen=True)
class Folded:
    """A thing as all its facts tell it."""

    occurred_at: datetime
    updated_at: datetime
    properties: dict[str, Any]
    facts: tuple[Fact, ...]


def kind_check(kind: str) -> None:
    """Raises EventRefused for a kind that programs and people may not write."""
    if kind in KINDS or _CUSTOM.fullmatch(kind):
        return
    if kind.startswith(SYSTEM_PREFIX):
        raise EventRefused(
            "EVENT_KIND_RESERVED",
            "Kinds that begin with sms_ are written by the system itself. Use another kind.",
            "kind",
        )
    raise EventRefused(
        "EVENT_KIND_UNKNOWN",
        f"Give one of: {', '.join(KINDS)}, or custom:<name> with small letters, digits and _.",
        "kind",
    )


def times_check(occurred_at: datetime, updated_at: datetime | None, *, now: datetime) -> None:
    """Raises EventRefused for times that cannot be true."""
    for field, at in (("occurred_at", occurred_at), ("updated_at", updated_at)):
        if at is not None and at > now + AHEAD:
            raise EventRefused(
                "EVENT_IN_FUTURE",
                "This lies in the future. Give when it happened; put a planned time into a property"
                " such as starts_at.",
                field,
            )
        if at is not None and at < now - OLDEST:
            raise EventRefused(
                "EVENT_TOO_OLD", "This is more than 20 years ago. Check the time.", field
            )
    if updated_at is not None and updated_at < occurred_at:
        raise EventRefused(
            "EVENT_TIMES_CROSSED",
            "It cannot have changed before it happened. Give updated_at at or after occurred_at.",
            "updated_at",
        )


def properties_read(
    properties: Mapping[str, Any], declared: Mapping[str, Declared]
) -> dict[str, Any]:
    """The properties as they are stored. Raises EventRefused.

    `state` becomes small letters with _ for spaces, so that "Paid" and "paid" are one state;
    `amount` decimal text; `currency` three capital letters.
    """
    rest = {name: value for name, value in properties.items() if name != "items"}
    if len(rest) > PROPERTIES_MAX:
        raise EventRefused(
            "EVENT_PROPERTY", f"At most {PROPERTIES_MAX} properties an event.", "properties"
        )
    try:
        read = values_read(declared, rest)
        if read.get("state") is not None:
            read["state"] = _state(read["state"])
        if read.get("amount") is not None:
            read["amount"] = amount_read(read["amount"])
        if read.get("currency") is not None:
            read["currency"] = _currency(read["currency"])
    except ValueRefused as exc:
        raise EventRefused("EVENT_PROPERTY", str(exc), "properties") from None
    if "items" in properties:
        read["items"] = properties["items"]
    return read


def _state(value: Any) -> str:
    state = re.sub(r"\s+", "_", str(value).strip().lower())
    if not _STATE.fullmatch(state):
        raise ValueRefused(f"state: Give one word of at most {STATE_MAX} characters, such as paid.")
    return state


def _currency(value: Any) -> str:
    code = str(value).strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise ValueRefused("currency: Give three letters, such as EUR.")
    return code


def facts_fold(facts: Sequence[Fact]) -> Folded:
    """The thing that these facts, in the order in which they came, tell of.

    Facts that say the same count once. Above FACTS_MAX the two oldest become one, again and again.
    """
    kept: list[Fact] = []
    for fact in facts:
        if not any(fact.same(other) for other in kept):
            kept.append(fact)
    kept.sort(key=lambda fact: fact.at)  # stable: equal moments stay in the order they came
    while len(kept) > FACTS_MAX:
        first, second = kept[0], kept[1]
        joined = Fact(
            second.at,
            min(first.occurred_at, second.occurred_at),
            second.recorded_at,
            {**first.properties, **second.properties},
        )
        kept[:2] = [joined]
    merged: dict[str, Any] = {}
    for fact in kept:
        merged.update(fact.properties)
    return Folded(
        occurred_at=min(fact.occurred_at for fact in kept),
        updated_at=kept[-1].at,
        properties={name: value for name, value in merged.items() if value is not None},
        facts=tuple(kept),
    )


def facts_stored(folded: Folded) -> list[dict[str, Any]]:
    """The facts as JSON; empty when the row itself tells the one there is."""
    only = folded.facts[0]
    if len(folded.facts) == 1 and dict(only.properties) == folded.properties:
        return []
    return [
        {
            "at": _iso(fact.at),
            "occurred_at": _iso(fact.occurred_at),
            "recorded_at": _iso(fact.recorded_at),
            "properties": dict(fact.properties),
        }
        for fact in folded.facts
    ]


def facts_known(
    stored: Sequence[Mapping[str, Any]],
    *,
    occurred_at: datetime,
    updated_at: datetime,
    recorded_at: datetime,
    properties: Mapping[str, Any],
) -> list[Fact]:
    """The facts of a stored row."""
    if not stored:
        return [Fact(updated_at, occurred_at, recorded_at, dict(properties))]
    return [
        Fact(
            datetime.fromisoformat(each["at"]),
            datetime.fromisoformat(each["occurred_at"]),
            datetime.fromisoformat(each["recorded_at"]),
            dict(each["properties"]),
        )
        for each in stored
    ]


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
