"""Recording events: many at once, each thing once, whatever the order in which calls arrive."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django.db import connection
from django.utils import timezone

from smsmarketing.contacts.rules.events import (
    Fact,
    Folded,
    facts_fold,
    facts_known,
    facts_stored,
)
from smsmarketing.contacts.services.events.summaries import (
    SUMMARY_KEYS,
    summaries_derive,
    summaries_lock,
)

# KEY SHARE: erasing and merging take the row for themselves and wait, or come first; a change of
# consent does not wait.
_CONTACTS = """
    SELECT id, merged_into_id FROM contacts_contact WHERE id = ANY(%s) AND erased_at IS NULL
    ORDER BY id FOR KEY SHARE
"""
_STORED = """
    SELECT e.id, e.contact_id, e.source, e.kind, e.external_id, e.occurred_at, e.updated_at,
        e.recorded_at, e.properties::text, e.facts::text
    FROM contacts_contactevent e
    JOIN unnest(%(sources)s::text[], %(kinds)s::text[], %(externals)s::text[])
        AS g(source, kind, external_id)
        ON e.source = g.source AND e.kind = g.kind AND e.external_id = g.external_id
    WHERE e.team_id = %(team)s ORDER BY e.id FOR UPDATE OF e
"""
_ROWS = """
    unnest(%(contacts)s::bigint[], %(sources)s::text[], %(kinds)s::text[], %(externals)s::text[],
        %(occurred)s::timestamptz[], %(updated)s::timestamptz[], %(properties)s::text[],
        %(facts)s::text[])
    AS g(contact_id, source, kind, external_id, occurred_at, updated_at, properties, facts)
"""
_INSERT = f"""
    INSERT INTO contacts_contactevent (team_id, contact_id, source, kind, external_id, occurred_at,
        updated_at, properties, facts, recorded_at)
    SELECT %(team)s, g.contact_id, g.source, g.kind, g.external_id, g.occurred_at, g.updated_at,
        g.properties::jsonb, g.facts::jsonb, %(now)s
    FROM {_ROWS} ORDER BY g.source, g.kind, g.external_id
    ON CONFLICT (team_id, source, kind, external_id) DO NOTHING
    RETURNING source, kind, external_id, id
"""  # noqa: S608 - fixed words only
_UPDATE = f"""
    UPDATE contacts_contactevent e SET occurred_at = g.occurred_at, updated_at = g.updated_at,
        properties = g.properties::jsonb, facts = g.facts::jsonb, recorded_at = %(now)s
    FROM {_ROWS} WHERE e.team_id = %(team)s AND e.source = g.source AND e.kind = g.kind
        AND e.external_id = g.external_id
"""  # noqa: S608
_TRIES = 5
_HOPS = 50


class Key(NamedTuple):
    """What makes an event one within its team."""

    source: str
    kind: str
    external_id: str


@dataclass(frozen=True, kw_only=True)
class Given:
    """A fact about one thing of one contact, already checked by rules.events."""

    contact_id: int
    key: Key
    fact: Fact


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What became of a given fact; `code` and `message` when it was refused."""

    status: Literal["recorded", "updated", "duplicate", "refused"]
    event_id: int | None = None
    code: str = ""
    message: str = ""


@dataclass
class _Thing:
    """An event while it is worked on."""

    id: int | None
    contact_id: int
    facts: list[Fact]
    folded: Folded | None = None
    changed: bool = False


_GONE = Recorded(
    status="refused",
    code="CONTACT_UNKNOWN",
    message="There is no such contact any more. Leave the event out.",
)
_FOREIGN = Recorded(
    status="refused",
    code="EVENT_OF_ANOTHER_CONTACT",
    message=(
        "This external id of this source and kind belongs to another contact. Check the contact, or"
        " give the event its own external id."
    ),
)


def events_record(
    team_id: int, given: Sequence[Given], *, now: datetime | None = None
) -> list[Recorded]:
    """Record facts in the caller's transaction; one answer for each, in the same order.

    The same fact again is `duplicate`. Another fact about a known external id is laid over or
    under what is known by its moment (rules.events). The summaries follow before this returns. What is
    told of a merged contact is recorded for the one that took over.
    Locks: contacts (KEY SHARE) by id, summaries, then events.
    """
    now = now or timezone.now()
    heirs = _heirs({each.contact_id for each in given})
    answers = [_GONE] * len(given)
    places = [place for place, each in enumerate(given) if each.contact_id in heirs]
    if not places:
        return answers
    given = [
        replace(each, contact_id=heirs.get(each.contact_id, each.contact_id)) for each in given
    ]
    keys = {
        "team": team_id,
        "contacts": [given[place].contact_id for place in places],
        "kinds": [given[place].key.kind for place in places],
    }
    summaries = summaries_lock(SUMMARY_KEYS, keys)
    for _ in range(_TRIES):
        places = _round(team_id, given, places, answers, now)
        if not places:
            summaries_derive(summaries)
            return answers
    raise RuntimeError("events of other calls keep getting in between")


def _heirs(contact_ids: Collection[int]) -> dict[int, int]:
    """Each contact that exists → the one that took over from it, mostly itself; those are locked."""
    at = {pk: pk for pk in contact_ids}
    rows: dict[int, int | None] = {}
    for _ in range(_HOPS):
        with connection.cursor() as cursor:
            cursor.execute(_CONTACTS, [sorted(set(at.values()) - rows.keys())])
            rows.update(cursor.fetchall())
        moved = {pk: heir for pk, now_at in at.items() if (heir := rows.get(now_at)) is not None}
        if not moved:
            break
        at.update(moved)
    return {pk: now_at for pk, now_at in at.items() if now_at in rows}


def _round(
    team_id: int,
    given: Sequence[Given],
    places: Sequence[int],
    answers: list[Recorded],
    now: datetime,
) -> list[int]:
    """Work these places off; returns those whose key another call took in this very moment."""
    things = _stored(team_id, {given[place].key for place in places})
    fresh: dict[Key, _Thing] = {}
    for place in places:
        each = given[place]
        thing = things.get(each.key)
        if thing is None:
            thing = things[each.key] = fresh[each.key] = _Thing(None, each.contact_id, [])
        answers[place] = _laid(thing, each)
    ids = _insert(team_id, fresh, now)
    _update(team_id, {key: t for key, t in things.items() if t.changed and key not in fresh}, now)
    taken = fresh.keys() - ids.keys()  # once: for each of the places it would be quadratic
    again = [place for place in places if given[place].key in taken]
    for place in set(places) - set(again):
        key = given[place].key
        if answers[place].status != "refused":
            known = ids.get(key) or things[key].id
            answers[place] = Recorded(status=answers[place].status, event_id=known)
    return sorted(again)


def _laid(thing: _Thing, given: Given) -> Recorded:
    """Lay a fact over the others of its thing."""
    if thing.contact_id != given.contact_id:
        return _FOREIGN
    if any(given.fact.same(fact) for fact in thing.facts):
        return Recorded(status="duplicate")
    first = not thing.facts
    thing.folded = facts_fold([*thing.facts, given.fact])
    thing.facts = list(thing.folded.facts)
    thing.changed = True
    return Recorded(status="recorded" if first else "updated")


def _stored(team_id: int, keys: Collection[Key]) -> dict[Key, _Thing]:
    wanted = sorted(keys)
    with connection.cursor() as cursor:
        cursor.execute(
            _STORED,
            {
                "team": team_id,
                "sources": [key.source for key in wanted],
                "kinds": [key.kind for key in wanted],
                "externals": [key.external_id for key in wanted],
            },
        )
        rows = cursor.fetchall()
    return {
        Key(source, kind, external_id): _Thing(
            pk,
            contact_id,
            facts_known(
                json.loads(facts),
                occurred_at=occurred_at,
                updated_at=updated_at,
                recorded_at=recorded_at,
                properties=json.loads(properties),
            ),
        )
        for pk, contact_id, source, kind, external_id, occurred_at, updated_at, recorded_at, properties, facts in rows
    }


def _rows(team_id: int, things: Mapping[Key, _Thing], now: datetime) -> dict[str, Any]:
    folded = [(key, thing, thing.folded) for key, thing in things.items() if thing.folded]
    return {
        "team": team_id,
        "now": now,
        "contacts": [thing.contact_id for _, thing, _ in folded],
        "sources": [key.source for key, _, _ in folded],
        "kinds": [key.kind for key, _, _ in folded],
        "externals": [key.external_id for key, _, _ in folded],
        "occurred": [each.occurred_at for _, _, each in folded],
        "updated": [each.updated_at for _, _, each in folded],
        "properties": [json.dumps(each.properties) for _, _, each in folded],
        "facts": [json.dumps(facts_stored(each)) for _, _, each in folded],
    }


def _insert(team_id: int, things: Mapping[Key, _Thing], now: datetime) -> dict[Key, int]:
    if not things:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, _rows(team_id, things, now))
        return {Key(*row[:3]): row[3] for row in cursor.fetchall()}


def _update(team_id: int, things: Mapping[Key, _Thing], now: datetime) -> None:
    if things:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, _rows(team_id, things, now))


def event_note(
    *,
    team_id: int,
    contact_id: int,
    kind: str,
    external_id: str,
    at: datetime,
    source: str = "system",
    properties: Mapping[str, Any] | None = None,
) -> Recorded:
    """Note what the system itself saw (kinds that begin with sms_), in the caller's transaction.

    The same `external_id` again changes nothing.
    """
    fact = Fact(at, at, at, dict(properties or {}))
    return events_record(
        team_id,
        [Given(contact_id=contact_id, key=Key(source, kind, external_id), fact=fact)],
        now=at,
    )[0]
