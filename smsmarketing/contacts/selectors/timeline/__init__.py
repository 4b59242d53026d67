"""Everything that ever happened to one person, newest first: bounded queries of each source, merged."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable
from typing import Final

from smsmarketing.contacts.selectors.numbers import Person
from smsmarketing.contacts.selectors.timeline import acts, consent, profile
from smsmarketing.contacts.selectors.timeline.entries import Entry, Mark, before
from smsmarketing.operations.types import Actor

__all__ = ["Entry", "Mark", "before", "more_sources", "timeline"]

Source = Callable[[Actor, Person, Mark | None, int], Iterable[Entry]]
_SOURCES: Final[dict[str, Source]] = {
    "change": acts.acts,
    "consent": consent.consents,
    "detail": profile.details,
    "event": profile.events,
    "import": profile.imports,
    "lift": consent.lifts,
    "list": profile.lists,
    "list_left": profile.lists_left,
    "number": profile.numbers,
    "opt_in": consent.opt_ins,
    "opt_out": consent.opt_outs,
}
more_sources: dict[str, Source] = {}
"""Kind → source, added at ready() by apps that lie above: `message` and `reply` by gateways."""


def timeline(
    actor: Actor,
    person: Person,
    *,
    kinds: Collection[str],
    mark: Mark | None,
    limit: int,
) -> list[Entry]:
    """At most `limit` entries behind the mark, newest first, of what the actor may see.

    A kind has one space of ids, and neither the moment nor the id of an entry ever changes: pages
    join without gap or double, also while new entries come in and somebody leaves a list.
    """
    sources = {**_SOURCES, **more_sources}
    found = [list(sources[kind](actor, person, mark, limit)) for kind in kinds if kind in sources]
    merged = heapq.merge(*found, key=lambda entry: entry.key, reverse=True)
    return [entry for _, entry in zip(range(limit), merged, strict=False)]
