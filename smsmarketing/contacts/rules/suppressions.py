"""What a "no" covers: scopes, reasons and purposes (compliance §2.4, §2.5). Pure."""

from __future__ import annotations

from typing import Final

from smsmarketing.contacts.rules.lifting import LIFT_RULES

SCOPES: Final = ("global", "brand", "sender", "purpose")
PURPOSES: Final = ("marketing", "notification", "transactional", "otp")
REASONS: Final = (
    "opt_out",
    "hold",
    "complaint",
    "blocked",
    "legal",
    "invalid",
    "landline",
    "reassigned",
    "registry",
    "carrier_block",
    "unreachable",
    "unknown_subscriber",
    "manual",
)
SOURCES: Final = ("inbound", "import", "admin", "api", "gateway", "web", "form")
# These stand against every purpose, one-time codes included, whatever purposes are listed.
HARD_REASONS: Final = (
    "complaint",
    "blocked",
    "legal",
    "invalid",
    "landline",
    "reassigned",
    "carrier_block",
    "unknown_subscriber",
)
# Which may run out: the house's own decisions, lists that are renewed, and facts about a line. What
# a person or their carrier said never does.
EXPIRING_REASONS: Final = (
    "blocked",
    "manual",
    "registry",
    "legal",
    "invalid",
    "landline",
    "unreachable",
    "unknown_subscriber",
)
SYNC_STATES: Final = ("local_only", "pending", "synced", "failed")
# What START may restore: only what the person's own words removed. A hold is a reply that may
# have been an opt-out and waits for a person.
LIFTABLE_REASONS: Final = tuple(reason for reason, rule in LIFT_RULES.items() if rule.start)
# The word a send state and a plan show for a reason, gravest first.
STATE_REASONS: Final = {
    "opt_out": "opted_out",
    "complaint": "complaint",
    "legal": "legal",
    "registry": "legal",
    "blocked": "blocked",
    "manual": "blocked",
    "carrier_block": "blocked",
    "reassigned": "reassigned",
    "invalid": "invalid",
    "unknown_subscriber": "invalid",
    "landline": "landline",
    "hold": "on_hold",
    "unreachable": "unreachable",
}

IN_TRASH: Final = "trashed"
"""The word of a send state for a contact in the trash or erased: nobody counts or plans it."""


RETENTION_YEARS: Final = {"+1": 10, "": 5}
"""How long the proof of a "no" is kept at least, by the number's beginning [R-2.20]. Nothing deletes
one earlier, and nothing deletes one at all (a trigger refuses it); an archive may, after this.
"""


def retention_years(e164: str) -> int:
    """Ten years for +1 (Virginia), five elsewhere; ten where the number was erased and is unknown."""
    return RETENTION_YEARS["+1"] if not e164 or e164.startswith("+1") else RETENTION_YEARS[""]


def purposes_default(reason: str, *, plus_one: bool) -> tuple[str, ...]:
    """What a reason blocks when nobody says more; empty means everything.

    STOP ends marketing and notifications, and for +1 also transactional texts [R-2.14].
    """
    if reason == "opt_out":
        return ("marketing", "notification", *(("transactional",) if plus_one else ()))
    if reason in ("hold", "registry", "unreachable"):
        return ("marketing",)
    return ()
