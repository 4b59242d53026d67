"""What the parts of a compiled criteria tree are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

SIGNS: Final = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
NEGATED: Final = {"eq": "ne", "ne": "eq", "lt": "ge", "le": "gt", "gt": "le", "ge": "lt"}
_HOLDS: Final = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
}


@dataclass(frozen=True)
class Piece:
    """SQL that holds or not; `wide` when it names the contact's row `c`.

    NULL may stand for false, as in every WHERE, but for where `Setting.exact` asks for two values.
    """

    sql: str
    params: tuple[Any, ...] = ()
    wide: bool = False


@dataclass(frozen=True)
class Setting:
    """For whom and when a tree is compiled."""

    brand_id: int
    team_id: int
    now: datetime
    exact: bool = False
    """Under a `not`: false must be FALSE and not NULL, so that the opposite is true."""
    contact: bool = True
    """Whether `c` is among the rows anyhow; without it a tag is asked of the tags' index alone."""
    summaries: dict[str, str] = field(default_factory=dict)
    """Kind of event → alias of its roll-up; one join for all conditions of the tree on that kind."""

    def summary(self, kind: str) -> str:
        """The alias under which the roll-up of this kind is joined; NULL for who has no such event."""
        return self.summaries.setdefault(kind, f"v{len(self.summaries) + 1}")

    def truth(self, sql: str) -> str:
        """A condition over columns that may be NULL, made exact where that is asked."""
        return f"(({sql}) IS TRUE)" if self.exact else f"({sql})"


def holds(operator: str, left: Any, right: Any) -> bool:
    """Whether the comparison is true of two values, as in SQL."""
    return bool(_HOLDS[operator](left, right))


def span_sql(
    column: str, bounds: tuple[datetime | None, datetime | None]
) -> tuple[list[str], list[Any]]:
    """Conditions that the column lies in [from, before)."""
    conditions, params = [], []
    for sign, at in zip((">=", "<"), bounds, strict=True):
        if at is not None:
            conditions.append(f"{column} {sign} %s")
            params.append(at)
    return conditions, params
