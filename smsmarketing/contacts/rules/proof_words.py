"""Words for what stands in the tables, for people who read a proof pack and not the code. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

DIRECTIONS: Final = {
    "granted": "agreed",
    "revoked": "withdrew",
    "denied": "refused",
    "expired": "ended by the system",
}
REASONS: Final = {
    "opt_out": "opt-out",
    "hold": "held until a person decides",
    "complaint": "complaint",
    "blocked": "blocked by the house",
    "legal": "legal request",
    "invalid": "not a valid number",
    "landline": "a landline",
    "reassigned": "the number has a new owner",
    "registry": "on a public register",
    "carrier_block": "blocked by the carrier",
    "unreachable": "not reachable for long",
    "unknown_subscriber": "the carrier knows no such number",
    "manual": "blocked by hand",
}
SCOPES: Final = {
    "global": "for all brands",
    "brand": "for the brand",
    "sender": "for one sender",
    "purpose": "for some purposes",
}
SOURCES: Final = {
    "inbound": "a reply by SMS",
    "import": "an imported file",
    "admin": "recorded by a person of the house",
    "api": "recorded by a program of the house",
    "gateway": "told by the gateway",
    "web": "the opt-out page",
    "form": "an opt-in form",
}
LINES: Final = {
    "mobile": "a mobile line",
    "fixed_line": "a landline",
    "fixed_line_or_mobile": "a landline or a mobile line",
    "unknown": "of unknown kind",
    "voip": "an internet line",
}
OF_FIELD: Final[Mapping[str, Mapping[str, str]]] = {
    "direction": DIRECTIONS,
    "reason": REASONS,
    "scope": SCOPES,
    "source": SOURCES,
    "line_type": LINES,
}


def word_of(field: str, value: str) -> str:
    """The value in words; one without its own words loses its underscores only."""
    known = OF_FIELD.get(field, {})
    return known.get(value) or (value.replace("_", " ") if value.isidentifier() else value)


def time_text(value: str) -> str:
    """An ISO 8601 time as people read it, in UTC to the second; anything else as it is, and so a
    text that somebody typed and UTC has no year for.
    """
    if len(value) < 19 or value[4:5] != "-" or value[10:11] != "T":
        return value
    try:
        moment = datetime.fromisoformat(value)
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment.tzinfo else value
    except (ValueError, OverflowError):
        return value
