"""What a timeline is made of, and where a page of it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `key` orders entries and is the mark of a page."""

    at: datetime
    kind: str
    id: int
    sentence: str
    who: str = ""
    brand_id: int | None = None
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[datetime, str, int]:
        return (self.at, self.kind, self.id)


@dataclass(frozen=True)
class Mark:
    """Where a page ended: the next one holds what is before it."""

    at: datetime
    kind: str
    id: int


def before(
    rows: QuerySet[Any], mark: Mark | None, *, at: str, kind: str, pk: str = "pk"
) -> QuerySet[Any]:
    """The rows of this kind behind the mark, newest first."""
    if mark is not None:
        if kind == mark.kind:
            same = Q(**{at: mark.at, f"{pk}__lt": mark.id})
            rows = rows.filter(Q(**{f"{at}__lt": mark.at}) | same)
        else:
            word = "lte" if kind < mark.kind else "lt"
            rows = rows.filter(**{f"{at}__{word}": mark.at})
    return rows.order_by(f"-{at}", f"-{pk}")
