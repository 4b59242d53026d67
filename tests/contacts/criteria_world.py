"""Small random worlds of people, put into the tables, and a second opinion in plain Python.

`fits` answers whether a person matches a tree. It shares no code with the product: it reads the tree
as a person would, over lists, so that SQL and Python can only agree when both are right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import (
    Audience,
    AudienceMember,
    ConsentEvent,
    Contact,
    ContactEvent,
    SendState,
)
from smsmarketing.contacts.services import event_summaries_refresh, send_state_refresh

HALF = 0.5
"""Everything lies half a day beside the borders of whole days."""


@dataclass(frozen=True)
class Event:
    """`days` ago, and a half."""

    kind: str
    days: int
    state: str
    amount: int | None


@dataclass(frozen=True)
class Word:
    """A consent event; `lapses` days from now, if at all."""

    direction: str
    days: int
    basis: str
    lapses: int | None


@dataclass(frozen=True)
class Person:
    tags: tuple[str, ...] = ()
    group: str = ""
    country: str = "DE"
    language: str = ""
    line_type: str = "mobile"
    customer_key: str = ""
    custom: dict[str, Any] = field(default_factory=dict)
    created: int = 0
    sends: tuple[int, ...] = ()
    listed: bool = False
    words: tuple[Word, ...] = ()
    events: tuple[Event, ...] = ()


_days = st.integers(0, 9)
events = st.builds(
    Event,
    kind=st.sampled_from(["order", "pickup", "sms_reply"]),
    days=_days,
    state=st.sampled_from(["", "paid", "cancelled", "ready"]),
    amount=st.none() | st.integers(0, 50),
)
words = st.builds(
    Word,
    direction=st.sampled_from(["granted", "granted", "revoked"]),
    days=_days,
    basis=st.sampled_from(["express", "written"]),
    lapses=st.none() | st.integers(-5, 9),
)
people = st.builds(
    Person,
    tags=st.lists(st.sampled_from("abc"), unique=True).map(tuple),
    group=st.sampled_from(["", "vip", "b2b"]),
    country=st.sampled_from(["DE", "GB"]),
    language=st.sampled_from(["", "en", "en-GB", "de"]),
    line_type=st.sampled_from(["mobile", "voip"]),
    customer_key=st.sampled_from(["", "c-1"]),
    custom=st.fixed_dictionaries(
        {},
        optional={
            "points": st.sampled_from([5, 80, "80", "many", ""]),
            "size": st.sampled_from(["M", "L", ""]),
            "member": st.sampled_from([True, False, "yes", "maybe"]),
        },
    ),
    created=_days,
    sends=st.lists(_days, max_size=4, unique=True).map(lambda days: tuple(sorted(days))),
    listed=st.booleans(),
    words=st.lists(words, max_size=3, unique_by=lambda word: word.days).map(tuple),
    events=st.lists(events, max_size=5).map(tuple),
)


def world_store(persons: list[Person], brand: Brand, audience: Audience, now: datetime) -> None:
    """Write the people; their place in the list is in `customer_group`'s neighbour, `source`."""

    def ago(days: int) -> datetime:
        return now - timedelta(days=days + HALF)

    contacts = Contact.objects.bulk_create(
        Contact(
            phone=f"+4917112345{number:02}",
            phone_hash=hashlib.sha256(str(number).encode()).digest(),
            country=person.country,
            line_type=person.line_type,
            language=person.language,
            customer_key=person.customer_key,
            customer_group=person.group,
            tags=list(person.tags),
            custom=person.custom,
            source=str(number),
            created_at=ago(person.created),
            updated_at=now,
        )
        for number, person in enumerate(persons)
    )
    pairs = list(zip(contacts, persons, strict=True))
    SendState.objects.bulk_create(
        SendState(
            contact=contact,
            brand=brand,
            country=person.country,
            recent=[ago(days) for days in person.sends],
        )
        for contact, person in pairs
    )
    AudienceMember.objects.bulk_create(
        AudienceMember(audience=audience, contact=contact, added_at=now)
        for contact, person in pairs
        if person.listed
    )
    ConsentEvent.objects.bulk_create(
        ConsentEvent(
            contact=contact,
            phone_hash=contact.phone_hash,
            brand=brand,
            direction=word.direction,
            purpose="marketing",
            basis=word.basis,
            method="web_form",
            captured_at=ago(word.days),
            expires_at=None
            if word.lapses is None
            else now + timedelta(days=word.lapses) - timedelta(hours=12),
            recorded_at=now,
        )
        for contact, person in pairs
        for word in person.words
    )
    send_state_refresh([contact.pk for contact in contacts], [brand.pk], now=now)
    ContactEvent.objects.bulk_create(
        ContactEvent(
            team_id=brand.team_id,
            source="shop",
            contact=contact,
            kind=event.kind,
            external_id=f"{contact.pk}-{number}",
            # Later ones of the same day are later by a second, so that there is a newest.
            occurred_at=ago(event.days) + timedelta(seconds=number),
            updated_at=ago(event.days) + timedelta(seconds=number),
            properties={"state": event.state}
            | ({} if event.amount is None else {"amount": str(event.amount)}),
            recorded_at=now,
        )
        for contact, person in pairs
        for number, event in enumerate(person.events)
    )
    event_summaries_refresh([contact.pk for contact in contacts])


_OPS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}
_op = st.sampled_from(sorted(_OPS))
_count = st.fixed_dictionaries({"op": _op, "value": st.integers(0, 3)})
_span = st.one_of(
    st.fixed_dictionaries({"within_days": st.integers(1, 9)}),
    st.fixed_dictionaries({"older_than_days": st.integers(0, 9)}),
    st.integers(0, 8).flatmap(
        lambda low: st.fixed_dictionaries(
            {"between_days": st.tuples(st.just(low), st.integers(low + 1, 9)).map(list)}
        )
    ),
)
_start = st.fixed_dictionaries({"within_days": st.integers(1, 9)})
_kind = st.sampled_from(["order", "pickup"])
_some_span = st.one_of(st.just({}), _span)
_spent = st.fixed_dictionaries(
    {"name": st.just("amount"), "type": st.just("number"), "op": _op, "value": st.integers(0, 50)}
)
_tags = st.lists(st.sampled_from("abcd"), min_size=1, max_size=2, unique=True)


def _merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {k: v for part in found for k, v in part.items()})


leaves = st.one_of(
    st.just({"everyone": True}),
    st.just({"audience": "THE LIST"}),
    st.fixed_dictionaries({"tag": _tags}),
    st.fixed_dictionaries({"all_tags": _tags}),
    st.fixed_dictionaries({"customer_group": st.sampled_from(["vip", "b2b", "none"])}),
    st.fixed_dictionaries({"country": st.sampled_from(["DE", "FR"])}),
    st.fixed_dictionaries({"language": st.sampled_from(["en", "en-GB", "de"])}),
    st.fixed_dictionaries({"line_type": st.sampled_from(["voip", "mobile"])}),
    st.fixed_dictionaries({"customer_key": st.booleans()}),
    st.fixed_dictionaries({"created": _span}),
    st.fixed_dictionaries({"last_sent": _span}),
    st.just({"never_sent": True}),
    st.fixed_dictionaries(
        {
            "sent": st.fixed_dictionaries(
                {"count": _count}, optional={"within_days": st.integers(1, 9)}
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "custom": st.one_of(
                st.fixed_dictionaries(
                    {
                        "name": st.just("points"),
                        "type": st.just("number"),
                        "op": _op,
                        "value": st.sampled_from([5, 40, 80]),
                    }
                ),
                st.fixed_dictionaries(
                    {
                        "name": st.just("size"),
                        "op": st.sampled_from(["eq", "ne"]),
                        "value": st.just("M"),
                    }
                ),
                st.fixed_dictionaries(
                    {"name": st.just("size"), "op": st.sampled_from(["exists", "missing"])}
                ),
                st.fixed_dictionaries(
                    {
                        "name": st.just("member"),
                        "type": st.just("boolean"),
                        "op": st.sampled_from(["eq", "ne"]),
                        "value": st.booleans(),
                    }
                ),
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "consent": _merged(
                _some_span,
                st.fixed_dictionaries(
                    {},
                    optional={
                        "basis": st.just("written"),
                        "expires_within_days": st.integers(1, 9),
                    },
                ),
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "event": st.one_of(
                _merged(st.fixed_dictionaries({"kind": _kind, "count": _count}), _some_span),
                _merged(st.fixed_dictionaries({"kind": _kind}), _some_span),
                _merged(
                    st.fixed_dictionaries(
                        {"kind": _kind, "count": _count, "properties": st.tuples(_spent).map(list)}
                    ),
                    _start,
                ),
            )
        }
    ),
    st.fixed_dictionaries({"replied": st.one_of(st.just(True), _span)}),
    st.fixed_dictionaries(
        {
            "newest": _merged(
                st.fixed_dictionaries(
                    {"kind": _kind, "state": st.sampled_from([["paid"], ["ready", "paid"]])}
                ),
                _some_span,
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "purchases": st.fixed_dictionaries(
                {"kind": st.just("order")},
                optional={
                    "count": _count,
                    "total": st.fixed_dictionaries({"op": _op, "value": st.integers(0, 60)}),
                    "first": _span,
                    "last": _span,
                },
            ).filter(lambda leaf: len(leaf) > 1)
        }
    ),
    st.fixed_dictionaries(
        {
            "repurchase": st.one_of(
                st.fixed_dictionaries(
                    {"days": st.integers(1, 5)}, optional={"lapsed_days": st.integers(6, 9)}
                ),
                st.fixed_dictionaries({"factor": st.sampled_from([0.5, 1, 1.5])}),
            )
        }
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)


def fits(tree: dict[str, Any], who: Person) -> bool:
    """Whether the person matches, in plain Python."""
    ((key, content),) = tree.items()
    if key == "all":
        return all(fits(item, who) for item in content)
    if key == "any":
        return any(fits(item, who) for item in content)
    if key == "not":
        return not fits(content, who)
    return _LEAVES[key](content, who)


def _inside(days: int, span: dict[str, Any]) -> bool:
    ago = days + HALF
    if "within_days" in span:
        return ago <= span["within_days"]
    if "older_than_days" in span:
        return ago > span["older_than_days"]
    if "between_days" in span:
        return span["between_days"][0] < ago <= span["between_days"][1]
    return True


def _spans(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key.endswith("_days")}


def _several(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _custom(content: dict[str, Any], who: Person) -> bool:
    held = who.custom.get(content["name"])
    text = "" if held is None else str(held).lower() if isinstance(held, bool) else str(held)
    op = content["op"]
    if op in ("exists", "missing"):
        return (text != "") == (op == "exists")
    if content.get("type") == "number":
        return text.isdecimal() and _OPS[op](int(text), content["value"])
    if content.get("type") == "boolean":
        word = {"true": True, "yes": True, "false": False}.get(text)
        return word is not None and _OPS[op](word, content["value"])
    return held is not None and _OPS[op](text, content["value"])


def _consent(content: dict[str, Any], who: Person) -> bool:
    newest = min(who.words, key=lambda word: word.days, default=None)
    if newest is None or newest.direction != "granted":
        return False
    left = None if newest.lapses is None else newest.lapses - HALF
    if left is not None and left <= 0:
        return False
    span = {key: value for key, value in _spans(content).items() if key != "expires_within_days"}
    soon = content.get("expires_within_days")
    return (
        _inside(newest.days, span)
        and content.get("basis", newest.basis) == newest.basis
        and (soon is None or (left is not None and left <= soon))
    )


def _event(content: dict[str, Any], who: Person) -> bool:
    found = [
        event
        for event in who.events
        if event.kind == content["kind"]
        and _inside(event.days, _spans(content))
        and all(
            event.amount is not None and _OPS[test["op"]](event.amount, test["value"])
            for test in content.get("properties", [])
        )
    ]
    count = content.get("count", {"op": "ge", "value": 1})
    return _OPS[count["op"]](len(found), count["value"])


def _of_kind(who: Person, kind: str) -> list[tuple[float, Event]]:
    """Oldest first, with the days ago to the second."""
    found = [
        (event.days + HALF - number / 86400, event)
        for number, event in enumerate(who.events)
        if event.kind == kind
    ]
    return sorted(found, key=lambda pair: -pair[0])


def _newest(content: dict[str, Any], who: Person) -> bool:
    found = _of_kind(who, content["kind"])
    return (
        bool(found)
        and found[-1][1].state in content["state"]
        and _inside(found[-1][1].days, _spans(content))
    )


def _purchases(content: dict[str, Any], who: Person) -> bool:
    found = _of_kind(who, content["kind"])
    spent = sum(event.amount or 0 for _, event in found if event.state != "cancelled")
    for name, value in (("count", len(found)), ("total", spent)):
        if name in content and not _OPS[content[name]["op"]](value, content[name]["value"]):
            return False
    for name, place in (("first", 0), ("last", -1)):
        if name in content and not (found and _inside(found[place][1].days, content[name])):
            return False
    return True


def _repurchase(content: dict[str, Any], who: Person) -> bool:
    found = _of_kind(who, "order")
    if not found:
        return False
    last = found[-1][0]
    if "days" in content:
        return last > content["days"] and last <= content.get("lapsed_days", last)
    if len(found) < 2:
        return False
    gap = (found[0][0] - last) / (len(found) - 1)
    return last >= max(gap, 1) * content["factor"]


def _sent(content: dict[str, Any], who: Person) -> bool:
    found = [days for days in who.sends if _inside(days, _spans(content))]
    return _OPS[content["count"]["op"]](len(found), content["count"]["value"])


_LEAVES: dict[str, Callable[[Any, Person], bool]] = {
    "everyone": lambda content, who: True,
    "audience": lambda content, who: who.listed,
    "tag": lambda content, who: bool(set(content) & set(who.tags)),
    "all_tags": lambda content, who: set(content) <= set(who.tags),
    "customer_group": lambda content, who: who.group == content,
    "country": lambda content, who: who.country == content,
    "language": lambda content, who: (
        who.language == content or ("-" not in content and who.language.split("-")[0] == content)
    ),
    "line_type": lambda content, who: who.line_type == content,
    "customer_key": lambda content, who: (who.customer_key != "") == content,
    "created": lambda content, who: _inside(who.created, content),
    "last_sent": lambda content, who: bool(who.sends) and _inside(who.sends[0], content),
    "never_sent": lambda content, who: not who.sends,
    "sent": _sent,
    "custom": _custom,
    "consent": _consent,
    "event": _event,
    "replied": lambda content, who: _event(
        {"kind": "sms_reply"} | ({} if content is True else content), who
    ),
    "newest": _newest,
    "purchases": _purchases,
    "repurchase": _repurchase,
}
