"""What differs between a contact before and after an act. Pure: names of fields and tags, no values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS

_NAME_MOST: Final = 120
_LABELS: Final = {"customer_key": "customer id"}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Fields by name, `custom.size` for one of an object, and the tags that came and went."""

    fields: tuple[str, ...] = ()
    tags_added: tuple[str, ...] = ()
    tags_removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fields or self.tags_added or self.tags_removed)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """What an act changed, from the values of all fields before and after it."""
    fields = [name for name in TEXT_FIELDS if before[name] != after[name]]
    for name in OBJECT_FIELDS:
        old, new = before[name], after[name]
        fields += [
            f"{name}.{key}"[:_NAME_MOST]
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key) or (key in old) is not (key in new)
        ]
    return Difference(
        fields=tuple(fields),
        tags_added=tuple(tag for tag in after["tags"] if tag not in before["tags"]),
        tags_removed=tuple(tag for tag in before["tags"] if tag not in after["tags"]),
    )


def field_label(name: str) -> str:
    """A field as people say it."""
    kind, _, key = name.partition(".")
    if key:
        return f"{key} id" if kind == "crm_keys" else key
    return _LABELS.get(name, name.replace("_", " "))
