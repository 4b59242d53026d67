"""From a CSV row to an event, or to the reason why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from smsmarketing.contacts.rules.custom_values import Declared
from smsmarketing.contacts.rules.events import (
    EventRefused,
    kind_check,
    properties_read,
    times_check,
)

PROPERTY: Final = "property:"


def event_values(
    values: Mapping[str, Any],
    *,
    kind: str,
    source: str,
    declared: Mapping[str, Mapping[str, Declared]],
    now: datetime,
) -> dict[str, Any]:
    """The staged columns of an event from the cells of its row; `kind` and `source` are the file's.

    Raises EventRefused, whose field is a name of EVENT_FIELDS.
    """
    kind = str(values.get("kind") or kind)
    kind_check(kind)
    for field, what in (("external_id", "the id"), ("occurred_at", "when it happened")):
        if not values.get(field):
            raise EventRefused("EVENT_INCOMPLETE", f"Give {what}; the cell is blank.", field)
    occurred_at, updated_at = values["occurred_at"], values.get("updated_at")
    times_check(occurred_at, updated_at, now=now)
    given = {
        name.removeprefix(PROPERTY): value
        for name, value in values.items()
        if name.startswith(PROPERTY)
    }
    return {
        "customer_key": values.get("customer_key"),
        "kind": kind,
        "external_id": values["external_id"],
        "source": values.get("source") or source,
        "occurred_at": occurred_at,
        "updated_at": updated_at or occurred_at,
        "properties": properties_read(given, declared.get(kind, {})),
    }
