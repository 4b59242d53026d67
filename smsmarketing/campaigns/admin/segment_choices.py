"""What the visual segment builder offers to choose from."""

from __future__ import annotations

from typing import Any

from smsmarketing.campaigns.selectors import brands_usable
from smsmarketing.contacts.criteria.contact_leaves import BASES, LINE_TYPES, METHODS, PURPOSES
from smsmarketing.contacts.rules.country_names import countries
from smsmarketing.contacts.selectors import audiences_visible
from smsmarketing.contacts.selectors.criteria_choices import (
    declared_fields,
    event_states,
    sampled_values,
)
from smsmarketing.operations.types import Actor

KINDS = ("order", "payment", "shipment", "appointment", "pickup", "offer")
_STATES = {
    "order": ["new", "paid", "shipped", "delivered", "cancelled", "refunded"],
    "payment": ["open", "pending", "paid", "failed", "refunded"],
    "shipment": ["shipped", "in_transit", "delivered", "returned"],
    "appointment": ["booked", "confirmed", "done", "missed", "cancelled"],
    "pickup": ["ready", "collected", "expired"],
    "offer": ["sent", "accepted", "declined", "expired"],
}
_MOST_LISTS = 500


def choices_of(actor: Actor) -> dict[str, Any]:
    """Lists, tags, groups, fields, events and their states of the actor's teams, and fixed words."""
    brands = list(brands_usable(actor).values_list("pk", "team_id"))
    teams = sorted({team_id for _, team_id in brands})
    values = sampled_values([pk for pk, _ in brands])
    states = event_states(teams)
    own = [kind for kind in states if kind not in KINDS and not kind.startswith("sms_")]
    lists = (
        audiences_visible(actor)
        .filter(archived_at=None)
        .order_by("name")
        .values("id", "name", "brand_id")
    )
    return {
        "zone": str(getattr(actor.user, "time_zone", "") or "UTC"),
        "audiences": list(lists[:_MOST_LISTS]),
        "tags": _same(values["tag"]),
        "groups": _same(values["group"]),
        "languages": _same(values["language"]),
        "sources": _same(values["source"]),
        "fields": declared_fields(teams),
        "kinds": [
            (kind, kind.removeprefix("custom:").replace("_", " ")) for kind in (*KINDS, *own)
        ],
        "states": {
            kind: list(dict.fromkeys([*states.get(kind, []), *_STATES.get(kind, [])]))
            for kind in (*KINDS, *own)
        },
        "countries": countries(),
        "line_types": list(LINE_TYPES.items()),
        "purposes": list(PURPOSES.items()),
        "bases": list(BASES.items()),
        "methods": list(METHODS.items()),
    }


def _same(values: list[str]) -> list[tuple[str, str]]:
    return [(value, value) for value in values]
