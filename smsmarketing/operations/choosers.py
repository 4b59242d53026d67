"""What an id in an input stands for, so that people choose it by name instead of typing a number.

Each app says it once for each kind of row (`choosers.add`); every form that asks for such an id then
offers the rows that the person may see. The id stays the only thing that an operation is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from smsmarketing.operations.types import Actor

TERM_MAX = 80
"""Characters of a search that count."""


@dataclass(frozen=True, kw_only=True)
class Chooser:
    """The rows that the input fields `fields` name, and how people find one.

    `visible(actor)` are the rows to choose from; nobody without `permission` sees them. `names` are the
    columns that a search looks into, unless `find(rows, term)` does it another way. With `counted`
    nothing is listed before something was searched for, and each search counts against the limit of
    that name in limits.PERSON_LIMITS [R-4.13].
    """

    noun: str
    fields: tuple[str, ...]
    visible: Callable[[Actor], QuerySet[Any]]
    label: Callable[[Any], str] = str
    names: tuple[str, ...] = ("name",)
    find: Callable[[QuerySet[Any], str], QuerySet[Any]] | None = None
    order: tuple[str, ...] = ("-pk",)
    permission: str = ""
    counted: str = ""
    hint: str = "Write a part of the name."

    def rows(self, actor: Actor) -> QuerySet[Any]:
        """What the person may choose from, in the order in which it is shown."""
        rows = self.visible(actor)
        if self.permission and not actor.may(self.permission):
            return rows.none()
        return rows.order_by(*self.order)

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Of these rows those that a person means with the words, or with an id such as #12."""
        term = term.replace("\x00", "").strip()[:TERM_MAX]
        if not term:
            return rows.none() if self.counted else rows
        if term.startswith("#"):
            return rows_of(rows, [term[1:]])
        if self.find is not None:
            return self.find(rows, term)
        found = Q()
        for name in self.names:
            found |= Q(**{f"{name}__icontains": term})
        return rows.filter(found)


def rows_of(rows: QuerySet[Any], ids: list[str]) -> QuerySet[Any]:
    """Of the rows those with these ids; ids that cannot be ids find nothing."""
    try:
        return rows.filter(pk__in=ids)
    except (ValueError, TypeError, ValidationError):
        return rows.none()


_choosers: dict[str, Chooser] = {}


def add(*choosers: Chooser) -> None:
    """Register. Raises ValueError for a field that stands for something already."""
    for chooser in choosers:
        for name in chooser.fields:
            if name in _choosers:
                raise ValueError(f"{name} stands for {_choosers[name].noun} already")
            _choosers[name] = chooser


def find(field: str) -> Chooser | None:
    """What the input field stands for; None when nobody said so."""
    return _choosers.get(field)


def every() -> Iterator[tuple[str, Chooser]]:
    """All fields with what they stand for."""
    yield from _choosers.items()
