"""Taking back what an import wrote into a contact, field by field. Pure.

`changes` is what the merge noted: a text field → [before, after]; `tags` → the tags it added;
`custom` and `crm_keys` → {key: [before, after]}. Where the value is no longer what the import wrote,
somebody changed it since: that value stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from smsmarketing.contacts.rules.contact_fields import OBJECT_FIELDS, TEXT_FIELDS

ZONE_SOURCE: Final = "time_zone_source"
TRASHED: Final = "trashed"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, kw_only=True)
class Restored:
    """The values to write, and how many fields go back or stay because of a later edit."""

    values: dict[str, Any]
    restored: int
    kept: int


def fields_restore(changes: Mapping[str, Any], current: Mapping[str, Any]) -> Restored:
    """What to write into a contact that now has the values `current`."""
    if UNKNOWN in changes:
        return Restored(values={}, restored=0, kept=1)
    values: dict[str, Any] = {}
    restored, kept = _texts(changes, current, values)
    added = changes.get("tags", ())
    gone = [tag for tag in current["tags"] if tag in added]
    if gone:
        values["tags"] = [tag for tag in current["tags"] if tag not in added]
        restored += 1
    elif added:
        kept += 1
    for name in OBJECT_FIELDS:
        back, stay = _object(name, changes.get(name, {}), current, values)
        restored += back
        kept += stay
    return Restored(values=values, restored=restored, kept=kept)


def _texts(
    changes: Mapping[str, Any], current: Mapping[str, Any], values: dict[str, Any]
) -> tuple[int, int]:
    restored = kept = 0
    for name in TEXT_FIELDS:
        if name not in changes:
            continue
        before, after = changes[name]
        if current[name] != after:
            kept += 1
            continue
        values[name] = before
        restored += 1
        if name == "time_zone" and ZONE_SOURCE in changes:
            values[ZONE_SOURCE] = changes[ZONE_SOURCE]
    return restored, kept


def _object(
    name: str, pairs: Mapping[str, Any], current: Mapping[str, Any], values: dict[str, Any]
) -> tuple[int, int]:
    content = dict(current[name])
    restored = kept = 0
    for key, (before, after) in pairs.items():
        if content.get(key) != after:
            kept += 1
        elif before is None:
            del content[key]
            restored += 1
        else:
            content[key] = before
            restored += 1
    if content != current[name]:
        values[name] = content
    return restored, kept
