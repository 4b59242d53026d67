"""What two contacts become when they are one: field by field. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS

TAKEABLE: Final = (*TEXT_FIELDS, *OBJECT_FIELDS)
"""Fields of which the caller may want the other contact's value."""

UNITED_REASONS: Final = ("opt_out", "complaint", "legal", "blocked", "manual")
"""What was said by, or decided about, the person: it holds for both numbers afterwards. What is true of
a line or of a number on a register (invalid, landline, reassigned, ...) stays with its number.
"""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One field: what each contact has, what stays, and what is given up (None: nothing)."""

    name: str
    kept: Any
    other: Any
    result: Any

    @property
    def lost(self) -> Any:
        """The value that no contact in use has afterwards."""
        for value in (self.kept, self.other):
            if value not in ("", None) and value != self.result:
                return value
        return None


def choices(
    kept: Mapping[str, Any], other: Mapping[str, Any], *, take: Collection[str] = ()
) -> list[Choice]:
    """Each field that at least one of the two has: the kept contact's value, else the other's.

    `take` names fields of which the other's value wins. A surname is only added to the first name it
    belongs to, and a region only to a number of the same country.
    """
    found = [
        Choice(
            name=name,
            kept=kept[name],
            other=other[name],
            result=_text(name, kept, other, taken=name in take),
        )
        for name in TEXT_FIELDS
        if kept[name] or other[name]
    ]
    for name in OBJECT_FIELDS:
        for key in sorted({*kept[name], *other[name]}):
            mine, theirs = kept[name].get(key), other[name].get(key)
            first, second = (theirs, mine) if name in take else (mine, theirs)
            found.append(
                Choice(
                    name=f"{name}.{key}",
                    kept=mine,
                    other=theirs,
                    result=second if first in ("", None) else first,
                )
            )
    return found


def _text(name: str, kept: Mapping[str, Any], other: Mapping[str, Any], *, taken: bool) -> str:
    mine, theirs = str(kept[name]), str(other[name])
    if taken:
        return theirs or mine
    if mine:
        return mine
    if name == "region" and kept["country"] != other["country"]:
        return ""
    pair = {"first_name": "last_name", "last_name": "first_name"}.get(name)
    if pair and kept[pair] and str(kept[pair]).casefold() != str(other[pair]).casefold():
        return ""
    return theirs


def tags_united(kept: Collection[str], other: Collection[str]) -> list[str]:
    """All tags of both, each once, the kept contact's first."""
    return list(dict.fromkeys([*kept, *other]))
