"""Who may end a "no", and on what evidence: one table (compliance §2.3 to §2.5). Pure.

A row is never removed [R-2.16]. START lifts what the person's own STOP removed and nothing else
[R-2.12]. People may ask for the rest row by row; a second person of compliance always decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GROUNDS: Final = (
    "start",
    "new_consent",
    "mistake",
    "number_checked",
    "withdrawn",
    "decision",
    "narrowed",
    "expired",
)
"""Why a suppression ended. `start`, `narrowed` and `expired` are written by the system only."""

ASKED_GROUNDS: Final = ("new_consent", "mistake", "number_checked", "withdrawn", "decision")
"""What a person may give as the reason of a request."""

GROUND_WORDS: Final = {
    "start": "the person wrote START",
    "new_consent": "the person agreed again, after the opt-out",
    "mistake": "it was recorded by mistake, and a document shows it",
    "number_checked": "a check of the number shows that the fault is gone",
    "withdrawn": "who asked for it took it back, or the list no longer holds the number",
    "decision": "our own block is no longer needed",
    "narrowed": "the person kept some messages; a narrower opt-out stands in its place",
    "expired": "its time was over",
}

LIFT: Final = "contacts.opt_out_lift"
LIFT_GRAVE: Final = "contacts.opt_out_lift_grave"


@dataclass(frozen=True, kw_only=True)
class LiftRule:
    """How a suppression of one reason may end before its time.

    `start`: START of the person lifts it. `grounds`: what people may give; empty means that nobody
    here can, and `instead` says what ends it.
    """

    start: bool = False
    grounds: tuple[str, ...] = ()
    permission: str = LIFT
    instead: str = ""


LIFT_RULES: Final[dict[str, LiftRule]] = {
    "opt_out": LiftRule(start=True, grounds=("new_consent", "mistake")),
    "hold": LiftRule(start=True, grounds=("decision", "new_consent", "mistake")),
    "complaint": LiftRule(
        grounds=("mistake",),
        permission=LIFT_GRAVE,
        instead="A complaint stands, also when the person agrees again later.",
    ),
    "legal": LiftRule(grounds=("withdrawn", "mistake"), permission=LIFT_GRAVE),
    "registry": LiftRule(grounds=("withdrawn", "mistake")),
    "reassigned": LiftRule(grounds=("new_consent", "mistake")),
    "invalid": LiftRule(grounds=("number_checked", "mistake")),
    "landline": LiftRule(grounds=("number_checked", "mistake")),
    "unknown_subscriber": LiftRule(grounds=("number_checked", "mistake")),
    "unreachable": LiftRule(grounds=("number_checked", "mistake", "decision")),
    "blocked": LiftRule(grounds=("decision", "mistake")),
    "manual": LiftRule(grounds=("decision", "mistake")),
    "carrier_block": LiftRule(
        instead="Only the carrier lifts it, when the person writes START or UNSTOP to that sender."
    ),
}

CLEARABLE_REASONS: Final = ("blocked", "manual")
"""What "clear the blocklist" may end: the house's own decisions, never what a person said."""


def lift_words(reason: str) -> str:
    """Who may end a row of this reason, and on which grounds, in a sentence (compliance §2.5)."""
    rule = LIFT_RULES[reason]
    if not rule.grounds:
        return rule.instead
    grounds = "; ".join(GROUND_WORDS[name] for name in rule.grounds)
    start = "The person by START, or two" if rule.start else "Two"
    return f"{start} people here: {grounds}."


def lift_faults(reason: str, *, ground: str, document: str, has_consent: bool) -> dict[str, str]:
    """Field → what is wrong with a request to lift a row of this reason; empty when it may be asked."""
    rule = LIFT_RULES[reason]
    if not rule.grounds:
        return {"ground": rule.instead}
    if ground not in rule.grounds:
        able = "; ".join(f"{name} ({GROUND_WORDS[name]})" for name in rule.grounds)
        start = " The person can also write START." if rule.start else ""
        return {"ground": f"{rule.instead} A row of this reason ends by: {able}.{start}".strip()}
    if ground == "new_consent" and not has_consent:
        return {
            "consent_event_id": "Name the consent event that the person gave after the opt-out."
        }
    if ground != "new_consent" and has_consent:
        return {"consent_event_id": "Leave it out, or give new_consent as the ground."}
    if ground in ("mistake", "number_checked", "withdrawn") and len(document.strip()) < 5:
        return {"document": "Say where the proof is kept: a ticket, a letter, a check's reference."}
    return {}
